//! A server that is away, killed, flushed, slow or silent changes nothing but speed.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use support::own_server::{OwnServer, TLS};
use support::wire::{SILENT, Wire};
use support::{Keys, Log, PATIENT, eventually, find, found, id, node, options};
use weir_engine::ids::UnixMs;
use weir_engine::limits::{Allowance, LimitKey, LimitScope};
use weir_engine::live::UtcDay;
use weir_engine::ports::contract::block_on;
use weir_engine::ports::{Found, RateLimits, SharedCounters};
use weir_redis::{CachedClicks, Limits, Redis, Within};

const ALLOWANCE: Allowance = Allowance {
    per_second: 1,
    burst: 10,
};

/// As short as usual: what a caller waits at most.
fn hasty(url: &str) -> Redis {
    node(url, options("weir", Within::default()))
}

fn take(limits: &Limits, number: u64) -> Option<u32> {
    let key = LimitKey {
        scope: LimitScope::ApiKey,
        number,
    };
    let taking = limits.take(key, 1, ALLOWANCE, UnixMs(1_772_323_200_000));
    block_on(taking).ok().map(|standing| standing.remaining)
}

/// Looks up all clicks of a log of `n`, some that are not in it, again and again; gives the longest look-up and
/// the mean.
fn look_up_all(clicks: &CachedClicks, n: u16, rounds: u32) -> (Duration, Duration) {
    let (mut longest, start) = (Duration::ZERO, Instant::now());
    for _ in 0..rounds {
        for number in 0..n {
            let begun = Instant::now();
            assert_eq!(find(clicks, id(number)), found(number));
            longest = longest.max(begun.elapsed());
        }
        assert_eq!(find(clicks, id(n)), Found::Absent);
    }
    (longest, start.elapsed() / (rounds * u32::from(n + 1)))
}

#[test]
fn nodes_share_an_allowance() {
    let keys = Keys::fresh();
    let nodes = [keys.node().limits(), keys.node().limits()];
    let taken = [0, 1, 0, 1].map(|n| take(&nodes[n], 1));
    assert_eq!(taken, [Some(9), Some(8), Some(7), Some(6)]);
}

#[test]
fn without_a_server_clicks_come_from_the_log_and_the_rest_says_so_at_once() {
    let redis = hasty("redis://127.0.0.1:1");
    let log = Log::with(100);
    let clicks = redis.clicks(log.clone());
    let (_, mean) = look_up_all(&clicks, 100, 10);
    assert!(mean < Duration::from_millis(2), "{mean:?} a look-up");
    let limits = redis.limits();
    let counters = redis.counters();
    eventually("the breakers rest", || {
        let begun = Instant::now();
        assert_eq!(take(&limits, 1), None);
        let read = block_on(counters.read(support::TENANT, UtcDay(20_513), vec![1]));
        assert!(read.is_err());
        begun.elapsed() < Duration::from_millis(2)
    });
}

#[test]
fn a_server_that_is_killed_and_comes_back_empty_is_used_again() {
    let mut server = OwnServer::start();
    let redis = node(&server.url(), options("weir", PATIENT));
    let log = Log::with(20);
    let clicks = redis.clicks(log.clone());
    let (limits, counters) = (redis.limits(), redis.counters());
    look_up_all(&clicks, 20, 2);
    assert_eq!(take(&limits, 1), Some(9));
    let life = block_on(counters.incarnation()).expect("told");
    server.kill();
    look_up_all(&clicks, 20, 2);
    assert_eq!(take(&limits, 1), None);
    assert!(block_on(counters.incarnation()).is_err());
    server.start_again();
    eventually("allowances are shared again", || {
        take(&limits, 1) == Some(9)
    });
    let mut now = None;
    eventually("counters are kept again", || {
        now = block_on(counters.incarnation()).ok();
        now.is_some()
    });
    assert_ne!(now, Some(life), "what was put is gone, and it says so");
    eventually("clicks are found in the cache again", || {
        let asked = log.asked();
        look_up_all(&clicks, 20, 1);
        log.asked() == asked + 1
    });
}

