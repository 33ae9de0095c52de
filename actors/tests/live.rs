//! What nodes share, on a real journal, a real store and a real cache: live counters follow the books, and a cache of
//! clicks changes no verdict.

// Each test crate uses its part of the world.
#[allow(dead_code)]
mod away;
#[allow(dead_code)]
mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use weir_actors::live::{LiveArgs, LiveProjection, LiveTap};
use weir_actors::{Options, StatusWanted};
use weir_engine::fact::ConversionStatus;
use weir_engine::ids::{ConversionId, TenantId};
use weir_engine::judge::Outcome;
use weir_engine::live::{LiveCounters, LiveSums, UtcDay, answered, question};
use weir_engine::ports::{ClickLookup, LocalCounters, ReportStore, SharedCounters};
use weir_engine::secrets::MasterSecret;
use weir_redis::{Redis, Within};
use world::{CAMPAIGN, World};

const TENANTS: [TenantId; 2] = [TenantId(1), TenantId(2)];
const DAY_MS: u64 = 86_400_000;

/// A world whose commits are heard.
async fn world() -> (World, LiveTap) {
    let tap = LiveTap::open();
    let world = World::new(options(&tap)).await;
    for tenant in TENANTS {
        world.tenant(tenant, json!([])).await;
    }
    (world, tap)
}

fn options(tap: &LiveTap) -> Options {
    Options {
        checkpoint_every: Duration::from_millis(50),
        live: tap.clone(),
        ..Options::default()
    }
}

fn project(world: &World, tap: &LiveTap, counters: Arc<dyn SharedCounters>) -> LiveProjection {
    LiveProjection::start(LiveArgs {
        tap: tap.clone(),
        reports: Arc::clone(world.store()) as _,
        counters,
    })
}

/// Clicks in two campaigns of each tenant, of which every third converts; gives a conversion of the first tenant.
async fn traffic(world: &mut World, round: u64) -> ConversionId {
    let mut last = None;
    for tenant in TENANTS {
        for n in 0..9 {
            let campaign = CAMPAIGN + (n % 2) as u32;
            let (click, _) = world.click(tenant, campaign, round * 100 + n).await;
            if n % 3 == 0 {
                let txid = format!("t{round}-{n}");
                let (received, _) = world.convert(tenant, click, &txid).await;
                if tenant == TENANTS[0] {
                    last = Some(received);
                }
            }
        }
    }
    let received = last.expect("a conversion");
    for tenant in TENANTS {
        world.mesh().settled(tenant).await;
    }
    let verdict = world.store().verdict(TENANTS[0], received).await;
    let verdict = verdict.expect("read").expect("judged").verdict;
    verdict.conversion_id.expect("made")
}

async fn reject(world: &World, id: ConversionId) {
    let change = StatusWanted {
        id,
        to: ConversionStatus::Rejected,
        reason: "by_staff".to_owned(),
        by: "key_1".to_owned(),
    };
    let changed = world.mesh().set_status(TENANTS[0], change).await;
    changed.expect("answered").expect("changed");
}

/// Without what counts nothing: a report leaves it out.
fn shown(counters: Vec<LiveCounters>) -> Vec<(u32, Vec<(String, LiveSums)>)> {
    let of = |c: LiveCounters| {
        let sums = c.sums.into_iter();
        let sums = sums.filter(|(_, sums)| *sums != LiveSums::default());
        let sums = sums.map(|(currency, sums)| (currency.to_string(), sums));
        (c.key.campaign, sums.collect::<Vec<_>>())
    };
    let shown = counters.into_iter().map(of);
    shown.filter(|(_, sums)| !sums.is_empty()).collect()
}

