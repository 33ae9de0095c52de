//! One log, two stores: the same rows, the same answers.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};

use crate::beside_others;
use crate::database::{Database, number};
use crate::history::{Admin, History, Replay, click, is_release, replay};
use crate::installation::Installation;
use crate::live;
use crate::support::metrics::until_folded;
use crate::support::{Client, Server, books_agree, path_of};

const TENANTS: [&str; 2] = ["ten_1", "ten_2"];
const BASES: [&str; 3] = ["click", "conversion", "posting"];
const METRICS: [&str; 13] = [
    "gross_click",
    "invalid_click",
    "total_click",
    "unique_click",
    "cv",
    "pending_cv",
    "approved_cv",
    "rejected_cv",
    "event",
    "payout",
    "revenue",
    "cost",
    "profit",
];
const GROUPS: [&[&str]; 5] = [
    &[],
    &["offer", "affiliate"],
    &["campaign", "country"],
    &["day", "advertiser"],
    &["hour", "device_type"],
];
/// A zone each: one of half an hour, and one whose clocks change within the history.
const ZONES: [&str; 5] = [
    "UTC",
    "Asia/Kolkata",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
];

fn day(when: &str) -> String {
    let said = Command::new("date")
        .args(["-u", "-d", when, "+%F"])
        .output()
        .unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// Reports of both tenants by several dimensions, zones and times, each with its rows and totals.
fn reports(server: &Server) -> BTreeMap<String, (Vec<Value>, Vec<Value>)> {
    let mut admin = Admin::of(server);
    let mut answers = BTreeMap::new();
    for tenant in TENANTS {
        for basis in BASES {
            for (group_by, zone) in GROUPS.iter().zip(ZONES) {
                for (from, to) in [
                    ("2026-10-01".to_owned(), "2026-11-21".to_owned()),
                    (day("2 days ago"), day("2 days")),
                ] {
                    let question = json!({"from": from, "to": to, "timezone": zone, "time_basis": basis,
                        "group_by": group_by, "metrics": METRICS, "limit": 1_000});
                    let answer = admin.report(tenant, &question);
                    answers.insert(format!("{tenant} {question}"), answer);
                }
            }
        }
    }
    answers
}

fn assert_same(one: &Replay, other: &Replay) {
    assert!(one.is_good && other.is_good, "{} {}", one.says, other.says);
    assert!(one.digests().len() >= 10, "{:?}", one.digests());
    assert_eq!(one.digests(), other.digests());
    let rows = |replay: &Replay| -> u64 {
        let rows = replay
            .tables
            .iter()
            .map(|t| t["rows"].as_str().unwrap_or("0").parse::<u64>());
        rows.map(Result::unwrap).sum()
    };
    assert!(rows(other) > 1_000, "{:?}", other.tables);
}

/// A demo with a history, and on top of it what it has none of: rejections, caps, changes of status.
fn told(installation: &Installation) -> Server {
    let history = History {
        seed: 5,
        days: if is_release() { 30 } else { 3 },
        until: "2026-11-20T06:30:00Z",
    };
    let server = history.tell(&installation.data);
    let words: BTreeSet<String> = live::trade(&server).into_iter().collect();
    for word in [
        "applied",
        "duplicate",
        "updated",
        "over_cap",
        "by_advertiser",
        "bot",
        "too_fast",
    ] {
        assert!(words.contains(word), "{word} is not among {words:?}");
    }
    until_folded(&server);
    server
}

/// Clicks, each with a sale that is reported twice.
fn go_on(server: &Server) {
    let mut client = Client::new(&server.url("/traffic"));
    let postback = server.url("/demo/postback_url");
    for number in 0..20 {
        let id = click(server, &mut client, "");
        let url = postback
            .replace("{click_id}", &id)
            .replace("{amount}", "20");
        let url = url.replace("{txid}", &format!("more{number}"));
        for outcome in ["applied", "duplicate"] {
            let answer = client.get(path_of(&url)).unwrap();
            assert_eq!(answer.json()["outcome"], outcome, "{answer:?}");
        }
    }
}

#[test]
fn one_log_makes_the_same_rows_and_reports_in_mysql_as_in_the_embedded_store() {
    let _beside = beside_others();
    let database = Database::new();
    // The settings name the database; who is given none of them keeps its books in a file.
    let moved = Installation::new(&database.url);
    let mut server = told(&moved);
    assert_eq!(server.ready["backends"]["state"], "embedded");
    let demo = server.ready["demo"].clone();
    let before = reports(&server);
    server.terminate();
    books_agree(&moved.data);

    let embedded = replay(&moved.data, &["--check"]);
    let mysql = replay(&moved.data, &["--into", &database.url]);
    assert_same(&embedded, &mysql);
    println!("{}", mysql.says);
    moved.books_agree();

    let mut server = moved.serve();
    assert_eq!(server.ready["backends"]["state"], "mysql");
    server.ready["demo"] = demo;
    let after = reports(&server);
    assert_eq!(before.len(), after.len());
    for (question, answer) in &before {
        assert_eq!(answer, &after[question], "{question}");
    }
    assert!(
        before.values().filter(|(rows, _)| rows.len() > 1).count() > 10,
        "the reports have rows"
    );

    // It goes on from there.
    let facts = number(
        &database.url,
        "SELECT CAST(SUM(next_offset) AS SIGNED) FROM partition_state",
    );
    go_on(&server);
    until_folded(&server);
    server.terminate();
    let now = number(
        &database.url,
        "SELECT CAST(SUM(next_offset) AS SIGNED) FROM partition_state",
    );
    assert!(now > facts + 30, "{facts} facts, and now {now}");
    moved.books_agree();
    // In a file again, from the log alone.
    let again = moved.replay(&["--check"]);
    assert!(
        again.is_good && again.tables.iter().all(|t| t["verdict"] == "same"),
        "{:?}",
        again.tables
    );
}
