//! MySQL is killed, frozen, turned away and silently cut off: no click fails or slows, sales get a verdict or an honest
//! 202, and afterwards the books are whole.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::database::{number, numbers, try_rows};
use crate::history::wait_until;
use crate::installation::Installation;
use crate::mariadb::Mariadb;
use crate::road::Road;
use crate::support::catalog::{Admin, text};
use crate::support::load::{Clicked, click_steadily, together};
use crate::support::metrics::{Metrics, until, until_folded};
use crate::support::{Client, Server, path_of};
use crate::{alone, is_full};

const CONNECTIONS: usize = 8;
/// A click of each connection comes no sooner than so after the one before.
const EVERY: Duration = Duration::from_millis(5);
const BURST: Duration = Duration::from_secs(1);
const QUIET_BURSTS: usize = 6;
/// Of each kind of sale in an outage.
const NEW_SALES: usize = 20;
const REPEATED_SALES: usize = 5;
/// The machine is shared: an outage in which something was too slow is tried again.
const ATTEMPTS: usize = 3;
const GONE_WITHIN: Duration = Duration::from_secs(120);
const STORED: &str = "SELECT CAST(COALESCE(SUM(gross_click), 0) AS SIGNED) FROM rollups";

/// What happens to MySQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Killed,
    Frozen,
    Rejected,
    Dropped,
}

impl Fault {
    /// Whoever is cut off in silence gives a connection up after a minute: that is within the first outage.
    fn lasts(self, attempt: usize) -> Duration {
        match (self, attempt) {
            _ if is_full() => Duration::from_secs(300),
            (Self::Dropped, 0) => Duration::from_secs(70),
            _ => Duration::from_secs(12),
        }
    }
}

/// A sale that was reported before, and its conversion.
struct Taken {
    click: String,
    txid: String,
    conversion: String,
}

/// A node with its database at the end of a road.
struct World {
    server: Server,
    base: String,
    path: String,
    token: String,
    installation: Installation,
    mariadb: Mariadb,
    road: Road,
    clicks: usize,
    sales: usize,
}

impl World {
    fn new(mut road: Road) -> Self {
        let mariadb = Mariadb::start(road.place(), &[]);
        let url = road.lead_to(&mariadb.authority(), &mariadb.url());
        let installation = Installation::new(&url);
        let server = installation.serve();
        let (mut admin, _) = Admin::of_new_tenant(&server, &installation.data, "Acme");
        let shop = admin.advertiser(json!({}));
        let affiliate = admin.affiliate("approved");
        let offer = admin.offer(&shop.id, json!({}));
        Self {
            base: server.url("/traffic"),
            path: format!("/c/{}?aff={affiliate}&sub1=s", offer.link),
            token: shop.token,
            server,
            installation,
            mariadb,
            road,
            clicks: 0,
            sales: 0,
        }
    }

    /// Another life of the engine on the same data.
    fn restart(&mut self) {
        self.server.terminate();
        self.server = self.installation.serve();
        self.base = self.server.url("/traffic");
    }

    fn begin(&mut self, fault: Fault) {
        match fault {
            Fault::Killed => self.mariadb.kill(),
            Fault::Frozen => self.mariadb.freeze(true),
            Fault::Rejected => {
                // Connections that are open already would never be turned away.
                let rows = numbers(
                    &self.mariadb.url(),
                    "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = 'weir'",
                );
                for row in rows {
                    let kill = format!("KILL {}", row[0]);
                    // One that has just ended by itself cannot be ended.
                    drop(try_rows(&self.mariadb.url(), &kill));
                }
                self.road.reject();
            }
            Fault::Dropped => self.road.drop_all(),
        }
    }

    fn end(&mut self, fault: Fault) {
        match fault {
            Fault::Killed => self.mariadb.start_again(),
            Fault::Frozen => self.mariadb.freeze(false),
            Fault::Rejected | Fault::Dropped => self.road.open(),
        }
    }

