//! Tenants: customers of the installation. Only the operator makes them; a tenant sees itself.

use std::sync::Arc;

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::{Value, json};
use weir_engine::catalog::propose::{Proposal, Target};
use weir_engine::catalog::{Catalog, EntityKey, EntityKind};
use weir_engine::ids;

use super::api_keys::with_hash;
use crate::admin::answers::{Changed, Created, Shown, etag, expected, is_unmodified};
use crate::admin::auth::{Anyone, Caller, Operator, Reads, Writes};
use crate::admin::context::AdminContext;
use crate::admin::crud::refused;
use crate::admin::dto::{self, CurrencyCode, Liveness, TenantId, Time, Zone};
use crate::admin::input::{self, Input, Patch};
use crate::admin::list::{Page, Paging, WordFilter};
use crate::admin::tags::Tag;
use crate::admin::drafts;
use crate::api_key::NewKey;
use crate::problem::{Code, Problem};

/// A tenant, as it is wanted.
#[derive(Debug, Object)]
pub(in crate::admin) struct TenantDraft {
    /// Name for people.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: String,
    /// Currency of costs and of clicks that reach no offer.
    currency: CurrencyCode,
    /// Zone of caps and of reports that name none.
    timezone: Zone,
    /// Where clicks go that nothing else takes.
    fallback_url: Option<String>,
    /// Whether it is in use. Default `active`.
    status: Option<Liveness>,
    /// Fingerprints kept to tell unique clicks. Default 4,000,000.
    uniqueness_capacity: Option<u32>,
}

/// A customer of the installation.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::admin) struct Tenant {
    /// Its id.
    id: TenantId,
    /// Counts its changes.
    version: u32,
    /// When it was made.
    created_at: Time,
    /// When this version was made.
    updated_at: Time,
    /// Name for people.
    name: String,
    /// Currency of costs and of clicks that reach no offer.
    currency: CurrencyCode,
    /// Zone of caps and of reports that name none.
    timezone: Zone,
    /// Where clicks go that nothing else takes.
    fallback_url: Option<String>,
    /// Whether it is in use.
    status: Liveness,
    /// Fingerprints kept to tell unique clicks.
    uniqueness_capacity: u32,
}

/// A new tenant with its first key.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::admin) struct NewTenant {
    /// Its id.
    id: TenantId,
    /// Counts its changes.
    version: u32,
    /// When it was made.
    created_at: Time,
    /// When this version was made.
    updated_at: Time,
    /// Name for people.
    name: String,
    /// Currency of costs and of clicks that reach no offer.
    currency: CurrencyCode,
    /// Zone of caps and of reports that name none.
    timezone: Zone,
    /// Where clicks go that nothing else takes.
    fallback_url: Option<String>,
    /// Whether it is in use.
    status: Liveness,
    /// Fingerprints kept to tell unique clicks.
    uniqueness_capacity: u32,
    /// Its first key, with every scope, shown this once.
    api_key: String,
}

/// Fields of a tenant that no draft has.
const OWNED: [&str; 1] = ["rules"];
/// Fields that only the operator sets.
const OPERATORS: [&str; 2] = ["uniqueness_capacity", "status"];
/// Most tenants of an installation: ids have 24 bits.
const TENANTS_MAX: u32 = (1 << 24) - 1;

/// Operations on tenants.
pub(in crate::admin) struct TenantsApi {
    context: Arc<AdminContext>,
    /// Tenants are made one after the other, so that each gets an id of its own.
    making: tokio::sync::Mutex<()>,
}

impl TenantsApi {
    pub(in crate::admin) fn new(context: Arc<AdminContext>) -> Self {
        Self {
            context,
            making: tokio::sync::Mutex::default(),
        }
    }

    fn free_id(&self) -> Result<ids::TenantId, Problem> {
        let last = self.context.actors.tenants().into_iter().max();
        let next = last.map_or(0, |t| t.0) + 1;
        if next > TENANTS_MAX {
            return Err(Problem::new(Code::Conflict, "there is no room for another tenant"));
        }
        Ok(ids::TenantId(next))
    }

    async fn make(&self, operator: Operator, draft: &Value) -> Result<(ids::TenantId, NewKey), Problem> {
        let new = NewKey::from_random(self.context.random.bytes());
        let key = with_hash(json!({"name": "first key", "scopes": ["*"]}), &new)?;
        let tenant = drafts::read(EntityKind::Tenant, draft).map_err(Problem::fields)?;
        let key = drafts::read(EntityKind::ApiKey, &key).map_err(|_| Problem::internal("the first key of a tenant is not acceptable"))?;
        let _one_at_a_time = self.making.lock().await;
        let id = self.free_id()?;
        let caller = Caller {
            tenant: id,
            by: operator.by,
        };
        let proposals = [tenant, key].map(|draft| Proposal {
            by: caller.by.clone(),
            target: Target::Create,
            draft,
        });
        let answers = self.context.propose_all(&caller, proposals.into()).await?;
        for answer in answers {
            answer.map_err(refused)?;
        }
        Ok((id, new))
    }

