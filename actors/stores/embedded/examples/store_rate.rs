//! How fast the store takes windows, and how fast it answers: `cargo run --release -p weir-embedded --example store_rate`.
//!
//! Each window is 50,000 facts, one in 50 a conversion, that touch some 5,000 or 20,000 rows of the rollups. Windows
//! are made before the clock runs: what is measured is the commit, to disk, and the reports over all of them.

use std::time::{Duration, Instant};

use serde_json::json;
use weir_embedded::{Embedded, Snapshot};
use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::ports::contract::{Owner, Sale, block_on};
use weir_engine::ports::{Commit, LedgerStore, ReportStore};
use weir_engine::report::ReportQuery;

const TENANT: TenantId = TenantId(7);
/// 2026-03-01T00:00:00Z.
const BEGIN: u64 = 1_772_323_200_000;
const FACTS: u64 = 50_000;
const WINDOWS: u64 = 30;

fn main() {
    for affiliates in [100, 400] {
        measure(affiliates);
    }
}

fn measure(affiliates: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Embedded::open(folder.path().join("store.sqlite")).expect("opened");
    let mut owner = block_on(Owner::claim(&store, TENANT));
    let mut spent = Duration::ZERO;
    let mut rows = 0;
    for number in 0..WINDOWS {
        let window = window(&mut owner, number, affiliates);
        rows += window.rollups.len();
        let started = Instant::now();
        block_on(store.commit(window))
            .map_err(|(error, _)| error)
            .expect("committed");
        spent += started.elapsed();
    }
    let per_second = (WINDOWS * FACTS) as f64 / spent.as_secs_f64();
    let (rows, ms) = (rows as u64 / WINDOWS, spent.as_millis() as u64 / WINDOWS);
    println!("{rows} rows a window: {ms} ms a commit, {per_second:.0} facts/s");
    for group_by in [
        json!([]),
        json!(["day"]),
        json!(["hour", "offer"]),
        json!(["affiliate", "offer"]),
    ] {
        ask(&store, &group_by);
    }
    let made = block_on(store.judged(TENANT, 0, FACTS))
        .expect("read")
        .verdicts;
    let started = Instant::now();
    for (verdict, _) in &made {
        let id = verdict.verdict.conversion_id.expect("made");
        block_on(store.conversion(TENANT, id))
            .expect("read")
            .expect("found");
    }
    println!(
        "  a conversion by id: {:?}",
        started.elapsed() / made.len() as u32
    );
    let snapshot = Snapshot::open(store.path()).expect("opened");
    let started = Instant::now();
    assert_eq!(snapshot.violations().expect("read"), []);
    println!("  all invariants: {:?}", started.elapsed());
    let started = Instant::now();
    let digests = snapshot.digests().expect("read");
    let rows: u64 = digests.iter().map(|digest| digest.rows).sum();
    println!("  digests of {rows} rows: {:?}", started.elapsed());
}

/// Facts of an hour: a click for each, and now and then its conversion.
fn window(owner: &mut Owner, number: u64, affiliates: u64) -> Commit {
    for i in 0..FACTS {
        let at = UnixMs(BEGIN + number * 3_600_000 + i * 3_600_000 / FACTS);
        let mixed = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let (offer, affiliate) = (
            (mixed % 13) as u32 + 1,
            Some(((mixed / 13) % affiliates) as u32 + 1),
        );
        if i % 50 == 0 {
            owner.convert(Sale {
                clicked_at: at,
                at,
                offer,
                affiliate,
                ..Sale::default()
            });
        } else {
            owner.click(at, offer, affiliate, false);
        }
    }
    owner.take_window()
}

fn ask(store: &Embedded, group_by: &serde_json::Value) {
    let question = json!({"from": "2026-03-01", "to": "2026-03-08", "group_by": group_by});
    let query = ReportQuery::read(TENANT, "Europe/Berlin", &question).expect("a good question");
    let started = Instant::now();
    let page = block_on(store.report(TENANT, query)).expect("answered");
    println!(
        "  report by {group_by}: {} rows in {:?}",
        page.rows.len(),
        started.elapsed()
    );
}
