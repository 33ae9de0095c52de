//! What the click path reads: links to compiled campaigns, and what else is found without asking an actor.
//!
//! Tenant actors publish here; nobody else writes. Always true: a reader never waits for an actor; what is
//! published stays until something newer is, also when a new run of the fold begins behind it; a link stays for ever, so
//! that an old one leads to a fallback.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use weir_engine::caps::Gates;
use weir_engine::catalog::{Campaign, Catalog, EntityKey, EntityKind, Liveness, Versioned};
use weir_engine::ids::TenantId;
use weir_engine::judge::TenantState;
use weir_engine::routing::{CampaignSnapshot, TenantSnapshot};

use crate::hosts::Hosts;
use crate::known::AsOf;

/// A tenant as it is published.
#[derive(Debug)]
pub struct PublishedTenant {
    /// Whose.
    pub id: TenantId,
    /// Its configuration, compiled.
    pub snapshot: ArcSwap<TenantSnapshot>,
    /// The number after the last fact that changed it.
    as_of: AtomicU64,
}

/// Where a link leads.
#[derive(Debug)]
pub struct Route {
    /// Whose link.
    pub tenant: Arc<PublishedTenant>,
    /// The campaign, compiled.
    pub campaign: ArcSwap<CampaignSnapshot>,
}

/// A key to the API, as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedKey {
    /// Whose key.
    pub tenant: TenantId,
    /// Its number within the tenant.
    pub number: u32,
    /// What it may do.
    pub scopes: Arc<[String]>,
}

type Links = DashMap<Box<str>, Arc<Route>>;

/// See the module.
#[derive(Debug, Default)]
pub struct Routes {
    shared: Links,
    by_host: DashMap<Box<str>, Arc<Links>>,
    tenants: DashMap<TenantId, Arc<PublishedTenant>>,
    pub(crate) hosts: Hosts,
    keys: DashMap<Box<str>, PublishedKey>,
    changes: AtomicU64,
}

impl Routes {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The route of a link on a host; hosts that are no tenant's domain are the shared host.
    #[must_use]
    pub fn find(&self, host: &str, link: &str) -> Option<Arc<Route>> {
        // Most installations have no domains: then no host is looked up.
        if !self.by_host.is_empty()
            && let Some(links) = self.by_host.get(host)
        {
            return links.get(link).map(|route| Arc::clone(&route));
        }
        self.shared.get(link).map(|route| Arc::clone(&route))
    }

    /// A tenant as it is published.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId) -> Option<Arc<PublishedTenant>> {
        self.tenants.get(&tenant).map(|t| Arc::clone(&t))
    }

    /// What a tenant has configured: reads see what was accepted before.
    #[must_use]
    pub fn catalog(&self, tenant: TenantId) -> Option<Arc<Catalog>> {
        let published = self.tenant(tenant)?;
        Some(Arc::clone(&published.snapshot.load().catalog))
    }

    /// All tenants that have facts, in order.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantId> {
        let mut tenants: Vec<TenantId> = self.tenants.iter().map(|t| *t.key()).collect();
        tenants.sort_unstable();
        tenants
    }

    /// The API key whose SHA-256 is this, in hex; an archived tenant has none.
    #[must_use]
    pub fn api_key(&self, sha256: &str) -> Option<PublishedKey> {
        let key = self.keys.get(sha256).map(|key| key.clone())?;
        let catalog = self.catalog(key.tenant)?;
        // The installation, which has keys too, has no settings.
        let tenant = catalog.tenant.as_ref();
        tenant
            .is_none_or(|t| t.body.status == Liveness::Active)
            .then_some(key)
    }

    /// How many links are published.
    #[must_use]
    pub fn links(&self) -> usize {
        self.shared.len() + self.by_host.iter().map(|links| links.len()).sum::<usize>()
    }

    /// How often something was published: when it has changed, so has what is configured.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// The publisher of a tenant, with its catalog published unless a newer one is.
    pub(crate) fn of_tenant(self: &Arc<Self>, tenant: TenantId, known: &AsOf) -> TenantRoutes {
        let catalog = &known.catalog;
        let published = self.tenants.entry(tenant).or_insert_with(|| {
            let snapshot =
                TenantSnapshot::compile(tenant, Arc::default(), Arc::new(Gates::default()), None);
            Arc::new(PublishedTenant {
                id: tenant,
                snapshot: ArcSwap::from_pointee(snapshot),
                as_of: AtomicU64::new(0),
            })
        });
        for domain in catalog.domains.values() {
            self.hosts.claim(&domain.body.host, tenant);
        }
        let mut routes = TenantRoutes {
            routes: Arc::clone(self),
            published: Arc::clone(&published),
            versions: BTreeMap::new(),
        };
        drop(published);
        routes.publish_all(known);
        routes
    }
}

/// What a tenant actor publishes through.
pub(crate) struct TenantRoutes {
    routes: Arc<Routes>,
    published: Arc<PublishedTenant>,
    /// What each published campaign was compiled from: its own version and the tenant's, whose currency and zone
    /// are its defaults.
    versions: BTreeMap<u32, [u32; 2]>,
}

