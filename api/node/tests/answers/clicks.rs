//! Every reason that a click is or is not sent on for.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use weir_engine::fact::{ClickOutcome, ClickReason};

use super::World;
use super::support::catalog::{Admin, Link, PERSON, new_tenant};
use super::support::export;
use super::support::metrics::Metrics;

const OFFERS_FALLBACK: &str = "https://fallback.example/offer";
const CAMPAIGNS_FALLBACK: &str = "https://fallback.example/campaign";
const TENANTS_FALLBACK: &str = "https://fallback.example/tenant";

/// A click, and what becomes of it.
struct Case {
    name: &'static str,
    link: String,
    query: String,
    headers: Vec<(&'static str, &'static str)>,
    /// Where it goes; `None` = the 404 page.
    to: Option<&'static str>,
    reason: ClickReason,
}

fn case(name: &'static str, link: &Link, to: Option<&'static str>, reason: ClickReason) -> Case {
    Case {
        name,
        link: link.link.clone(),
        query: String::new(),
        headers: vec![("User-Agent", PERSON)],
        to,
        reason,
    }
}

impl Case {
    fn by(mut self, affiliate: &str) -> Self {
        self.query = format!("&aff={affiliate}");
        self
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.retain(|(n, _)| *n != name);
        self.headers.push((name, value));
        self
    }

    fn outcome(&self) -> ClickOutcome {
        match (self.reason, self.to) {
            (ClickReason::None, _) => ClickOutcome::Redirected,
            (_, Some(_)) => ClickOutcome::Fallback,
            (_, None) => ClickOutcome::Invalid,
        }
    }
}

/// Makes the catalog and says what is clicked.
struct Furnisher<'a> {
    admin: &'a mut Admin,
    advertiser: String,
    affiliate: String,
    cases: Vec<Case>,
}

const SHOP: Option<&str> = Some("https://shop.example/");
const OF_OFFER: Option<&str> = Some(OFFERS_FALLBACK);

