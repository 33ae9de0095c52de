//! Digests and invariants: what is the same is told so, and what is wrong is named.

mod support;

use proptest::prelude::*;
use rusqlite::Connection;
use support::{Opened, open};
use weir_embedded::{Snapshot, TableDigest};
use weir_engine::fact::ConversionStatus::{self, Approved, Pending, Rejected};
use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::judge::Conversion;
use weir_engine::ports::contract::{Owner, Sale, block_on};

const TENANT: TenantId = TenantId(7);

fn digests(store: &Opened) -> Vec<TableDigest> {
    Snapshot::open(store.path())
        .expect("opened")
        .digests()
        .expect("read")
}

/// A fact of a made-up log.
#[derive(Debug, Clone)]
enum Step {
    Click(Sale),
    Convert(Sale),
    /// Change the conversion of this number (modulo how many there are) to a status.
    Change(usize, ConversionStatus),
}

fn status() -> impl Strategy<Value = ConversionStatus> {
    prop_oneof![Just(Pending), Just(Approved), Just(Rejected)]
}

fn sale() -> impl Strategy<Value = Sale> {
    let of = (
        0u64..400_000,
        0u64..400_000,
        status(),
        1u32..4,
        0u32..3,
        0u32..3,
        0i64..5_000_000,
        any::<bool>(),
    );
    of.prop_map(
        |(clicked, after, status, offer, affiliate, goal, payout, is_test)| Sale {
            clicked_at: UnixMs(1_772_323_200_000 + clicked * 1000),
            at: UnixMs(1_772_323_200_000 + (clicked + after) * 1000),
            status,
            offer,
            affiliate: (affiliate > 0).then_some(affiliate),
            goal: (goal > 0).then_some(goal),
            payout,
            takes_identity: status != Rejected,
            is_test,
        },
    )
}

fn log() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        sale().prop_map(Step::Click),
        sale().prop_map(Step::Convert),
        (any::<usize>(), status()).prop_map(|(which, to)| Step::Change(which, to)),
    ];
    proptest::collection::vec(step, 1..40)
}

/// Commits the log in windows of `window` facts.
fn replay(store: &Opened, log: &[Step], window: usize) {
    block_on(async {
        let mut owner = Owner::claim(&**store, TENANT).await;
        let mut made: Vec<Conversion> = Vec::new();
        for steps in log.chunks(window) {
            for step in steps {
                match step {
                    Step::Click(s) => owner.click(s.at, s.offer, s.affiliate, s.is_test),
                    Step::Convert(sale) => made.push(owner.convert(*sale)),
                    Step::Change(which, to) => change(&mut owner, &mut made, *which, *to),
                }
            }
            owner.commit(&**store).await;
        }
    });
}

