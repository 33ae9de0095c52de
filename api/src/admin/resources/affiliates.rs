//! Affiliates: who sends clicks and is paid.

use std::sync::Arc;

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use weir_engine::catalog::propose::Draft;
use weir_engine::catalog::{self, Catalog, Entities, EntityKind};
use weir_engine::ids::{self, TenantId};

use super::number_of;
use crate::admin::answers::{Changed, Created, Shown};
use crate::admin::auth::{May, Reads, Writes};
use crate::admin::bulk::{self, Items, Results};
use crate::admin::context::AdminContext;
use crate::admin::crud::{self, ListQuery, Resource};
use crate::admin::dto::{AffiliateId, AffiliateStatus, Time};
use crate::admin::input::{Input, Patch};
use crate::admin::list::{Page, Paging};
use crate::admin::tags::Tag;
use crate::problem::Problem;

/// An affiliate, as it is wanted.
#[derive(Debug, Object)]
pub(in crate::admin) struct AffiliateDraft {
    /// Name for people.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: String,
    /// Where it stands.
    status: AffiliateStatus,
}

/// Who sends clicks and is paid.
#[derive(Debug, Object)]
pub(in crate::admin) struct Affiliate {
    /// Its id.
    id: AffiliateId,
    /// Counts its changes.
    version: u32,
    /// When it was made.
    created_at: Time,
    /// When this version was made.
    updated_at: Time,
    /// Name for people.
    name: String,
    /// Where it stands.
    status: AffiliateStatus,
}

/// See [`Resource`].
pub(in crate::admin) enum Affiliates {}

impl Resource for Affiliates {
    const KIND: EntityKind = EntityKind::Affiliate;
    const PATH: &'static str = "/v1/affiliates/";
    const STATUSES: &'static [&'static str] =
        &["pending", "approved", "rejected", "banned", "archived"];
    type Entity = catalog::Affiliate;
    type View = Affiliate;

    fn number(tenant: TenantId, id: &str) -> Option<u32> {
        number_of!(ids::AffiliateId, tenant, id)
    }

    fn entities(catalog: &Catalog) -> &Entities<catalog::Affiliate> {
        &catalog.affiliates
    }

    fn status(entity: &catalog::Affiliate) -> &'static str {
        entity.status.as_str()
    }
}

/// Operations on affiliates.
pub(in crate::admin) struct AffiliatesApi(pub(in crate::admin) Arc<AdminContext>);

#[OpenApi(prefix_path = "/v1/affiliates", tag = "Tag::Affiliates")]
impl AffiliatesApi {
    /// Makes an affiliate
    #[oai(path = "/", method = "post", operation_id = "createAffiliate")]
    async fn create(
        &self,
        caller: May<Writes>,
        draft: Input<AffiliateDraft>,
    ) -> Result<Created<Affiliate>, Problem> {
        crud::create::<Affiliates>(&self.0, &caller, draft.value).await
    }

    /// Makes many affiliates
    #[oai(path = "/bulk", method = "post", operation_id = "createAffiliates")]
    async fn bulk(
        &self,
        caller: May<Writes>,
        items: Input<Items<AffiliateDraft>>,
    ) -> Result<Json<Results>, Problem> {
        bulk::create::<Affiliates>(&self.0, &caller, items.value).await
    }

    /// Lists affiliates
    #[oai(path = "/", method = "get", operation_id = "listAffiliates")]
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
    ) -> Result<Json<Page<Affiliate>>, Problem> {
        let query = ListQuery {
            status: status.0,
            paging: Paging {
                limit: limit.0,
                after: after.0,
                before: before.0,
            },
        };
        crud::list::<Affiliates>(&self.0, &caller, &query, |_| true)
    }

    /// Shows an affiliate
    #[oai(path = "/:id", method = "get", operation_id = "getAffiliate")]
    async fn show(
        &self,
        caller: May<Reads>,
        id: Path<String>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
    ) -> Result<Shown<Affiliate>, Problem> {
        crud::show::<Affiliates>(&self.0, &caller, &id, if_none_match.as_deref())
    }

    /// Changes an affiliate
    #[oai(path = "/:id", method = "patch", operation_id = "updateAffiliate")]
    async fn change(
        &self,
        caller: May<Writes>,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        patch: Patch<AffiliateDraft>,
    ) -> Result<Changed<Affiliate>, Problem> {
        crud::change::<Affiliates>(
            &self.0,
            &caller,
            &id,
            if_match.as_deref(),
            Draft::Patch(patch.value),
        )
        .await
    }

    /// Archives an affiliate
    #[oai(
        path = "/:id/archive",
        method = "post",
        operation_id = "archiveAffiliate"
    )]
    async fn archive(
        &self,
        caller: May<Writes>,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Changed<Affiliate>, Problem> {
        crud::change::<Affiliates>(&self.0, &caller, &id, if_match.as_deref(), Draft::Archive).await
    }
}
