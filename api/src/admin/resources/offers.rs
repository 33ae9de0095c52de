//! Offers: what is sold, where it is, what it pays.

use std::sync::Arc;

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::{Map, Value};
use weir_engine::catalog::propose::Draft;
use weir_engine::catalog::{self, Catalog, Entities, EntityKind};
use weir_engine::ids::{self, TenantId};

use super::{Advertisers, number_of};
use crate::admin::answers::{Changed, Created, Shown};
use crate::admin::auth::{May, Reads, Writes};
use crate::admin::bulk::{self, Items, Results};
use crate::admin::context::AdminContext;
use crate::admin::crud::{self, ListQuery, Resource, Scene};
use crate::admin::dto::{
    AdvertiserId, Cap, CapDraft, CurrencyCode, DefaultStatus, Goal, GoalDraft, OfferId,
    OfferStatus, Payout, ReferrerPolicy, Repeat, Revenue, Targeting, Time, Visibility,
};
use crate::admin::input::{Input, Patch};
use crate::admin::links;
use crate::admin::list::{Page, Paging};
use crate::admin::tags::Tag;
use crate::problem::Problem;

/// An offer, as it is wanted.
#[derive(Debug, Object)]
pub(in crate::admin) struct OfferDraft {
    /// Name for people.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: String,
    /// Who pays for it.
    advertiser_id: AdvertiserId,
    /// Destination with macros: `https://shop.example/?c={click_id}`.
    url: String,
    /// Currency of its fixed amounts and its books.
    currency: CurrencyCode,
    /// What the affiliate earns by the base conversion.
    payout: Option<Payout>,
    /// What the tenant earns by the base conversion.
    revenue: Option<Revenue>,
    /// Steps after the base conversion.
    goals: Option<Vec<GoalDraft>>,
    /// Whether it takes clicks. Default `active`.
    status: Option<OfferStatus>,
    /// Who may run it. Default `public`.
    visibility: Option<Visibility>,
    /// Status of conversions that name none; without it approved when authenticated, pending by pixel.
    default_status: Option<DefaultStatus>,
    /// How long after the click a conversion is accepted. Default 720.
    #[oai(validator(minimum(value = "1"), maximum(value = "2160")))]
    lookback_hours: Option<u32>,
    /// How soon after the click a conversion is believed.
    min_seconds_to_convert: Option<u32>,
    /// What repeats are. Default `by_txid`.
    repeat: Option<Repeat>,
    /// Where clicks go that it cannot take.
    fallback_url: Option<String>,
    /// Limits.
    caps: Option<Vec<CapDraft>>,
    /// Which visitors it takes.
    targeting: Option<Targeting>,
    /// What the destination learns of where the visitor came from.
    referrer_policy: Option<ReferrerPolicy>,
}

/// What is sold, and its terms.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::admin) struct Offer {
    /// Its id.
    id: OfferId,
    /// Counts its changes.
    version: u32,
    /// When it was made.
    created_at: Time,
    /// When this version was made.
    updated_at: Time,
    /// Name for people.
    name: String,
    /// Who pays for it.
    advertiser_id: AdvertiserId,
    /// Destination with macros.
    url: String,
    /// Currency of its fixed amounts and its books.
    currency: CurrencyCode,
    /// What the affiliate earns by the base conversion.
    payout: Option<Payout>,
    /// What the tenant earns by the base conversion.
    revenue: Option<Revenue>,
    /// Steps after the base conversion.
    #[oai(default)]
    goals: Vec<Goal>,
    /// Whether it takes clicks.
    status: OfferStatus,
    /// Who may run it.
    visibility: Visibility,
    /// Status of conversions that name none.
    default_status: Option<DefaultStatus>,
    /// How long after the click a conversion is accepted.
    lookback_hours: u32,
    /// How soon after the click a conversion is believed.
    min_seconds_to_convert: Option<u32>,
    /// What repeats are.
    repeat: Repeat,
    /// Where clicks go that it cannot take.
    fallback_url: Option<String>,
    /// Limits.
    #[oai(default)]
    caps: Vec<Cap>,
    /// Which visitors it takes.
    targeting: Targeting,
    /// What the destination learns of where the visitor came from.
    referrer_policy: ReferrerPolicy,
    /// What stands in its own click link.
    link: String,
    /// Its own click link, ready to paste.
    click_url: String,
}

