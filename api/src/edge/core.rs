//! What a core of the edge has: shared things by reference, its own things without a lock.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use hyper::header::HeaderValue;
use tokio::runtime::Handle;
use weir_actors::{Clock, Mesh, Routes};
use weir_engine::catalog::AddressRange;
use weir_engine::click_id::ClickKey;
use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::ports::{Append, ClickLookup, ReportStore};
use weir_engine::routing::ClickFacts;
use weir_engine::secrets::MasterSecret;
use weir_engine::visitor::{Countries, DeviceCache, PlaceCache, UserAgents, VisitorKeys};

use super::anonymous::Anonymous;
use super::minter::Minter;
use super::telemetry::Meters;

const DAY_MS: u64 = 86_400_000;
/// Room for the id of a request: a word, three numbers in hex, underscores.
const REQUEST_ID_BYTES: usize = 40;

/// What a click gets that cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnavailable {
    /// 503 with `Retry-After`.
    Refuse,
    /// It is sent on without a record; counted.
    Redirect,
}

/// How the edge behaves.
#[derive(Debug, Clone)]
pub struct EdgeOptions {
    /// Number of the node in ids.
    pub node: u16,
    /// What a click gets that cannot be recorded.
    pub on_unavailable: OnUnavailable,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<AddressRange>,
    /// Connections an address may hold; 0 = any number.
    pub max_per_ip: u32,
    /// Connections in all.
    pub max_connections: u32,
    /// How long a postback waits for its verdict.
    pub verdict_deadline: Duration,
    /// The URL that status URLs begin with.
    pub public_url: String,
    /// Ids are later than this: the greatest id time in the journal.
    pub ids_after: UnixMs,
}

/// What all cores share.
#[derive(Clone)]
pub struct Edge {
    /// How it behaves.
    pub options: Arc<EdgeOptions>,
    /// The actors.
    pub mesh: Mesh,
    /// Everything secret.
    pub secrets: MasterSecret,
    /// Reading user agents.
    pub agents: Arc<UserAgents>,
    /// Countries of addresses.
    pub countries: Arc<Countries>,
    /// Clicks by id, for postbacks that do not say whose they are.
    pub clicks: Arc<dyn ClickLookup>,
    /// How often an address may send what proves nothing.
    pub anonymous: Anonymous,
    /// Verdicts of the past.
    pub reports: Arc<dyn ReportStore>,
    /// The runtime of the actors, on which is read what may wait for a disk.
    pub runtime: Handle,
    /// The time.
    pub clock: Clock,
}

/// What one core has.
pub(super) struct Core<L> {
    pub(super) edge: Edge,
    pub(super) routes: Arc<Routes>,
    pub(super) lane: L,
    pub(super) facts: RefCell<ClickFacts>,
    pub(super) places: RefCell<PlaceCache>,
    devices: RefCell<DeviceCache>,
    minter: RefCell<Minter>,
    keys: RefCell<HashMap<TenantId, (u64, Keys)>>,
    pub(super) meters: Meters,
    requests: Cell<u64>,
    number: u16,
}

/// A tenant's keys of a day.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) click: ClickKey,
    pub(super) visitor: VisitorKeys,
}

impl<L: Append> Core<L> {
    /// Core `number` of the edge, which appends through `lane`.
    pub(super) fn new(edge: Edge, number: u16, lane: L) -> Self {
        let minter = Minter::new(edge.options.node, number, edge.options.ids_after);
        Self {
            routes: Arc::clone(edge.mesh.routes()),
            lane,
            facts: RefCell::default(),
            places: RefCell::default(),
            devices: RefCell::new(DeviceCache::new(edge.secrets.internal_key("devices"))),
            minter: RefCell::new(minter),
            keys: RefCell::default(),
            meters: Meters::new(),
            requests: Cell::new(0),
            number,
            edge,
        }
    }

    /// The keys of a tenant at `now`.
    pub(super) fn keys(&self, tenant: TenantId, now: UnixMs) -> Keys {
        let day = now.0 / DAY_MS;
        let mut kept = self.keys.borrow_mut();
        match kept.get(&tenant) {
            Some((of_day, keys)) if *of_day == day => keys.clone(),
            _ => {
                let secrets = &self.edge.secrets;
                let keys = Keys {
                    click: secrets.click_key(tenant, 0),
                    visitor: secrets.visitor_keys(tenant, now.0),
                };
                kept.insert(tenant, (day, keys.clone()));
                keys
            }
        }
    }

    /// A new id of `tenant`.
    pub(super) fn mint(
        &self,
        tenant: TenantId,
        key: &ClickKey,
        now: UnixMs,
    ) -> weir_engine::click_id::ClickId {
        self.minter.borrow_mut().mint(tenant, key, now)
    }

    /// What a user agent says.
    pub(super) fn device(
        &self,
        user_agent: &str,
        hints: weir_engine::visitor::Hints<'_>,
    ) -> Arc<weir_engine::visitor::Device> {
        self.devices
            .borrow_mut()
            .get(&self.edge.agents, user_agent, hints)
    }

    /// An id for the next request, unique in this process.
    pub(super) fn request_id(&self) -> HeaderValue {
        let count = self.requests.replace(self.requests.get() + 1);
        let since = self.edge.options.ids_after.0 & 0xff_ffff;
        let mut id = BytesMut::with_capacity(REQUEST_ID_BYTES);
        // Letters, digits and underscores, fewer than the room there is.
        let written = write!(id, "req_{since:x}_{:x}_{count:x}", self.number);
        debug_assert!(written.is_ok());
        HeaderValue::from_maybe_shared(id.freeze()).unwrap_or(HeaderValue::from_static("req"))
    }
}
