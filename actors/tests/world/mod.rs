//! A world for tests of the actors: a real journal and a real store in a folder of their own, facts written
//! straight into the log, time that the test tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use weir_actors::{Clock, Known, Mesh, Options, Ports, Replay, replay};
use weir_embedded::{Embedded, Snapshot, TableDigest};
use weir_engine::catalog::{Change, EntityKey, EntityKind};
use weir_engine::click_id::{ClickId, ClickKey, EPOCH_MS, Parts};
use weir_engine::fact::{
    AuthKind, ClickCore, ClickDetail, ClickOutcome, ClickReason, ConversionReceived, Kind, Sent,
};
use weir_engine::ids::{AdvertiserId, ArmId, OfferId, Position, TenantId, UnixMs};
use weir_engine::ports::{Append, ClickLookup, LedgerStore};
use weir_engine::record::Record;
use weir_journal::{Cursors, Journal, StoredLog};

use crate::away::FakeAway;

pub const ADVERTISER: u32 = 1;
pub const AFFILIATE: u32 = 2;
pub const OFFER: u32 = 3;
pub const CAMPAIGN: u32 = 4;
pub const ARM: u32 = 5;
const KEY: ClickKey = ClickKey([7; 16]);

pub struct World {
    folder: tempfile::TempDir,
    now: Arc<AtomicU64>,
    minted: u64,
    /// What stands before the log's own look-up of clicks.
    cache: Option<Cache>,
    running: Option<Running>,
}

type Cache = Box<dyn Fn(Arc<dyn ClickLookup>) -> Arc<dyn ClickLookup> + Send + Sync>;

struct Running {
    mesh: Mesh,
    journal: Journal,
    store: Arc<Embedded>,
    away: Arc<FakeAway>,
}

impl World {
    /// A world with nothing in it, started.
    pub async fn new(options: Options) -> Self {
        Self::with_cache(options, None).await
    }

    /// The same with a cache of clicks.
    pub async fn with_cache(options: Options, cache: Option<Cache>) -> Self {
        let mut world = Self {
            cache,
            folder: tempfile::tempdir().unwrap(),
            now: Arc::new(AtomicU64::new(EPOCH_MS + 1_000_000)),
            minted: 0,
            running: None,
        };
        world.start(options).await;
        world
    }

    /// Starts journal, store and actors on the folder.
    pub async fn start(&mut self, options: Options) {
        let (ports, store, away) = self.open(false).await;
        self.begin(ports, options, None, store, away).await.unwrap();
        let at_head = tokio::time::timeout(Duration::from_secs(20), self.mesh().at_head());
        at_head.await.expect("the head is reached in time");
    }

    /// Starts with a store that is away.
    pub async fn start_away(&mut self, options: Options, known: Known) {
        let (ports, store, away) = self.open(true).await;
        away.take_away(true);
        let begun = self.begin(ports, options, Some(known), store, away);
        begun.await.unwrap();
    }

    /// Tries to start with a store that is away, and nothing else to begin with.
    pub async fn refuses_to_start_away(&mut self, options: Options) {
        let (ports, store, away) = self.open(true).await;
        away.take_away(true);
        let journal = ports.journal.clone();
        let error = self.begin(ports, options, None, store, away).await;
        assert!(error.unwrap_err().contains("not available"));
        journal.close().unwrap();
    }

    async fn begin(
        &mut self,
        ports: Ports,
        options: Options,
        known: Option<Known>,
        store: Arc<Embedded>,
        away: Arc<FakeAway>,
    ) -> Result<(), String> {
        let journal = ports.journal.clone();
        let mesh = Mesh::start(ports, options, known).await;
        self.running = Some(Running {
            mesh: mesh.map_err(|error| error.to_string())?,
            journal,
            store,
            away,
        });
        Ok(())
    }

