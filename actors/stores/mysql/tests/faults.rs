//! Storms of deadlocks and lock waits, connections that die at a commit, owners that were replaced: no update is lost,
//! none is made twice, and nobody tries for ever.

#[path = "support/proxy.rs"]
mod proxy;
mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts};
use proxy::{Proxy, Road};
use support::{Opened, at, open, runtime};
use weir_engine::ids::{ConversionId, DerivedId, Position, TenantId, UnixMs};
use weir_engine::ledger::{Account, AccountKind, Transfer, TransferKind};
use weir_engine::money::{Currency, Micros};
use weir_engine::ports::{Advance, Commit, LedgerStore, PartitionState, StoreError};
use weir_mysql::Mysql;

const THREADS: u16 = 64;
const ACCOUNTS: u32 = 5;
const COMMITS: u64 = 20;
const INSTALLATION: [u8; 16] = [7; 16];
/// The same transaction is tried this often at once.
const TRIES: usize = 5;

/// The fact `seq` of a partition moves one micro from the tenant to each of the five affiliates.
fn commit_of(state: PartitionState, seq: u64) -> Commit {
    let position = Position {
        partition: state.partition,
        seq,
    };
    let transfer = |affiliate: u32| Transfer {
        id: DerivedId::of(position, affiliate as u8),
        tenant: TenantId(1),
        position,
        at: UnixMs(1_772_323_200_000),
        kind: TransferKind::Payout,
        debit: account(AccountKind::CommissionExpense, 0),
        credit: account(AccountKind::AffPayable, affiliate),
        amount: Micros(1),
        currency: Currency::USD,
        conversion_id: ConversionId::at(position),
    };
    Commit {
        advances: vec![Advance {
            partition: state.partition,
            from: seq,
            to: seq + 1,
            epoch: state.epoch,
            refold_from: None,
        }],
        transfers: (1..=ACCOUNTS).map(transfer).collect(),
        ..Commit::default()
    }
}

fn account(kind: AccountKind, owner: u32) -> Account {
    Account { kind, owner }
}

fn claim(store: &Mysql, partition: u16) -> PartitionState {
    runtime().block_on(store.claim(&[partition])).unwrap()[0]
}

/// Commits until it is stored, as the projection does; gives how often the store said that it cannot.
fn commit_at_last(store: &Mysql, mut commit: Commit) -> usize {
    for refused in 0..20 {
        match runtime().block_on(store.commit(commit)) {
            Ok(()) => return refused,
            Err((StoreError::Unavailable(_), back)) => commit = back,
            Err((error, _)) => panic!("{error}"),
        }
    }
    panic!("not stored after twenty times");
}

/// The numbers of a question of one row.
fn ask(store: &Opened, sql: &str) -> Vec<i64> {
    runtime().block_on(async {
        let mut connection = Conn::from_url(store.url()).await.expect("connected");
        let row: Option<mysql_async::Row> = connection.query_first(sql).await.expect("asked");
        connection.disconnect().await.expect("disconnected");
        let values = row.expect("a row").unwrap();
        let number = |v| mysql_async::from_value::<Option<i64>>(v).unwrap_or(0);
        values.into_iter().map(number).collect()
    })
}

/// Each of `facts` facts counts once: in the offsets, the entries and the balances.
fn each_counts_once(store: &Opened, facts: u64) {
    let facts = facts as i64;
    let affiliates = i64::from(ACCOUNTS);
    let offsets = ask(
        store,
        "SELECT CAST(SUM(next_offset) AS SIGNED) FROM partition_state",
    );
    assert_eq!(offsets, [facts], "offsets");
    let entries = ask(
        store,
        "SELECT COUNT(*), CAST(SUM(amount) AS SIGNED) FROM transfers",
    );
    assert_eq!(entries, [facts * affiliates; 2], "entries");
    let payable = ask(
        store,
        "SELECT CAST(MIN(credits) AS SIGNED), CAST(MAX(credits) AS SIGNED), COUNT(*) FROM balances WHERE kind = 4",
    );
    assert_eq!(payable, [facts, facts, affiliates], "owed to affiliates");
    let spent = ask(
        store,
        "SELECT CAST(SUM(debits) AS SIGNED) FROM balances WHERE kind = 6",
    );
    assert_eq!(spent, [facts * affiliates], "spent");
}

