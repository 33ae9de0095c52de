//! Every reason why a click is not sent to an offer, where it goes instead, and what the policy draws from.

mod router;

use std::sync::Arc;

use router::{Router, TENANT, aff, arms};
use serde_json::{Value, json};
use weir_engine::caps::Gates;
use weir_engine::catalog::EntityKind;
use weir_engine::ids::{AffiliateId, FlowId, TenantId};
use weir_engine::routing::Silent;
use weir_engine::visitor::BotClass;

const SENT: &str = "redirected none https://shop.example/buy?c=&s=a%20b";

#[test]
fn who_sent_the_click_decides_whether_it_may_go_on() {
    let router = Router::new(&[(10, json!({}))], json!({"arms": arms(&[10])}));
    let other_tenant = AffiliateId::new(TenantId(2), 2).to_string();
    let cases = [
        ("", SENT.to_owned()),
        (&aff(2), SENT.to_owned()),
        (
            &aff(3),
            "fallback affiliate_inactive https://tenant.example/".to_owned(),
        ),
        (
            &aff(9),
            "fallback affiliate_unknown https://tenant.example/".to_owned(),
        ),
        (
            &other_tenant,
            "fallback affiliate_unknown https://tenant.example/".to_owned(),
        ),
        (
            "nonsense",
            "fallback affiliate_unknown https://tenant.example/".to_owned(),
        ),
    ];
    for (aff, expect) in cases {
        assert_eq!(router.click(aff), expect, "{aff}");
    }
    let strict = Router::new(
        &[(10, json!({}))],
        json!({"arms": arms(&[10]), "require_affiliate": true}),
    );
    assert_eq!(
        strict.click(""),
        "fallback affiliate_required https://tenant.example/"
    );
    assert_eq!(strict.click(&aff(2)), SENT);
}

#[test]
fn an_offer_that_cannot_take_the_click_leads_to_a_fallback_with_the_reason() {
    let cases = [
        (json!({"status": "paused"}), "offer_paused"),
        (json!({"status": "archived"}), "offer_archived"),
        (json!({"visibility": "private"}), "offer_not_approved"),
        (
            json!({"visibility": "needs_approval"}),
            "offer_not_approved",
        ),
        (
            json!({"targeting": {"country": {"include": ["US"]}}}),
            "targeting",
        ),
        (
            json!({"caps": [{"metric": "clicks", "period": "day", "limit": 0, "level": "offer"}]}),
            "cap",
        ),
        (
            json!({"caps": [{"metric": "conversions", "period": "total", "limit": 0, "level": "offer", "on_cap": "pause"}]}),
            "cap",
        ),
    ];
    for (extra, reason) in cases {
        let router = Router::new(&[(10, extra.clone())], json!({"arms": arms(&[10])}));
        assert_eq!(
            router.click(&aff(2)),
            format!("fallback {reason} https://tenant.example/"),
            "{extra}"
        );
    }
    let blocking = json!({"caps": [{"metric": "clicks", "period": "day", "limit": 0, "level": "offer", "on_cap": "block"}]});
    let router = Router::new(&[(10, blocking)], json!({"arms": arms(&[10])}));
    assert_eq!(router.click(""), "invalid cap", "no fallback is wanted");
    let soft = json!({"caps": [{"metric": "clicks", "period": "day", "limit": 0, "level": "offer", "hard": false}]});
    assert_eq!(
        Router::new(&[(10, soft)], json!({"arms": arms(&[10])})).click(""),
        SENT
    );
}

#[test]
fn terms_open_and_close_an_offer_for_one_affiliate() {
    for (visibility, status, is_sent) in [
        ("private", "approved", true),
        ("needs_approval", "pending", false),
        ("public", "pending", true),
        ("public", "blocked", false),
        ("public", "rejected", false),
    ] {
        let mut router = Router::new(
            &[(10, json!({"visibility": visibility}))],
            json!({"arms": arms(&[10])}),
        );
        router.put(EntityKind::Terms, (10, 2), json!({"status": status}));
        assert_eq!(
            router.click(&aff(2)) == SENT,
            is_sent,
            "{visibility} {status}"
        );
    }
}

