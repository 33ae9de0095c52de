//! Each fact once: what MySQL counts is what was acknowledged, however often the engine and the database are killed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use weir_engine::ids::{AffiliateId, OfferId};

use crate::database::numbers;
use crate::history::wait_until;
use crate::installation::Installation;
use crate::mariadb::{Mariadb, Place};
use crate::support::catalog::{Admin, PERSON, click_id_of};
use crate::support::metrics::until_folded;
use crate::support::{Client, Server, binary};
use crate::{alone, is_full};

const CLIENTS: usize = 16;
/// Micros that an affiliate earns with a sale.
const PAYOUT: i64 = 10_000_000;
/// Turns from one sale to the next, and from one that is reported twice to the next.
const SALE_EVERY: usize = 20;
const TWICE_EVERY: usize = 200;

/// What is to happen.
struct Plan {
    clicks: usize,
    engine_kills: usize,
    mysql_kills: usize,
}

fn plan() -> Plan {
    if is_full() {
        Plan {
            clicks: 1_000_000,
            engine_kills: 20,
            mysql_kills: 5,
        }
    } else {
        Plan {
            clicks: 200_000,
            engine_kills: 6,
            mysql_kills: 2,
        }
    }
}

impl Plan {
    /// Whether MySQL is killed in a life of the engine, and whether it stays away until the next.
    fn mysql_dies_in(&self, life: usize) -> Option<bool> {
        let lives = self.engine_kills + 1;
        let which =
            (0..self.mysql_kills).find(|kill| (kill * lives + 1) / self.mysql_kills == life)?;
        Some(which % 2 == 1)
    }
}

/// A link, whose it is and who sends the traffic.
pub struct Route {
    /// Tenant, offer and affiliate, by number.
    key: [i64; 3],
    pub path: String,
    token: String,
}

/// Two tenants with three offers and four affiliates each.
pub fn furnish(installation: &Installation) -> Vec<Route> {
    let mut server = installation.serve();
    let mut routes = Vec::new();
    for name in ["Acme", "Bolt"] {
        let (mut admin, _) = Admin::of_new_tenant(&server, &installation.data, name);
        let shop = admin.advertiser(json!({}));
        let offers: Vec<_> = (0..3).map(|_| admin.offer(&shop.id, json!({}))).collect();
        for _ in 0..4 {
            let affiliate = admin.affiliate("approved");
            let id: AffiliateId = affiliate.parse().unwrap();
            for offer in &offers {
                let offer_id: OfferId = offer.id.parse().unwrap();
                routes.push(Route {
                    key: [
                        id.tenant().0.into(),
                        offer_id.number().into(),
                        id.number().into(),
                    ],
                    path: format!("/c/{}?aff={affiliate}", offer.link),
                    token: shop.token.clone(),
                });
            }
        }
    }
    // A start without MySQL knows these from a copy.
    let known = installation.data.join("known.json");
    let is_copied = || std::fs::read_to_string(&known).is_ok_and(|text| text.contains("Bolt"));
    wait_until(
        "what is configured is copied",
        Duration::from_secs(30),
        is_copied,
    );
    until_folded(&server);
    server.terminate();
    routes
}

/// The route of a turn; every one of them has sales.
fn route_of(routes: &[Route], turn: usize) -> &Route {
    &routes[(turn + turn / SALE_EVERY * 5) % routes.len()]
}

/// What a client did; clicks and sales by the turn that made them.
#[derive(Default)]
struct Notes {
    clicks: Vec<(usize, String)>,
    sales: Vec<usize>,
    unanswered_clicks: Vec<usize>,
    unanswered_sales: Vec<usize>,
}

/// What all clients share.
#[derive(Default)]
struct Progress {
    turns: AtomicUsize,
    acknowledged: AtomicUsize,
    stop: AtomicBool,
}

