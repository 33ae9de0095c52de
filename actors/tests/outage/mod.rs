//! What the actors do while the store is away.

use std::time::Duration;

use crate::world::{CAMPAIGN, World};
use serde_json::json;
use weir_actors::{Known, Options};
use weir_engine::catalog::EntityKind;
use weir_engine::ids::TenantId;
use weir_engine::judge::{Outcome, Verdict};
use weir_engine::ports::{CatalogStore, LedgerStore, ReportStore};

const TENANT: TenantId = TenantId(1);

/// The answer to a new postback, if one comes while a door would wait.
async fn verdict(
    world: &mut World,
    click: weir_engine::click_id::ClickId,
    txid: &str,
) -> Option<Verdict> {
    let id = world.next_received(TENANT);
    let waiting = world.mesh().verdicts().expect(id).unwrap();
    world.convert_as(TENANT, id, click, txid).await;
    let answer = tokio::time::timeout(Duration::from_secs(2), waiting).await;
    answer.ok().flatten()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_that_is_surely_new_is_judged_while_the_store_is_away() {
    let mut world = World::new(Options::default()).await;
    world.tenant(TENANT, json!([])).await;
    let (click, _) = world.click(TENANT, CAMPAIGN, 1).await;
    let (_, position) = world.convert(TENANT, click, "before").await;
    world.stored(position).await;
    // A start of its own: what was taken is read from the store.
    world.stop().await;
    world.start(Options::default()).await;
    let (_, position) = world.convert(TENANT, click, "loads").await;
    world.stored(position).await;
    world.identities_are_known(TENANT, click).await;

    world.away().take_away(true);
    let new = verdict(&mut world, click, "new").await.expect("judged");
    assert_eq!(new.outcome, Outcome::Applied);
    let again = verdict(&mut world, click, "new").await.expect("in memory");
    assert_eq!(again.outcome, Outcome::Duplicate);
    let perhaps = verdict(&mut world, click, "before").await;
    assert_eq!(perhaps, None, "what may have been seen waits for the store");
    world.away().take_away(false);
    let (received, position) = world.convert(TENANT, click, "after").await;
    world.stored(position).await;
    let row = world.store().verdict(TENANT, received).await.unwrap();
    assert_eq!(row.unwrap().verdict.outcome, Outcome::Applied);
    world.stop().await;
    assert_eq!(world.digests(), world.replayed(3).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_the_store_answers_links_and_judges_once_it_is_back() {
    let mut world = World::new(Options::default()).await;
    let position = world.tenant(TENANT, json!([])).await;
    world.stored(position).await;
    let known = known(&world).await;
    let other = TenantId(2);
    let position = world.tenant(other, json!([])).await;
    world.stored(position).await;
    world.stop().await;

    world.start_away(Options::default(), known).await;
    let is_found =
        |world: &World, link: &str| world.mesh().routes().find("any.example", link).is_some();
    assert!(is_found(&world, "link1"), "from the rows that were copied");
    assert!(is_found(&world, "link2"), "from the log behind them");
    assert!(!world.mesh().is_at_head());
    let (click, _) = world.click(TENANT, CAMPAIGN, 7).await;
    assert_eq!(
        verdict(&mut world, click, "t").await,
        None,
        "not judged yet"
    );
    world.away().take_away(false);
    let head = tokio::time::timeout(Duration::from_secs(20), world.mesh().at_head());
    head.await.expect("the fold begins by itself");
    let answered = verdict(&mut world, click, "u").await.expect("judged");
    assert_eq!(answered.outcome, Outcome::Applied);
    world.stop().await;
    assert_eq!(world.digests(), world.replayed(1_000).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_knows_nothing_and_has_no_store_says_so() {
    let mut world = World::new(Options::default()).await;
    world.stop().await;
    world.refuses_to_start_away(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_older_than_the_books_is_not_gone_on_with_though_the_store_was_away_at_the_start()
 {
    let mut world = World::new(Options::default()).await;
    let position = world.tenant(TENANT, json!([])).await;
    world.stored(position).await;
    let known = known(&world).await;
    world.stop().await;
    world.log_of_before(false);
    world.start(Options::default()).await;
    for visitor in 0..20 {
        world.click(TENANT, CAMPAIGN, visitor).await;
    }
    world.stop().await;
    let books = world.digests();
    world.log_of_before(true);

    world.start_away(Options::default(), known).await;
    // More clicks than the books are ahead: the log reaches them now, but not with their facts.
    for visitor in 100..140 {
        world.click(TENANT, CAMPAIGN, visitor).await;
    }
    world.away().take_away(false);
    let asked_again = async {
        while world.away().offsets_asked() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let asked = tokio::time::timeout(Duration::from_secs(20), asked_again);
    asked.await.expect("it looks again and again");
    assert!(!world.mesh().is_at_head());
    world.crash().await;
    assert_eq!(world.digests(), books);
}

/// What a node copies beside the log.
async fn known(world: &World) -> Known {
    let partitions = world.store().offsets().await.unwrap().into_iter();
    let offsets = partitions.map(|p| (p.partition, p.next_offset)).collect();
    let entities = world.store().entities().await.unwrap();
    assert!(
        entities
            .iter()
            .any(|row| row.change.key.kind == EntityKind::Campaign)
    );
    Known { offsets, entities }
}