/// Takes the locks on the accounts in the other order and holds them for a moment, again and again; and once all of
/// them, for longer than anybody waits for a lock. Gives how often it was rolled back for a deadlock.
async fn compete(url: String, stop: &AtomicBool) -> usize {
    let mut connection = Conn::from_url(url).await.expect("connected");
    let ballast = "CREATE TABLE ballast (n INT NOT NULL) ENGINE=InnoDB";
    connection.query_drop(ballast).await.expect("made");
    // Of two that are in each other's way, that one is rolled back that has written less.
    let heavy = format!("INSERT INTO ballast VALUES {}", vec!["(1)"; 500].join(","));
    let backwards = (1..=ACCOUNTS).rev();
    let backwards = backwards.map(|owner| {
        format!(
            "SELECT * FROM balances WHERE tenant_id = 1 AND kind = 4 AND owner = {owner} FOR UPDATE"
        )
    });
    let backwards: Vec<String> = [heavy].into_iter().chain(backwards).collect();
    let long = ["SELECT * FROM balances WHERE tenant_id = 1 AND kind = 4 FOR UPDATE".to_owned()];
    let (mut failures, mut has_held) = (0, false);
    for round in 0.. {
        if has_held && (stop.load(Ordering::Relaxed) || round >= ROUNDS) {
            break;
        }
        let is_long = !has_held && round >= ROUNDS / 2;
        let (statements, hold) = if is_long {
            (&long[..], LONG)
        } else {
            (&*backwards, BRIEF)
        };
        match hold_locks(&mut connection, statements, hold).await {
            Ok(()) => has_held |= is_long,
            Err(_) => failures += 1,
        }
        connection
            .query_drop("ROLLBACK")
            .await
            .expect("rolled back");
        tokio::time::sleep(PAUSE).await;
    }
    connection.disconnect().await.expect("disconnected");
    failures
}

const ROUNDS: usize = 30;
const PAUSE: Duration = Duration::from_millis(50);
const BRIEF: Duration = Duration::from_millis(20);
/// Nobody waits for a lock for longer than five seconds.
const LONG: Duration = Duration::from_millis(6_500);

