//! Campaigns: links, flows, arms.

use super::*;
use crate::catalog::Arm;

fn campaign(desk: &Desk, key: EntityKey) -> Campaign {
    desk.catalog.campaigns[&key.number].body.clone()
}

fn simple(desk: &mut Desk) -> EntityKey {
    let arms = json!([{"offer_id":desk.offer(4)},{"offer_id":desk.offer(7),"weight":3}]);
    let draft = json!({"name":"Mix","distribution":{"mode":"fixed"},"arms":arms});
    desk.create(EntityKind::Campaign, draft)
}

fn numbers(arms: &[Arm]) -> Vec<u32> {
    arms.iter().map(|arm| arm.id.number()).collect()
}

#[test]
fn a_link_on_the_shared_host_is_generated_and_kept() {
    let mut desk = Desk::furnished();
    let key = simple(&mut desk);
    let link = campaign(&desk, key).link;
    assert_eq!(link.len(), 10);
    assert_eq!(desk.patch(key, json!({"link":link})), Ok(vec![]));
    assert_eq!(desk.patch(key, json!({"link":null})), Ok(vec![]));
    let refusal = desk.patch(key, json!({"link":"spring"})).unwrap_err();
    assert_eq!(
        faults(&refusal),
        [("link".to_owned(), code::NOT_APPLICABLE)]
    );
}

#[test]
fn one_draw_gives_one_link_and_a_taken_one_is_drawn_again() {
    let mut desk = Desk::furnished();
    let first = simple(&mut desk);
    desk.draw -= 1;
    let second = simple(&mut desk);
    assert_ne!(campaign(&desk, first).link, campaign(&desk, second).link);
}

#[test]
fn a_chosen_link_is_unique_on_its_domain() {
    let mut desk = Desk::furnished();
    let other = desk.create(EntityKind::Domain, json!({"host":"get.acme.example"}));
    let (domain, other) = (DomainId::new(desk.tenant, 13), desk.id(other));
    let (first, second) = (simple(&mut desk), simple(&mut desk));
    desk.patch(first, json!({"link":"spring","domain_id":domain}))
        .unwrap();
    let taken = desk.patch(second, json!({"link":"spring","domain_id":domain}));
    assert!(
        matches!(taken, Err(Refusal::Conflict { field: "link", .. })),
        "{taken:?}"
    );
    desk.patch(second, json!({"link":"spring","domain_id":other}))
        .unwrap();
    let moved = desk.patch(second, json!({"domain_id":domain}));
    assert!(
        matches!(moved, Err(Refusal::Conflict { field: "link", .. })),
        "{moved:?}"
    );
    desk.patch(second, json!({"domain_id":null,"link":null}))
        .unwrap();
    assert_eq!(campaign(&desk, second).link.len(), 10);
    desk.patch(second, json!({"domain_id":domain,"link":null}))
        .unwrap();
    assert_eq!(
        campaign(&desk, second).link.len(),
        10,
        "generated on a domain too"
    );
}

#[test]
fn arms_keep_their_ids_by_id_and_by_offer() {
    let mut desk = Desk::furnished();
    let key = simple(&mut desk);
    let before = campaign(&desk, key).arms;
    let (red, green, blue) = (desk.offer(4), desk.offer(7), desk.offer(10));
    desk.patch(
        key,
        json!({"arms":[{"offer_id":blue},{"offer_id":green},{"offer_id":red,"weight":9}]}),
    )
    .unwrap();
    let after = numbers(&campaign(&desk, key).arms);
    assert_eq!(after[1..], [before[1].id.number(), before[0].id.number()]);
    assert!(after[0] > before[1].id.number());
    let now_blue = json!({"arms":[{"id":before[0].id,"offer_id":blue},{"offer_id":red}]});
    desk.patch(key, now_blue).unwrap();
    let last = numbers(&campaign(&desk, key).arms);
    assert_eq!(last[0], before[0].id.number(), "an id that is named stays");
    assert!(last[1] > after[0], "its old offer gets a new one");
}

#[test]
fn several_arms_of_one_offer_are_told_apart_by_their_urls() {
    let mut desk = Desk::furnished();
    let key = simple(&mut desk);
    let arm =
        |url: &str| json!({"offer_id":desk.offer(4),"url":format!("https://a.example/{url}")});
    let (one, two, three) = (arm("1"), arm("2"), arm("3"));
    desk.patch(key, json!({"arms":[one, two]})).unwrap();
    let before = numbers(&campaign(&desk, key).arms);
    desk.patch(key, json!({"arms":[three, two]})).unwrap();
    assert_eq!(
        numbers(&campaign(&desk, key).arms),
        before,
        "2 stays, 1 became 3"
    );
    desk.patch(key, json!({"arms":[three, one, two]})).unwrap();
    let after = numbers(&campaign(&desk, key).arms);
    assert_eq!((after[0], after[2]), (before[0], before[1]));
}

#[test]
fn an_arm_may_move_from_one_flow_to_another() {
    let mut desk = Desk::furnished();
    let key = simple(&mut desk);
    let arms = campaign(&desk, key).arms;
    let flow = json!({
        "name":"Germans", "kind":"forced", "match":{"country":{"include":["DE"]}}, "distribution":{"mode":"fixed"},
        "arms":[{"id":arms[1].id,"offer_id":arms[1].offer_id}],
    });
    let patch = json!({"arms":[{"id":arms[0].id,"offer_id":arms[0].offer_id}],"flows":[flow]});
    desk.patch(key, patch.clone()).unwrap();
    let after = campaign(&desk, key);
    assert_eq!(after.flows[0].arms[0].id, arms[1].id);
    let flow_id = after.flows[0].id;
    assert_eq!(
        desk.patch(key, patch),
        Ok(vec![]),
        "the flow is found by its name"
    );
    let renamed = json!({"flows":[{
        "id":flow_id, "name":"DACH", "kind":"regular", "match":{}, "distribution":{"mode":"fixed"},
        "arms":[{"offer_id":arms[1].offer_id}],
    }]});
    desk.patch(key, renamed).unwrap();
    let after = campaign(&desk, key).flows.remove(0);
    assert_eq!((after.id, after.arms[0].id), (flow_id, arms[1].id));
}

#[test]
fn a_cost_may_change_its_model() {
    let mut desk = Desk::furnished();
    let key = simple(&mut desk);
    desk.patch(key, json!({"cost":{"model":"cpc","amount":"0.0035"}}))
        .unwrap();
    let cost = campaign(&desk, key).cost.unwrap();
    assert_eq!(cost.amount, Some(crate::money::Micros(3_500)));
    desk.patch(key, json!({"cost":{"model":"token"}})).unwrap();
    assert_eq!(campaign(&desk, key).cost.unwrap().amount, None);
}

#[test]
fn a_campaign_is_archived_and_taken_up_again() {
    let mut desk = Desk::furnished();
    let key = simple(&mut desk);
    let target = Target::Update {
        key,
        expected: None,
    };
    desk.write(target, Draft::Archive).unwrap();
    assert_eq!(campaign(&desk, key).status.as_str(), "archived");
    assert_eq!(desk.write(target, Draft::Archive), Ok(vec![]));
    desk.patch(key, json!({"status":"active"})).unwrap();
    assert_eq!(campaign(&desk, key).status.as_str(), "active");
}
