//! Admission by credits: who finds none is turned away at once, and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use serde_json::json;
use weir_actors::{AskError, Chance, Options};
use weir_engine::catalog::propose::{Draft, Proposal, Refusal, Target, parse_draft};
use weir_engine::ids::TenantId;

use crate::world::{CAMPAIGN, World};

/// Counts what is shed, by nothing.
#[derive(Default)]
struct Sheds(Arc<AtomicU64>);

impl Recorder for Sheds {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let is_asks = key
            .labels()
            .any(|l| (l.key(), l.value()) == ("reason", "asks"));
        match key.name() == "weir_shed_total" && is_asks {
            true => Counter::from_arc(Arc::clone(&self.0)),
            false => Counter::noop(),
        }
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn questions_beyond_the_credits_are_shed_at_once_and_counted() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let sheds = Sheds::default();
    let tenant = TenantId(1);
    with_local_recorder(&sheds, || {
        runtime.block_on(async {
            let options = Options {
                asks: 1,
                ..Options::default()
            };
            let mut world = World::new(options).await;
            let last = world.tenant(tenant, json!([])).await;
            world.stored(last).await;
            let ask = || world.mesh().campaign(tenant, CAMPAIGN);
            let (first, second, third) = tokio::join!(ask(), ask(), ask());
            assert!(first.is_ok());
            assert_eq!(second.err(), Some(AskError::Overloaded));
            assert_eq!(third.err(), Some(AskError::Overloaded));
            assert!(ask().await.is_ok(), "the credit came back");
            let none = world.mesh().propose(tenant, Vec::new(), Chance::default());
            assert_eq!(none.await.map(|answers| answers.len()), Ok(0));
            world.stop().await;
        });
    });
    assert_eq!(sheds.0.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_refused_does_not_hold_up_those_behind_it() {
    let tenant = TenantId(1);
    let mut world = World::new(Options::default()).await;
    let last = world.tenant(tenant, json!([])).await;
    world.stored(last).await;
    let affiliate = |name: &str| Proposal {
        by: "test".to_owned(),
        target: Target::Create,
        draft: Draft::Affiliate(parse_draft(json!({"name": name, "status": "approved"})).unwrap()),
    };
    let ask = |name: &str| {
        let asked = vec![affiliate(name)];
        world.mesh().propose(tenant, asked, Chance::default())
    };
    let answers = tokio::join!(ask("A"), ask(" "), ask("B"), ask(""), ask("C"));
    let made = [answers.0, answers.2, answers.4].map(|a| a.unwrap()[0].clone().unwrap().key.number);
    assert!(made[0] < made[1] && made[1] < made[2], "{made:?}");
    for refused in [answers.1, answers.3] {
        assert!(matches!(refused.unwrap()[0], Err(Refusal::Invalid(_))));
    }
    world.stop().await;
}
