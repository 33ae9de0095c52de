//! A world for tests of the admin API: journal, store and actors in a folder of their own; requests go straight to
//! the endpoint, without a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use poem::endpoint::{BoxEndpoint, EndpointExt};
use poem::http::{HeaderMap, Method};
use poem::{Endpoint, Request, Response};
use serde_json::{Value, json};
use weir_actors::live::LiveTap;
use weir_actors::{Clock, Mesh, Options, Ports};
use weir_embedded::Embedded;
use weir_engine::catalog::{Change, EntityKey, EntityKind};
use weir_engine::click_id::{ClickId, EPOCH_MS, Parts};
use weir_engine::fact::{
    AuthKind, ClickCore, ClickDetail, ClickOutcome, ClickReason, ConversionReceived, Kind, Sent,
};
use weir_engine::ids::{ConversionId, Position, TenantId, UnixMs};
use weir_engine::ports::{Append, RateLimits, SharedCounters};
use weir_engine::record::Record;
use weir_engine::secrets::MasterSecret;
use weir_journal::{Cursors, Journal};

use super::search::Canned;
use super::seed::Seed;
use crate::admin::{self, Actors, AdminContext, Allowance, Random};
use crate::api_key::NewKey;

pub const OPERATOR: &str = "weir_operator_for_tests";
/// Where links of all tenants live.
pub const SHARED_HOST: &str = "track.example";
/// Other than the default, so that a test sees where it comes from.
pub const UNIQUENESS_CAPACITY: u32 = 123_456;
/// The tenants that every world has.
pub const OURS: TenantId = TenantId(1);
pub const THEIRS: TenantId = TenantId(2);

pub struct World {
    _folder: tempfile::TempDir,
    now: Arc<AtomicU64>,
    minted: AtomicU64,
    pub mesh: Mesh,
    journal: Journal,
    pub store: Arc<Embedded>,
    allowance: Allowance,
    /// What nodes share; in force when the API starts anew.
    pub limits: Option<Arc<dyn RateLimits>>,
    pub counters: Option<Arc<dyn SharedCounters>>,
    pub live: LiveTap,
    /// In force when the API starts anew.
    pub is_public_url_set: bool,
    /// Whether the API has an index when it starts anew.
    pub has_search: bool,
    pub search: Arc<Canned>,
    pub app: BoxEndpoint<'static, Response>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:#}", self.body);
        self
    }

    pub fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_default().to_owned()
    }

    /// (path, code) of the field errors.
    pub fn fields(&self) -> Vec<(String, String)> {
        let errors = self.body["field_errors"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let text = |e: &Value, name: &str| e[name].as_str().unwrap_or_default().to_owned();
        errors
            .iter()
            .map(|e| (text(e, "field"), text(e, "code")))
            .collect()
    }
}

/// The number of the entity that an id names: its last 32 bits.
pub fn number(id: &str) -> u32 {
    let digits = id.split_once('_').map_or(id, |(_, digits)| digits);
    let value = |c: char| "0123456789abcdefghjkmnpqrstvwxyz".find(c).unwrap_or(0) as u64;
    digits
        .chars()
        .fold(0u64, |number, c| (number << 5) | value(c)) as u32
}

fn secrets() -> MasterSecret {
    MasterSecret::new([9; 32])
}

/// A key with every scope of a tenant: the same in every world.
pub fn key_of(tenant: TenantId) -> String {
    new_key(tenant.0 as u8).key
}

fn new_key(number: u8) -> NewKey {
    NewKey::from_random([number; 40])
}

impl World {
    /// Two tenants with a key each.
    pub async fn new() -> Self {
        let world = Self::with(Allowance {
            per_second: 1_000_000,
            burst: 1_000_000,
        })
        .await;
        for tenant in [OURS, THEIRS] {
            world.tenant(tenant).await;
        }
        world
    }

