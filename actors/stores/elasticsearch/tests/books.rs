//! What the index sums is what the books sum: one journal, folded into the embedded store and followed into a real
//! index, also after the index was deleted or built anew.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use elasticsearch::http::Method;
use serde_json::{Value, json};
use support::Opened;
use weir_actors::{
    Clock, Mesh, Options, Ports, RebuildOptions, SearchFollower, SearchOptions, SearchPorts,
    StatusWanted, rebuild,
};
use weir_embedded::Embedded;
use weir_engine::catalog::{Change, EntityKey, EntityKind};
use weir_engine::click_id::{ClickId, ClickKey, EPOCH_MS, Parts};
use weir_engine::fact::{
    AuthKind, ClickCore, ClickDetail, ClickOutcome, ClickPrivate, ClickReason, ConversionReceived,
    ConversionStatus, Kind, Sent,
};
use weir_engine::ids::{AdvertiserId, ArmId, ConversionId, OfferId, Position, TenantId, UnixMs};
use weir_engine::ports::{Append, Generation, ReportStore, SearchIndex};
use weir_engine::record::Record;
use weir_engine::report::ReportQuery;
use weir_engine::search::{AmountField, Drilldown, DrilldownPage};
use weir_journal::{Cursors, Durability, Journal, StoredLog};

const TENANT: TenantId = TenantId(1);
const KEY: ClickKey = ClickKey([7; 16]);
/// 2026-03-28T12:00:00Z: half a day before Berlin's clocks go forward.
const BEGIN: u64 = 1_774_699_200_000;
const ZONE: &str = "Europe/Berlin";

/// Measures by the group as JSON.
type Rows = BTreeMap<String, Vec<Value>>;

/// A small generator of numbers, the same on every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

struct World {
    folder: tempfile::TempDir,
    now: Arc<AtomicU64>,
    minted: u16,
    mesh: Mesh,
    journal: Journal,
    store: Arc<Embedded>,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Arc::new(AtomicU64::new(BEGIN));
        let store = Arc::new(Embedded::open(folder.path().join("state.db")).expect("a store"));
        let options = weir_journal::Options {
            segment_bytes: 1 << 20,
            durability: Durability::Os,
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
        let mesh = Mesh::start(ports, Options::default(), None)
            .await
            .expect("actors");
        let world = Self {
            folder,
            now,
            minted: 0,
            mesh,
            journal,
            store,
        };
        world.configure().await;
        world
    }

    fn now(&self) -> UnixMs {
        UnixMs(self.now.load(Ordering::Relaxed))
    }

    async fn configure(&self) {
        let arm = json!({"id": ArmId::new(TENANT, 5), "offer_id": OfferId::new(TENANT, 3)});
        let bodies = [
            (
                EntityKind::Tenant,
                0,
                json!({"name": "T", "currency": "USD", "timezone": ZONE}),
            ),
            (
                EntityKind::Advertiser,
                1,
                json!({"name": "A", "postback_auth": "token", "txid_scope": "advertiser", "token_version": 1}),
            ),
            (
                EntityKind::Affiliate,
                2,
                json!({"name": "P", "status": "approved"}),
            ),
            (
                EntityKind::Affiliate,
                6,
                json!({"name": "Q", "status": "approved"}),
            ),
            (
                EntityKind::Offer,
                3,
                json!({"name": "O", "advertiser_id": AdvertiserId::new(TENANT, 1), "url": "https://shop.example/?c={click_id}",
                "currency": "USD", "payout": {"type": "cps", "percent": "33.333333"}, "revenue": {"type": "rps", "percent": "50"},
                "status": "active", "visibility": "public", "lookback_hours": 720, "repeat": "by_txid", "link_campaign": 0, "caps": []}),
            ),
            (
                EntityKind::Campaign,
                4,
                json!({"name": "C", "kind": "campaign", "link": "link", "distribution": {"mode": "fixed"}, "arms": [arm]}),
            ),
        ];
        for (kind, number, body) in bodies {
            let change = Change {
                key: EntityKey::one(kind, number),
                version: 1,
                by: "test".to_owned(),
                body,
            };
            let mut open = Vec::new();
            change.write(&mut open);
            self.append(Kind::ConfigChanged, None, &open, &ClickPrivate::default())
                .await;
        }
    }

    async fn append(
        &self,
        kind: Kind,
        click_id: Option<ClickId>,
        open: &[u8],
        private: &ClickPrivate,
    ) -> Position {
        let mut sealed = Vec::new();
        private.write(&mut sealed);
        let record = Record {
            tenant: TENANT,
            at: self.now(),
            kind: kind.code(),
            version: 1,
            click_id,
            open,
            private_key: 0,
            private: &sealed,
            texts: [&private.user_agent, &private.referrer],
        };
        self.journal
            .shared_lane()
            .append(&record)
            .await
            .expect("appended")
    }