/// See [`Resource`].
pub(in crate::admin) enum Offers {}

impl Resource for Offers {
    const KIND: EntityKind = EntityKind::Offer;
    const PATH: &'static str = "/v1/offers/";
    const STATUSES: &'static [&'static str] = &["active", "paused", "archived"];
    type Entity = catalog::Offer;
    type View = Offer;

    fn number(tenant: TenantId, id: &str) -> Option<u32> {
        number_of!(ids::OfferId, tenant, id)
    }

    fn entities(catalog: &Catalog) -> &Entities<catalog::Offer> {
        &catalog.offers
    }

    fn status(entity: &catalog::Offer) -> &'static str {
        entity.status.as_str()
    }

    fn add(scene: &Scene<'_>, _: u32, entity: &catalog::Offer, fields: &mut Map<String, Value>) {
        let Some(own) = scene.catalog.campaigns.get(&entity.link_campaign) else {
            return;
        };
        let click_url = links::click_url(scene.context, scene.catalog, &own.body);
        fields.insert("link".to_owned(), own.body.link.clone().into());
        fields.insert("click_url".to_owned(), click_url.into());
    }
}

/// Operations on offers.
pub(in crate::admin) struct OffersApi(pub(in crate::admin) Arc<AdminContext>);

#[OpenApi(prefix_path = "/v1/offers", tag = "Tag::Offers")]
impl OffersApi {
    /// Makes an offer
    #[oai(path = "/", method = "post", operation_id = "createOffer")]
    async fn create(
        &self,
        caller: May<Writes>,
        draft: Input<OfferDraft>,
    ) -> Result<Created<Offer>, Problem> {
        crud::create::<Offers>(&self.0, &caller, draft.value).await
    }

    /// Makes many offers
    #[oai(path = "/bulk", method = "post", operation_id = "createOffers")]
    async fn bulk(
        &self,
        caller: May<Writes>,
        items: Input<Items<OfferDraft>>,
    ) -> Result<Json<Results>, Problem> {
        bulk::create::<Offers>(&self.0, &caller, items.value).await
    }

    /// Lists offers
    #[oai(path = "/", method = "get", operation_id = "listOffers")]
    async fn list(
        &self,
        caller: May<Reads>,
        /// Only offers of this advertiser.
        advertiser_id: Query<Option<String>>,
        /// Statuses to keep, by comma; `-` before one excludes it.
        status: Query<Option<String>>,
        /// Entries of the page, at most 500.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        after: Query<Option<String>>,
        /// `previous` of the page after.
        before: Query<Option<String>>,
    ) -> Result<Json<Page<Offer>>, Problem> {
        let advertiser = crud::id_filter::<Advertisers>(
            caller.tenant,
            "advertiser_id",
            advertiser_id.as_deref(),
        )?;
        let query = ListQuery {
            status: status.0,
            paging: Paging {
                limit: limit.0,
                after: after.0,
                before: before.0,
            },
        };
        crud::list::<Offers>(&self.0, &caller, &query, |offer| {
            advertiser.is_none_or(|number| offer.advertiser_id.number() == number)
        })
    }

    /// Shows an offer
    #[oai(path = "/:id", method = "get", operation_id = "getOffer")]
    async fn show(
        &self,
        caller: May<Reads>,
        id: Path<String>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
    ) -> Result<Shown<Offer>, Problem> {
        crud::show::<Offers>(&self.0, &caller, &id, if_none_match.as_deref())
    }

    /// Changes an offer
    #[oai(path = "/:id", method = "patch", operation_id = "updateOffer")]
    async fn change(
        &self,
        caller: May<Writes>,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        patch: Patch<OfferDraft>,
    ) -> Result<Changed<Offer>, Problem> {
        crud::change::<Offers>(
            &self.0,
            &caller,
            &id,
            if_match.as_deref(),
            Draft::Patch(patch.value),
        )
        .await
    }

    /// Archives an offer
    #[oai(path = "/:id/archive", method = "post", operation_id = "archiveOffer")]
    async fn archive(
        &self,
        caller: May<Writes>,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Changed<Offer>, Problem> {
        crud::change::<Offers>(&self.0, &caller, &id, if_match.as_deref(), Draft::Archive).await
    }
}
