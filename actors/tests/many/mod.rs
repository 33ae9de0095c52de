//! Ten thousand campaigns are normal: made one after the other, published at once, awake only while they have facts.

use std::time::Duration;

use crate::world::{ARM, CAMPAIGN, OFFER, World};
use serde_json::json;
use weir_actors::{Chance, Options};
use weir_engine::catalog::propose::{Draft, Proposal, Target, parse_draft};
use weir_engine::ids::{OfferId, TenantId};

const TENANT: TenantId = TenantId(1);
const CAMPAIGNS: usize = 10_000;
/// Changes that are asked for together, as by the bulk endpoint.
const TOGETHER: usize = 500;

fn campaign(number: usize) -> Proposal {
    let draft = json!({"name": format!("C{number}"), "distribution": {"mode": "fixed"},
        "arms": [{"offer_id": OfferId::new(TENANT, OFFER)}]});
    Proposal {
        by: "test".to_owned(),
        target: Target::Create,
        draft: Draft::Campaign(parse_draft(draft).unwrap()),
    }
}

/// Makes campaigns; gives their numbers.
async fn make(world: &World) -> Vec<u32> {
    let mut numbers = Vec::new();
    for batch in 0..CAMPAIGNS / TOGETHER {
        let proposals = (0..TOGETHER).map(|n| campaign(batch * TOGETHER + n));
        let chance = Chance {
            draw: batch as u64,
            at: None,
        };
        let made = world.mesh().propose(TENANT, proposals.collect(), chance);
        let made = made.await.unwrap();
        numbers.extend(made.into_iter().map(|m| m.unwrap().key.number));
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_campaigns_are_made_published_and_folded_and_sleep_when_idle() {
    let options = Options {
        idle_after: Duration::from_millis(400),
        checkpoint_every: Duration::from_millis(100),
        ..Options::default()
    };
    let mut world = World::new(options.clone()).await;
    let last = world.tenant(TENANT, json!([])).await;
    world.stored(last).await;
    let numbers = make(&world).await;
    // The offer of the world's own link, and all of these.
    assert_eq!(world.mesh().routes().links(), CAMPAIGNS + 1);
    let catalog = world.mesh().routes().catalog(TENANT).unwrap();
    let links = numbers.iter().map(|n| &catalog.campaigns[n].body.link);
    for link in links {
        assert!(world.mesh().routes().find("any.example", link).is_some());
    }
    let mut last = world.click(TENANT, CAMPAIGN, 1).await.1;
    for round in 0..2 {
        let clicks = (0u64..).zip(&numbers);
        let begun = clicks.map(|(visitor, n)| world.begin_click(TENANT, *n, visitor + round).1);
        for appending in begun.collect::<Vec<_>>() {
            last = appending.await.unwrap();
        }
    }
    world.stored(last).await;
    // Long enough that all have fallen asleep, and their checkpoints are stored.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for number in numbers.iter().step_by(997) {
        let shown = world.mesh().campaign(TENANT, *number).await.unwrap();
        let arms: Vec<u64> = shown.arms().values().map(|a| a.clicks).collect();
        assert_eq!(arms, [2], "campaign {number}");
        assert!(shown.arms().contains_key(&ARM));
    }
    world.stop().await;
    world.start(options).await;
    assert_eq!(world.mesh().routes().links(), CAMPAIGNS + 1);
    let shown = world.mesh().campaign(TENANT, numbers[9_999]).await.unwrap();
    assert_eq!(shown.arms()[&ARM].clicks, 2);
    world.stop().await;
}
