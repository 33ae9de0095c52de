//! A backlog of millions of facts while MySQL is away: it lies on disk, and the process stays small.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::Runtime;
use weir_api::edge::Minter;
use weir_engine::click_id::ClickId;
use weir_engine::fact::{AuthKind, ClickCore, ConversionReceived, Kind, ReceivedPrivate};
use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::ports::Append;
use weir_engine::record::{OwnedRecord, Record};
use weir_engine::secrets::MasterSecret;
use weir_journal::{Cursors, Durability, Journal, Options, StoredLog};

use crate::database::number;
use crate::exactly_once::{Route, furnish};
use crate::history::{is_release, wait_until};
use crate::installation::Installation;
use crate::mariadb::{Mariadb, Place};
use crate::support::catalog::click;
use crate::support::metrics::{Metrics, until_folded};
use crate::support::{Client, Server};
use crate::{alone, is_full};

const MEMORY_MB: u64 = 512;
/// Clicks a millisecond of the facts' own clock.
const PER_MS: u64 = 100;
/// Clicks from one sale to the next.
const SALE_EVERY: u64 = 100;
const STORED: &str = "SELECT CAST(COALESCE(SUM(gross_click), 0) AS SIGNED) FROM rollups";

fn backlog_clicks() -> u64 {
    match (is_full(), is_release()) {
        (true, _) => 5_000_000,
        (false, true) => 1_000_000,
        (false, false) => 50_000,
    }
}

/// Clicks as real as those they are made from, each of another visitor, and sales of some.
struct Maker {
    templates: Vec<OwnedRecord>,
    secrets: MasterSecret,
    clicks: Minter,
    received: Minter,
    began: u64,
    open: Vec<u8>,
    private: Vec<u8>,
}

impl Maker {
    fn new(data: &Path) -> Self {
        let secret = std::fs::read(data.join("secrets/master")).unwrap();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis() as u64;
        Self {
            templates: clicks_in(data),
            secrets: MasterSecret::new(secret.try_into().unwrap()),
            clicks: Minter::new(7, 0, UnixMs(now)),
            received: Minter::new(7, 1, UnixMs(now)),
            began: now,
            open: Vec::new(),
            private: Vec::new(),
        }
    }

    /// Hands the click `number` to `take`; gives its tenant and id.
    fn click(&mut self, number: u64, take: impl FnOnce(&Record<'_>)) -> (TenantId, ClickId) {
        let template = &self.templates[number as usize % self.templates.len()];
        let logged = template.logged();
        let (mut core, detail) = ClickCore::read_with_detail(&logged.record).unwrap();
        core.visitor = [number.wrapping_mul(0x9e37_79b9_7f4a_7c15), !number];
        core.country = [*b"US", *b"DE", *b"IN", *b"BR"][number as usize % 4];
        self.open.clear();
        core.write(&detail, &mut self.open);
        let at = UnixMs(self.began + number / PER_MS);
        let key = self.secrets.click_key(core.tenant, 0);
        let click_id = self.clicks.mint(core.tenant, &key, at);
        take(&Record {
            at,
            click_id: Some(click_id),
            open: &self.open,
            ..logged.record
        });
        (core.tenant, click_id)
    }

    /// Hands a sale of a click to `take`.
    fn sale(&mut self, number: u64, of: (TenantId, ClickId), take: impl FnOnce(&Record<'_>)) {
        let (tenant, click_id) = of;
        let at = UnixMs(self.began + number / PER_MS);
        let key = self.secrets.click_key(tenant, 0);
        let received = ConversionReceived {
            received_id: self.received.mint(tenant, &key, at),
            // Of the tenant's own key, so of any of its advertisers.
            advertiser: None,
            click_id: Some(click_id),
            auth: AuthKind::ApiKey,
            occurred_at: None,
            event: String::new(),
            txid: format!("backlog{number}"),
            amount: String::new(),
            currency: String::new(),
            status: String::new(),
            warnings: Vec::new(),
        };
        self.open.clear();
        received.write(&mut self.open);
        self.private.clear();
        ReceivedPrivate::default().write(&mut self.private);
        take(&Record {
            tenant,
            at,
            kind: Kind::ConversionReceived.code(),
            version: ConversionReceived::VERSION,
            click_id: None,
            open: &self.open,
            private_key: 0,
            private: &self.private,
            texts: ["", ""],
        });
    }
}

/// The clicks that are in the log.
fn clicks_in(data: &Path) -> Vec<OwnedRecord> {
    let log = StoredLog::open(data).unwrap();
    let mut reader = log.read_from(Cursors::START).unwrap().with_texts();
    let mut clicks = Vec::new();
    while let Some(batch) = reader.try_next(65_536).unwrap() {
        let of_clicks = batch
            .iter()
            .filter(|l| l.record.kind == Kind::Clicked.code());
        clicks.extend(of_clicks.map(OwnedRecord::from));
    }
    assert!(!clicks.is_empty());
    clicks
}

/// Appends a backlog to the log of a data folder that nobody serves; gives its sales.
fn append(data: &Path, clicks: u64) -> u64 {
    let started = Instant::now();
    let mut maker = Maker::new(data);
    let options = Options {
        durability: Durability::Os,
        ..Options::default()
    };
    let journal = Journal::open(data, &options).unwrap();
    let (lane, runtime) = (journal.shared_lane(), Runtime::new().unwrap());
    let mut waiting = Vec::new();
    let mut sales = 0;
    for number in 0..clicks {
        let made = maker.click(number, |record| waiting.push(lane.append(record)));
        if number % SALE_EVERY == 0 {
            maker.sale(number, made, |record| waiting.push(lane.append(record)));
            sales += 1;
        }
        if waiting.len() >= 20_000 || number + 1 == clicks {
            runtime.block_on(async {
                for append in waiting.drain(..) {
                    append.await.unwrap();
                }
            });
        }
    }
    journal.close().unwrap();
    println!(
        "{clicks} clicks and {sales} sales appended in {:.1?}",
        started.elapsed()
    );
    sales
}

/// The most memory that a server ever had, in megabytes.
fn peak_mb(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.ready["pid"])).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes / 1024
}