async fn hold_locks(
    connection: &mut Conn,
    statements: &[String],
    hold: Duration,
) -> Result<(), mysql_async::Error> {
    connection.query_drop("BEGIN").await?;
    for statement in statements {
        connection.query_drop(statement).await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(hold).await;
    Ok(())
}

#[test]
fn a_storm_of_deadlocks_and_lock_waits_loses_no_update() {
    let opened = open();
    let url = opened.url();
    // The accounts are there before they are fought for.
    let first = claim(&opened, THREADS);
    commit_at_last(&opened, commit_of(first, 0));
    let stores: Vec<Mysql> = (0..4).map(|_| at(&url, INSTALLATION)).collect();
    let (stop, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (started, longest) = (Instant::now(), std::sync::Mutex::new(Duration::ZERO));
    std::thread::scope(|scope| {
        let competing = scope.spawn(|| runtime().block_on(compete(url, &stop)));
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let (store, refused, longest) =
                    (&stores[usize::from(number % 4)], &refused, &longest);
                scope.spawn(move || {
                    let state = claim(store, number);
                    for seq in 0..COMMITS {
                        let begun = Instant::now();
                        refused.fetch_add(
                            commit_at_last(store, commit_of(state, seq)),
                            Ordering::Relaxed,
                        );
                        let mut longest = longest.lock().unwrap();
                        *longest = begun.elapsed().max(*longest);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        let failures = competing.join().unwrap();
        println!("the other transactions were rolled back {failures} times");
    });
    println!(
        "{:?} in all, the longest commit {:?}, {refused:?} came back to be tried again",
        started.elapsed(),
        longest.lock().unwrap()
    );
    each_counts_once(&opened, u64::from(THREADS) * COMMITS + 1);
}

/// A store behind a road, and its only owner.
fn behind_a_road() -> (Opened, Proxy, Mysql, PartitionState) {
    let opened = open();
    let options = Opts::from_url(&opened.url()).unwrap();
    let server = format!("{}:{}", options.ip_or_hostname(), options.tcp_port());
    let proxy = Proxy::to(&server);
    let url = opened.url().replace(&server, &proxy.address().to_string());
    assert_ne!(url, opened.url(), "the road leads to the server");
    let store = at(&url, INSTALLATION);
    let state = claim(&store, 3);
    (opened, proxy, store, state)
}

#[test]
fn a_commit_whose_connection_dies_is_neither_lost_nor_made_twice() {
    let (opened, proxy, store, state) = behind_a_road();
    let mut seq = 0;
    for road in [Road::LosesCommit, Road::LosesAnswer] {
        for breaks in 1..TRIES {
            for _ in 0..3 {
                proxy.break_at_commits(road, breaks);
                let commit = commit_of(state, seq);
                let stored = runtime().block_on(store.commit(commit));
                assert!(stored.is_ok(), "{road:?} {breaks} {stored:?}");
                proxy.set(Road::Open);
                seq += 1;
            }
        }
    }
    each_counts_once(&opened, seq);
}

#[test]
fn a_commit_that_never_gets_through_is_given_back_after_few_tries() {
    let (opened, proxy, store, state) = behind_a_road();
    commit_at_last(&store, commit_of(state, 0));
    let before = proxy.commits();
    proxy.break_at_commits(Road::LosesCommit, usize::MAX);
    let (error, back) = runtime()
        .block_on(store.commit(commit_of(state, 1)))
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert_eq!(proxy.commits() - before, TRIES);
    each_counts_once(&opened, 1);
    proxy.set(Road::Open);
    commit_at_last(&store, back);
    each_counts_once(&opened, 2);
}

#[test]
fn a_server_behind_a_silent_road_costs_a_bounded_wait_and_is_used_again_afterwards() {
    let (opened, proxy, store, state) = behind_a_road();
    commit_at_last(&store, commit_of(state, 0));
    proxy.set(Road::Silent);
    let started = Instant::now();
    let asked = runtime().block_on(store.offsets());
    assert!(
        matches!(asked, Err(StoreError::Unavailable(_))),
        "{asked:?}"
    );
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    let started = Instant::now();
    let (error, back) = runtime()
        .block_on(store.commit(commit_of(state, 1)))
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    proxy.set(Road::Open);
    commit_at_last(&store, back);
    each_counts_once(&opened, 2);
}

#[test]
fn an_owner_that_is_replaced_in_the_middle_of_its_work_writes_nothing_more() {
    let opened = open();
    let stores = [
        at(&opened.url(), INSTALLATION),
        at(&opened.url(), INSTALLATION),
    ];
    let stored = AtomicUsize::new(0);
    let fenced = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| {
                // Takes the partition over again and again, and works until the other one has done so.
                for _ in 0..15 {
                    let state = claim(store, 3);
                    for seq in state.next_offset..state.next_offset + 10 {
                        match runtime().block_on(store.commit(commit_of(state, seq))) {
                            Ok(()) => stored.fetch_add(1, Ordering::Relaxed),
                            Err((StoreError::Fenced { .. }, _)) => {
                                fenced.fetch_add(1, Ordering::Relaxed);
                                break;
                            }
                            Err((error, _)) => panic!("{error}"),
                        };
                    }
                }
            });
        }
    });
    println!("{stored:?} stored, {fenced:?} times replaced");
    assert!(
        fenced.load(Ordering::Relaxed) > 0,
        "they were in each other's way"
    );
    each_counts_once(&opened, stored.load(Ordering::Relaxed) as u64);
}