#[test]
fn a_flushed_server_has_another_incarnation() {
    let server = OwnServer::start();
    let counters = node(&server.url(), options("weir", PATIENT)).counters();
    let life = block_on(counters.incarnation()).expect("told");
    server.flush();
    assert_ne!(block_on(counters.incarnation()).expect("told"), life);
}

#[test]
fn a_server_half_a_second_slow_costs_a_few_look_ups_a_few_milliseconds() {
    let server = OwnServer::start();
    let wire = Wire::to(server.port());
    let log = Log::with(100);
    let clicks = hasty(&wire.url()).clicks(log.clone());
    look_up_all(&clicks, 100, 5);
    wire.delay(500);
    let asked = log.asked();
    // Longer than several rests, so that probes are among them.
    let (mut longest, mut look_ups, start) = (Duration::ZERO, 0, Instant::now());
    while start.elapsed() < Duration::from_secs(3) {
        let (slowest, _) = look_up_all(&clicks, 100, 1);
        longest = longest.max(slowest);
        look_ups += 101;
    }
    // Some 5 ms for a look-up that waited, and what a busy machine adds.
    assert!(longest < Duration::from_millis(250), "{longest:?}");
    assert!(look_ups > 10_000, "{look_ups} look-ups in 3 s");
    assert!(log.asked() - asked > look_ups * 9 / 10, "from the log");
    wire.delay(0);
    eventually("it is asked again", || {
        let asked = log.asked();
        look_up_all(&clicks, 100, 1);
        log.asked() - asked < 50
    });
}

#[test]
fn a_server_behind_a_silent_wire_is_left_alone_and_used_again() {
    let server = OwnServer::start();
    let wire = Wire::to(server.port());
    let redis = hasty(&wire.url());
    let limits = redis.limits();
    eventually("it is reached", || take(&limits, 1).is_some());
    wire.delay(SILENT);
    eventually("it is left alone", || {
        let begun = Instant::now();
        let taken = take(&limits, 1);
        taken.is_none() && begun.elapsed() < Duration::from_millis(1)
    });
    wire.delay(0);
    eventually("it is reached again", || take(&limits, 2) == Some(9));
}

#[test]
fn a_server_that_wants_a_password_and_gets_none_is_as_good_as_none() {
    let server = OwnServer::start();
    let mut connection = support::connect(&server.url()).expect("connected");
    let set = redis::cmd("CONFIG")
        .arg(&["SET", "requirepass", "s3cret"])
        .exec(&mut connection);
    set.expect("set");
    let log = Log::with(5);
    let clicks = hasty(&server.url()).clicks(log.clone());
    look_up_all(&clicks, 5, 3);
    assert_eq!(log.asked(), 18);
    let url = server.url().replace("//", "//:s3cret@");
    let redis = node(&url, options("weir", PATIENT));
    assert_eq!(redis.place(), server.url().replace("redis://", ""));
    assert_eq!(take(&redis.limits(), 1), Some(9));
    let version = block_on(support_version(Arc::new(redis)));
    assert!(version.starts_with("redis ") || version.starts_with("valkey "));
}

#[test]
fn a_server_with_tls_is_spoken_to_only_if_its_certificate_is_signed_by_ours() {
    let server = OwnServer::start_with_tls();
    let root_cert = std::fs::read(format!("{TLS}/ca.pem")).expect("a certificate");
    let trusting = weir_redis::Options {
        root_cert: Some(root_cert),
        ..options("weir", PATIENT)
    };
    assert_eq!(take(&node(&server.url(), trusting).limits(), 1), Some(9));
    let doubting = node(&server.url(), options("weir", PATIENT));
    assert_eq!(take(&doubting.limits(), 1), None);
}

/// The version, asked on the runtime.
async fn support_version(redis: Arc<Redis>) -> String {
    let asking = support::runtime().spawn(async move { redis.version().await });
    asking.await.expect("no panic").expect("told")
}
