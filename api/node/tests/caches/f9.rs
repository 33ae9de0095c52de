//! Redis is killed, flushed and slow.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir_engine::ids::UnixMs;

use crate::own_redis::OwnRedis;
use crate::scene::{Measured, Scene, lasting};
use crate::support::Client;
use crate::support::catalog::{Admin, new_tenant};
use crate::support::metrics::until;
use crate::wire::{Mood, Wire};

/// What live counters tell, in the words of reports.
const COUNTED: [&str; 12] = [
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
];
/// How soon live counters are told by the cache again.
const WARM_WITHIN: Duration = Duration::from_secs(20);

fn settings(wire: &Wire) -> String {
    format!("[stores]\ncache = \"redis://127.0.0.1:{}\"\n", wire.port)
}

fn live(admin: &mut Admin, campaign: &str) -> Value {
    admin.get(&format!("/v1/campaigns/{campaign}/live"))
}

/// Asks for live counters, again and again, for so long; gives where they were read. One that stands further along the
/// log never counts less.
fn watch(admin: &mut Admin, campaign: &str, time: Duration) -> Vec<String> {
    let (end, mut sources, mut furthest) = (Instant::now() + time, Vec::new(), (0, 0));
    while Instant::now() < end {
        let told = live(admin, campaign);
        let offset = told["watermark"]["offsets"][0]["next_offset"]
            .as_u64()
            .unwrap();
        let clicks = told["rows"][0]["gross_click"].as_u64().unwrap_or(0);
        let is_in_order = match offset >= furthest.0 {
            true => clicks >= furthest.1,
            false => clicks <= furthest.1,
        };
        assert!(is_in_order, "{furthest:?} before {told}");
        furthest = furthest.max((offset, clicks));
        sources.push(told["source"].as_str().unwrap().to_owned());
        std::thread::sleep(Duration::from_millis(100));
    }
    sources
}

