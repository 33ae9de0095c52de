//! Live counts and shared allowances: what the API makes of a cache, and of one that is cold, slow or away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use poem::http::Method;
use serde_json::{Value, json};
use weir_actors::live::{LiveArgs, LiveProjection};
use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::limits::{Allowance, LimitKey, Standing};
use weir_engine::live::{LiveCounters, UtcDay};
use weir_engine::ports::{
    CacheError, LocalCounters, LocalLimits, PortFuture, RateLimits, SharedCounters,
};

use super::seed::Seed;
use super::world::{OURS, THEIRS, World, key_of};

/// A cache that says nothing: it fails, or keeps whoever asks waiting.
#[derive(Clone, Copy)]
enum Away {
    Fails,
    Hangs,
}

impl Away {
    fn answer<T: Send + 'static>(self) -> PortFuture<'static, Result<T, CacheError>> {
        match self {
            Self::Fails => Box::pin(async { Err(CacheError("away".into())) }),
            Self::Hangs => Box::pin(std::future::pending()),
        }
    }
}

impl RateLimits for Away {
    fn take(
        &self,
        _: LimitKey,
        _: u32,
        _: Allowance,
        _: UnixMs,
    ) -> PortFuture<'_, Result<Standing, CacheError>> {
        self.answer()
    }
}

impl SharedCounters for Away {
    fn put(&self, _: Vec<LiveCounters>) -> PortFuture<'_, Result<(), CacheError>> {
        self.answer()
    }

    fn read(
        &self,
        _: TenantId,
        _: UtcDay,
        _: Vec<u32>,
    ) -> PortFuture<'_, Result<Vec<LiveCounters>, CacheError>> {
        self.answer()
    }

    fn incarnation(&self) -> PortFuture<'_, Result<String, CacheError>> {
        self.answer()
    }
}

async fn live(world: &World, seed: &Seed) -> Value {
    let path = format!("/v1/campaigns/{}/live", seed.campaign);
    world.get(&path).await.expect(200).body
}

/// A click, a conversion that is approved and one that is rejected.
async fn traffic(world: &World, seed: &Seed) {
    let click = world.click(seed).await;
    world.postback(seed, click, "t1", "approved").await;
    world.postback(seed, click, "t2", "rejected").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_campaign_has_counted_today_is_told_by_the_store_while_the_cache_is_cold() {
    let mut world = World::new().await;
    let seed = world.seed(OURS).await;
    let nothing = live(&world, &seed).await;
    assert_eq!(nothing["rows"], json!([]));
    traffic(&world, &seed).await;
    let told = live(&world, &seed).await;
    let row = json!({"currency": "USD", "gross_click": 1, "invalid_click": 0, "total_click": 1, "unique_click": 1,
        "cv": 1, "pending_cv": 0, "approved_cv": 1, "rejected_cv": 1, "event": 0, "payout": "11.00",
        "revenue": "15.00", "cost": "0.00"});
    assert_eq!(told["rows"], json!([row]));
    assert_eq!(
        (&told["source"], &told["campaign_id"]),
        (&json!("store"), &json!(seed.campaign))
    );
    assert_eq!(told["day"], world.now().to_string()[..10]);
    for cold in [
        Arc::new(LocalCounters::default()) as Arc<dyn SharedCounters>,
        Arc::new(Away::Fails),
        Arc::new(Away::Hangs),
    ] {
        world.counters = Some(cold);
        world.replace_actors(|mesh| mesh);
        assert_eq!(live(&world, &seed).await, told);
    }
    let (key, path) = (
        key_of(THEIRS),
        format!("/v1/campaigns/{}/live", seed.campaign),
    );
    let theirs = world.ask(&key, Method::GET, &path, &[], None);
    theirs.await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn cache_and_store_tell_the_same() {
    let mut world = World::new().await;
    let seed = world.seed(OURS).await;
    let counters = Arc::new(LocalCounters::default());
    let _live = LiveProjection::start(LiveArgs {
        tap: world.live.clone(),
        reports: Arc::clone(&world.store) as _,
        counters: counters.clone(),
    });
    traffic(&world, &seed).await;
    let of_store = live(&world, &seed).await;
    world.counters = Some(counters);
    world.replace_actors(|mesh| mesh);
    let until = Instant::now() + Duration::from_secs(20);
    let of_cache = loop {
        let told = live(&world, &seed).await;
        if told["source"] == "cache" && told["rows"] == of_store["rows"] {
            break told;
        }
        assert!(Instant::now() < until, "{told:#} is not {of_store:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    for same in ["day", "campaign_id"] {
        assert_eq!(of_cache[same], of_store[same], "{same}");
    }
    assert_eq!(of_cache["watermark"]["at"], of_store["watermark"]["at"]);
    let next = |told: &Value| told["watermark"]["offsets"][0]["next_offset"].as_u64();
    assert!(next(&of_cache) <= next(&of_store), "{of_cache:#}");
}

const FEW: Allowance = Allowance {
    per_second: 1,
    burst: 3,
};

/// A node whose keys are counted so.
async fn node(limits: Arc<dyn RateLimits>) -> World {
    let mut world = World::with(FEW).await;
    world.tenant(OURS).await;
    world.limits = Some(limits);
    world.replace_actors(|mesh| mesh);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_share_allowances_count_a_key_together() {
    let shared = Arc::new(LocalLimits::new(100));
    let nodes = [node(shared.clone()).await, node(shared).await];
    for (at, remaining) in [(0, "2"), (1, "1"), (0, "0")] {
        let answer = nodes[at].get("/v1/offers").await.expect(200);
        assert_eq!(answer.header("ratelimit-remaining"), remaining);
    }
    for node in &nodes {
        let refused = node.get("/v1/offers").await.expect(429);
        assert_eq!(refused.header("retry-after"), "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_is_shared_each_process_counts_and_nobody_waits() {
    for away in [Away::Fails, Away::Hangs] {
        let node = node(Arc::new(away)).await;
        for remaining in ["2", "1", "0"] {
            let begun = Instant::now();
            let answer = node.get("/v1/offers").await.expect(200);
            assert_eq!(answer.header("ratelimit-remaining"), remaining);
            assert!(begun.elapsed() < Duration::from_secs(2));
        }
        node.get("/v1/offers").await.expect(429);
    }
}