    fn mint(&mut self) -> ClickId {
        self.minted += 1;
        let parts = Parts {
            key_number: 0,
            tenant: TENANT.0,
            ms: self.now().0 - EPOCH_MS,
            node: 0,
            sequence: self.minted,
        };
        ClickId::mint(parts, &KEY)
    }

    async fn click(&mut self, draw: &mut Draw) -> ClickId {
        let click_id = self.mint();
        let is_sent = draw.below(10) > 0;
        let core = ClickCore {
            tenant: TENANT,
            at: self.now(),
            click_id,
            campaign: 4,
            flow: None,
            wanted_offer: Some(3),
            sent: is_sent.then_some(Sent {
                offer: 3,
                offer_version: 1,
                arm: 5,
            }),
            affiliate: [None, Some(2), Some(6)][draw.below(3) as usize],
            visitor: [draw.below(150), 0],
            country: *[b"DE", b"AT", b"ZZ"][draw.below(3) as usize],
            device: draw.below(3) as u8,
            bot: (draw.below(12) == 0).then_some(1),
            propensity: 1.0,
            policy_version: 0,
            config_version: 6,
            cost: None,
            is_test: draw.below(20) == 0,
            outcome: if is_sent {
                ClickOutcome::Redirected
            } else {
                ClickOutcome::Invalid
            },
            reason: if is_sent {
                ClickReason::None
            } else {
                ClickReason::NoArm
            },
        };
        let private = ClickPrivate {
            sub: vec![(1, format!("s{}", draw.below(4)))],
            browser: ["Firefox", "Safari"][draw.below(2) as usize].to_owned(),
            user_agent: "Mozilla/5.0".to_owned(),
            ..ClickPrivate::default()
        };
        let mut open = Vec::new();
        core.write(&ClickDetail::default(), &mut open);
        self.append(Kind::Clicked, Some(click_id), &open, &private)
            .await;
        click_id
    }

    async fn convert(&mut self, click: ClickId, draw: &mut Draw) -> Position {
        let received = ConversionReceived {
            received_id: self.mint(),
            advertiser: Some(1),
            click_id: Some(click),
            auth: AuthKind::Token,
            occurred_at: None,
            event: String::new(),
            // Some are the same order again.
            txid: format!("order-{}", draw.below(80)),
            amount: format!("{}.{:02}", 1 + draw.below(300), draw.below(100)),
            currency: "USD".to_owned(),
            status: ["", "pending", "rejected"][draw.below(3) as usize].to_owned(),
            warnings: Vec::new(),
        };
        let mut open = Vec::new();
        received.write(&mut open);
        self.append(
            Kind::ConversionReceived,
            None,
            &open,
            &ClickPrivate::default(),
        )
        .await
    }

    /// Three days of traffic.
    async fn traffic(&mut self, seed: u64) {
        println!("seed {seed}");
        let mut draw = Draw(seed);
        let mut last = None;
        let mut made = Vec::new();
        for _ in 0..600 {
            self.now.fetch_add(draw.below(900_000), Ordering::Relaxed);
            let click = self.click(&mut draw).await;
            if draw.below(5) == 0 {
                made.push(self.convert(click, &mut draw).await);
            }
            last = made.last().copied().or(last);
        }
        self.settled().await;
        for position in made.iter().step_by(4) {
            let wanted = StatusWanted {
                id: ConversionId::at(*position),
                to: ConversionStatus::Rejected,
                reason: "returned".to_owned(),
                by: "key_1".to_owned(),
            };
            // Some were never made, or are rejected already.
            drop(self.mesh.set_status(TENANT, wanted).await.expect("asked"));
        }
        self.settled().await;
    }

    async fn settled(&self) {
        let end = self.journal.end();
        for (partition, offset) in (0..).zip(end.0) {
            if let Some(seq) = offset.checked_sub(1) {
                let stored = self.mesh.progress().wait_for(Position { partition, seq });
                tokio::time::timeout(Duration::from_secs(20), stored)
                    .await
                    .expect("stored in time");
            }
        }
    }

    fn search_ports(&self, index: &Opened) -> SearchPorts {
        SearchPorts {
            ledger: Arc::clone(&self.store) as _,
            clicks: Arc::new(self.journal.clone()),
            index: Arc::new(index.again()),
            dead_letters: Arc::new(|letter| panic!("{letter:?}")),
        }
    }

    fn follow(&self, index: &Opened) -> SearchFollower {
        let options = SearchOptions {
            at_head: Duration::from_millis(50),
            catch_up_percent: 100,
            ..SearchOptions::default()
        };
        SearchFollower::start(
            self.journal.clone(),
            self.search_ports(index),
            Clock::system(),
            options,
        )
    }