impl TenantRoutes {
    /// Publishes everything that a tenant has configured.
    fn publish_all(&mut self, known: &AsOf) {
        let keys = known.catalog.api_keys.keys();
        let keys = keys.map(|number| EntityKey::one(EntityKind::ApiKey, *number));
        let tenant = EntityKey::one(EntityKind::Tenant, 0);
        let all = keys.chain([tenant]).collect();
        self.publish(&known.catalog, &all, known.next);
    }

    /// Publishes a tenant's configuration after changes of `changed`, as of the facts before `next`; what did not change
    /// is kept. A run of the fold that is behind what an earlier one has published publishes nothing until it is there.
    pub(crate) fn publish(&mut self, catalog: &Catalog, changed: &BTreeSet<EntityKey>, next: u64) {
        if self.published.as_of.fetch_max(next, Ordering::AcqRel) > next {
            return;
        }
        self.routes.changes.fetch_add(1, Ordering::AcqRel);
        let before = self.published.snapshot.load_full();
        let catalog = Arc::new(catalog.clone());
        let gates = Arc::clone(&before.gates);
        let id = self.published.id;
        let next = TenantSnapshot::compile(id, Arc::clone(&catalog), gates, Some(&before));
        self.published.snapshot.store(Arc::new(next));
        let of = |kind| changed.iter().filter(move |key| key.kind == kind);
        if of(EntityKind::Tenant).next().is_some() {
            for (&number, campaign) in &catalog.campaigns {
                self.publish_campaign(&catalog, number, campaign);
            }
        }
        for key in of(EntityKind::Campaign) {
            if let Some(campaign) = catalog.campaigns.get(&key.number) {
                self.publish_campaign(&catalog, key.number, campaign);
            }
        }
        for key in of(EntityKind::ApiKey) {
            self.publish_key(&catalog, key.number);
        }
    }

    fn publish_key(&self, catalog: &Catalog, number: u32) {
        let Some(key) = catalog.api_keys.get(&number) else {
            return;
        };
        let sha256 = key.body.sha256.as_str();
        if key.body.status == Liveness::Archived {
            self.routes.keys.remove(sha256);
            return;
        }
        let published = PublishedKey {
            tenant: self.published.id,
            number,
            scopes: key.body.scopes.as_slice().into(),
        };
        self.routes.keys.insert(sha256.into(), published);
    }

    fn publish_campaign(&mut self, catalog: &Catalog, number: u32, campaign: &Versioned<Campaign>) {
        let of_tenant = catalog.tenant.as_ref().map_or(0, |t| t.version);
        let versions = [campaign.version, of_tenant];
        if self.versions.insert(number, versions) == Some(versions) {
            return;
        }
        let id = self.published.id;
        let Some(snapshot) = CampaignSnapshot::compile(id, catalog, number) else {
            return;
        };
        let links = match campaign.body.domain_id {
            None => None,
            Some(domain) => {
                let domain = catalog.domains.get(&domain.number());
                match domain.filter(|d| self.routes.hosts.claim(&d.body.host, id)) {
                    Some(domain) => Some(self.links_of(&domain.body.host)),
                    None => return,
                }
            }
        };
        let links = links.as_deref().unwrap_or(&self.routes.shared);
        match links.get(&*snapshot.link).map(|r| Arc::clone(&r)) {
            Some(route) if route.tenant.id == id => route.campaign.store(Arc::new(snapshot)),
            // Links of the shared host are drawn from 36¹⁰: the first stays.
            Some(_) => {
                tracing::error!(tenant = %id, link = &*snapshot.link, "link is another tenant's")
            }
            None => {
                let route = Route {
                    tenant: Arc::clone(&self.published),
                    campaign: ArcSwap::from_pointee(snapshot),
                };
                let link = route.campaign.load().link.clone();
                links.insert(link, Arc::new(route));
            }
        }
    }

    /// What all tenants have published.
    pub(crate) fn all(&self) -> &Arc<Routes> {
        &self.routes
    }

    fn links_of(&self, host: &str) -> Arc<Links> {
        Arc::clone(&self.routes.by_host.entry(host.into()).or_default())
    }

    /// Opens the gates of caps: the fold has reached the head of the log.
    pub(crate) fn open_gates(&self, state: &TenantState) {
        self.published.snapshot.load().gates.open(state.counters());
    }

