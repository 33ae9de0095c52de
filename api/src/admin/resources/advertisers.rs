//! Advertisers: who pays, and how their postbacks are told to be theirs.

use std::sync::Arc;

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::{Map, Value};
use weir_engine::catalog::propose::Draft;
use weir_engine::catalog::{self, Catalog, Entities, EntityKind};
use weir_engine::ids::{self, TenantId, UnixMs};

use super::number_of;
use crate::admin::answers::{Changed, Created, Shown};
use crate::admin::auth::{Caller, May, Reads, Writes};
use crate::admin::bulk::{self, Items, Results};
use crate::admin::context::AdminContext;
use crate::admin::crud::{self, Current, ListQuery, Resource, Scene};
use crate::admin::dto::{self, AdvertiserId, Liveness, PostbackAuth, Time, TxidScope};
use crate::admin::input::{Input, Patch};
use crate::admin::links;
use crate::admin::list::{Page, Paging};
use crate::admin::tags::Tag;
use crate::problem::Problem;

/// An advertiser, as it is wanted.
#[derive(Debug, Object)]
pub(in crate::admin) struct AdvertiserDraft {
    /// Name for people.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: String,
    /// How postbacks are authenticated. Default `token`.
    postback_auth: Option<PostbackAuth>,
    /// Addresses and ranges that postbacks may come from; checked with every kind of authentication.
    postback_ips: Option<Vec<String>>,
    /// Bounds of a transaction id. Default `advertiser`.
    txid_scope: Option<TxidScope>,
    /// Whether it is in use. Default `active`.
    status: Option<Liveness>,
}

/// Who pays.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::admin) struct Advertiser {
    /// Its id.
    id: AdvertiserId,
    /// Counts its changes.
    version: u32,
    /// When it was made.
    created_at: Time,
    /// When this version was made.
    updated_at: Time,
    /// Name for people.
    name: String,
    /// How postbacks are authenticated.
    postback_auth: PostbackAuth,
    /// Addresses and ranges that postbacks may come from.
    #[oai(default)]
    postback_ips: Vec<String>,
    /// Bounds of a transaction id.
    txid_scope: TxidScope,
    /// Whether it is in use.
    status: Liveness,
    /// Until when the token before the last rotation is good too.
    previous_token_until: Option<Time>,
    /// The public key of pixels.
    pixel_key: String,
    /// The pixel, ready to paste.
    pixel_url: String,
}

/// An advertiser with the secrets of its postbacks.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::admin) struct AdvertiserWithToken {
    /// Its id.
    id: AdvertiserId,
    /// Counts its changes.
    version: u32,
    /// When it was made.
    created_at: Time,
    /// When this version was made.
    updated_at: Time,
    /// Name for people.
    name: String,
    /// How postbacks are authenticated.
    postback_auth: PostbackAuth,
    /// Addresses and ranges that postbacks may come from.
    #[oai(default)]
    postback_ips: Vec<String>,
    /// Bounds of a transaction id.
    txid_scope: TxidScope,
    /// Whether it is in use.
    status: Liveness,
    /// Until when the token before the last rotation is good too.
    previous_token_until: Option<Time>,
    /// The public key of pixels.
    pixel_key: String,
    /// The pixel, ready to paste.
    pixel_url: String,
    /// What `token=` of its postbacks must be.
    postback_token: String,
    /// The key of its signatures, with `postback_auth` `hmac`.
    postback_secret: Option<String>,
    /// The postback, ready to paste; what stands in braces is filled by the advertiser's system.
    postback_url: String,
}

/// See [`Resource`].
pub(in crate::admin) enum Advertisers {}

impl Resource for Advertisers {
    const KIND: EntityKind = EntityKind::Advertiser;
    const PATH: &'static str = "/v1/advertisers/";
    const STATUSES: &'static [&'static str] = &["active", "archived"];
    type Entity = catalog::Advertiser;
    type View = Advertiser;

    fn number(tenant: TenantId, id: &str) -> Option<u32> {
        number_of!(ids::AdvertiserId, tenant, id)
    }

    fn entities(catalog: &Catalog) -> &Entities<catalog::Advertiser> {
        &catalog.advertisers
    }

    fn status(entity: &catalog::Advertiser) -> &'static str {
        entity.status.as_str()
    }

    fn add(
        scene: &Scene<'_>,
        number: u32,
        entity: &catalog::Advertiser,
        fields: &mut Map<String, Value>,
    ) {
        let id = ids::AdvertiserId::new(scene.tenant, number);
        let inbound = links::inbound(scene.context, id, entity);
        fields.insert("pixel_key".to_owned(), inbound.pixel_key.into());
        fields.insert("pixel_url".to_owned(), inbound.pixel_url.into());
        if let Some(until) = entity.previous_token_until {
            fields.insert("previous_token_until".to_owned(), until.to_string().into());
        }
    }
}

/// Hours for which a token is good after the next one was made.
const OVERLAP_HOURS: u32 = 24;
/// The longest such time that may be asked for: 30 days.
const OVERLAP_HOURS_MAX: u32 = 720;
const HOUR_MS: u64 = 3_600_000;

/// Operations on advertisers.
pub(in crate::admin) struct AdvertisersApi(pub(in crate::admin) Arc<AdminContext>);

