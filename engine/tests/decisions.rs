//! Every reason why a click is not sent to an offer, where it goes instead, and what the policy draws from.

use std::sync::Arc;

use serde_json::{Value, json};
use weir_engine::caps::Gates;
use weir_engine::catalog::{Catalog, Change, EntityKey, EntityKind};
use weir_engine::ids::{AdvertiserId, AffiliateId, ArmId, FlowId, OfferId, TenantId, UnixMs};
use weir_engine::policy::draw_of;
use weir_engine::routing::{
    CampaignSnapshot, ClickRequest, DestinationValues, Recorder, Silent, Step, Subject,
    TenantSnapshot, decide, destination,
};
use weir_engine::visitor::{BotClass, Device, DeviceType, Language, Place, Version, Visitor};

const TENANT: TenantId = TenantId(1);
const NOW: UnixMs = UnixMs(1_800_000_000_000);

/// A tenant with affiliates 2 (approved), 3 (pending); offers 10, 11, 12; a campaign.
struct Router {
    catalog: Catalog,
    gates: Arc<Gates>,
    device: Device,
}

fn offer(extra: Value) -> Value {
    let mut body = json!({"name": "O", "advertiser_id": AdvertiserId::new(TENANT, 1), "url": "https://shop.example/buy?c={click_id}&s={sub1}",
        "currency": "USD", "status": "active", "visibility": "public", "lookback_hours": 24, "repeat": "by_txid", "link_campaign": 0});
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn arms(offers: &[u32]) -> Value {
    let arms = offers
        .iter()
        .map(|o| json!({"id": ArmId::new(TENANT, o + 100), "offer_id": OfferId::new(TENANT, *o)}));
    Value::Array(arms.collect())
}

impl Router {
    fn new(offers: &[(u32, Value)], campaign: Value) -> Self {
        let gates = Arc::new(Gates::default());
        gates.open([]);
        let mut router = Self {
            catalog: Catalog::default(),
            gates,
            device: Device {
                kind: DeviceType::Mobile,
                os: "Android".to_owned(),
                os_version: Version::default(),
                browser: "Chrome".to_owned(),
                browser_version: Version::default(),
                bot: None,
            },
        };
        router.put(EntityKind::Tenant, (0, 0), json!({"name": "T", "currency": "USD", "timezone": "UTC", "fallback_url": "https://tenant.example/"}));
        router.put(
            EntityKind::Affiliate,
            (2, 0),
            json!({"name": "P", "status": "approved"}),
        );
        router.put(
            EntityKind::Affiliate,
            (3, 0),
            json!({"name": "Q", "status": "pending"}),
        );
        for (number, extra) in offers {
            router.put(EntityKind::Offer, (*number, 0), offer(extra.clone()));
        }
        let mut body = json!({"name": "C", "kind": "campaign", "link": "x", "distribution": {"mode": "fixed"}, "arms": []});
        for (key, value) in campaign.as_object().unwrap() {
            body[key] = value.clone();
        }
        router.put(EntityKind::Campaign, (50, 0), body);
        router
    }

    fn put(&mut self, kind: EntityKind, (number, second): (u32, u32), body: Value) {
        let change = Change {
            key: EntityKey {
                kind,
                number,
                second,
            },
            version: 1,
            by: "test".to_owned(),
            body,
        };
        self.catalog.apply(&change, NOW).unwrap();
    }

    /// `outcome reason url` of a click with this `aff`.
    fn click(&self, aff: &str) -> String {
        self.decide(aff, false, 0, &mut Silent).0
    }

    fn decide(
        &self,
        aff: &str,
        is_test: bool,
        draw: u64,
        recorder: &mut impl Recorder,
    ) -> (String, f64, usize) {
        let tenant = TenantSnapshot::compile(
            TENANT,
            Arc::new(self.catalog.clone()),
            Arc::clone(&self.gates),
            None,
        );
        let campaign = CampaignSnapshot::compile(TENANT, &self.catalog, 50).unwrap();
        let mut sub = [""; 20];
        sub[0] = "a b";
        let visitor = Visitor {
            place: Place {
                country: *b"DE",
                ..Place::default()
            },
            device: &self.device,
            language: Language::read("de"),
        };
        let request = ClickRequest {
            now: NOW,
            aff,
            subject: Subject {
                visitor,
                affiliate: None,
                source: "",
                sub: &sub,
            },
            draw,
            is_test,
        };
        let decision = decide(&request, &tenant, &campaign, recorder);
        let values = DestinationValues {
            tenant: TENANT,
            click_id: None,
            now: NOW,
            campaign: 50,
            visitor,
            ip: None,
            user_agent: "",
            referrer: "",
            aff_click_id: "",
            source: "",
            sub: &sub,
            ad_ids: &[""; 6],
            rand: 0,
        };
        let mut url = String::new();
        destination(&decision, &values, &mut url);
        let said = format!("{} {} {url}", decision.outcome, decision.reason);
        (
            said.trim_end().to_owned(),
            decision.propensity,
            decision.eligible.len(),
        )
    }
}

fn aff(number: u32) -> String {
    AffiliateId::new(TENANT, number).to_string()
}

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

#[test]
fn every_step_of_a_decision_can_be_seen() {
    struct Steps(Vec<String>);
    impl Recorder for Steps {
        fn step(&mut self, step: Step<'_>) {
            self.0.push(match step {
                Step::Flow { refused, .. } => format!("flow {refused:?}"),
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
            });
        }
    }
    let router = Router::new(
        &[
            (10, json!({})),
            (11, json!({"targeting": {"os": {"exclude": ["android"]}}})),
        ],
        json!({"arms": arms(&[10, 11])}),
    );
    let mut steps = Steps(Vec::new());
    router.decide(
        "",
        false,
        draw_of(1, &weir_engine::click_id::ClickId::from_bytes([1; 20])),
        &mut steps,
    );
    assert_eq!(
        steps.0,
        [
            "flow None",
            "arm 110 none None",
            "arm 111 targeting Some(\"os\")",
            "drawn 110 1 of [110]"
        ]
    );
}
