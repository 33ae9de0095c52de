//! Passivation: how many campaigns are awake, by the gauge.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use serde_json::json;
use weir_actors::Options;
use weir_engine::ids::TenantId;

use crate::world::{ARM, CAMPAIGN, World};

/// Keeps the gauge of campaigns awake.
#[derive(Default)]
struct Awake(Arc<AtomicU64>);

impl Awake {
    fn count(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Recorder for Awake {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match key.name() == "weir_campaigns_awake" {
            true => Gauge::from_arc(Arc::clone(&self.0)),
            false => Gauge::noop(),
        }
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// Waits until so many are awake; the test's own deadline ends it.
async fn until(awake: &Awake, wanted: f64) {
    let waiting = async {
        while (awake.count() - wanted).abs() > 0.5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let within = Duration::from_secs(30);
    if tokio::time::timeout(within, waiting).await.is_err() {
        panic!("{} awake, not {wanted}", awake.count());
    }
}

/// Runs a test on this thread, with its runtime's end, so that all of it is counted.
fn here(awake: &Awake, test: impl AsyncFnOnce()) {
    with_local_recorder(awake, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(test());
    });
}

#[test]
fn an_idle_campaign_is_put_to_sleep_and_wakes_as_it_was() {
    let awake = Awake::default();
    let tenant = TenantId(1);
    here(&awake, async || {
        let sleepy = Options {
            idle_after: Duration::from_millis(20),
            checkpoint_every: Duration::from_millis(50),
            ..Options::default()
        };
        let mut world = World::new(sleepy).await;
        world.tenant(tenant, json!([])).await;
        for visitor in 0..5 {
            world.click(tenant, CAMPAIGN, visitor).await;
            until(&awake, 1.0).await;
            until(&awake, 0.0).await;
        }
        let shown = world
            .mesh()
            .campaign(tenant, CAMPAIGN)
            .await
            .expect("shown");
        assert_eq!(shown.arms()[&ARM].clicks, 5);
        world.stop().await;
    });
    assert!(awake.count().abs() < 0.5, "{}", awake.count());
}

#[test]
fn campaigns_of_a_run_that_failed_are_awake_no_more() {
    let awake = Awake::default();
    let tenant = TenantId(1);
    here(&awake, async || {
        let mut world = World::new(Options::default()).await;
        world.tenant(tenant, json!([])).await;
        for visitor in 0..3 {
            world.click(tenant, CAMPAIGN, visitor).await;
            until(&awake, 1.0).await;
            world.mesh().faults().plan("tenant", 1);
            let position = world.click(tenant, CAMPAIGN, 100 + visitor).await.1;
            world.stored(position).await;
        }
        assert!(awake.count() < 1.5, "{} are awake", awake.count());
        world.stop().await;
    });
    assert!(awake.count().abs() < 0.5, "{}", awake.count());
}