/// Clicks and sells until told to stop, or the server is gone.
fn client(base: &str, routes: &[Route], progress: &Progress, notes: &mut Notes) {
    let mut client = Client::new(base);
    while !progress.stop.load(Ordering::Relaxed) {
        let turn = progress.turns.fetch_add(1, Ordering::Relaxed);
        let route = route_of(routes, turn);
        let path = format!("{}&sub2={turn}", route.path);
        let Ok(answer) = client.send("GET", &path, &[("User-Agent", PERSON)], "") else {
            notes.unanswered_clicks.push(turn);
            return;
        };
        assert_eq!(answer.status, 302, "{answer:?}");
        let id = click_id_of(&answer);
        progress.acknowledged.fetch_add(1, Ordering::Relaxed);
        if turn % SALE_EVERY == 7 {
            let path = format!("/postback?click_id={id}&txid=x{turn}&token={}", route.token);
            let Ok(answer) = client.get(&path) else {
                notes.clicks.push((turn, id));
                notes.unanswered_sales.push(turn);
                return;
            };
            let outcome = (
                answer.status,
                answer.json()["outcome"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            );
            assert!(
                [(200, "applied"), (202, "accepted")].contains(&(outcome.0, &*outcome.1)),
                "{answer:?}"
            );
            notes.sales.push(turn);
            if turn % TWICE_EVERY == 7 {
                let Ok(answer) = client.get(&path) else {
                    notes.clicks.push((turn, id));
                    return;
                };
                let is_once = answer.status == 202 || answer.json()["outcome"] == "duplicate";
                assert!(is_once, "{answer:?}");
            }
        }
        notes.clicks.push((turn, id));
    }
}

/// Everything of the plan, on one installation.
struct Run {
    plan: Plan,
    mariadb: Mariadb,
    is_mysql_away: bool,
    routes: Vec<Route>,
    progress: Progress,
    notes: Vec<Notes>,
}

impl Run {
    /// A life of the engine, up to a number of acknowledged clicks; killed then, unless it is the last one.
    fn live(&mut self, life: usize, server: &mut Server, jitter: usize) {
        let Self {
            plan,
            mariadb,
            is_mysql_away,
            routes,
            progress,
            notes,
        } = self;
        let is_last = life == plan.engine_kills;
        let per_life = plan.clicks / (plan.engine_kills + 1);
        let goal = if is_last {
            plan.clicks
        } else {
            per_life * (life + 1) - jitter % (per_life / 4)
        };
        let base = server.url("/traffic");
        let reached = |goal: usize| {
            wait_until(
                "so many clicks are acknowledged",
                Duration::from_secs(300),
                || progress.acknowledged.load(Ordering::Relaxed) >= goal,
            );
        };
        std::thread::scope(|scope| {
            for notes in notes.iter_mut() {
                let (base, routes, progress) = (&base, &*routes, &*progress);
                scope.spawn(move || client(base, routes, progress, notes));
            }
            if *is_mysql_away {
                std::thread::sleep(Duration::from_secs(1));
                mariadb.start_again();
                *is_mysql_away = false;
            }
            if let Some(stays_away) = plan.mysql_dies_in(life) {
                reached(goal - per_life / 3);
                mariadb.kill();
                if stays_away {
                    *is_mysql_away = true;
                } else {
                    std::thread::sleep(Duration::from_secs(1));
                    mariadb.start_again();
                }
            }
            reached(goal);
            if is_last {
                progress.stop.store(true, Ordering::Relaxed);
            } else {
                server.kill();
            }
        });
    }
}

#[test]
fn mysql_counts_what_was_acknowledged_though_the_engine_and_the_database_are_killed_again_and_again()
 {
    let _alone = alone();
    let mariadb = Mariadb::start(Place::here(), &[]);
    let installation = Installation::new(&mariadb.url());
    let mut run = Run {
        plan: plan(),
        mariadb,
        is_mysql_away: false,
        routes: furnish(&installation),
        progress: Progress::default(),
        notes: (0..CLIENTS).map(|_| Notes::default()).collect(),
    };
    let seed = std::process::id() as usize;
    println!("seed {seed}");
    let started = Instant::now();
    let mut mysql_kills = 0;
    for life in 0..=run.plan.engine_kills {
        let mut server = installation.serve();
        run.live(life, &mut server, seed.wrapping_mul(life * 7_919 + 1));
        mysql_kills += usize::from(run.plan.mysql_dies_in(life).is_some());
        if life == run.plan.engine_kills {
            until_folded(&server);
            server.terminate();
        }
    }
    assert_eq!(mysql_kills, run.plan.mysql_kills);
    println!(
        "{} clicks in {:.1?}",
        run.progress.acknowledged.load(Ordering::Relaxed),
        started.elapsed()
    );
    let expected = expected(&installation, &run);
    println!("the log is read after {:.1?}", started.elapsed());
    compare(&run.mariadb.url(), &expected);
    installation.books_agree();
    println!("all is checked after {:.1?}", started.elapsed());
}

/// What is read of a line of the export.
#[derive(Deserialize)]
struct Line {
    kind: String,
    #[serde(default)]
    click_id: Option<String>,
    #[serde(default)]
    sub: HashMap<String, String>,
    #[serde(default)]
    txid: Option<String>,
    #[serde(default)]
    received_id: Option<String>,
    #[serde(default)]
    outcome: Option<String>,
}

/// What is in the log, by turn.
#[derive(Default)]
struct Logged {
    clicks: HashMap<String, usize>,
    applied: HashSet<usize>,
}

fn logged(installation: &Installation) -> Logged {
    let mut export = Command::new(binary())
        .args(["journal", "export", "--config"])
        .arg(installation.settings())
        .arg("--data")
        .arg(&installation.data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut logged = Logged::default();
    let mut txids: HashMap<String, usize> = HashMap::new();
    for line in BufReader::new(export.stdout.take().unwrap()).lines() {
        let line: Line = serde_json::from_str(&line.unwrap()).unwrap();
        match (&*line.kind, line.outcome.as_deref()) {
            ("clicked", _) => {
                let turn = line.sub["2"].parse().unwrap();
                let before = logged.clicks.insert(line.click_id.unwrap(), turn);
                assert_eq!(before, None, "a click id twice");
            }
            ("conversion_received", _) => {
                let turn = line.txid.unwrap()[1..].parse().unwrap();
                txids.insert(line.received_id.unwrap(), turn);
            }
            ("conversion_judged", Some("applied")) => {
                let turn = txids[&line.received_id.unwrap()];
                assert!(logged.applied.insert(turn), "sale {turn} was applied twice");
            }
            _ => {}
        }
    }
    assert!(export.wait().unwrap().success());
    logged
}

/// Clicks and sales by tenant, offer and affiliate.
type Counts = BTreeMap<[i64; 3], [i64; 2]>;

/// What must be counted: everything that was acknowledged, and of what was not, that which is in the log.
fn expected(installation: &Installation, run: &Run) -> Counts {
    let logged = logged(installation);
    let mut counts = Counts::new();
    let mut count = |turn: usize, which: usize| {
        counts.entry(route_of(&run.routes, turn).key).or_default()[which] += 1;
    };
    let in_log: HashSet<usize> = logged.clicks.values().copied().collect();
    assert_eq!(
        in_log.len(),
        logged.clicks.len(),
        "a click was recorded twice"
    );
    let (mut acknowledged, mut recorded) = ([0, 0], [0, 0]);
    for notes in &run.notes {
        for (turn, id) in &notes.clicks {
            assert_eq!(logged.clicks.get(id), Some(turn), "click {id} is lost");
            count(*turn, 0);
            acknowledged[0] += 1;
        }
        for turn in &notes.sales {
            assert!(logged.applied.contains(turn), "sale {turn} is lost");
            count(*turn, 1);
            acknowledged[1] += 1;
        }
        for turn in notes
            .unanswered_clicks
            .iter()
            .filter(|turn| in_log.contains(turn))
        {
            count(*turn, 0);
            recorded[0] += 1;
        }
        for turn in notes
            .unanswered_sales
            .iter()
            .filter(|turn| logged.applied.contains(turn))
        {
            count(*turn, 1);
            recorded[1] += 1;
        }
    }
    println!(
        "acknowledged {acknowledged:?}, recorded without an answer {recorded:?} (clicks, sales)"
    );
    assert_eq!(
        logged.clicks.len(),
        acknowledged[0] + recorded[0],
        "clicks that nobody made"
    );
    assert_eq!(
        logged.applied.len(),
        acknowledged[1] + recorded[1],
        "sales that nobody made"
    );
    assert!(
        acknowledged[0] >= run.plan.clicks
            && acknowledged[1] * SALE_EVERY * 11 / 10 > run.plan.clicks
    );
    counts
}

/// What the tables of MySQL count, in plain SQL.
fn compare(url: &str, expected: &Counts) {
    let by_route = |sql: &str| -> BTreeMap<[i64; 3], Vec<i64>> {
        let rows = numbers(url, sql).into_iter();
        rows.map(|row| ([row[0], row[1], row[2]], row[3..].to_vec()))
            .collect()
    };
    let rollups = by_route(
        "SELECT tenant_id, offer, affiliate, CAST(SUM(gross_click) AS SIGNED),
            CAST(SUM(IF(basis = 0, approved_cv, 0)) AS SIGNED), CAST(SUM(IF(basis = 1, approved_cv, 0)) AS SIGNED),
            CAST(SUM(IF(basis = 2, approved_cv, 0)) AS SIGNED), CAST(SUM(IF(basis = 2, payout, 0)) AS SIGNED)
         FROM rollups GROUP BY tenant_id, offer, affiliate",
    );
    let conversions = by_route(
        "SELECT tenant_id, offer, affiliate, COUNT(*), COUNT(DISTINCT txid) FROM conversions
         GROUP BY tenant_id, offer, affiliate",
    );
    assert_eq!(rollups.len(), expected.len());
    for (key, &[clicks, sales]) in expected {
        assert_eq!(
            rollups[key],
            [clicks, sales, sales, sales, sales * PAYOUT],
            "rollups of {key:?}"
        );
        assert_eq!(conversions[key], [sales, sales], "conversions of {key:?}");
    }
    let mut owed: BTreeMap<[i64; 2], i64> = BTreeMap::new();
    for (&[tenant, _, affiliate], &[_, sales]) in expected {
        *owed.entry([tenant, affiliate]).or_default() += sales * PAYOUT;
    }
    for sql in [
        "SELECT tenant_id, credit_owner, CAST(SUM(amount) AS SIGNED) FROM transfers WHERE credit_kind = 4
         GROUP BY tenant_id, credit_owner",
        "SELECT tenant_id, owner, CAST(SUM(credits) - SUM(debits) AS SIGNED) FROM balances WHERE kind = 4
         GROUP BY tenant_id, owner",
    ] {
        let ledger = numbers(url, sql).into_iter().map(|row| ([row[0], row[1]], row[2]));
        assert_eq!(ledger.collect::<BTreeMap<_, _>>(), owed, "{sql}");
    }
}