    /// Rows of a report of the books: counts and amounts by their groups.
    async fn booked(&self, basis: &str, metrics: &[&str]) -> Rows {
        let question = json!({"from": "2026-03-28", "to": "2026-04-10", "time_basis": basis, "metrics": metrics,
            "group_by": ["day", "country", "affiliate", "device_type"], "limit": 10_000});
        let query = ReportQuery::read(TENANT, ZONE, &question).expect("a question");
        let page = self.store.report(TENANT, query).await.expect("an answer");
        let rows = serde_json::to_value(page).expect("JSON")["rows"].clone();
        let row = |row: &Value| {
            let group = ["day", "country", "affiliate", "device_type"].map(|d| row[d].clone());
            (
                json!(group).to_string(),
                metrics.iter().map(|m| row[*m].clone()).collect(),
            )
        };
        rows.as_array().expect("rows").iter().map(row).collect()
    }
}

/// Rows of the index by the same groups.
async fn indexed(
    index: &Opened,
    of: &str,
    read: fn(&weir_engine::search::Measured) -> Vec<Value>,
) -> Rows {
    let page = drilldown(index, json!({"of": of, "group_by": ["day", "country", "affiliate_id", "device"], "limit": 10_000})).await;
    let rows = page
        .rows
        .iter()
        .map(|r| (json!(r.group).to_string(), read(&r.measured)));
    rows.collect()
}

async fn drilldown(index: &Opened, question: Value) -> DrilldownPage {
    let question = Drilldown::read(TENANT, ZONE, &question).expect("a question");
    index.drilldown(TENANT, question).await.expect("an answer")
}

async fn until_whole(world: &World, index: &Opened) {
    let end = world.journal.end();
    let whole = async {
        loop {
            // An index that is being made may have no shard yet.
            let cursor = index.stats().await.ok().and_then(|stats| stats.cursor);
            let is_whole =
                cursor.is_some_and(|c| c.offsets.iter().all(|(p, o)| *o == end.0[usize::from(*p)]));
            if is_whole {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), whole)
        .await
        .expect("whole in time");
}

async fn assert_same_as_books(world: &World, index: &Opened) {
    let clicks = indexed(index, "clicks", |m| {
        vec![m.count.into(), m.valid.into(), m.unique.into()]
    })
    .await;
    let mut booked = world
        .booked("click", &["gross_click", "total_click", "unique_click"])
        .await;
    // The books have rows for conversions of a click's quarter of an hour too.
    booked.retain(|_, measures| measures[0] != 0);
    assert!(booked.len() > 30);
    assert_eq!(clicks, booked);
    let earned = |m: &weir_engine::search::Measured| {
        let count = |status| {
            m.statuses
                .iter()
                .find(|(s, _)| *s == status)
                .map_or(0, |(_, n)| *n)
        };
        let amount = |amount| {
            json!(
                weir_engine::money::MicrosSum(m.sum(amount, weir_engine::money::Currency::USD))
                    .to_string()
            )
        };
        vec![
            json!(count(ConversionStatus::Pending)),
            json!(count(ConversionStatus::Approved)),
            json!(count(ConversionStatus::Rejected)),
            amount(AmountField::Payout),
            amount(AmountField::Revenue),
        ]
    };
    let conversions = indexed(index, "conversions", earned).await;
    let mut booked = world
        .booked(
            "conversion",
            &[
                "pending_cv",
                "approved_cv",
                "rejected_cv",
                "payout",
                "revenue",
            ],
        )
        .await;
    booked.retain(|_, m| m[..3].iter().any(|n| *n != 0));
    assert!(booked.len() > 20);
    assert_eq!(conversions, booked);
}

#[test]
fn the_index_sums_what_the_books_sum_whatever_happens_to_it() {
    support::runtime().block_on(async {
        let index = support::open();
        let mut world = World::new().await;
        let follower = world.follow(&index);
        world.traffic(20_261_125).await;
        until_whole(&world, &index).await;
        assert_same_as_books(&world, &index).await;
        let by_sub = drilldown(
            &index,
            json!({"of": "conversions", "group_by": ["sub1", "browser"]}),
        )
        .await;
        assert_eq!(
            by_sub.rows.len(),
            8,
            "conversions know the sub-id and browser of their click"
        );

        // Somebody deletes one month, as the server makes it again under its name.
        let name = format!("/{}-clicks-g1-2026.03", index.prefix);
        support::at_server(Method::Delete, &name, None);
        world.traffic(7).await;
        until_whole(&world, &index).await;
        assert_same_as_books(&world, &index).await;

        // Built anew while it is followed.
        let log = Arc::new(StoredLog::open(world.folder.path()).expect("a log"));
        let reader = log.read_from(Cursors::START).expect("readable");
        let rebuilt = rebuild(
            reader,
            world.journal.end(),
            world.search_ports(&index),
            RebuildOptions {
                catch_up_percent: 100,
                patience: Duration::from_secs(30),
            },
            |_| (),
        )
        .await;
        assert_eq!(rebuilt.expect("rebuilt").generation, Generation(2));
        assert_same_as_books(&world, &index).await;
        world.traffic(8).await;
        until_whole(&world, &index).await;
        assert_same_as_books(&world, &index).await;
        follower.stop().await;
        world.mesh.kill().await;
        world.journal.close().expect("closed");
    });
}