impl Furnisher<'_> {
    /// An offer with a fallback of its own.
    fn offer(&mut self, more: Value) -> Link {
        let mut body = json!({"fallback_url": OFFERS_FALLBACK});
        let (fields, Value::Object(more)) = (body.as_object_mut().unwrap(), more) else {
            panic!("an object");
        };
        fields.extend(more);
        self.admin.offer(&self.advertiser, body)
    }

    fn affiliates(&mut self, foreign: &str) {
        let offer = self.offer(json!({}));
        let own = self.affiliate.clone();
        self.cases.extend([
            case(
                "an offer's own link asks for an affiliate",
                &offer,
                OF_OFFER,
                ClickReason::AffiliateRequired,
            ),
            case(
                "an approved affiliate's click is sent",
                &offer,
                SHOP,
                ClickReason::None,
            )
            .by(&own),
            case(
                "an affiliate that is no id",
                &offer,
                OF_OFFER,
                ClickReason::AffiliateUnknown,
            )
            .by("x%0d%0aSet-Cookie:y"),
            case(
                "an affiliate that was never made",
                &offer,
                OF_OFFER,
                ClickReason::AffiliateUnknown,
            )
            .by("aff_zzzz"),
            case(
                "an affiliate of another tenant",
                &offer,
                OF_OFFER,
                ClickReason::AffiliateUnknown,
            )
            .by(foreign),
        ]);
        for status in ["pending", "rejected", "banned", "archived"] {
            let affiliate = self.admin.affiliate("approved");
            self.admin.change(
                &format!("/v1/affiliates/{affiliate}"),
                json!({"status": status}),
            );
            let case = case(
                "an affiliate that is not approved",
                &offer,
                OF_OFFER,
                ClickReason::AffiliateInactive,
            );
            self.cases.push(case.by(&affiliate));
        }
        let house = self.admin.campaign(&[&offer.id], json!({}));
        let strict = self
            .admin
            .campaign(&[&offer.id], json!({"require_affiliate": true}));
        self.cases.extend([
            case(
                "a campaign takes house traffic",
                &house,
                SHOP,
                ClickReason::None,
            ),
            case(
                "but not where it asks for an affiliate",
                &strict,
                OF_OFFER,
                ClickReason::AffiliateRequired,
            ),
        ]);
    }

    fn approvals(&mut self) {
        let own = self.affiliate.clone();
        for visibility in ["needs_approval", "private"] {
            let offer = self.offer(json!({"visibility": visibility}));
            let case = case(
                "an offer that asks for approval",
                &offer,
                OF_OFFER,
                ClickReason::OfferNotApproved,
            );
            self.cases.push(case.by(&own));
        }
        for status in ["pending", "rejected", "blocked"] {
            let offer = self.offer(json!({"visibility": "needs_approval"}));
            self.admin
                .set_terms(&offer.id, &own, json!({"status": status}));
            let case = case(
                "terms that are not approved",
                &offer,
                OF_OFFER,
                ClickReason::OfferNotApproved,
            );
            self.cases.push(case.by(&own));
        }
        let open = self.offer(json!({}));
        self.admin
            .set_terms(&open.id, &own, json!({"status": "blocked"}));
        let granted = self.offer(json!({"visibility": "private"}));
        self.admin
            .set_terms(&granted.id, &own, json!({"status": "approved"}));
        self.cases.extend([
            case(
                "a public offer that is blocked for one",
                &open,
                OF_OFFER,
                ClickReason::OfferNotApproved,
            )
            .by(&own),
            case(
                "a private offer that is granted",
                &granted,
                SHOP,
                ClickReason::None,
            )
            .by(&own),
        ]);
        let other = self.offer(json!({}));
        let both = self.admin.campaign(&[&open.id, &other.id], json!({}));
        self.cases.push(
            case(
                "in a campaign such offers leave the eligible set",
                &both,
                SHOP,
                ClickReason::None,
            )
            .by(&own),
        );
    }

    fn statuses(&mut self) {
        let own = self.affiliate.clone();
        let (paused, archived) = (self.offer(json!({})), self.offer(json!({})));
        self.admin.change(
            &format!("/v1/offers/{}", paused.id),
            json!({"status": "paused"}),
        );
        self.admin
            .post(&format!("/v1/offers/{}/archive", archived.id), json!({}));
        let offer = self.offer(json!({}));
        // A campaign that could show `no_arm` cannot be made.
        let idle = json!({"name": "Idle", "distribution": {"mode": "fixed"}, "arms": [{"offer_id": offer.id, "enabled": false}]});
        let refused = self.admin.ask("POST", "/v1/campaigns", Some(&idle));
        assert_eq!(
            (refused.status, &refused.json()["field_errors"][0]["field"]),
            (422, &json!("arms"))
        );
        let over = self
            .admin
            .campaign(&[&offer.id], json!({"fallback_url": CAMPAIGNS_FALLBACK}));
        self.admin
            .post(&format!("/v1/campaigns/{}/archive", over.id), json!({}));
        self.cases.extend([
            case(
                "a paused offer",
                &paused,
                OF_OFFER,
                ClickReason::OfferPaused,
            )
            .by(&own),
            case(
                "an archived offer",
                &archived,
                OF_OFFER,
                ClickReason::OfferArchived,
            )
            .by(&own),
            case(
                "an archived campaign",
                &over,
                OF_OFFER,
                ClickReason::CampaignArchived,
            ),
        ]);
    }

    fn targeting(&mut self) {
        let own = self.affiliate.clone();
        let refused = [
            json!({"country": {"include": ["DE"]}}),
            json!({"device": {"include": ["mobile"]}}),
            json!({"os": {"exclude": ["Windows"]}}),
            json!({"os_version": {"min": "5"}}),
            json!({"browser": {"exclude": ["Chrome"]}}),
            json!({"browser_version": {"max": "125"}}),
            json!({"language": {"include": ["fr"]}}),
            json!({"affiliate": {"exclude": [own]}}),
            json!({"address": {"exclude": ["127.0.0.0/8"]}}),
            json!({"referrer": {"include": ["*.example.com"]}}),
            json!({"source": {"include": ["mail*"]}}),
            json!({"sub": {"1": {"include": ["nobody"]}}}),
            json!({"schedule": {"hours": {}}}),
        ];
        for targeting in refused {
            let offer = self.offer(json!({"targeting": targeting}));
            let case = case(
                "a visitor whom the offer does not take",
                &offer,
                OF_OFFER,
                ClickReason::Targeting,
            );
            self.cases.push(case.by(&own));
        }
        let french = self.offer(json!({"targeting": {"language": {"include": ["fr"]}}}));
        let case = case("a visitor whom it takes", &french, SHOP, ClickReason::None);
        self.cases
            .push(case.by(&own).with("Accept-Language", "fr-CH, fr;q=0.9"));
    }

    fn caps(&mut self) {
        let own = self.affiliate.clone();
        let cap = |on_cap: &str| json!([{"metric": "clicks", "period": "day", "limit": 1, "on_cap": on_cap}]);
        for (on_cap, to) in [("fallback", OF_OFFER), ("pause", OF_OFFER), ("block", None)] {
            let offer = self.offer(json!({"caps": cap(on_cap)}));
            self.cases.extend([
                case(
                    "the last click under a cap",
                    &offer,
                    SHOP,
                    ClickReason::None,
                )
                .by(&own),
                case("the first click over a cap", &offer, to, ClickReason::Cap).by(&own),
            ]);
        }
        let offer = self.offer(json!({}));
        let own_cap = json!({"status": "approved", "caps": cap("fallback")});
        self.admin.set_terms(&offer.id, &own, own_cap);
        self.cases.extend([
            case(
                "the last click under an affiliate's own cap",
                &offer,
                SHOP,
                ClickReason::None,
            )
            .by(&own),
            case(
                "the first click over an affiliate's own cap",
                &offer,
                OF_OFFER,
                ClickReason::Cap,
            )
            .by(&own),
        ]);
    }

    /// Offer's, campaign's, tenant's fallback, else the 404 page. The tenant has none yet.
    fn fallbacks(&mut self) -> Link {
        let closed = json!({"targeting": {"schedule": {"hours": {}}}});
        let bare = self.admin.offer(&self.advertiser, closed);
        let nowhere = self.admin.campaign(&[&bare.id], json!({}));
        let somewhere = self
            .admin
            .campaign(&[&bare.id], json!({"fallback_url": CAMPAIGNS_FALLBACK}));
        self.cases.extend([
            case("no fallback at all", &nowhere, None, ClickReason::Targeting),
            case(
                "the campaign's fallback",
                &somewhere,
                Some(CAMPAIGNS_FALLBACK),
                ClickReason::Targeting,
            ),
        ]);
        nowhere
    }
}