/// Waits until the counters of a day are what the store's report says, for both tenants; gives how many clicks
/// were counted.
async fn follow(world: &World, counters: &dyn SharedCounters, day: UtcDay) -> i64 {
    let until = Instant::now() + Duration::from_secs(20);
    let mut clicks = 0;
    for tenant in TENANTS {
        let page = world.store().report(tenant, question(tenant, day, None));
        let page = page.await.expect("answered");
        let expect = shown(answered(tenant, day, &page).expect("few rows"));
        let of = |(_, sums): &(u32, Vec<(String, LiveSums)>)| -> i64 {
            sums.iter().map(|(_, s)| s.counts.gross_click).sum()
        };
        clicks += expect.iter().map(of).sum::<i64>();
        loop {
            let read = counters.read(tenant, day, vec![]).await;
            let read = read.unwrap_or_default();
            if shown(read.clone()) == expect {
                break;
            }
            assert!(Instant::now() < until, "{read:#?} is not {expect:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    clicks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_are_what_the_report_says_whatever_happens_to_conversions() {
    let (mut world, tap) = world().await;
    let day = UtcDay::of(world.now());
    traffic(&mut world, 0).await;
    let counters = Arc::new(LocalCounters::default());
    // Begins in the middle: what was before comes from a report.
    let _live = project(&world, &tap, counters.clone());
    assert_eq!(follow(&world, counters.as_ref(), day).await, 18);
    let made = traffic(&mut world, 1).await;
    assert_eq!(follow(&world, counters.as_ref(), day).await, 36);
    reject(&world, made).await;
    follow(&world, counters.as_ref(), day).await;
    let rejected = counters.read(TENANTS[0], day, vec![]).await.expect("read");
    let rejected = rejected.iter().flat_map(|c| c.sums.values());
    assert_eq!(rejected.map(|s| s.counts.rejected_cv).sum::<i64>(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_day_begins_at_nothing_and_yesterday_stays_as_it_changes() {
    let (mut world, tap) = world().await;
    let counters = Arc::new(LocalCounters::default());
    let _live = project(&world, &tap, counters.clone());
    let made = traffic(&mut world, 0).await;
    let yesterday = UtcDay::of(world.now());
    follow(&world, counters.as_ref(), yesterday).await;
    world.pass(DAY_MS);
    traffic(&mut world, 1).await;
    reject(&world, made).await;
    assert_eq!(follow(&world, counters.as_ref(), yesterday).await, 18);
    let today = UtcDay::of(world.now());
    assert_eq!(follow(&world, counters.as_ref(), today).await, 18);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_and_a_failure_of_the_fold_lose_and_double_nothing() {
    let (mut world, tap) = world().await;
    let day = UtcDay::of(world.now());
    let counters = Arc::new(LocalCounters::default());
    let live = project(&world, &tap, counters.clone());
    traffic(&mut world, 0).await;
    follow(&world, counters.as_ref(), day).await;
    world.mesh().faults().plan("projection", 1);
    traffic(&mut world, 1).await;
    assert_eq!(follow(&world, counters.as_ref(), day).await, 36);
    drop(live);
    world.crash().await;
    world.start(options(&tap)).await;
    let _live = project(&world, &tap, counters.clone());
    traffic(&mut world, 2).await;
    assert_eq!(follow(&world, counters.as_ref(), day).await, 54);
    world.stop().await;
}

/// The server of the tests; one that is not there fails the test by name.
fn redis(prefix: &str) -> (redis::Connection, Redis) {
    let url = std::env::var("WEIR_TEST_REDIS_URL");
    let url = url.unwrap_or_else(|_| "redis://127.0.0.1:16379".to_owned());
    let connection = redis::Client::open(url.as_str())
        .and_then(|client| client.get_connection_with_timeout(Duration::from_secs(5)));
    let connection = connection.unwrap_or_else(|error| {
        panic!("no redis at {url} ({error}): eval \"$(actors/stores/services/services up redis)\"")
    });
    let options = weir_redis::Options {
        prefix: prefix.to_owned(),
        within: Within {
            clicks: Duration::from_secs(1),
            counters: Duration::from_secs(5),
            ..Within::default()
        },
        ..weir_redis::Options::default()
    };
    let secrets = MasterSecret::new([7; 32]);
    let handle = tokio::runtime::Handle::current();
    let server = Redis::at(&url, options, &secrets, handle).expect("a URL");
    (connection, server)
}

/// Takes all keys of a prefix away; gives how many there were.
fn wipe(connection: &mut redis::Connection, prefix: &str) -> usize {
    let pattern = format!("{prefix}:*");
    let keys = redis::cmd("KEYS").arg(pattern).query(connection);
    let keys: Vec<String> = keys.expect("listed");
    for key in &keys {
        redis::cmd("DEL").arg(key).exec(connection).expect("gone");
    }
    keys.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_cache_is_full_again_within_seconds_though_nothing_happens() {
    let prefix = format!("live-{:x}", std::process::id());
    let (mut connection, server) = redis(&prefix);
    let (mut world, tap) = world().await;
    let day = UtcDay::of(world.now());
    let counters = Arc::new(server.counters());
    let _live = project(&world, &tap, counters.clone());
    traffic(&mut world, 0).await;
    follow(&world, counters.as_ref(), day).await;
    assert_eq!(
        wipe(&mut connection, &prefix),
        3,
        "two tenants and a marker"
    );
    let begun = Instant::now();
    assert_eq!(follow(&world, counters.as_ref(), day).await, 18);
    assert!(begun.elapsed() < Duration::from_secs(10));
    world.stop().await;
    wipe(&mut connection, &prefix);
}

/// Puts garbage in the place of all values of a prefix; gives how many there were.
fn poison(connection: &mut redis::Connection, prefix: &str) -> usize {
    let pattern = format!("{prefix}:*:click:*");
    let keys = redis::cmd("KEYS").arg(pattern).query(connection);
    let keys: Vec<String> = keys.expect("listed");
    for key in &keys {
        let mut set = redis::cmd("SET");
        set.arg(key).arg("garbage").exec(connection).expect("set");
    }
    keys.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_of_clicks_that_lies_and_forgets_changes_no_verdict() {
    let prefix = format!("verdicts-{:x}", std::process::id());
    let (mut connection, server) = redis(&prefix);
    let cache = move |log| Arc::new(server.clicks(log)) as Arc<dyn ClickLookup>;
    let mut world = World::with_cache(Options::default(), Some(Box::new(cache))).await;
    world.tenant(TENANTS[0], json!([])).await;
    let mut poisoned = 0;
    for round in 0..12 {
        let (click, _) = world.click(TENANTS[0], CAMPAIGN, round).await;
        // Found in the log, then in the cache, then behind a lie, then behind nothing.
        for (step, txid) in ["a", "a", "b", "c"].iter().enumerate() {
            let txid = format!("{txid}{round}");
            let (received, _) = world.convert(TENANTS[0], click, &txid).await;
            world.mesh().settled(TENANTS[0]).await;
            let verdict = world.store().verdict(TENANTS[0], received).await;
            let outcome = verdict.expect("read").expect("judged").verdict.outcome;
            let expect = match step {
                1 => Outcome::Duplicate,
                _ => Outcome::Applied,
            };
            assert_eq!(outcome, expect, "round {round}, step {step}");
            match step {
                1 => poisoned += poison(&mut connection, &prefix),
                2 => drop(wipe(&mut connection, &prefix)),
                _ => {}
            }
        }
    }
    assert!(poisoned >= 6, "{poisoned} values were there to be poisoned");
    world.stop().await;
    assert_eq!(world.digests(), world.replayed(7).await);
    wipe(&mut connection, &prefix);
}