fn click_some(server: &Server, routes: &[Route], count: usize) -> u64 {
    let mut client = Client::new(&server.url("/traffic"));
    for turn in 0..count {
        let answer = click(&mut client, &routes[turn % routes.len()].path);
        assert_eq!(answer.status, 302, "{answer:?}");
    }
    count as u64
}

#[test]
fn a_backlog_of_a_million_facts_lies_on_disk_and_the_process_stays_small() {
    let _alone = alone();
    let mut mariadb = Mariadb::start(Place::here(), &[]);
    let url = mariadb.url();
    let installation = Installation::new(&url);
    let routes = furnish(&installation);
    let mut server = installation.serve();
    let mut clicks = click_some(&server, &routes, 200);
    until_folded(&server);
    server.terminate();
    mariadb.kill();
    let sales = append(&installation.data, backlog_clicks());
    clicks += backlog_clicks();

    let mut server = installation.serve();
    clicks += click_some(&server, &routes, 200);
    println!(
        "{} MB with MySQL away and the backlog unread",
        peak_mb(&server)
    );
    mariadb.start_again();
    let began = Instant::now();
    let stored = || number(&url, STORED) as u64;
    // In the middle of the backlog it stands still: what is judged ahead of it is bounded.
    wait_until("a tenth is stored", Duration::from_secs(300), || {
        stored() > clicks / 10
    });
    mariadb.freeze(true);
    let folded = "weir_folded_facts_total";
    let mut before = Metrics::of(&server).get(folded);
    wait_until("judging pauses", Duration::from_secs(60), || {
        std::thread::sleep(Duration::from_secs(2));
        let now = Metrics::of(&server).get(folded);
        std::mem::replace(&mut before, now) == now
    });
    clicks += click_some(&server, &routes, 200);
    println!("{} MB frozen after {before} folded facts", peak_mb(&server));
    mariadb.freeze(false);
    wait_until("the backlog is gone", Duration::from_secs(600), || {
        stored() == clicks
    });
    until_folded(&server);
    let peak = peak_mb(&server);
    println!(
        "{clicks} clicks in MySQL after {:.1?}, {peak} MB at most",
        began.elapsed()
    );
    server.terminate();
    assert!(peak < MEMORY_MB, "{peak} MB");
    assert_eq!(
        number(&url, "SELECT COUNT(*) FROM conversions") as u64,
        sales
    );
    assert_eq!(stored(), clicks);
    installation.books_agree();
}