    async fn open(&self, is_store_away: bool) -> (Ports, Arc<Embedded>, Arc<FakeAway>) {
        let store = Arc::new(Embedded::open(self.folder.path().join("state.db")).unwrap());
        let must_reach = match is_store_away {
            true => Cursors::START,
            false => {
                let partitions = store.offsets().await.unwrap().into_iter();
                partitions.map(|p| (p.partition, p.next_offset)).collect()
            }
        };
        let journal = Journal::open(
            self.folder.path(),
            &weir_journal::Options {
                segment_bytes: 1 << 20,
                must_reach,
                ..weir_journal::Options::default()
            },
        )
        .unwrap();
        let now = Arc::clone(&self.now);
        let away = FakeAway::before(Arc::clone(&store));
        let log: Arc<dyn ClickLookup> = Arc::new(journal.clone());
        let ports = Ports {
            lane: journal.shared_lane(),
            clicks: match &self.cache {
                Some(cache) => cache(log),
                None => log,
            },
            journal,
            ledger: Arc::clone(&away) as _,
            catalog: Arc::clone(&away) as _,
            clock: Clock::from(move || UnixMs(now.load(Ordering::Relaxed))),
        };
        (ports, store, away)
    }

    /// What stands before the store.
    pub fn away(&self) -> &FakeAway {
        &self.running.as_ref().unwrap().away
    }

    /// Waits until the tenant's actor knows which identities are taken.
    pub async fn identities_are_known(&mut self, tenant: TenantId, click: ClickId) {
        for n in 0..1_000 {
            let asked = self.away().identities_asked();
            let (_, position) = self.convert(tenant, click, &format!("known {n}")).await;
            self.stored(position).await;
            if self.away().identities_asked() == asked {
                return;
            }
        }
        panic!("the store is asked for every identity");
    }

    /// Stops everything in order.
    pub async fn stop(&mut self) {
        let running = self.running.take().unwrap();
        assert!(running.mesh.drain(Duration::from_secs(20)).await, "drained");
        running.journal.close().unwrap();
    }

    /// Drops everything without a word, as a crash does but for the process.
    pub async fn crash(&mut self) {
        let running = self.running.take().unwrap();
        running.mesh.kill().await;
        running.journal.close().unwrap();
    }

    /// Folds the log of a stopped world from its start, `batch` facts a transaction, and gives the digests.
    pub async fn replayed(&self, batch: usize) -> Vec<TableDigest> {
        let log = StoredLog::open(self.folder.path()).unwrap();
        let file = self.folder.path().join(format!("replay-{batch}.db"));
        let store = Embedded::open(&file).unwrap();
        let reader = log.read_from(Cursors::START).unwrap();
        let how = Replay {
            batch,
            is_to_be_served: false,
        };
        let replayed = replay(reader, log.end(), &log, &store, how, |_| {})
            .await
            .unwrap();
        assert_eq!(replayed.facts, log.end().total());
        Snapshot::open(&file).unwrap().digests().unwrap()
    }

    /// Copies the log of a stopped world, or brings the copy back in its place.
    pub fn log_of_before(&self, is_brought_back: bool) {
        let (log, copy) = (
            self.folder.path().join("journal"),
            self.folder.path().join("copy"),
        );
        let (from, to) = if is_brought_back {
            (copy, log)
        } else {
            (log, copy)
        };
        if to.exists() {
            std::fs::remove_dir_all(&to).unwrap();
        }
        std::fs::create_dir(&to).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    }

    /// Has the books of a stopped world written again from the log, to go on with.
    pub async fn rebuild(&self) {
        for name in ["state.db", "state.db-wal", "state.db-shm"] {
            // A store that was closed has only the first.
            drop(std::fs::remove_file(self.folder.path().join(name)));
        }
        let log = StoredLog::open(self.folder.path()).unwrap();
        let store = Embedded::open(self.folder.path().join("state.db")).unwrap();
        let how = Replay {
            batch: 7,
            is_to_be_served: true,
        };
        let reader = log.read_from(Cursors::START).unwrap();
        replay(reader, log.end(), &log, &store, how, |_| {})
            .await
            .unwrap();
        for partition in store.offsets().await.unwrap() {
            assert_eq!(partition.refold_from, partition.next_offset);
        }
    }