fn change(owner: &mut Owner, made: &mut [Conversion], which: usize, to: ConversionStatus) {
    if made.is_empty() {
        return;
    }
    let of = &mut made[which % made.len()];
    if of.status.may_become_by_staff(to) {
        *of = owner.change(of, UnixMs(1_773_000_000_000), to);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_same_log_gives_the_same_digests_however_it_is_cut_into_windows(log in log(), window in 1usize..12) {
        let (one, other) = (open(), open());
        replay(&one, &log, log.len());
        replay(&other, &log, window);
        prop_assert_eq!(digests(&one), digests(&other));
    }

    #[test]
    fn books_and_reports_of_any_log_keep_the_invariants(log in log(), window in 1usize..12) {
        let store = open();
        replay(&store, &log, window);
        let books = Snapshot::open(store.path()).unwrap();
        prop_assert_eq!(books.violations().unwrap(), vec![]);
        prop_assert_eq!(books.drift_micros().unwrap(), 0);
    }
}

/// A small log with a click, conversions of each status, and changes.
fn filled() -> Opened {
    let store = open();
    let sale = |status, offer| {
        Step::Convert(Sale {
            status,
            offer,
            ..Sale::default()
        })
    };
    let log = [
        Step::Click(Sale::default()),
        sale(Approved, 1),
        sale(Pending, 2),
        sale(Rejected, 3),
        Step::Change(1, Approved),
        Step::Change(0, Rejected),
    ];
    replay(&store, &log, 3);
    store
}

/// What a person with a SQL prompt could do, and the invariants that name it.
const DAMAGE: &[(&str, &[&str])] = &[
    (
        "UPDATE balances SET debits = debits + 1 WHERE kind = 6",
        &["I1", "I2", "I10"],
    ),
    ("DELETE FROM transfers WHERE seq = 2", &["I2", "I4"]),
    (
        "UPDATE transfers SET amount = amount + 1 WHERE seq = 2",
        &["I2", "I4"],
    ),
    (
        "UPDATE transfers SET credit_owner = 99 WHERE credit_kind IN (3, 4)",
        &["I2", "I4"],
    ),
    (
        "UPDATE transfers SET tenant_id = 8 WHERE seq = 2",
        &["I2", "I4", "I7"],
    ),
    (
        "UPDATE conversions SET payout = payout + 1 WHERE status = 2",
        &["I4", "I10"],
    ),
    (
        "UPDATE conversions SET status = 1 WHERE status = 2",
        &["I4", "I10"],
    ),
    (
        "UPDATE conversions SET identity = x'00000000000000000000000000000001' WHERE identity IS NOT NULL",
        &["I4"],
    ),
    (
        "UPDATE conversions SET affiliate = 6 WHERE status = 2",
        &["I4", "I10"],
    ),
    (
        "DELETE FROM conversions WHERE status = 3 AND seq = 3",
        &["I7", "I10"],
    ),
    ("UPDATE partition_state SET next_offset = 4", &["I8"]),
    (
        "UPDATE rollups SET payout = payout + 1 WHERE basis = 2",
        &["I10"],
    ),
    (
        "UPDATE rollups SET approved_cv = approved_cv + 1 WHERE basis = 0",
        &["I10"],
    ),
    ("DELETE FROM rollups WHERE basis = 1", &["I10"]),
    ("UPDATE rollups SET is_test = 1 WHERE basis = 2", &["I10"]),
];

#[test]
fn each_kind_of_damage_is_named_by_its_invariants() {
    for (damage, expect) in DAMAGE {
        let store = filled();
        let outside = Connection::open(store.path()).expect("opened");
        assert!(
            outside.execute(damage, []).expect("executed") > 0,
            "{damage} touches nothing"
        );
        let found = Snapshot::open(store.path())
            .expect("opened")
            .violations()
            .expect("read");
        let mut named: Vec<_> = found.iter().map(|v| v.invariant).collect();
        named.dedup();
        assert_eq!(named, *expect, "{damage}: {found:#?}");
    }
}

#[test]
fn a_changed_row_changes_the_digest_of_its_table_alone() {
    let damage = [
        (
            "conversions",
            "UPDATE conversions SET note = 'x' WHERE seq = 1",
        ),
        ("verdicts", "DELETE FROM verdicts WHERE seq = 1"),
        (
            "transfers",
            "UPDATE transfers SET booked_at = booked_at + 1 WHERE seq = 1",
        ),
        ("balances", "UPDATE balances SET credits = 0 WHERE kind = 5"),
        (
            "rollups",
            "UPDATE rollups SET gross_click = 9 WHERE gross_click = 1",
        ),
        (
            "status_changes",
            "UPDATE status_changes SET changed_by = '' WHERE seq = 4",
        ),
        (
            "partition_state",
            "UPDATE partition_state SET next_offset = 7",
        ),
    ];
    for (table, sql) in damage {
        let store = filled();
        let before = digests(&store);
        let outside = Connection::open(store.path()).expect("opened");
        assert!(outside.execute(sql, []).expect("executed") > 0, "{sql}");
        let after = digests(&store);
        let changed: Vec<_> = before
            .iter()
            .zip(&after)
            .filter(|(a, b)| a != b)
            .map(|(a, _)| a.table)
            .collect();
        assert_eq!(changed, [table], "{sql}");
    }
}

#[test]
fn what_depends_on_owners_and_windows_is_in_no_digest() {
    let store = filled();
    let outside = Connection::open(store.path()).expect("opened");
    let counter = "INSERT INTO cap_counters (tenant_id, cap, period_from, used) VALUES (7, x'0000000000000001', ";
    outside
        .execute_batch(&format!("{counter} 2, 20); {counter} 3, 30)"))
        .expect("executed");
    let before = digests(&store);
    block_on(Owner::claim(&*store, TENANT));
    // Of each cap the two newest periods count.
    outside
        .execute_batch(&format!("{counter} 1, 10)"))
        .expect("executed");
    outside
        .execute_batch(
            "INSERT INTO rollups SELECT tenant_id, basis, bucket + 9, is_test, campaign, flow, arm, offer, affiliate,
             goal, country, device, currency, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM rollups",
        )
        .expect("executed");
    assert_eq!(digests(&store), before);
    outside
        .execute(
            "UPDATE cap_counters SET used = 21 WHERE period_from = 2",
            [],
        )
        .expect("executed");
    assert_ne!(digests(&store), before);
}

fn drift(store: &Opened) -> i64 {
    let books = Snapshot::open(store.path()).expect("opened");
    books.drift_micros().expect("read")
}

#[test]
fn the_drift_is_what_is_missing_or_too_much() {
    let cases = [
        // Side against side, entries against balance, ledger against reports.
        (
            "UPDATE balances SET debits = debits + 5 WHERE kind = 6",
            5 * 3,
        ),
        // Nothing but the entries knows.
        ("UPDATE transfers SET amount = amount + 2 WHERE seq = 2", 0),
        (
            "UPDATE conversions SET payout = payout + 7 WHERE status = 2",
            7 * 2,
        ),
        (
            "UPDATE rollups SET revenue = revenue - 3 WHERE basis = 2 AND revenue > 0",
            0,
        ),
    ];
    for (damage, least) in cases {
        let store = filled();
        assert_eq!(drift(&store), 0, "before {damage}");
        let outside = Connection::open(store.path()).expect("opened");
        assert!(outside.execute(damage, []).expect("executed") > 0);
        assert!(drift(&store) > 0, "{damage}");
        if least > 0 {
            assert_eq!(drift(&store), least, "{damage}");
        }
    }
}

/// Greatest amount there is.
const GREATEST: i64 = i64::MAX;

#[test]
fn the_greatest_amounts_stop_no_commit_and_no_question_and_are_told_as_drift() {
    let store = open();
    let sale = Sale {
        payout: GREATEST,
        status: Approved,
        offer: 1,
        ..Sale::default()
    };
    let log = [
        Step::Convert(sale),
        Step::Convert(sale),
        Step::Change(0, Rejected),
        Step::Convert(sale),
        Step::Convert(Sale { payout: 1, ..sale }),
    ];
    replay(&store, &log, 1);
    let stored: Vec<(i64, i64)> = {
        let outside = Connection::open(store.path()).expect("opened");
        let mut read = outside
            .prepare("SELECT debits, credits FROM balances")
            .expect("prepared");
        let rows = read.query_map([], |r| Ok((r.get(0)?, r.get(1)?)));
        rows.expect("read").collect::<Result<_, _>>().expect("read")
    };
    let is_at_its_end = |(debits, credits): &(i64, i64)| [*debits, *credits].contains(&GREATEST);
    assert!(stored.iter().any(is_at_its_end), "{stored:?}");
    assert!(stored.iter().all(|(d, c)| *d >= 0 && *c >= 0), "{stored:?}");
    let books = Snapshot::open(store.path()).expect("opened");
    assert_eq!(books.drift_micros().expect("read"), GREATEST);
    let named: Vec<_> = books.violations().expect("read");
    assert!(named.iter().any(|v| v.invariant == "I2"), "{named:#?}");
    assert_eq!(books.digests().expect("read").len(), digests(&store).len());
}
