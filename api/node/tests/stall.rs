//! The store is stopped for half a minute under load, by somebody who holds its lock: no click fails or waits for it,
//! postbacks get an honest answer, and afterwards the books are whole.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use support::catalog::{Admin, text};
use support::load::{Clicked, click_steadily, together};
use support::metrics::{Metrics, until, until_folded, until_is};
use support::{Client, Server, books_agree, export, path_of};

const CONNECTIONS: usize = 8;
/// A click of each connection comes no sooner than so after the one before.
const EVERY: Duration = Duration::from_millis(5);
const QUIET: Duration = Duration::from_secs(4);
const STALLED: Duration = Duration::from_secs(30);
/// Questions for a verdict between two postbacks.
const POLLS: usize = 5;

/// Holds the one write lock of the store until dropped.
struct Stall(Connection);

impl Stall {
    fn begin(data: &Path) -> Self {
        let connection = Connection::open(data.join("state.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(30)).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(connection)
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

/// Stops the clicks, also when what came meanwhile fails.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A phase of steady clicks on every connection, as long as `meanwhile` lasts.
fn phase(base: &str, path: &str, meanwhile: impl FnOnce() + Send) -> Clicked {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clicking = scope.spawn(|| {
            together(base, CONNECTIONS, |_, client| {
                click_steadily(client, path, EVERY, &stop)
            })
        });
        {
            let _stops = Stops(&stop);
            meanwhile();
        }
        let mut all = Clicked::default();
        for one in clicking.join().unwrap() {
            all.took.extend(one.took);
            all.ids.extend(one.ids);
        }
        all
    })
}

/// Answers to postbacks, by txid.
#[derive(Default)]
struct Answers {
    judged: Mutex<BTreeMap<String, Value>>,
    accepted: Mutex<BTreeMap<String, String>>,
    repeats: AtomicUsize,
}

impl Answers {
    /// Reports a conversion, and every third one twice.
    fn report(&self, client: &mut Client, click: &str, txid: &str, token: &str) {
        let path = format!("/postback?click_id={click}&txid={txid}&token={token}");
        for attempt in 0..2 {
            let answer = client.get(&path).unwrap();
            let body = answer.json();
            match (answer.status, attempt) {
                (200, 0) => {
                    assert_eq!(body["outcome"], "applied", "{txid} {body}");
                    self.judged.lock().unwrap().insert(txid.to_owned(), body);
                }
                (200, _) => {
                    let first = self.judged.lock().unwrap().get(txid).cloned();
                    assert_eq!(body["outcome"], "duplicate", "{txid} {body}");
                    let first = first.map(|f| f["conversion_id"].clone());
                    assert!(
                        first.is_none_or(|id| id == body["conversion_id"]),
                        "{txid} {body}"
                    );
                    self.repeats.fetch_add(1, Ordering::Relaxed);
                }
                (202, 0) => {
                    let url = text(&body, "status_url");
                    self.accepted.lock().unwrap().insert(txid.to_owned(), url);
                }
                (202, _) => {}
                _ => panic!("{txid}: {answer:?}"),
            }
            if !txid.ends_with('3') {
                return;
            }
        }
    }
}

/// For half a minute, on the cores that answer clicks: reports again what was reported, without saying by whom, and
/// asks for verdicts. The ids of clicks were made here, so the store is asked, which has no verdict of them.
fn look_up(client: &mut Client, reported: &[String]) {
    let end = Instant::now() + STALLED;
    let mut rounds = 0;
    for (number, click) in reported.iter().enumerate().cycle() {
        if Instant::now() > end {
            break;
        }
        let path = format!("/postback?click_id={click}&txid=early{number}");
        let answer = client.get(&path).unwrap();
        let outcome = (answer.status, text(&answer.json(), "outcome"));
        assert!(
            [(200, "duplicate"), (202, "accepted")].contains(&(outcome.0, &*outcome.1)),
            "{path}: {answer:?}"
        );
        for _ in 0..POLLS {
            let started = Instant::now();
            let path = format!("/postback/status/{click}");
            let answer = client.get(&path).unwrap();
            assert_eq!(answer.status, 202, "{answer:?}");
            assert!(
                started.elapsed() < STALLED / 10,
                "who reads does not wait for who writes"
            );
        }
        rounds += 1;
        std::thread::sleep(EVERY);
    }
    println!("{rounds} postbacks without a token, each with {POLLS} questions for a verdict");
    assert!(rounds > 10, "{rounds}");
}

#[test]
fn the_store_stops_for_half_a_minute_and_no_click_fails_or_slows() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data, &["serve"]);
    let (mut admin, _) = Admin::of_new_tenant(&server, &data, "Acme");
    // Also those are believed who send no token, by their address: whose a click is must be looked up.
    let everywhere = json!({"postback_auth": "ip", "postback_ips": ["127.0.0.0/8", "::1/128"]});
    let shop = admin.advertiser(everywhere);
    let affiliate = admin.affiliate("approved");
    let offer = admin.offer(&shop.id, json!({}));
    let path = format!("/c/{}?aff={affiliate}&sub1=s", offer.link);
    let base = server.url("/traffic");
    let wait = |time: Duration| move || std::thread::sleep(time);

