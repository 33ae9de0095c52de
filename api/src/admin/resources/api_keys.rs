//! API keys: made here, shown once, kept as a hash.

use std::sync::Arc;

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;
use weir_engine::catalog::propose::{self, Draft, KeyHash, Target};
use weir_engine::catalog::{self, Catalog, Entities, EntityKind};
use weir_engine::ids::{self, TenantId};

use super::number_of;
use crate::admin::answers::{Changed, Created, Shown};
use crate::admin::auth::{Keys, May, Scopes};
use crate::admin::context::AdminContext;
use crate::admin::crud::{self, ListQuery, Resource, refused};
use crate::admin::dto::{self, ApiKeyId, Liveness, Time};
use crate::admin::input::Input;
use crate::admin::list::{Page, Paging};
use crate::admin::tags::Tag;
use crate::api_key::NewKey;
use crate::problem::{Code, Problem};

/// A key, as it is wanted.
#[derive(Debug, Object)]
pub(in crate::admin) struct ApiKeyDraft {
    /// Name for people.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: String,
    /// What it may do: `*` for everything, or a list as in the introduction.
    #[oai(validator(min_items = 1))]
    scopes: Vec<String>,
}

/// A key to this API, without its secret.
#[derive(Debug, Object)]
pub(in crate::admin) struct ApiKey {
    /// Its id.
    id: ApiKeyId,
    /// Counts its changes.
    version: u32,
    /// When it was made.
    created_at: Time,
    /// When this version was made.
    updated_at: Time,
    /// Name for people.
    name: String,
    /// The first characters of the key.
    prefix: String,
    /// What it may do.
    scopes: Vec<String>,
    /// Whether it is good; `archived` = revoked.
    status: Liveness,
}

/// A new key. The only answer that has the secret.
#[derive(Debug, Object)]
pub(in crate::admin) struct NewApiKey {
    /// Its id.
    id: ApiKeyId,
    /// Counts its changes.
    version: u32,
    /// When it was made.
    created_at: Time,
    /// When this version was made.
    updated_at: Time,
    /// Name for people.
    name: String,
    /// The first characters of the key.
    prefix: String,
    /// What it may do.
    scopes: Vec<String>,
    /// Whether it is good.
    status: Liveness,
    /// The key itself, shown this once.
    api_key: String,
}

/// See [`Resource`].
enum ApiKeys {}

impl Resource for ApiKeys {
    const KIND: EntityKind = EntityKind::ApiKey;
    const PATH: &'static str = "/v1/api-keys/";
    const STATUSES: &'static [&'static str] = &["active", "archived"];
    type Entity = catalog::ApiKey;
    type View = ApiKey;

    fn number(tenant: TenantId, id: &str) -> Option<u32> {
        number_of!(ids::ApiKeyId, tenant, id)
    }

    fn entities(catalog: &Catalog) -> &Entities<catalog::ApiKey> {
        &catalog.api_keys
    }

    fn status(entity: &catalog::ApiKey) -> &'static str {
        entity.status.as_str()
    }
}

/// The draft of a key whose secret is `new`.
pub(super) fn with_secret(draft: Value, new: &NewKey) -> Result<Draft, Problem> {
    let draft: propose::ApiKeyDraft = propose::parse_draft(draft).map_err(Problem::fields)?;
    Ok(Draft::ApiKey(propose::ApiKeyDraft {
        hash: Some(KeyHash {
            prefix: new.prefix.clone(),
            sha256: new.sha256.clone(),
        }),
        ..draft
    }))
}

/// Nobody gives a key more than what they have.
fn check_scopes(draft: &Value, has: &Scopes) -> Result<(), Problem> {
    let wanted = draft["scopes"].as_array().into_iter().flatten();
    let mut wanted = wanted.filter_map(Value::as_str);
    match wanted.find(|scope| !has.include(scope)) {
        None => Ok(()),
        Some(scope) => Err(Problem::new(
            Code::Forbidden,
            format!("insufficient scope: only a key with the scope {scope} can give it to another"),
        )),
    }
}

/// Operations on keys.
pub(in crate::admin) struct ApiKeysApi(pub(in crate::admin) Arc<AdminContext>);

#[OpenApi(prefix_path = "/v1/api-keys", tag = "Tag::ApiKeys")]
impl ApiKeysApi {
    /// Makes a key
    ///
    /// The answer carries the key, this once. A key can be given only what the one that makes it has.
    #[oai(path = "/", method = "post", operation_id = "createApiKey")]
    async fn create(
        &self,
        caller: May<Keys>,
        draft: Input<ApiKeyDraft>,
    ) -> Result<Created<NewApiKey>, Problem> {
        let new = NewKey::from_random(self.0.random.bytes());
        check_scopes(&draft.value, &caller.scopes)?;
        let draft = with_secret(draft.value, &new)?;
        let done = self
            .0
            .propose(&caller, Target::Create, draft)
            .await?
            .map_err(refused)?;
        let current = crud::find_number::<ApiKeys>(&self.0, caller.tenant, done.key.number)?;
        let mut json = current.json(&self.0, caller.tenant)?;
        json["api_key"] = new.key.into();
        Ok(crud::created(caller.tenant, &current, dto::shaped(json)?))
    }

    /// Lists keys
    #[oai(path = "/", method = "get", operation_id = "listApiKeys")]
    async fn list(
        &self,
        caller: May<Keys>,
        /// Statuses to keep, by comma; `-` before one excludes it.
        status: Query<Option<String>>,
        /// Entries of the page, at most 500.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        after: Query<Option<String>>,
        /// `previous` of the page after.
        before: Query<Option<String>>,
    ) -> Result<Json<Page<ApiKey>>, Problem> {
        let query = ListQuery {
            status: status.0,
            paging: Paging {
                limit: limit.0,
                after: after.0,
                before: before.0,
            },
        };
        crud::list::<ApiKeys>(&self.0, &caller, &query, |_| true)
    }

    /// Shows a key, without its secret
    #[oai(path = "/:id", method = "get", operation_id = "getApiKey")]
    async fn show(
        &self,
        caller: May<Keys>,
        id: Path<String>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
    ) -> Result<Shown<ApiKey>, Problem> {
        crud::show::<ApiKeys>(&self.0, &caller, &id, if_none_match.as_deref())
    }

    /// Revokes a key
    ///
    /// It is refused from then on.
    #[oai(path = "/:id/revoke", method = "post", operation_id = "revokeApiKey")]
    async fn revoke(
        &self,
        caller: May<Keys>,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Changed<ApiKey>, Problem> {
        crud::change::<ApiKeys>(&self.0, &caller, &id, if_match.as_deref(), Draft::Archive).await
    }
}