impl AdvertisersApi {
    fn with_token(
        &self,
        caller: &Caller,
        current: &Current<Advertisers>,
    ) -> Result<AdvertiserWithToken, Problem> {
        let mut json = current.json(&self.0, caller.tenant)?;
        let id = ids::AdvertiserId::new(caller.tenant, current.number);
        let inbound = links::inbound(&self.0, id, &current.entity.body);
        json["postback_token"] = inbound.postback_token.into();
        json["postback_secret"] = inbound.postback_secret.into();
        json["postback_url"] = inbound.postback_url.into();
        dto::shaped(json)
    }
}

#[OpenApi(prefix_path = "/v1/advertisers", tag = "Tag::Advertisers")]
impl AdvertisersApi {
    /// Makes an advertiser
    ///
    /// The answer carries the secrets of its postbacks.
    #[oai(path = "/", method = "post", operation_id = "createAdvertiser")]
    async fn create(
        &self,
        caller: May<Writes>,
        draft: Input<AdvertiserDraft>,
    ) -> Result<Created<AdvertiserWithToken>, Problem> {
        let done = crud::make(&self.0, &caller, EntityKind::Advertiser, draft.value).await?;
        let current = crud::find_number::<Advertisers>(&self.0, caller.tenant, done.key.number)?;
        let view = self.with_token(&caller, &current)?;
        Ok(crud::created(caller.tenant, &current, view))
    }

    /// Makes many advertisers
    #[oai(path = "/bulk", method = "post", operation_id = "createAdvertisers")]
    async fn bulk(
        &self,
        caller: May<Writes>,
        items: Input<Items<AdvertiserDraft>>,
    ) -> Result<Json<Results>, Problem> {
        bulk::create::<Advertisers>(&self.0, &caller, items.value).await
    }

    /// Lists advertisers
    #[oai(path = "/", method = "get", operation_id = "listAdvertisers")]
    async fn list(
        &self,
        caller: May<Reads>,
        /// Statuses to keep, by comma; `-` before one excludes it.
        status: Query<Option<String>>,
        /// Entries of the page, at most 500.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        after: Query<Option<String>>,
        /// `previous` of the page after.
        before: Query<Option<String>>,
    ) -> Result<Json<Page<Advertiser>>, Problem> {
        let query = ListQuery {
            status: status.0,
            paging: Paging {
                limit: limit.0,
                after: after.0,
                before: before.0,
            },
        };
        crud::list::<Advertisers>(&self.0, &caller, &query, |_| true)
    }

    /// Shows an advertiser
    #[oai(path = "/:id", method = "get", operation_id = "getAdvertiser")]
    async fn show(
        &self,
        caller: May<Reads>,
        id: Path<String>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
    ) -> Result<Shown<Advertiser>, Problem> {
        crud::show::<Advertisers>(&self.0, &caller, &id, if_none_match.as_deref())
    }

    /// Shows an advertiser with the secrets of its postbacks
    #[oai(
        path = "/:id/postback",
        method = "get",
        operation_id = "getAdvertiserPostback"
    )]
    async fn postback(
        &self,
        caller: May<Writes>,
        id: Path<String>,
    ) -> Result<Json<AdvertiserWithToken>, Problem> {
        let current = crud::find::<Advertisers>(&self.0, caller.tenant, &id)?;
        self.with_token(&caller, &current).map(Json)
    }

    /// Gives an advertiser a new token
    ///
    /// The one before is good too until the end of the overlap.
    #[oai(
        path = "/:id/rotate-token",
        method = "post",
        operation_id = "rotateAdvertiserToken"
    )]
    async fn rotate(
        &self,
        caller: May<Writes>,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        /// Hours for which the token before is good too. Default 24, at most 720.
        overlap_hours: Query<Option<u32>>,
    ) -> Result<Json<AdvertiserWithToken>, Problem> {
        let hours = overlap_hours.0.unwrap_or(OVERLAP_HOURS);
        if hours > OVERLAP_HOURS_MAX {
            let message = format!("must be at most {OVERLAP_HOURS_MAX}");
            return Err(Problem::parameter("overlap_hours", "out_of_range", message));
        }
        let overlap_until = UnixMs((self.0.now)().0 + u64::from(hours) * HOUR_MS);
        let draft = Draft::RotateToken { overlap_until };
        let current =
            crud::changed::<Advertisers>(&self.0, &caller, &id, if_match.as_deref(), draft).await?;
        self.with_token(&caller, &current).map(Json)
    }

    /// Changes an advertiser
    #[oai(path = "/:id", method = "patch", operation_id = "updateAdvertiser")]
    async fn change(
        &self,
        caller: May<Writes>,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        patch: Patch<AdvertiserDraft>,
    ) -> Result<Changed<Advertiser>, Problem> {
        crud::change::<Advertisers>(
            &self.0,
            &caller,
            &id,
            if_match.as_deref(),
            Draft::Patch(patch.value),
        )
        .await
    }

    /// Archives an advertiser
    #[oai(
        path = "/:id/archive",
        method = "post",
        operation_id = "archiveAdvertiser"
    )]
    async fn archive(
        &self,
        caller: May<Writes>,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Changed<Advertiser>, Problem> {
        crud::change::<Advertisers>(&self.0, &caller, &id, if_match.as_deref(), Draft::Archive)
            .await
    }
}