    /// Steady clicks on all connections for a while.
    fn burst(&self) -> Clicked {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let clicking = scope.spawn(|| {
                together(&self.base, CONNECTIONS, |_, client| {
                    click_steadily(client, &self.path, EVERY, &stop)
                })
            });
            std::thread::sleep(BURST);
            stop.store(true, Ordering::Relaxed);
            let mut all = Clicked::default();
            for one in clicking.join().unwrap() {
                all.took.extend(one.took);
                all.ids.extend(one.ids);
            }
            all
        })
    }

    /// Bursts while all is well.
    fn quiet(&mut self) -> Vec<Clicked> {
        let bursts: Vec<_> = (0..QUIET_BURSTS).map(|_| self.burst()).collect();
        self.count(&bursts);
        bursts
    }

    /// Bursts for a time, and at least until something else is done.
    fn hold_out(&mut self, lasts: Duration, meanwhile: impl FnOnce(&Self) + Send) -> Vec<Clicked> {
        let started = Instant::now();
        let world = &*self;
        let bursts = std::thread::scope(|scope| {
            let other = scope.spawn(move || meanwhile(world));
            let mut bursts = Vec::new();
            while started.elapsed() < lasts || !other.is_finished() {
                bursts.push(world.burst());
            }
            bursts
        });
        self.count(&bursts);
        bursts
    }

    fn count(&mut self, bursts: &[Clicked]) {
        self.clicks += bursts.iter().map(|b| b.ids.len()).sum::<usize>();
    }

    /// Reports a sale; gives its conversion, or where to ask for its verdict.
    fn sell(
        &self,
        client: &mut Client,
        click: &str,
        txid: &str,
    ) -> Result<(String, String), String> {
        let path = format!(
            "/postback?click_id={click}&txid={txid}&token={}",
            self.token
        );
        let answer = client.get(&path).unwrap();
        let body = answer.json();
        match answer.status {
            200 => Ok((text(&body, "outcome"), text(&body, "conversion_id"))),
            202 => Err(text(&body, "status_url")),
            _ => panic!("{txid}: {answer:?}"),
        }
    }

    /// Waits for the verdict of a sale that got 202.
    fn verdict(&self, status_url: &str) -> (String, String) {
        let mut client = Client::new(&self.base);
        let mut verdict = None;
        until("the verdict is stored", || {
            let answer = client.get(path_of(status_url)).unwrap();
            assert!(matches!(answer.status, 200 | 202), "{answer:?}");
            if answer.status == 200 {
                let body = answer.json();
                verdict = Some((text(&body, "outcome"), text(&body, "conversion_id")));
            }
            verdict.is_some()
        });
        verdict.unwrap_or_default()
    }

    /// Waits until everything that was acknowledged is in MySQL; gives how long that took.
    fn until_stored(&self) -> Duration {
        let started = Instant::now();
        let all = self.clicks as i64;
        wait_until("the backlog is gone", GONE_WITHIN, || {
            number(&self.mariadb.url(), STORED) >= all
        });
        assert_eq!(number(&self.mariadb.url(), STORED), all);
        started.elapsed()
    }

    /// MySQL counts every click and every sale once.
    fn counts_are_whole(&mut self) {
        self.until_stored();
        until_folded(&self.server);
        self.server.terminate();
        let url = self.mariadb.url();
        let sales = self.sales as i64;
        assert_eq!(number(&url, STORED), self.clicks as i64);
        let of_sales = [
            ("SELECT COUNT(*) FROM conversions", sales),
            ("SELECT COUNT(DISTINCT txid) FROM conversions", sales),
            (
                "SELECT CAST(SUM(approved_cv) AS SIGNED) FROM rollups WHERE basis = 2",
                sales,
            ),
            (
                "SELECT CAST(SUM(credits - debits) AS SIGNED) FROM balances WHERE kind = 4",
                sales * 10_000_000,
            ),
        ];
        for (sql, expect) in of_sales {
            assert_eq!(number(&url, sql), expect, "{sql}");
        }
        self.installation.books_agree();
    }
}

/// The median of the bursts' p99.
fn p99(bursts: &[Clicked]) -> Duration {
    let mut p99s: Vec<Duration> = bursts.iter().map(|b| b.quantile(0.99)).collect();
    p99s.sort();
    p99s[p99s.len() / 2]
}

/// Sales that were reported before the life of this engine.
fn take(world: &World, clicks: &[String]) -> Vec<Taken> {
    let mut client = Client::new(&world.base);
    let one = |(number, click): (usize, &String)| {
        let txid = format!("taken{number}");
        let (outcome, conversion) = world.sell(&mut client, click, &txid).unwrap();
        assert_eq!(outcome, "applied");
        Taken {
            click: click.clone(),
            txid,
            conversion,
        }
    };
    clicks.iter().enumerate().map(one).collect()
}