fn run(world: &mut World, number: usize, case: &Case) -> String {
    let before = Metrics::of(&world.server);
    let tag = format!("case{number}");
    let path = format!("/c/{}?sub1={tag}{}", case.link, case.query);
    let answer = world.ask("GET", &path, &case.headers, "");
    let told = format!("{} {path}: {answer:?}", case.name);
    match case.to {
        Some(to) => {
            assert_eq!(answer.status, 302, "{told}");
            assert!(answer.header("location").unwrap().starts_with(to), "{told}");
            assert!(answer.header("referrer-policy").is_some(), "{told}");
        }
        None => {
            assert_eq!(answer.status, 404, "{told}");
            assert!(answer.body.contains("does not lead anywhere"), "{told}");
        }
    }
    let after = Metrics::of(&world.server);
    let mut expect = vec![(
        format!("weir_clicks_total{{outcome=\"{}\"}}", case.outcome()),
        1.0,
    )];
    if case.reason != ClickReason::None {
        expect.push((
            format!("weir_clicks_not_sent_total{{reason=\"{}\"}}", case.reason),
            1.0,
        ));
    }
    let counted = after.all_grown(&before, &["weir_folded", "weir_connections"]);
    assert_eq!(counted, expect.into_iter().collect(), "{told}");
    tag
}

#[test]
fn every_reason_of_a_click_is_answered_recorded_and_counted() {
    let mut world = World::new("");
    let (_, other_key) = new_tenant(&world.data(), "Another");
    let foreign = Admin::with_key(&world.server, &other_key).affiliate("approved");
    let advertiser = world.admin.advertiser(json!({})).id;
    let affiliate = world.admin.affiliate("approved");
    let mut furnisher = Furnisher {
        admin: &mut world.admin,
        advertiser,
        affiliate,
        cases: Vec::new(),
    };
    furnisher.affiliates(&foreign);
    furnisher.approvals();
    furnisher.statuses();
    furnisher.targeting();
    furnisher.caps();
    let nowhere = furnisher.fallbacks();
    let mut cases = furnisher.cases;
    let mut tags = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        tags.push(run(&mut world, number, case));
    }
    let tenant = format!("/v1/tenants/{}", world.tenant);
    world
        .admin
        .change(&tenant, json!({"fallback_url": TENANTS_FALLBACK}));
    let last = case(
        "the tenant's fallback",
        &nowhere,
        Some(TENANTS_FALLBACK),
        ClickReason::Targeting,
    );
    tags.push(run(&mut world, cases.len(), &last));
    cases.push(last);

    let mut exercised: BTreeSet<ClickReason> = cases.iter().map(|c| c.reason).collect();
    // Only configuration of another build can lead there, see `Furnisher::statuses`.
    exercised.insert(ClickReason::NoArm);
    assert_eq!(
        exercised,
        ClickReason::ALL.iter().copied().collect(),
        "every reason has a case"
    );
    let outcomes: BTreeSet<ClickOutcome> = cases.iter().map(Case::outcome).collect();
    let mut all: BTreeSet<ClickOutcome> = ClickOutcome::ALL.iter().copied().collect();
    // Landers come later; the door says so by 404, see `doors`.
    all.remove(&ClickOutcome::Lander);
    assert_eq!(outcomes, all, "every outcome has a case");

    world.server.terminate();
    let facts = export(&world.data());
    for (case, tag) in cases.iter().zip(&tags) {
        recorded(&facts, case, tag);
    }
    let clicks = facts.iter().filter(|f| f["kind"] == "clicked").count();
    assert_eq!(clicks, cases.len(), "one fact a click");
}

fn recorded(facts: &[Value], case: &Case, tag: &str) {
    let is_it = |f: &&Value| f["kind"] == "clicked" && f["sub"]["1"] == tag;
    let click = facts.iter().find(is_it).expect(case.name);
    assert_eq!(
        click["reason"],
        case.reason.as_str(),
        "{}: {click}",
        case.name
    );
    assert_eq!(
        click["outcome"],
        case.outcome().as_str(),
        "{}: {click}",
        case.name
    );
    assert_eq!(
        click["offer_id"].is_string(),
        case.reason == ClickReason::None,
        "{click}"
    );
    let of_it = |f: &&Value| f["kind"] == "click_judged" && f["click_id"] == click["click_id"];
    let judged = facts.iter().find(of_it).expect(case.name);
    assert_eq!(
        judged["valid"],
        case.reason == ClickReason::None,
        "{}: {judged}",
        case.name
    );
    assert_eq!(
        judged["reason"],
        case.reason.as_str(),
        "{}: {judged}",
        case.name
    );
}