    pub async fn with(allowance: Allowance) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Arc::new(AtomicU64::new(EPOCH_MS + 86_400_000));
        let store = Arc::new(Embedded::open(folder.path().join("state.db")).expect("a store"));
        let options = weir_journal::Options {
            segment_bytes: 1 << 20,
            must_reach: Cursors::START,
            ..weir_journal::Options::default()
        };
        let journal = Journal::open(folder.path(), &options).expect("a journal");
        let clock = Arc::clone(&now);
        let ports = Ports {
            journal: journal.clone(),
            lane: journal.shared_lane(),
            clicks: Arc::new(journal.clone()),
            ledger: Arc::clone(&store) as _,
            catalog: Arc::clone(&store) as _,
            clock: Clock::from(move || UnixMs(clock.load(Ordering::Relaxed))),
        };
        let live = LiveTap::open();
        let options = Options {
            shared_hosts: vec![SHARED_HOST.to_owned()],
            live: live.clone(),
            ..Options::default()
        };
        let mesh = Mesh::start(ports, options, None).await.expect("actors");
        let at_head = tokio::time::timeout(Duration::from_secs(20), mesh.at_head());
        at_head.await.expect("the head is reached in time");
        let mut world = Self {
            app: poem::Route::new().map_to_response().boxed(),
            _folder: folder,
            now,
            minted: AtomicU64::new(0),
            mesh,
            journal,
            store,
            allowance,
            limits: None,
            counters: None,
            live,
            is_public_url_set: true,
            has_search: true,
            search: Arc::default(),
        };
        world.replace_actors(|mesh| mesh);
        world
    }

    /// Starts the API anew with other actors.
    pub fn replace_actors<A: Actors>(&mut self, actors: impl FnOnce(Mesh) -> A) {
        let clock = Arc::clone(&self.now);
        let counter = AtomicU64::new(1);
        let app = admin::app(AdminContext {
            actors: Arc::new(actors(self.mesh.clone())),
            reports: Arc::clone(&self.store) as _,
            source: "embedded",
            ledger: Arc::clone(&self.store) as _,
            clicks: Arc::new(self.journal.clone()),
            search: self.has_search.then(|| Arc::clone(&self.search) as _),
            secrets: secrets(),
            operator_key: OPERATOR.to_owned(),
            public_url: "https://track.example".to_owned(),
            is_public_url_set: self.is_public_url_set,
            agents: None,
            countries: None,
            uniqueness_capacity: UNIQUENESS_CAPACITY,
            allowance: self.allowance,
            limits: self.limits.clone(),
            counters: self.counters.clone(),
            now: Box::new(move || UnixMs(clock.load(Ordering::Relaxed))),
            random: Random::from(move |bytes| {
                let number = counter
                    .fetch_add(1, Ordering::Relaxed)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15);
                for (i, byte) in bytes.iter_mut().enumerate() {
                    *byte = (number.rotate_left(i as u32 * 7) as u8) ^ i as u8;
                }
            }),
        });
        self.app = app.boxed();
    }

    pub fn now(&self) -> UnixMs {
        UnixMs(self.now.load(Ordering::Relaxed))
    }

    pub fn pass(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }

    /// Writes a tenant with the key [`key_of`].
    pub async fn tenant(&self, tenant: TenantId) {
        let settings = json!({"name": format!("T{}", tenant.0), "currency": "USD", "timezone": "Europe/Berlin"});
        let listed = EntityKey::one(EntityKind::Tenant, tenant.0);
        self.configure(TenantId(0), listed, settings.clone()).await;
        self.configure(tenant, EntityKey::one(EntityKind::Tenant, 0), settings)
            .await;
        self.key(tenant, 1, &new_key(tenant.0 as u8), &["*"]).await;
    }

    /// Writes a key with these scopes, and gives it.
    pub async fn scoped_key(&self, tenant: TenantId, number: u32, scopes: &[&str]) -> String {
        let new = new_key(100 + number as u8);
        self.key(tenant, number, &new, scopes).await;
        new.key
    }

    async fn key(&self, tenant: TenantId, number: u32, new: &NewKey, scopes: &[&str]) {
        let body =
            json!({"name": "K", "prefix": new.prefix, "sha256": new.sha256, "scopes": scopes});
        self.configure(tenant, EntityKey::one(EntityKind::ApiKey, number), body)
            .await;
    }

    /// Writes the first version of an entity, and waits until it is in force.
    pub async fn configure(&self, tenant: TenantId, key: EntityKey, body: Value) {
        let change = Change {
            key,
            version: 1,
            by: "test".to_owned(),
            body,
        };
        let mut open = Vec::new();
        change.write(&mut open);
        let position = self.append(tenant, Kind::ConfigChanged, &open).await;
        self.stored(position).await;
    }

    /// Waits until the fact at `position` is stored.
    async fn stored(&self, position: Position) {
        let stored = self.mesh.progress().wait_for(position);
        tokio::time::timeout(Duration::from_secs(20), stored)
            .await
            .expect("stored in time");
    }

    /// Writes a click of the seed's affiliate that was sent to the seed's offer by its campaign.
    pub async fn click(&self, seed: &Seed) -> ClickId {
        let sequence = self.minted.fetch_add(1, Ordering::Relaxed) as u16;
        let parts = Parts {
            key_number: 0,
            tenant: seed.tenant.0,
            ms: self.now().0 - EPOCH_MS,
            node: 0,
            sequence,
        };
        let click_id = ClickId::mint(parts, &secrets().click_key(seed.tenant, 0));
        let core = ClickCore {
            tenant: seed.tenant,
            at: self.now(),
            click_id,
            campaign: number(&seed.campaign),
            flow: None,
            wanted_offer: Some(number(&seed.offer)),
            sent: Some(Sent {
                offer: number(&seed.offer),
                offer_version: 1,
                arm: number(&seed.arm),
            }),
            affiliate: Some(number(&seed.affiliate)),
            visitor: [u64::from(sequence), 1],
            country: *b"DE",
            device: 1,
            bot: None,
            propensity: 1.0,
            policy_version: 0,
            config_version: 3,
            cost: None,
            is_test: false,
            outcome: ClickOutcome::Redirected,
            reason: ClickReason::None,
        };
        let detail = ClickDetail {
            link: "link".to_owned(),
            eligible: vec![number(&seed.arm)],
        };
        let mut open = Vec::new();
        core.write(&detail, &mut open);
        let position = self
            .append_click(seed.tenant, Kind::Clicked, &open, Some(click_id))
            .await;
        self.stored(position).await;
        click_id
    }

    /// Writes an authenticated postback for a click; gives the id of the conversion that it makes.
    pub async fn postback(
        &self,
        seed: &Seed,
        click_id: ClickId,
        txid: &str,
        status: &str,
    ) -> String {
        let sequence = self.minted.fetch_add(1, Ordering::Relaxed) as u16;
        let parts = Parts {
            sequence,
            ..click_id.parts()
        };
        let received = ConversionReceived {
            received_id: ClickId::mint(parts, &secrets().click_key(seed.tenant, 0)),
            advertiser: Some(number(&seed.advertiser)),
            click_id: Some(click_id),
            auth: AuthKind::Token,
            occurred_at: None,
            event: String::new(),
            txid: txid.to_owned(),
            amount: "99.90".to_owned(),
            currency: "USD".to_owned(),
            status: status.to_owned(),
            warnings: Vec::new(),
        };
        let mut open = Vec::new();
        received.write(&mut open);
        let position = self
            .append(seed.tenant, Kind::ConversionReceived, &open)
            .await;
        self.stored(position).await;
        ConversionId::at(position).to_string()
    }

    pub async fn append(&self, tenant: TenantId, kind: Kind, open: &[u8]) -> Position {
        self.append_click(tenant, kind, open, None).await
    }

    async fn append_click(
        &self,
        tenant: TenantId,
        kind: Kind,
        open: &[u8],
        click_id: Option<ClickId>,
    ) -> Position {
        let record = Record {
            tenant,
            at: self.now(),
            kind: kind.code(),
            version: 1,
            click_id,
            open,
            private_key: 0,
            private: &[],
            texts: ["", ""],
        };
        self.journal
            .shared_lane()
            .append(&record)
            .await
            .expect("appended")
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request) -> Answer {
        let response = self.app.get_response(request).await;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.into_body().into_bytes().await.expect("a body");
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer {
            status,
            headers,
            body,
        }
    }

    /// A request with a key, headers and a JSON body.
    pub async fn ask(
        &self,
        key: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path.parse().expect("a path"))
            .header("authorization", format!("Bearer {key}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match body {
            None => request.finish(),
            Some(body) => request
                .content_type("application/json")
                .body(body.to_string()),
        };
        self.send(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(&key_of(OURS), Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(&key_of(OURS), Method::POST, path, &[], Some(&body))
            .await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.ask(&key_of(OURS), Method::PATCH, path, &[], Some(&body))
            .await
    }
}