/// Until the filter of all identities is read, the store is asked for each; gives how many sales that took.
fn until_identities_are_known(world: &World, clicks: &[String]) -> usize {
    let surely_new = "weir_identity_lookups_total{answer=\"surely_new\"}";
    let mut client = Client::new(&world.base);
    for (number, click) in clicks.iter().enumerate() {
        let sold = world.sell(&mut client, click, &format!("known{number}"));
        assert!(sold.is_ok(), "{sold:?}");
        if Metrics::of(&world.server).get(surely_new) > 0.0 {
            return number + 1;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the store is asked for every identity");
}

/// What came of the sales of an outage.
#[derive(Default)]
struct Sold {
    at_once: usize,
    later: Vec<(String, Option<String>)>,
}

/// Reports sales that are surely new, and then those that perhaps are not: the first of these holds its tenant up. That
/// none of these is answered shows that the store is away indeed.
fn sell_meanwhile(world: &World, name: &str, clicks: &[String], taken: &[Taken]) -> Sold {
    let mut client = Client::new(&world.base);
    let mut sold = Sold::default();
    for (number, click) in clicks.iter().take(NEW_SALES).enumerate() {
        match world.sell(&mut client, click, &format!("{name}{number}")) {
            Ok((outcome, _)) => {
                assert_eq!(outcome, "applied");
                sold.at_once += 1;
            }
            Err(url) => sold.later.push((url, None)),
        }
    }
    for one in taken {
        match world.sell(&mut client, &one.click, &one.txid) {
            Ok(answer) => panic!("{} was answered without the store: {answer:?}", one.txid),
            Err(url) => sold.later.push((url, Some(one.conversion.clone()))),
        }
    }
    sold
}

/// An outage; gives whether everything was as quick as it should be.
fn outage(world: &mut World, fault: Fault, attempt: usize, taken: &[Taken]) -> bool {
    let name = format!("{fault:?}{attempt}-");
    let before = world.quiet();
    world.begin(fault);
    let started = Instant::now();
    let sold = Mutex::new(Sold::default());
    let bursts = world.hold_out(fault.lasts(attempt), |world| {
        let clicks: Vec<_> = before.iter().flat_map(|burst| burst.ids.clone()).collect();
        *sold.lock().unwrap() = sell_meanwhile(world, &name, &clicks, taken);
    });
    world.sales += NEW_SALES;
    let lasted = started.elapsed();
    world.end(fault);
    let gone = world.until_stored();
    let sold = sold.into_inner().unwrap();
    settle(world, &sold.later);
    let after = world.quiet();
    let (normal, meanwhile) = (p99(&before).max(p99(&after)), p99(&bursts));
    println!(
        "{fault:?} for {lasted:.0?}: p99 {meanwhile:.2?} ({normal:.2?} when quiet), {} new sales judged at once, \
         {} later; {} clicks whole after {gone:.1?}",
        sold.at_once,
        sold.later.len(),
        world.clicks
    );
    meanwhile <= normal * 2 && sold.at_once == NEW_SALES
}

/// Each sale that got 202 is judged now: as new, or as the one that was there.
fn settle(world: &World, later: &[(String, Option<String>)]) {
    for (url, first) in later {
        let (outcome, conversion) = world.verdict(url);
        match first {
            None => assert_eq!(outcome, "applied"),
            Some(first) => assert_eq!((&*outcome, &conversion), ("duplicate", first)),
        }
    }
}

#[test]
fn mysql_is_killed_frozen_turned_away_and_cut_off_and_no_click_fails_or_slows() {
    let _alone = alone();
    let mut world = World::new(Road::new());
    let faults = [
        Fault::Killed,
        Fault::Frozen,
        Fault::Rejected,
        Fault::Dropped,
    ];
    let needed = faults.len() * ATTEMPTS * REPEATED_SALES;
    let mut warm = Vec::new();
    while warm.len() < needed + 200 {
        warm.extend(world.quiet().into_iter().flat_map(|burst| burst.ids));
    }
    let taken = take(&world, &warm[..needed]);
    world.sales += taken.len();
    world.until_stored();
    world.restart();
    world.sales += until_identities_are_known(&world, &warm[needed..]);
    let mut taken = taken.chunks(REPEATED_SALES);
    for fault in faults {
        let is_quick = (0..ATTEMPTS).any(|attempt| {
            let taken = taken.next().expect("enough for each attempt");
            outage(&mut world, fault, attempt, taken)
        });
        assert!(
            is_quick,
            "{fault:?}: not within twice the quiet p99, or new sales not judged, in {ATTEMPTS} outages"
        );
    }
    world.counts_are_whole();
}

#[test]
fn a_start_without_mysql_answers_clicks_and_the_books_are_whole_once_it_is_back() {
    let _alone = alone();
    let mut world = World::new(Road::Proxy(None));
    let known = world.installation.data.join("known.json");
    let is_copied = || std::fs::read_to_string(&known).is_ok_and(|text| text.contains("Shoes"));
    wait_until(
        "what is configured is copied",
        Duration::from_secs(30),
        is_copied,
    );
    let before = world.burst();
    world.clicks += before.ids.len();
    world.until_stored();
    world.mariadb.kill();
    world.server.kill();

    let started = Instant::now();
    world.server = world.installation.serve();
    world.base = world.server.url("/traffic");
    println!("ready without MySQL after {:.1?}", started.elapsed());
    let meanwhile = world.burst();
    world.clicks += meanwhile.ids.len();
    let mut client = Client::new(&world.base);
    let sales: Vec<_> = [&before.ids[0], &meanwhile.ids[0], &meanwhile.ids[1]]
        .iter()
        .enumerate()
        .map(|(number, click)| world.sell(&mut client, click, &format!("away{number}")))
        .collect();
    world.sales += sales.len();
    world.mariadb.start_again();
    println!("whole {:.1?} after MySQL was back", world.until_stored());
    for url in sales.into_iter().filter_map(Result::err) {
        assert_eq!(world.verdict(&url).0, "applied");
    }
    world.counts_are_whole();
}
