//! Tenants: customers of the installation. Only the operator makes them; a tenant sees itself.

use std::sync::Arc;

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::{Value, json};
use weir_engine::catalog::propose::{self, Draft, Proposal, Target};
use weir_engine::catalog::{Catalog, EntityKey, EntityKind};
use weir_engine::ids;

use super::api_keys::with_secret;
use crate::admin::answers::{Changed, Created, Shown, etag, expected, is_unmodified};
use crate::admin::auth::{Anyone, Caller, Operator, Reads, Writes};
use crate::admin::context::AdminContext;
use crate::admin::crud::refused;
use crate::admin::dto::{self, CurrencyCode, Liveness, TenantId, Time, Zone};
use crate::admin::input::{Input, Patch};
use crate::admin::list::{Page, Paging, WordFilter};
use crate::admin::tags::Tag;
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
    /// Fingerprints kept to tell unique clicks. Default: the installation's setting `uniqueness.capacity`.
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

/// Fields that only the operator sets.
const OPERATORS: [&str; 2] = ["uniqueness_capacity", "status"];
/// The installation itself: its catalog has the list of tenants.
const INSTALLATION: ids::TenantId = ids::TenantId(0);

/// Operations on tenants.
pub(in crate::admin) struct TenantsApi(pub(in crate::admin) Arc<AdminContext>);

impl TenantsApi {
    /// The installation takes the tenant into its list, which gives it its number; then the tenant gets its settings
    /// and its first key. A tenant without settings is none: what fails between leaves nothing but a number unused.
    async fn make(
        &self,
        operator: Operator,
        mut draft: Value,
    ) -> Result<(ids::TenantId, NewKey), Problem> {
        let capacity = &mut draft["uniqueness_capacity"];
        if capacity.is_null() {
            *capacity = self.0.uniqueness_capacity.into();
        }
        let new = NewKey::from_random(self.0.random.bytes());
        let key = with_secret(json!({"name": "first key", "scopes": ["*"]}), &new)?;
        let draft: propose::TenantDraft = propose::parse_draft(draft).map_err(Problem::fields)?;
        let by = |tenant| Caller {
            tenant,
            by: operator.by.clone(),
        };
        let listed = Draft::NewTenant(draft.clone());
        let listed = self
            .0
            .propose(&by(INSTALLATION), Target::Create, listed)
            .await?
            .map_err(refused)?;
        let id = ids::TenantId(listed.key.number);
        let proposals = [Draft::Tenant(draft), key].map(|draft| Proposal {
            by: operator.by.clone(),
            target: Target::Create,
            draft,
        });
        for answer in self.0.propose_all(&by(id), proposals.into()).await? {
            answer.map_err(refused)?;
        }
        Ok((id, new))
    }

    /// The tenant that `id` names, if the caller may see it.
    fn visible(
        &self,
        only: Option<ids::TenantId>,
        id: &str,
    ) -> Result<(ids::TenantId, Arc<Catalog>), Problem> {
        let tenant: ids::TenantId = id.parse().map_err(|_| Problem::not_found())?;
        if only.is_some_and(|only| only != tenant) {
            return Err(Problem::not_found());
        }
        Ok((tenant, self.0.catalog(tenant)?))
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
    async fn create(
        &self,
        operator: Operator,
        draft: Input<TenantDraft>,
    ) -> Result<Created<NewTenant>, Problem> {
        let (id, new) = self.make(operator, draft.value).await?;
        let (mut json, version) = json_of(id, &*self.0.catalog(id)?)?;
        json["api_key"] = new.key.into();
        let location = format!("/v1/tenants/{id}");
        Ok(Created::Created(
            Json(dto::shaped(json)?),
            location,
            etag(version),
        ))
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
        let tenants = self.0.actors.tenants();
        let visible = tenants
            .into_iter()
            .rev()
            .filter(|t| caller.only.is_none_or(|only| only == *t));
        let found = visible.filter_map(|t| Some((t, self.0.actors.catalog(t)?)));
        let is_wanted = |catalog: &Catalog| {
            catalog
                .tenant
                .as_ref()
                .is_some_and(|t| statuses.passes(t.body.status.as_str()))
        };
        let placed = found
            .filter(|(_, catalog)| is_wanted(catalog))
            .map(|(t, catalog)| ((0, u64::from(t.0)), (t, catalog)));
        let view =
            |(t, catalog): (ids::TenantId, Arc<Catalog>)| dto::shaped(json_of(t, &catalog)?.0);
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
        let is_operators = OPERATORS
            .iter()
            .any(|field| patch.value.get(field).is_some());
        if caller.only.is_some() && is_operators {
            let detail = format!("only the operator may set {}", OPERATORS.join(", "));
            return Err(Problem::new(Code::Forbidden, detail));
        }
        let version = catalog.tenant.as_ref().map_or(0, |t| t.version);
        let target = Target::Update {
            key: EntityKey::one(EntityKind::Tenant, 0),
            expected: expected(if_match.as_deref(), version)?,
        };
        let draft = Draft::Patch(patch.value);
        let caller = Caller {
            tenant,
            by: caller.by,
        };
        self.0
            .propose(&caller, target, draft)
            .await?
            .map_err(refused)?;
        let (json, version) = json_of(tenant, &*self.0.catalog(tenant)?)?;
        Ok(Changed::Entity(Json(dto::shaped(json)?), etag(version)))
    }
}