    /// The tenant that `id` names, if the caller may see it.
    fn visible(&self, only: Option<ids::TenantId>, id: &str) -> Result<(ids::TenantId, Arc<Catalog>), Problem> {
        let tenant: ids::TenantId = id.parse().map_err(|_| Problem::not_found())?;
        if only.is_some_and(|only| only != tenant) {
            return Err(Problem::not_found());
        }
        Ok((tenant, self.context.catalog(tenant)?))
    }
}

fn json_of(tenant: ids::TenantId, catalog: &Catalog) -> Result<(Value, u32), Problem> {
    let entity = catalog.tenant.as_ref().ok_or_else(Problem::not_found)?;
    let mut json = serde_json::to_value(&entity.body).map_err(Problem::internal)?;
    json["id"] = tenant.to_string().into();
    json["version"] = entity.version.into();
    json["created_at"] = entity.created_at.to_string().into();
    json["updated_at"] = entity.updated_at.to_string().into();
    Ok((json, entity.version))
}

#[OpenApi(prefix_path = "/v1/tenants", tag = "Tag::Tenants")]
impl TenantsApi {
    /// Makes a tenant
    ///
    /// For the operator of the installation. The answer carries the tenant's first key, this once.
    #[oai(path = "/", method = "post", operation_id = "createTenant")]
    async fn create(&self, operator: Operator, draft: Input<TenantDraft>) -> Result<Created<NewTenant>, Problem> {
        let (id, new) = self.make(operator, &draft.value).await?;
        let (mut json, version) = json_of(id, &*self.context.catalog(id)?)?;
        json["api_key"] = new.key.into();
        let location = format!("/v1/tenants/{id}");
        Ok(Created::Created(Json(dto::shaped(json)?), location, etag(version)))
    }

    /// Lists tenants
    ///
    /// The operator sees all, a tenant's key only its own.
    #[oai(path = "/", method = "get", operation_id = "listTenants")]
    async fn list(
        &self,
        caller: Anyone<Reads>,
        /// Statuses to keep, by comma; `-` before one excludes it.
        status: Query<Option<String>>,
        /// Entries of the page, at most 500.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        after: Query<Option<String>>,
        /// `previous` of the page after.
        before: Query<Option<String>>,
    ) -> Result<Json<Page<Tenant>>, Problem> {
        let paging = Paging {
            limit: limit.0,
            after: after.0,
            before: before.0,
        };
        let statuses = WordFilter::read("status", status.as_deref(), &["active", "archived"])?;
        let tenants = self.context.actors.tenants();
        let visible = tenants.into_iter().rev().filter(|t| caller.only.is_none_or(|only| only == *t));
        let found = visible.filter_map(|t| Some((t, self.context.actors.catalog(t)?)));
        let is_wanted = |catalog: &Catalog| {
            catalog.tenant.as_ref().is_some_and(|t| statuses.passes(t.body.status.as_str()))
        };
        let placed = found
            .filter(|(_, catalog)| is_wanted(catalog))
            .map(|(t, catalog)| ((0, u64::from(t.0)), (t, catalog)));
        let view = |(t, catalog): (ids::TenantId, Arc<Catalog>)| dto::shaped(json_of(t, &catalog)?.0);
        paging.read()?.page(placed, view).map(Json)
    }

    /// Shows a tenant
    #[oai(path = "/:id", method = "get", operation_id = "getTenant")]
    async fn show(
        &self,
        caller: Anyone<Reads>,
        id: Path<String>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
    ) -> Result<Shown<Tenant>, Problem> {
        let (tenant, catalog) = self.visible(caller.only, &id)?;
        let (json, version) = json_of(tenant, &catalog)?;
        if is_unmodified(if_none_match.as_deref(), version) {
            return Ok(Shown::NotModified(etag(version)));
        }
        Ok(Shown::Entity(Json(dto::shaped(json)?), etag(version)))
    }

    /// Changes a tenant
    ///
    /// `status` and `uniqueness_capacity` are for the operator.
    #[oai(path = "/:id", method = "patch", operation_id = "updateTenant")]
    async fn change(
        &self,
        caller: Anyone<Writes>,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        patch: Patch<TenantDraft>,
    ) -> Result<Changed<Tenant>, Problem> {
        let (tenant, catalog) = self.visible(caller.only, &id)?;
        let is_operators = OPERATORS.iter().any(|field| patch.value.get(field).is_some());
        if caller.only.is_some() && is_operators {
            let detail = format!("only the operator may set {}", OPERATORS.join(", "));
            return Err(Problem::new(Code::Forbidden, detail));
        }
        let entity = catalog.tenant.clone().ok_or_else(Problem::not_found)?;
        let wanted = expected(if_match.as_deref(), entity.version)?.unwrap_or(entity.version);
        let now = drafts::of(&entity.body, &OWNED)?;
        let draft = drafts::read(EntityKind::Tenant, &input::merge(now, patch.value)).map_err(Problem::fields)?;
        let target = Target::Update {
            key: EntityKey::one(EntityKind::Tenant, 0),
            expected: Some(wanted),
        };
        let caller = Caller {
            tenant,
            by: caller.by,
        };
        self.context.propose(&caller, target, draft).await?.map_err(refused)?;
        let (json, version) = json_of(tenant, &*self.context.catalog(tenant)?)?;
        Ok(Changed::Entity(Json(dto::shaped(json)?), etag(version)))
    }
}

