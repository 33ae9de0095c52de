//! The fold end to end on a real journal and a real store.

mod asleep;
mod away;
mod many;
mod outage;
mod search;
mod shed;
mod world;

use std::time::Duration;

use serde_json::json;
use weir_actors::{KINDS, Options};
use weir_engine::catalog::{CapMetric, CapPeriod};
use weir_engine::ids::TenantId;
use weir_engine::judge::{ConversionReason, Outcome};
use weir_engine::ports::ReportStore;
use world::{ARM, CAMPAIGN, World};

const TENANT: TenantId = TenantId(1);

fn quick() -> Options {
    Options {
        idle_after: Duration::from_secs(600),
        checkpoint_every: Duration::from_millis(50),
        ..Options::default()
    }
}

/// Conversions, by outcome, of the postbacks.
async fn outcome(world: &World, received: weir_engine::click_id::ClickId) -> Option<Outcome> {
    let row = world.store().verdict(TENANT, received).await.unwrap();
    row.map(|r| r.verdict.outcome)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_click_and_its_conversion_reach_the_books_and_the_waiting_door() {
    let mut world = World::new(quick()).await;
    world.tenant(TENANT, json!([])).await;
    let (click, _) = world.click(TENANT, CAMPAIGN, 100).await;
    let (received, position) = world.convert(TENANT, click, "t1").await;
    let (again, position_again) = world.convert(TENANT, click, "t1").await;
    world.stored(position.max(position_again)).await;
    assert_eq!(outcome(&world, received).await, Some(Outcome::Applied));
    assert_eq!(outcome(&world, again).await, Some(Outcome::Duplicate));
    assert!(
        world.mesh().routes().find("any.example", "link1").is_some(),
        "published"
    );
    let shown = world.mesh().campaign(TENANT, CAMPAIGN).await.unwrap();
    let arm = shown.arms()[&ARM];
    assert_eq!(
        (arm.clicks, arm.conversions, arm.revenue),
        (1, 1, 15_000_000)
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_the_store_finds_what_was_in_the_log_when_it_asked() {
    let mut world = World::new(quick()).await;
    world.tenant(TENANT, json!([])).await;
    for round in 0..20 {
        let (click, _) = world.click(TENANT, CAMPAIGN, round).await;
        let (received, position) = world.convert(TENANT, click, &format!("t{round}")).await;
        world.mesh().settled(TENANT).await;
        assert!(world.mesh().progress().stored(position.partition) > position.seq);
        assert_eq!(outcome(&world, received).await, Some(Outcome::Applied));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_a_store_that_is_behind_is_answered_after_a_second() {
    let mut world = World::new(quick()).await;
    let position = world.tenant(TENANT, json!([])).await;
    world.stored(position).await;
    world.mesh().pause(true);
    // The reader may be in a read that had begun before.
    tokio::time::sleep(Duration::from_millis(250)).await;
    let settled = world.mesh().settled(TENANT);
    let nothing_new = tokio::time::timeout(Duration::from_millis(100), settled);
    nothing_new.await.expect("what is stored is not waited for");
    let (_, position) = world.click(TENANT, CAMPAIGN, 1).await;
    let patience = tokio::time::timeout(Duration::from_secs(10), world.mesh().settled(TENANT));
    patience.await.expect("it does not wait for ever");
    assert!(world.mesh().progress().stored(position.partition) <= position.seq);
    world.mesh().pause(false);
    world.stored(position).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postback_for_a_click_from_before_what_is_kept_is_told_that_it_expired() {
    let mut world = World::new(quick()).await;
    world.tenant(TENANT, json!([])).await;
    let (click, position) = world.click(TENANT, CAMPAIGN, 100).await;
    world.stored(position).await;
    world.forget().await;
    world.pass(1000);
    let (received, position) = world.convert(TENANT, click, "t1").await;
    world.stored(position).await;
    let row = world.store().verdict(TENANT, received).await.unwrap();
    let verdict = row.unwrap().verdict;
    assert_eq!(
        (verdict.outcome, verdict.reason, verdict.conversion_id),
        (
            Outcome::Rejected,
            Some(ConversionReason::ClickExpired),
            None
        )
    );
    world.stop().await;
}

/// Strikes actors of `kind` again and again under clicks and conversions.
async fn strike(kind: &str) {
    let mut world = World::new(quick()).await;
    world.tenant(TENANT, json!([])).await;
    let (mut received, mut last) = (Vec::new(), None);
    for round in 0..3 {
        world.mesh().faults().plan(kind, 1);
        for visitor in 0..12 {
            let (click, _) = world.click(TENANT, CAMPAIGN, round * 100 + visitor).await;
            let txid = format!("{round}-{visitor}");
            let (id, position) = world.convert(TENANT, click, &txid).await;
            received.push(id);
            last = Some(position);
        }
        world.stored(last.unwrap()).await;
        assert!(
            !world.mesh().faults().is_planned(kind),
            "{kind} was not struck"
        );
    }
    for id in &received {
        assert_eq!(
            outcome(&world, *id).await,
            Some(Outcome::Applied),
            "{kind} {id}"
        );
    }
    let shown = world.mesh().campaign(TENANT, CAMPAIGN).await.unwrap();
    let arm = shown.arms()[&ARM];
    let expect = received.len() as u64;
    assert_eq!(
        (arm.clicks, arm.conversions),
        (expect, expect as i64),
        "{kind}"
    );
    world.stop().await;
    assert_eq!(world.digests(), world.replayed(7).await, "{kind}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_the_reader_loses_nothing_and_doubles_nothing() {
    strike("reader").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_a_tenant_loses_nothing_and_doubles_nothing() {
    strike("tenant").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_a_campaign_loses_nothing_and_doubles_nothing() {
    strike("campaign").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_the_projection_loses_nothing_and_doubles_nothing() {
    strike("projection").await;
}

#[test]
fn every_kind_of_actor_is_struck_above() {
    assert_eq!(KINDS, ["reader", "tenant", "campaign", "projection"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_goes_on_where_the_store_is_and_refolds_what_checkpoints_lack() {
    // No checkpoint but the one at the end: a crash leaves everything to be refolded.
    let rare = Options {
        checkpoint_every: Duration::from_secs(600),
        ..quick()
    };
    let mut world = World::new(rare.clone()).await;
    let cap = json!([{"metric": CapMetric::Conversions, "period": CapPeriod::Day, "limit": 3, "level": "offer"}]);
    world.tenant(TENANT, cap).await;
    let mut applied = 0;
    let mut clicks = 0;
    for round in 0..5 {
        for n in 0..2 {
            let (click, _) = world.click(TENANT, CAMPAIGN, round * 10 + n).await;
            let (again, _) = world.click(TENANT, CAMPAIGN, round * 10 + n).await;
            clicks += 2;
            let (received, position) = world.convert(TENANT, click, &format!("{round}-{n}")).await;
            world.stored(position).await;
            let is_applied = outcome(&world, received).await == Some(Outcome::Applied);
            applied += u64::from(is_applied);
            assert_ne!(click, again);
        }
        if round % 2 == 0 {
            world.crash().await;
        } else {
            world.stop().await;
        }
        world.start(rare.clone()).await;
    }
    assert_eq!(applied, 3, "the cap holds across restarts");
    let shown = world.mesh().campaign(TENANT, CAMPAIGN).await.unwrap();
    assert_eq!(
        (shown.arms()[&ARM].clicks, shown.arms()[&ARM].conversions),
        (clicks, 3)
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_campaign_sleeps_and_wakes_as_it_was() {
    let sleepy = Options {
        idle_after: Duration::from_millis(20),
        ..quick()
    };
    let mut world = World::new(sleepy).await;
    world.tenant(TENANT, json!([])).await;
    for visitor in 0..10 {
        world.click(TENANT, CAMPAIGN, visitor).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let shown = world.mesh().campaign(TENANT, CAMPAIGN).await.unwrap();
    assert_eq!(shown.arms()[&ARM].clicks, 10);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_log_gives_the_same_books_whatever_the_batches_and_restarts() {
    let mut world = World::new(quick()).await;
    let cap = json!([{"metric": CapMetric::Conversions, "period": CapPeriod::Day, "limit": 9, "level": "affiliate"}]);
    let tenants = [TenantId(1), TenantId(2), TenantId(9)];
    for tenant in tenants {
        world.tenant(tenant, cap.clone()).await;
    }
    let mut chance = Chance(20_261_125);
    let mut clicks = Vec::new();
    for round in 0..6 {
        for _ in 0..60 {
            let tenant = tenants[chance.below(3)];
            world.pass(chance.below(4_000_000) as u64);
            let campaign = CAMPAIGN + chance.below(3) as u32;
            let visitor = chance.below(40) as u64;
            clicks.push((tenant, world.click(tenant, campaign, visitor).await.0));
            if chance.below(2) == 0 {
                let (tenant, click) = clicks[chance.below(clicks.len())];
                let txid = format!("t{}", chance.below(30));
                world.convert(tenant, click, &txid).await;
            }
        }
        if round % 2 == 0 {
            world.crash().await;
        } else {
            world.stop().await;
        }
        world.start(quick()).await;
    }
    world.stop().await;
    let live = world.digests();
    assert!(
        live.iter().any(|t| t.table == "transfers" && t.rows > 20),
        "{live:?}"
    );
    for batch in [1, 7, 100, 100_000] {
        assert_eq!(world.replayed(batch).await, live, "batch {batch}");
    }
}

/// Numbers that look random and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_that_were_rebuilt_from_the_log_are_gone_on_with_and_nothing_is_read_again() {
    let mut world = World::new(quick()).await;
    world.tenant(TENANT, json!([])).await;
    for visitor in 0..40 {
        let (click, position) = world.click(TENANT, CAMPAIGN, visitor % 30).await;
        world.stored(position).await;
        if visitor % 4 == 0 {
            world.convert(TENANT, click, &format!("t{visitor}")).await;
        }
    }
    world.mesh().settled(TENANT).await;
    let before = world.mesh().campaign(TENANT, CAMPAIGN).await.unwrap();
    world.stop().await;
    world.rebuild().await;
    world.start(quick()).await;
    let after = world.mesh().campaign(TENANT, CAMPAIGN).await.unwrap();
    assert_eq!(after.arms(), before.arms());
    // A visitor of before is known: the unique clicks were kept.
    let (_, position) = world.click(TENANT, CAMPAIGN, 29).await;
    world.stored(position).await;
    world.stop().await;
    assert_eq!(world.digests(), world.replayed(1_000).await);
}