    /// Shows what counters have used.
    pub(crate) fn book(&self, touched: &[(weir_engine::caps::Place, i64)]) {
        if !touched.is_empty() {
            self.published.snapshot.load().gates.book(touched);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use weir_engine::catalog::{Change, EntityKey, EntityKind};
    use weir_engine::ids::UnixMs;
    use weir_engine::money::Currency;
    use weir_engine::routing::CompiledCost;

    fn put(catalog: &mut AsOf, kind: EntityKind, number: u32, version: u32, body: Value) {
        let change = Change {
            key: EntityKey::one(kind, number),
            version,
            by: "test".to_owned(),
            body,
        };
        catalog.catalog.apply(&change, UnixMs(1)).unwrap();
        catalog.next += 1;
    }

    #[test]
    fn a_campaign_follows_its_tenants_currency() {
        let settings = |currency| json!({"name": "T", "currency": currency, "timezone": "UTC"});
        let mut catalog = AsOf::default();
        put(&mut catalog, EntityKind::Tenant, 0, 1, settings("USD"));
        let campaign = json!({"name": "C", "kind": "campaign", "link": "x", "distribution": {"mode": "fixed"},
            "arms": [], "cost": {"model": "token"}});
        put(&mut catalog, EntityKind::Campaign, 1, 1, campaign);
        let routes = Routes::new();
        let mut publisher = routes.of_tenant(TenantId(1), &catalog);
        let cost = || {
            routes
                .find("any.example", "x")
                .unwrap()
                .campaign
                .load()
                .cost
        };
        assert_eq!(cost(), CompiledCost::Token(Currency::USD));
        put(&mut catalog, EntityKind::Tenant, 0, 2, settings("EUR"));
        let changed = BTreeSet::from([EntityKey::one(EntityKind::Tenant, 0)]);
        publisher.publish(&catalog.catalog, &changed, catalog.next);
        assert_eq!(cost(), CompiledCost::Token(Currency::EUR));
    }

    #[test]
    fn an_archived_tenant_has_no_key_and_its_links_take_no_clicks() {
        let settings =
            |status| json!({"name": "T", "currency": "USD", "timezone": "UTC", "status": status});
        let key = json!({"name": "K", "prefix": "weir_live_x", "sha256": "ab", "scopes": ["*"]});
        let campaign = json!({"name": "C", "kind": "campaign", "link": "x", "distribution": {"mode": "fixed"},
            "arms": []});
        let mut catalog = AsOf::default();
        put(&mut catalog, EntityKind::ApiKey, 1, 1, key);
        let routes = Routes::new();
        let installation = routes.of_tenant(TenantId(0), &catalog);
        assert!(routes.api_key("ab").is_some(), "without settings");
        drop(installation);
        put(&mut catalog, EntityKind::Tenant, 0, 1, settings("active"));
        put(&mut catalog, EntityKind::Campaign, 1, 1, campaign);
        let mut publisher = routes.of_tenant(TenantId(1), &catalog);
        let state = || {
            let route = routes.find("any.example", "x").unwrap();
            let is_live = route.campaign.load().is_live;
            (routes.api_key("ab").is_some(), is_live)
        };
        assert_eq!(state(), (true, true));
        let changed = BTreeSet::from([EntityKey::one(EntityKind::Tenant, 0)]);
        put(&mut catalog, EntityKind::Tenant, 0, 2, settings("archived"));
        publisher.publish(&catalog.catalog, &changed, catalog.next);
        assert_eq!(state(), (false, false));
        put(&mut catalog, EntityKind::Tenant, 0, 3, settings("active"));
        publisher.publish(&catalog.catalog, &changed, catalog.next);
        assert_eq!(state(), (true, true));
    }

    #[test]
    fn a_run_that_begins_behind_what_is_published_takes_nothing_back() {
        let settings = |name| json!({"name": name, "currency": "USD", "timezone": "UTC"});
        let campaign = |name| {
            json!({"name": name, "kind": "campaign", "link": "x", "distribution": {"mode": "fixed"},
            "arms": []})
        };
        let mut at_head = AsOf::default();
        put(&mut at_head, EntityKind::Tenant, 0, 1, settings("old"));
        let mut stored = AsOf {
            catalog: at_head.catalog.clone(),
            next: at_head.next,
        };
        put(&mut at_head, EntityKind::Tenant, 0, 2, settings("new"));
        put(&mut at_head, EntityKind::Campaign, 1, 1, campaign("C"));
        let routes = Routes::new();
        drop(routes.of_tenant(TenantId(1), &at_head));
        let name = || {
            let catalog = routes.catalog(TenantId(1)).unwrap();
            catalog.tenant.as_ref().unwrap().body.name.clone()
        };
        let mut publisher = routes.of_tenant(TenantId(1), &stored);
        assert_eq!(name(), "new");
        assert!(routes.find("any.example", "x").is_some());
        let tenant = BTreeSet::from([EntityKey::one(EntityKind::Tenant, 0)]);
        put(&mut stored, EntityKind::Tenant, 0, 2, settings("new"));
        publisher.publish(&stored.catalog, &tenant, stored.next);
        assert!(routes.find("any.example", "x").is_some());
        put(&mut stored, EntityKind::Campaign, 1, 1, campaign("C"));
        let changed = BTreeSet::from([EntityKey::one(EntityKind::Campaign, 1)]);
        publisher.publish(&stored.catalog, &changed, stored.next);
        put(&mut stored, EntityKind::Tenant, 0, 3, settings("newest"));
        publisher.publish(&stored.catalog, &tenant, stored.next);
        assert_eq!(name(), "newest");
    }
}