#[test]
fn fallbacks_are_the_offers_then_the_campaigns_then_the_tenants_then_the_404_page() {
    let paused = |extra: Value| {
        let mut body = json!({"status": "paused"});
        extra
            .as_object()
            .unwrap()
            .iter()
            .for_each(|(k, v)| body[k] = v.clone());
        body
    };
    let of_offer = Router::new(
        &[(
            10,
            paused(json!({"fallback_url": "https://offer.example/"})),
        )],
        json!({"arms": arms(&[10]), "fallback_url": "https://campaign.example/"}),
    );
    assert_eq!(
        of_offer.click(""),
        "fallback offer_paused https://offer.example/"
    );
    let of_campaign = Router::new(
        &[(10, paused(json!({})))],
        json!({"arms": arms(&[10]), "fallback_url": "https://campaign.example/"}),
    );
    assert_eq!(
        of_campaign.click(""),
        "fallback offer_paused https://campaign.example/"
    );
    let mut none = Router::new(&[(10, paused(json!({})))], json!({"arms": arms(&[10])}));
    none.put(
        EntityKind::Tenant,
        (0, 0),
        json!({"name": "T", "currency": "USD", "timezone": "UTC"}),
    );
    assert_eq!(none.click(""), "invalid offer_paused");
    let archived = Router::new(
        &[(10, json!({}))],
        json!({"arms": arms(&[10]), "status": "archived"}),
    );
    assert_eq!(
        archived.click(""),
        "fallback campaign_archived https://tenant.example/"
    );
    let empty = Router::new(&[], json!({}));
    assert_eq!(empty.click(""), "fallback no_arm https://tenant.example/");
}

#[test]
fn arms_that_may_not_have_the_click_leave_the_draw_and_the_propensity_follows() {
    let router = Router::new(
        &[
            (10, json!({})),
            (11, json!({"status": "paused"})),
            (12, json!({"url": "https://other.example/"})),
        ],
        json!({"arms": arms(&[10, 11, 12])}),
    );
    let mut seen = std::collections::BTreeMap::new();
    for n in 0..400u64 {
        let draw = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (said, propensity, eligible) = router.decide("", false, draw, &mut Silent);
        assert_eq!((propensity, eligible), (0.5, 2));
        *seen.entry(said).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 2);
    assert!(
        seen.values().all(|count| (150..=250).contains(count)),
        "{seen:?}"
    );
}

#[test]
fn flows_are_forced_first_then_regular_in_order_then_the_default() {
    let flow = |number: u32, kind: &str, matches: Value, offer: u32| json!({"id": FlowId::new(TENANT, number), "name": "F", "kind": kind, "match": matches, "distribution": {"mode": "fixed"}, "arms": arms(&[offer])});
    let to = |n: u32| json!({"url": format!("https://o{n}.example/")});
    let us = json!({"country": {"include": ["US"]}});
    let de = json!({"country": {"include": ["DE"]}});
    let offers = [(10, to(10)), (11, to(11)), (12, to(12))];
    for (flows, expect) in [
        (
            json!([
                flow(70, "regular", de.clone(), 11),
                flow(71, "forced", de.clone(), 12)
            ]),
            "12",
        ),
        (
            json!([
                flow(70, "regular", us.clone(), 11),
                flow(71, "regular", de.clone(), 12)
            ]),
            "12",
        ),
        (
            json!([
                flow(70, "regular", us.clone(), 11),
                flow(71, "forced", us, 12)
            ]),
            "10",
        ),
    ] {
        let router = Router::new(&offers, json!({"arms": arms(&[10]), "flows": flows}));
        assert_eq!(
            router.click(""),
            format!("redirected none https://o{expect}.example/")
        );
    }
}

#[test]
fn click_caps_count_people_and_neither_bots_nor_tests() {
    let cap =
        json!({"caps": [{"metric": "clicks", "period": "day", "limit": 2, "level": "offer"}]});
    let mut router = Router::new(&[(10, cap)], json!({"arms": arms(&[10])}));
    for _ in 0..5 {
        assert_eq!(
            router.decide("", true, 0, &mut Silent).0,
            SENT,
            "a test uses no cap"
        );
    }
    router.device.bot = Some(BotClass::Crawler);
    for _ in 0..5 {
        assert_eq!(
            router.click(""),
            SENT,
            "a bot goes where a person would and uses no cap"
        );
    }
    router.device.bot = None;
    assert_eq!(
        (router.click(""), router.click("")),
        (SENT.to_owned(), SENT.to_owned())
    );
    assert_eq!(router.click(""), "fallback cap https://tenant.example/");
}

#[test]
fn a_cap_is_closed_until_the_fold_has_reached_the_head() {
    let cap =
        json!({"caps": [{"metric": "clicks", "period": "day", "limit": 2, "level": "offer"}]});
    let mut router = Router::new(&[(10, cap)], json!({"arms": arms(&[10])}));
    router.gates = Arc::new(Gates::default());
    assert_eq!(router.click(""), "fallback cap https://tenant.example/");
    router.gates.open([]);
    assert_eq!(router.click(""), SENT);
}
