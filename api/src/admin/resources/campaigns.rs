//! Campaigns: links that distribute clicks over arms.

use std::sync::Arc;

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::{Map, Value};
use weir_engine::catalog::propose::Draft;
use weir_engine::catalog::{self, CampaignKind, Catalog, Entities, EntityKind};
use weir_engine::ids::{self, TenantId};

use super::number_of;
use crate::admin::answers::{Changed, Created, Shown};
use crate::admin::auth::{May, Reads, Writes};
use crate::admin::bulk::{self, Items, Results};
use crate::admin::context::AdminContext;
use crate::admin::crud::{self, ListQuery, Resource, Scene};
use crate::admin::dto::{
    Arm, ArmDraft, CampaignId, Cost, Distribution, DomainId, Flow, FlowDraft, Liveness, Time,
};
use crate::admin::input::{Input, Patch};
use crate::admin::links;
use crate::admin::list::{Page, Paging};
use crate::admin::tags::Tag;
use crate::problem::Problem;

/// A campaign, as it is wanted.
#[derive(Debug, Object)]
pub(in crate::admin) struct CampaignDraft {
    /// Name for people.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: String,
    /// What stands in its click link; a chosen one needs a domain of the tenant's own. Else generated.
    link: Option<String>,
    /// Its domain; without it the shared host.
    domain_id: Option<DomainId>,
    /// How the default flow gives out clicks.
    distribution: Distribution,
    /// Arms of the default flow.
    arms: Vec<ArmDraft>,
    /// Flows before the default one.
    flows: Option<Vec<FlowDraft>>,
    /// Whether a click must name an approved affiliate. Default false.
    require_affiliate: Option<bool>,
    /// What its clicks cost.
    cost: Option<Cost>,
    /// Where clicks go that nothing else takes.
    fallback_url: Option<String>,
    /// Whether it is in use. Default `active`.
    status: Option<Liveness>,
}

/// A link that distributes clicks over arms.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::admin) struct Campaign {
    /// Its id.
    id: CampaignId,
    /// Counts its changes.
    version: u32,
    /// When it was made.
    created_at: Time,
    /// When this version was made.
    updated_at: Time,
    /// Name for people.
    name: String,
    /// What stands in its click link.
    link: String,
    /// Its domain; without it the shared host.
    domain_id: Option<DomainId>,
    /// How the default flow gives out clicks.
    distribution: Distribution,
    /// Arms of the default flow.
    arms: Vec<Arm>,
    /// Flows before the default one.
    #[oai(default)]
    flows: Vec<Flow>,
    /// Whether a click must name an approved affiliate.
    require_affiliate: bool,
    /// What its clicks cost.
    cost: Option<Cost>,
    /// Where clicks go that nothing else takes.
    fallback_url: Option<String>,
    /// Whether it is in use.
    status: Liveness,
    /// Its click link, ready to paste.
    click_url: String,
}

/// See [`Resource`].
pub(in crate::admin) enum Campaigns {}

impl Resource for Campaigns {
    const KIND: EntityKind = EntityKind::Campaign;
    const PATH: &'static str = "/v1/campaigns/";
    const STATUSES: &'static [&'static str] = &["active", "archived"];
    type Entity = catalog::Campaign;
    type View = Campaign;

    fn number(tenant: TenantId, id: &str) -> Option<u32> {
        number_of!(ids::CampaignId, tenant, id)
    }

    fn entities(catalog: &Catalog) -> &Entities<catalog::Campaign> {
        &catalog.campaigns
    }

    fn status(entity: &catalog::Campaign) -> &'static str {
        entity.status.as_str()
    }

    /// The own link of an offer is kept with the offer.
    fn is_listed(entity: &catalog::Campaign) -> bool {
        entity.kind == CampaignKind::Campaign
    }

    fn add(scene: &Scene<'_>, _: u32, entity: &catalog::Campaign, fields: &mut Map<String, Value>) {
        let click_url = links::click_url(scene.context, scene.catalog, entity);
        fields.insert("click_url".to_owned(), click_url.into());
    }
}

/// Operations on campaigns.
pub(in crate::admin) struct CampaignsApi(pub(in crate::admin) Arc<AdminContext>);

#[OpenApi(prefix_path = "/v1/campaigns", tag = "Tag::Campaigns")]
impl CampaignsApi {
    /// Makes a campaign
    #[oai(path = "/", method = "post", operation_id = "createCampaign")]
    async fn create(
        &self,
        caller: May<Writes>,
        draft: Input<CampaignDraft>,
    ) -> Result<Created<Campaign>, Problem> {
        crud::create::<Campaigns>(&self.0, &caller, draft.value).await
    }

    /// Makes many campaigns
    #[oai(path = "/bulk", method = "post", operation_id = "createCampaigns")]
    async fn bulk(
        &self,
        caller: May<Writes>,
        items: Input<Items<CampaignDraft>>,
    ) -> Result<Json<Results>, Problem> {
        bulk::create::<Campaigns>(&self.0, &caller, items.value).await
    }

    /// Lists campaigns
    #[oai(path = "/", method = "get", operation_id = "listCampaigns")]
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
    ) -> Result<Json<Page<Campaign>>, Problem> {
        let query = ListQuery {
            status: status.0,
            paging: Paging {
                limit: limit.0,
                after: after.0,
                before: before.0,
            },
        };
        crud::list::<Campaigns>(&self.0, &caller, &query, |_| true)
    }

    /// Shows a campaign
    #[oai(path = "/:id", method = "get", operation_id = "getCampaign")]
    async fn show(
        &self,
        caller: May<Reads>,
        id: Path<String>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
    ) -> Result<Shown<Campaign>, Problem> {
        crud::show::<Campaigns>(&self.0, &caller, &id, if_none_match.as_deref())
    }

    /// Changes a campaign
    #[oai(path = "/:id", method = "patch", operation_id = "updateCampaign")]
    async fn change(
        &self,
        caller: May<Writes>,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        patch: Patch<CampaignDraft>,
    ) -> Result<Changed<Campaign>, Problem> {
        crud::change::<Campaigns>(
            &self.0,
            &caller,
            &id,
            if_match.as_deref(),
            Draft::Patch(patch.value),
        )
        .await
    }

    /// Archives a campaign
    #[oai(
        path = "/:id/archive",
        method = "post",
        operation_id = "archiveCampaign"
    )]
    async fn archive(
        &self,
        caller: May<Writes>,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Changed<Campaign>, Problem> {
        crud::change::<Campaigns>(&self.0, &caller, &id, if_match.as_deref(), Draft::Archive).await
    }
}