    /// Lets retention take every fact so far that the store has.
    pub async fn forget(&self) {
        let journal = &self.running.as_ref().unwrap().journal;
        journal.turn().unwrap();
        let forget = async {
            while journal
                .remove_before(journal.end(), Duration::ZERO)
                .unwrap()
                .segments
                == 0
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let forgotten = tokio::time::timeout(Duration::from_secs(20), forget);
        forgotten.await.expect("the segment is sealed in time");
    }

    /// The digests of the live store.
    pub fn digests(&self) -> Vec<TableDigest> {
        let snapshot = Snapshot::open(&self.folder.path().join("state.db")).unwrap();
        assert_eq!(snapshot.violations().unwrap(), []);
        snapshot.digests().unwrap()
    }

    pub fn mesh(&self) -> &Mesh {
        &self.running.as_ref().unwrap().mesh
    }

    pub fn store(&self) -> &Arc<Embedded> {
        &self.running.as_ref().unwrap().store
    }

    pub fn journal(&self) -> &Journal {
        &self.running.as_ref().unwrap().journal
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn now(&self) -> UnixMs {
        UnixMs(self.now.load(Ordering::Relaxed))
    }

    pub fn pass(&self, ms: u64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
    }

    pub async fn append(
        &self,
        tenant: TenantId,
        kind: Kind,
        open: &[u8],
        id: Option<ClickId>,
    ) -> Position {
        self.submit(tenant, kind, open, id).await.unwrap()
    }

    fn submit(
        &self,
        tenant: TenantId,
        kind: Kind,
        open: &[u8],
        id: Option<ClickId>,
    ) -> weir_journal::Appending {
        let lane = self.running.as_ref().unwrap().journal.shared_lane();
        lane.append(&Record {
            tenant,
            at: self.now(),
            kind: kind.code(),
            version: 1,
            click_id: id,
            open,
            private_key: 0,
            private: &[],
            texts: ["", ""],
        })
    }

    /// Waits until the fact at `position` is stored.
    pub async fn stored(&self, position: Position) {
        let wait = self.mesh().progress().wait_for(position);
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .expect("stored in time");
    }

    async fn configure(
        &self,
        tenant: TenantId,
        kind: EntityKind,
        number: u32,
        version: u32,
        body: serde_json::Value,
    ) -> Position {
        let change = Change {
            key: EntityKey::one(kind, number),
            version,
            by: "test".to_owned(),
            body,
        };
        let mut open = Vec::new();
        change.write(&mut open);
        self.append(tenant, Kind::ConfigChanged, &open, None).await
    }

    /// Writes a tenant with an advertiser, an affiliate, an offer with `caps` and a campaign.
    pub async fn tenant(&self, tenant: TenantId, caps: serde_json::Value) -> Position {
        let (advertiser, offer) = (
            AdvertiserId::new(tenant, ADVERTISER),
            OfferId::new(tenant, OFFER),
        );
        let settings = json!({"name": "T", "currency": "USD", "timezone": "UTC"});
        self.configure(tenant, EntityKind::Tenant, 0, 1, settings)
            .await;
        let body = json!({"name": "A", "postback_auth": "token", "txid_scope": "advertiser", "token_version": 1});
        self.configure(tenant, EntityKind::Advertiser, ADVERTISER, 1, body)
            .await;
        let body = json!({"name": "P", "status": "approved"});
        self.configure(tenant, EntityKind::Affiliate, AFFILIATE, 1, body)
            .await;
        let body = json!({"name": "O", "advertiser_id": advertiser, "url": "https://shop.example/?c={click_id}",
            "currency": "USD", "payout": {"type": "cpa", "amount": "10.00"}, "revenue": {"type": "rpa", "amount": "15.00"},
            "status": "active", "visibility": "public", "lookback_hours": 720, "repeat": "by_txid", "link_campaign": 0, "caps": caps});
        self.configure(tenant, EntityKind::Offer, OFFER, 1, body)
            .await;
        let arm = json!({"id": ArmId::new(tenant, ARM), "offer_id": offer});
        let body = json!({"name": "C", "kind": "campaign", "link": format!("link{}", tenant.0),
            "distribution": {"mode": "fixed"}, "arms": [arm]});
        self.configure(tenant, EntityKind::Campaign, CAMPAIGN, 1, body)
            .await
    }

    /// Writes a valid click of visitor `visitor` in campaign `campaign`.
    pub async fn click(
        &mut self,
        tenant: TenantId,
        campaign: u32,
        visitor: u64,
    ) -> (ClickId, Position) {
        let (click_id, appending) = self.begin_click(tenant, campaign, visitor);
        (click_id, appending.await.unwrap())
    }

    /// A click that is being written.
    pub fn begin_click(
        &mut self,
        tenant: TenantId,
        campaign: u32,
        visitor: u64,
    ) -> (ClickId, weir_journal::Appending) {
        self.minted += 1;
        let parts = Parts {
            key_number: 0,
            tenant: tenant.0,
            ms: self.now().0 - EPOCH_MS,
            node: 0,
            sequence: (self.minted & 0xffff) as u16,
        };
        let click_id = ClickId::mint(parts, &KEY);
        let core = ClickCore {
            tenant,
            at: self.now(),
            click_id,
            campaign,
            flow: None,
            wanted_offer: Some(OFFER),
            sent: Some(Sent {
                offer: OFFER,
                offer_version: 1,
                arm: ARM,
            }),
            affiliate: Some(AFFILIATE),
            visitor: [visitor, visitor ^ 1],
            country: *b"DE",
            device: 1,
            bot: None,
            propensity: 1.0,
            policy_version: 0,
            config_version: 5,
            cost: None,
            is_test: false,
            outcome: ClickOutcome::Redirected,
            reason: ClickReason::None,
        };
        let mut open = Vec::new();
        core.write(&ClickDetail::default(), &mut open);
        let appending = self.submit(tenant, Kind::Clicked, &open, Some(click_id));
        (click_id, appending)
    }

    /// Writes a received conversion of a click.
    pub async fn convert(
        &mut self,
        tenant: TenantId,
        click_id: ClickId,
        txid: &str,
    ) -> (ClickId, Position) {
        let received_id = self.next_received(tenant);
        let position = self.convert_as(tenant, received_id, click_id, txid).await;
        (received_id, position)
    }

    /// The id of the next postback.
    pub fn next_received(&mut self, tenant: TenantId) -> ClickId {
        self.minted += 1;
        let parts = Parts {
            key_number: 0,
            tenant: tenant.0,
            ms: self.now().0 - EPOCH_MS,
            node: 1,
            sequence: (self.minted & 0xffff) as u16,
        };
        ClickId::mint(parts, &KEY)
    }

    /// Writes a received conversion under an id.
    pub async fn convert_as(
        &self,
        tenant: TenantId,
        received_id: ClickId,
        click_id: ClickId,
        txid: &str,
    ) -> Position {
        let received = ConversionReceived {
            received_id,
            advertiser: Some(ADVERTISER),
            click_id: Some(click_id),
            auth: AuthKind::Token,
            occurred_at: None,
            event: String::new(),
            txid: txid.to_owned(),
            amount: String::new(),
            currency: String::new(),
            status: String::new(),
            warnings: Vec::new(),
        };
        let mut open = Vec::new();
        received.write(&mut open);
        self.append(tenant, Kind::ConversionReceived, &open, None)
            .await
    }
}