/// Waits until the cache tells live counters, and they are what a report says.
fn until_warm(scene: &mut Scene) {
    scene.until_reported();
    let campaign = scene.campaign.id.clone();
    let started = Instant::now();
    loop {
        let told = live(&mut scene.admin, &campaign);
        let day = told["day"].as_str().unwrap().to_owned();
        let begin = UnixMs::parse_rfc3339(&format!("{day}T00:00:00Z")).unwrap();
        let next = UnixMs(begin.0 + 86_400_000).to_string();
        let question = json!({"from": day, "to": &next[..10], "timezone": "UTC", "time_basis": "conversion",
            "group_by": [], "metrics": COUNTED});
        let report = scene.admin.post("/v1/reports/query", question);
        let counted = |row: &Value| COUNTED.map(|name| row[name].clone());
        let (live, reported) = (counted(&told["rows"][0]), counted(&report["totals"][0]));
        if told["source"] == "cache" && live == reported {
            println!("warm again after {:?}", started.elapsed());
            return;
        }
        assert!(started.elapsed() < WARM_WITHIN, "{told} for {report}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What the doors and the admin API asked of the cache was answered, `part` by `part`.
fn is_used(scene: &Scene, before: &crate::support::metrics::Metrics) -> bool {
    ["clicks", "limits"].iter().all(|part| {
        let name = format!("weir_cache_answers_total{{part=\"{part}\",outcome=\"hit\"}}");
        scene.metrics().grown(before, &name) > 0.0
    })
}

#[test]
fn redis_is_killed_flushed_and_slow_and_changes_nothing_but_who_is_asked() {
    let mut redis = OwnRedis::start();
    let wire = Wire::to(&redis.address());
    let mut scene = Scene::new(&settings(&wire));
    let campaign = scene.campaign.id.clone();
    let trouble = lasting(8, 60);
    until_used(&mut scene);
    until_warm(&mut scene);

    scene.no_slower("redis killed", |scene| {
        let (measured, sources) = scene.measured(|admin| {
            redis.kill();
            watch(admin, &campaign, trouble)
        });
        assert!(
            sources.iter().all(|source| source == "store"),
            "{sources:?}"
        );
        redis.start_again();
        came_back(scene, measured)
    });
    scene.no_slower("redis flushed again and again", |scene| {
        let (measured, sources) = scene.measured(|admin| {
            let mut sources = Vec::new();
            for _ in 0..trouble.as_secs() {
                redis.flush();
                sources.extend(watch(admin, &campaign, Duration::from_secs(1)));
            }
            sources
        });
        assert!(
            sources.iter().any(|source| source == "store"),
            "{sources:?}"
        );
        came_back(scene, measured)
    });
    scene.no_slower("redis 500 ms slow", |scene| {
        let (measured, sources) = scene.measured(|admin| {
            wire.set(Mood::Slow(Duration::from_millis(500)));
            // What was asked before comes still.
            std::thread::sleep(Duration::from_secs(1));
            watch(admin, &campaign, trouble)
        });
        assert!(
            sources.iter().all(|source| source == "store"),
            "{sources:?}"
        );
        wire.set(Mood::Open);
        came_back(scene, measured)
    });
    scene.finish();
}

/// Under load, everything is asked of the cache and answered by it.
fn until_used(scene: &mut Scene) {
    let (before, started) = (scene.metrics(), Instant::now());
    scene.measured(|_| std::thread::sleep(Duration::from_secs(1)));
    while !is_used(scene, &before) {
        // A busy machine may miss the 5 ms that a look-up has, and then it is some seconds until the next try.
        let minute = Duration::from_secs(60);
        assert!(started.elapsed() < minute, "the cache is not used");
        scene.measured(|_| std::thread::sleep(Duration::from_secs(1)));
    }
}

/// Everything is asked of the cache again, and live counters are those of reports.
fn came_back(scene: &mut Scene, measured: Measured) -> Measured {
    until_used(scene);
    until_warm(scene);
    measured
}

/// Asks so often, as fast as it goes; gives how often the answer was 200, and how long the slowest took.
fn burst(base: &str, key: &str, count: usize) -> (usize, Duration) {
    let bearer = format!("Bearer {key}");
    let mut client = Client::new(base);
    let (mut allowed, mut slowest) = (0, Duration::ZERO);
    for _ in 0..count {
        let started = Instant::now();
        let answer = client.send("GET", "/v1/affiliates", &[("Authorization", &bearer)], "");
        let answer = answer.unwrap();
        assert!(matches!(answer.status, 200 | 429), "{answer:?}");
        allowed += usize::from(answer.status == 200);
        slowest = slowest.max(started.elapsed());
    }
    (allowed, slowest)
}

#[test]
fn the_allowance_of_a_key_is_counted_by_the_process_at_once_while_redis_is_gone() {
    let mut redis = OwnRedis::start();
    let wire = Wire::to(&redis.address());
    let scene = Scene::new(&settings(&wire));
    let base = scene.server.url("/admin");
    let mut waited = Vec::new();
    for _ in 0..3 {
        let (_, key) = new_tenant(&scene.data(), "Busy");
        let (before, hits) = (
            scene.metrics(),
            "weir_cache_answers_total{part=\"limits\",outcome=\"hit\"}",
        );
        until("redis counts what the key asks", || {
            burst(&base, &key, 1);
            scene.metrics().grown(&before, hits) > 0.0
        });
        // Redis knows that the key has nothing left; the process's own bucket, which is full, says otherwise.
        let started = Instant::now();
        let (shared, _) = burst(&base, &key, 400);
        within_allowance(shared, started.elapsed());
        redis.kill();
        let started = Instant::now();
        let (local, slowest) = burst(&base, &key, 400);
        within_allowance(local, started.elapsed());
        redis.start_again();
        waited.push(slowest);
        if slowest <= Duration::from_millis(100) {
            return;
        }
    }
    panic!("somebody waited for a cache that was gone: {waited:?}");
}

/// 200 at once and 50 a second, and no fewer.
fn within_allowance(allowed: usize, time: Duration) {
    let refilled = (time.as_secs_f64() * 50.0) as usize;
    let most = 200 + refilled + 1;
    assert!(
        (190..=most.min(400)).contains(&allowed),
        "{allowed} in {time:?}"
    );
}
