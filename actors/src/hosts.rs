//! Whose host is whose, over all tenants: the one check of a configuration change that its tenant's catalog cannot
//! make.
//!
//! Always true: a host is one tenant's, for good, also when its domain is archived, for its old links still lead
//! somewhere; a host of the installation itself is nobody's. A claim is made before its fact is written, so that of
//! two tenants at the same time one is refused; a claim whose fact was not written after all is forgotten by the
//! next start, which claims what the catalogs say.

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use weir_engine::catalog::propose::Refusal;
use weir_engine::catalog::{Change, EntityKind};
use weir_engine::ids::TenantId;

/// The installation itself.
const INSTALLATION: TenantId = TenantId(0);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Hosts(DashMap<Box<str>, TenantId>);

impl Hosts {
    /// Keeps `hosts` for links of all tenants.
    pub(crate) fn keep(&self, hosts: &[String]) {
        for host in hosts {
            self.0
                .insert(host.to_ascii_lowercase().into(), INSTALLATION);
        }
    }

    /// Whether `host` is, or now becomes, `tenant`'s.
    pub(crate) fn claim(&self, host: &str, tenant: TenantId) -> bool {
        match self.0.entry(host.into()) {
            Entry::Occupied(owner) => *owner.get() == tenant,
            Entry::Vacant(free) => {
                free.insert(tenant);
                true
            }
        }
    }

    /// Claims the hosts that `changes` name.
    ///
    /// # Errors
    /// One is somebody else's.
    pub(crate) fn claim_all(&self, changes: &[Change], tenant: TenantId) -> Result<(), Refusal> {
        let domains = changes.iter().filter(|c| c.key.kind == EntityKind::Domain);
        let mut hosts = domains.filter_map(|change| change.body["host"].as_str());
        match hosts.find(|host| !self.claim(host, tenant)) {
            None => Ok(()),
            Some(host) => Err(Refusal::Conflict {
                field: "host",
                message: format!("the host {host} is taken"),
            }),
        }
    }
}
