//! What a decision says of itself: every step, and the same answer as without an onlooker.

mod router;

use proptest::prelude::*;
use router::{Router, TENANT, aff, arms};
use serde_json::{Value, json};
use weir_engine::ids::FlowId;
use weir_engine::routing::{Silent, Step};

fn told(steps: &[Step]) -> Vec<String> {
    let tell = |step: &Step| match step {
        Step::Affiliate { affiliate, reason } => format!("affiliate {affiliate:?} {reason}"),
        Step::Condition { rule, holds } => format!("condition {rule} {holds}"),
        Step::Cap {
            metric,
            limit,
            has_room,
            ..
        } => format!("cap {metric} {limit} {has_room}"),
        Step::Flow { flow, refused } => format!("flow {flow:?} {refused:?}"),
        Step::Arm {
            arm,
            reason,
            refused,
            ..
        } => format!("arm {arm} {reason} {refused:?}"),
        Step::Drawn {
            arm,
            propensity,
            eligible,
        } => format!("drawn {arm} {propensity} of {eligible:?}"),
        Step::Sent { to } => format!("sent {to}"),
    };
    steps.iter().map(tell).collect()
}

#[test]
fn every_step_of_a_decision_can_be_seen() {
    let targeted =
        json!({"targeting": {"country": {"include": ["DE"]}, "os": {"exclude": ["android"]}}});
    let capped =
        json!({"caps": [{"metric": "clicks", "period": "day", "limit": 3, "level": "offer"}]});
    let flow = json!({"id": FlowId::new(TENANT, 70), "name": "F", "kind": "regular", "match": {"country": {"include": ["US"]}},
        "distribution": {"mode": "fixed"}, "arms": arms(&[10])});
    let router = Router::new(
        &[(10, capped), (11, targeted)],
        json!({"arms": arms(&[10, 11]), "flows": [flow]}),
    );
    let mut steps: Vec<Step> = Vec::new();
    router.decide(&aff(2), true, 0, &mut steps);
    assert_eq!(
        told(&steps),
        [
            "affiliate Some(2) none",
            "condition country false",
            "flow Some(70) Some(Country)",
            "flow None None",
            "cap clicks 3 true",
            "arm 110 none None",
            "condition country true",
            "condition os false",
            "arm 111 targeting Some(Os)",
            "drawn 110 1 of [110]",
            "sent offer"
        ]
    );
    assert_eq!(
        router.click(&aff(3)),
        "fallback affiliate_inactive https://tenant.example/"
    );
    let mut steps: Vec<Step> = Vec::new();
    router.decide(&aff(3), true, 0, &mut steps);
    assert_eq!(
        told(&steps),
        [
            "affiliate Some(3) affiliate_inactive",
            "sent tenant_fallback"
        ]
    );
}

/// A configuration of three offers and a flow, and a click on it.
#[derive(Debug, Clone)]
struct Scene {
    offers: Vec<(u32, Value)>,
    campaign: Value,
    aff: String,
    draw: u64,
}

fn scene() -> impl Strategy<Value = Scene> {
    let status = prop_oneof![4 => Just("active"), 1 => Just("paused"), 1 => Just("archived")];
    let visibility = prop_oneof![4 => Just("public"), 1 => Just("private")];
    let country = prop_oneof![4 => Just("DE"), 1 => Just("US")];
    let limit = prop_oneof![1 => Just(0u64), 3 => Just(2)];
    let on_cap = prop_oneof![Just("fallback"), Just("block"), Just("pause")];
    let offer = (status, visibility, country, limit, on_cap).prop_map(|(status, visibility, country, limit, on_cap)| {
        json!({"status": status, "visibility": visibility, "targeting": {"country": {"include": [country]}},
            "caps": [{"metric": "clicks", "period": "day", "limit": limit, "level": "offer", "on_cap": on_cap}]})
    });
    let offers =
        proptest::collection::vec(offer, 3).prop_map(|all| (10u32..).zip(all).collect::<Vec<_>>());
    let weights = proptest::collection::vec(0u32..4, 3);
    let aff = prop_oneof![
        Just(String::new()),
        (2u32..5).prop_map(aff),
        Just("x".to_owned())
    ];
    let floor = prop_oneof![Just(Value::Null), Just(json!("10"))];
    (offers, weights, aff, floor, any::<u64>(), any::<bool>()).prop_map(
        |(offers, weights, aff, floor, draw, is_required)| {
            let mut list = arms(&[10, 11, 12]);
            for (arm, weight) in list.as_array_mut().unwrap().iter_mut().zip(weights) {
                arm["weight"] = json!(weight);
            }
            let mut distribution = json!({"mode": "fixed"});
            if !floor.is_null() {
                distribution["floor"] = floor;
            }
            let campaign = json!({"arms": list, "distribution": distribution, "require_affiliate": is_required});
            Scene { offers, campaign, aff, draw }
        },
    )
}

proptest! {
    #[test]
    fn every_click_gets_a_destination_or_an_honest_page_and_the_explanation_of_it(scene in scene()) {
        let router = Router::new(&scene.offers, scene.campaign.clone());
        let mut steps: Vec<Step> = Vec::new();
        let explained = router.decide(&scene.aff, true, scene.draw, &mut steps);
        let decided = router.decide(&scene.aff, false, scene.draw, &mut Silent);
        prop_assert_eq!(&explained, &decided);
        let (said, propensity, eligible) = decided;
        let is_sent = said.starts_with("redirected none https://");
        let is_page = said.starts_with("invalid ") && !said.contains("http");
        let is_fallback = said.starts_with("fallback ") && said.ends_with(" https://tenant.example/");
        prop_assert!(is_sent || is_fallback || is_page, "{}", said);
        prop_assert!(is_sent || !said.contains(" none"), "{}", said);
        prop_assert!(propensity > 0.0 && propensity <= 1.0);
        prop_assert_eq!(is_sent, eligible > 0);
        let drawn = steps.iter().filter(|s| matches!(s, Step::Drawn { .. })).count();
        prop_assert_eq!(drawn, usize::from(is_sent));
        let is_told_to_the_end = matches!(steps.last(), Some(Step::Sent { .. }));
        prop_assert!(is_told_to_the_end);
    }
}
