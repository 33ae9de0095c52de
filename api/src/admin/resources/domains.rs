//! Domains: hosts that links of a tenant live on.

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
use crate::admin::context::AdminContext;
use crate::admin::crud::{self, ListQuery, Resource};
use crate::admin::dto::{DomainId, Liveness, Time};
use crate::admin::input::Input;
use crate::admin::list::{Page, Paging};
use crate::admin::tags::Tag;
use crate::problem::{FieldError, Problem};

/// A domain, as it is wanted.
#[derive(Debug, Object)]
pub(in crate::admin) struct DomainDraft {
    /// The host: `go.example.com`.
    #[oai(validator(min_length = 1, max_length = 253))]
    host: String,
}

/// A host that links of the tenant live on.
#[derive(Debug, Object)]
pub(in crate::admin) struct Domain {
    /// Its id.
    id: DomainId,
    /// Counts its changes.
    version: u32,
    /// When it was made.
    created_at: Time,
    /// When this version was made.
    updated_at: Time,
    /// The host, in lower case.
    host: String,
    /// Whether it is in use.
    status: Liveness,
}

/// See [`Resource`].
enum Domains {}

impl Resource for Domains {
    const KIND: EntityKind = EntityKind::Domain;
    const PATH: &'static str = "/v1/domains/";
    const STATUSES: &'static [&'static str] = &["active", "archived"];
    type Entity = catalog::Domain;
    type View = Domain;

    fn number(tenant: TenantId, id: &str) -> Option<u32> {
        number_of!(ids::DomainId, tenant, id)
    }

    fn entities(catalog: &Catalog) -> &Entities<catalog::Domain> {
        &catalog.domains
    }

    fn status(entity: &catalog::Domain) -> &'static str {
        entity.status.as_str()
    }
}

/// Operations on domains.
pub(in crate::admin) struct DomainsApi(pub(in crate::admin) Arc<AdminContext>);

#[OpenApi(prefix_path = "/v1/domains", tag = "Tag::Domains")]
impl DomainsApi {
    /// Makes a domain
    ///
    /// A host is one tenant's, for good, and none of the installation's own, which must have a public URL.
    #[oai(path = "/", method = "post", operation_id = "createDomain")]
    async fn create(
        &self,
        caller: May<Writes>,
        draft: Input<DomainDraft>,
    ) -> Result<Created<Domain>, Problem> {
        if !self.0.is_public_url_set {
            let message = "set node.public_url first: the installation's own host must be known, so that no tenant takes it";
            return Err(Problem::fields([FieldError::new(
                "host",
                "invalid_value",
                message,
            )]));
        }
        crud::create::<Domains>(&self.0, &caller, draft.value).await
    }

    /// Lists domains
    #[oai(path = "/", method = "get", operation_id = "listDomains")]
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
    ) -> Result<Json<Page<Domain>>, Problem> {
        let query = ListQuery {
            status: status.0,
            paging: Paging {
                limit: limit.0,
                after: after.0,
                before: before.0,
            },
        };
        crud::list::<Domains>(&self.0, &caller, &query, |_| true)
    }

    /// Shows a domain
    #[oai(path = "/:id", method = "get", operation_id = "getDomain")]
    async fn show(
        &self,
        caller: May<Reads>,
        id: Path<String>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
    ) -> Result<Shown<Domain>, Problem> {
        crud::show::<Domains>(&self.0, &caller, &id, if_none_match.as_deref())
    }

    /// Archives a domain
    #[oai(path = "/:id/archive", method = "post", operation_id = "archiveDomain")]
    async fn archive(
        &self,
        caller: May<Writes>,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Changed<Domain>, Problem> {
        crud::change::<Domains>(&self.0, &caller, &id, if_match.as_deref(), Draft::Archive).await
    }
}
