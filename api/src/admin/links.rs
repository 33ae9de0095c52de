//! URLs to paste: click links, postbacks, pixels. What stands in braces is filled by whoever pastes.

use weir_engine::catalog::{Advertiser, Campaign, Catalog, PostbackAuth};
use weir_engine::ids::AdvertiserId;
use weir_engine::secrets::TokenKind;

use super::context::AdminContext;

/// The click link of a campaign: on its own domain, or on the shared host.
pub(super) fn click_url(context: &AdminContext, catalog: &Catalog, campaign: &Campaign) -> String {
    let domain = campaign
        .domain_id
        .and_then(|id| catalog.domains.get(&id.number()));
    let base = match domain {
        Some(domain) => format!("https://{}", domain.body.host),
        None => context.public_url.clone(),
    };
    format!("{base}/c/{}?aff={{affiliate_id}}", campaign.link)
}

/// What an advertiser is told by: how its postbacks look.
pub(super) struct Inbound {
    /// The secret of `token=`.
    pub(super) postback_token: String,
    /// The key of signatures, where the advertiser signs.
    pub(super) postback_secret: Option<String>,
    /// The postback, ready to paste.
    pub(super) postback_url: String,
    /// The public key of pixels.
    pub(super) pixel_key: String,
    /// The pixel, ready to paste.
    pub(super) pixel_url: String,
}

/// How an advertiser's postbacks look.
pub(super) fn inbound(
    context: &AdminContext,
    id: AdvertiserId,
    advertiser: &Advertiser,
) -> Inbound {
    let token = |kind| context.secrets.token(kind, id, advertiser.token_version);
    let base = &context.public_url;
    let values = "click_id={click_id}&amount={amount}&txid={txid}";
    let postback_token = token(TokenKind::Postback);
    let pixel_key = token(TokenKind::Pixel);
    let postback_url = match advertiser.postback_auth {
        PostbackAuth::Token => format!("{base}/postback?{values}&token={postback_token}"),
        PostbackAuth::Hmac => {
            format!("{base}/postback?{values}&ts={{timestamp}}&sig={{signature}}")
        }
        PostbackAuth::Ip | PostbackAuth::None => format!("{base}/postback?{values}"),
    };
    Inbound {
        postback_secret: (advertiser.postback_auth == PostbackAuth::Hmac)
            .then(|| token(TokenKind::Hmac)),
        pixel_url: format!("{base}/px?{values}&key={pixel_key}"),
        postback_token,
        postback_url,
        pixel_key,
    }
}