    let quiet = phase(&base, &path, wait(QUIET));
    until_folded(&server);
    let answers = Answers::default();
    let convert = |ids: &[String], name: &str| {
        let mut client = Client::new(&base);
        for (number, id) in ids.iter().enumerate() {
            answers.report(&mut client, id, &format!("{name}{number}"), &shop.token);
        }
    };
    let before = Metrics::of(&server);
    let (first, second) = quiet.ids.split_at(40);
    let stalled = {
        let stall = Stall::begin(&data);
        let stalled = phase(&base, &path, || {
            convert(first, "early");
            look_up(&mut Client::new(&base), first);
            convert(&second[..40], "late");
            let report = admin.report(&[], &["gross_click"]);
            assert_eq!(
                report["totals"][0]["currency"], "USD",
                "reports answer with what is stored: {report}"
            );
        });
        drop(stall);
        stalled
    };
    let again = phase(&base, &path, wait(QUIET));
    let retries = "weir_store_commit_retries_total";
    assert!(
        Metrics::of(&server).grown(&before, retries) > 0.0,
        "the store was stopped indeed"
    );
    not_slower(&quiet, &stalled, &again);

    let clicks = quiet.ids.len() + stalled.ids.len() + again.ids.len();
    let conversions = 80;
    settle(&base, &answers, conversions);
    let expect = [
        json!(clicks),
        json!(conversions),
        json!("800.00"),
        json!("1200.00"),
    ];
    until_is("the report has every click and conversion", &expect, || {
        admin.totals(&["gross_click", "cv", "payout", "revenue"])
    });
    until_folded(&server);
    let owed = admin.get(&format!("/v1/affiliates/{affiliate}/balance"));
    assert_eq!(owed["balances"][0]["payable"], "800.00", "{owed}");
    server.terminate();
    compare(&data, [quiet.ids, stalled.ids, again.ids].concat());
}

fn not_slower(quiet: &Clicked, stalled: &Clicked, again: &Clicked) {
    for (name, phase) in [("quiet", quiet), ("stalled", stalled), ("again", again)] {
        let (median, p99) = (phase.quantile(0.5), phase.quantile(0.99));
        println!(
            "{name}: {} clicks, median {median:?}, p99 {p99:?}",
            phase.ids.len()
        );
    }
    // The machine is shared: only a click that waits for the store is slower by so much, by seconds.
    for share in [0.5, 0.99] {
        let normal = quiet.quantile(share).max(again.quantile(share));
        let meanwhile = stalled.quantile(share);
        assert!(
            meanwhile <= normal * 10 + Duration::from_millis(20),
            "{share}: {meanwhile:?} for {normal:?}"
        );
    }
}

/// Every postback that got 202 has its verdict behind its status URL.
fn settle(base: &str, answers: &Answers, conversions: usize) {
    let (judged, accepted) = (
        answers.judged.lock().unwrap(),
        answers.accepted.lock().unwrap(),
    );
    println!(
        "{} judged at once, {} later, {} repeats",
        judged.len(),
        accepted.len(),
        answers.repeats.load(Ordering::Relaxed)
    );
    assert_eq!(judged.len() + accepted.len(), conversions);
    let mut client = Client::new(base);
    for url in accepted.values() {
        until("the verdict is stored", || {
            let answer = client.get(path_of(url)).unwrap();
            assert!(matches!(answer.status, 200 | 202), "{answer:?}");
            answer.status == 200 && answer.json()["outcome"] == "applied"
        });
    }
}

fn compare(data: &Path, mut answered: Vec<String>) {
    let facts = export(data);
    let mut recorded: Vec<String> = facts
        .iter()
        .filter(|f| f["kind"] == "clicked")
        .map(|f| text(f, "click_id"))
        .collect();
    recorded.sort();
    answered.sort();
    assert!(
        recorded == answered,
        "{} recorded, {} answered",
        recorded.len(),
        answered.len()
    );
    books_agree(data);
}
