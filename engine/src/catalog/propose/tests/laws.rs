//! Properties: whatever is accepted is readable, reads back as the draft it came from, and keeps the ids it named.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// An arm as a client may send it: which offer, which of the present arms it names (if there are so many), a
/// weight and a URL.
type ArmPlan = (usize, Option<usize>, u32, Option<u8>);

fn arm_plans() -> impl Strategy<Value = Vec<ArmPlan>> {
    let named = prop::option::of(0_usize..6);
    let url = prop::option::of(0_u8..3);
    prop::collection::vec((0_usize..3, named, 1_u32..5, url), 1..5)
}

fn campaign_plan() -> impl Strategy<Value = (Vec<ArmPlan>, Vec<(u8, Vec<ArmPlan>)>)> {
    let flows = prop::collection::vec((0_u8..3, arm_plans()), 0..3);
    (arm_plans(), flows)
}

/// Arms of the plan; each present arm is named at most once.
fn arms(desk: &Desk, plans: &[ArmPlan], present: &mut [Option<String>]) -> Value {
    let arm = |&(offer, named, weight, url): &ArmPlan| {
        let mut arm = json!({"offer_id":desk.offer([4, 7, 10][offer]),"weight":weight});
        if let Some(id) = named
            .and_then(|n| present.get_mut(n))
            .and_then(Option::take)
        {
            arm["id"] = json!(id);
        }
        if let Some(url) = url {
            arm["url"] = json!(format!("https://a.example/{url}?c={{click_id}}"));
        }
        arm
    };
    plans.iter().map(arm).collect()
}

fn ids_in(value: &Value) -> Vec<Value> {
    let lists = [&value["arms"]].into_iter().chain(
        value["flows"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|flow| &flow["arms"]),
    );
    let arms = lists.flat_map(|list| list.as_array().into_iter().flatten());
    arms.map(|arm| arm["id"].clone()).collect()
}

/// The entity as a draft, back into an entity: nothing changes.
fn rewritten(desk: &mut Desk, key: EntityKey) -> Result<Vec<Change>, Refusal> {
    let n = key.number;
    let draft = match key.kind {
        EntityKind::Tenant => Draft::Tenant((&desk.catalog.tenant.as_ref().unwrap().body).into()),
        EntityKind::Advertiser => Draft::Advertiser((&desk.catalog.advertisers[&n].body).into()),
        EntityKind::Affiliate => Draft::Affiliate((&desk.catalog.affiliates[&n].body).into()),
        EntityKind::Offer => Draft::Offer(Box::new((&desk.catalog.offers[&n].body).into())),
        EntityKind::Terms => Draft::Terms((&desk.catalog.terms[&(n, key.second)].body).into()),
        EntityKind::Campaign => Draft::Campaign((&desk.catalog.campaigns[&n].body).into()),
        EntityKind::Domain => Draft::Domain((&desk.catalog.domains[&n].body).into()),
        EntityKind::ApiKey => Draft::ApiKey((&desk.catalog.api_keys[&n].body).into()),
    };
    desk.write(
        Target::Update {
            key,
            expected: None,
        },
        draft,
    )
}

#[test]
fn every_entity_is_its_own_draft() {
    let mut desk = Desk::furnished();
    let red = EntityKey::one(EntityKind::Offer, 4);
    let rich = json!({
        "payout":{"type":"cpa","amount":"12.50"}, "revenue":{"type":"rps","percent":"12.5"},
        "goals":[{"name":"sale","payout":{"type":"cps","percent":"3"},"repeat":"all","lookback_hours":24}],
        "default_status":"pending", "min_seconds_to_convert":5, "fallback_url":"https://b.example/{sub1}",
        "caps":[{"metric":"revenue","period":"month","limit":"100","level":"campaign","timezone":"Asia/Kolkata","hard":false,"on_cap":"pause","over_cap":"accept"}],
        "targeting":{"sub":{"3":{"include":["a"]}},"os_version":{"min":"12.1"}}, "referrer_policy":"no-referrer",
    });
    desk.patch(red, rich).unwrap();
    desk.put_terms(
        4,
        2,
        json!({"status":"approved","caps":[{"metric":"clicks","period":"total","limit":5}]}),
    )
    .unwrap();
    let key = desk.create(EntityKind::ApiKey, json!({"name":"k","scopes":["*"]}));
    let arms = json!([{"offer_id":desk.offer(4)}]);
    let campaign = json!({
        "name":"c", "distribution":{"mode":"fixed","floor":"2.5"}, "arms":arms, "require_affiliate":true,
        "flows":[{"name":"f","kind":"forced","match":{"language":{"include":["en"]}},"distribution":{"mode":"fixed"},"arms":arms}],
        "cost":{"model":"cpc","amount":"0.01","currency":"GBP"}, "domain_id":DomainId::new(desk.tenant, 13), "link":"x",
    });
    let campaign = desk.create(EntityKind::Campaign, campaign);
    let Target::Update { key: terms, .. } = terms_of(4, 2) else {
        unreachable!()
    };
    let one = |kind, number| EntityKey::one(kind, number);
    let keys = [
        one(EntityKind::Tenant, 0),
        one(EntityKind::Advertiser, 1),
        one(EntityKind::Affiliate, 2),
        red,
        terms,
        campaign,
        one(EntityKind::Domain, 13),
        key,
    ];
    for key in keys {
        assert_eq!(rewritten(&mut desk, key), Ok(vec![]), "{key:?}");
        assert_eq!(desk.patch(key, json!({})), Ok(vec![]), "{key:?}");
    }
}

#[test]
fn a_draft_reads_back_from_its_json() {
    let desk = Desk::furnished();
    let offer = OfferDraft::from(&desk.catalog.offers[&4].body);
    let json = serde_json::to_value(&offer).unwrap();
    assert_eq!(parse_draft::<OfferDraft>(json), Ok(offer));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arms_that_an_edit_names_keep_their_ids_and_new_ones_are_new(
        plans in prop::collection::vec(campaign_plan(), 1..5),
    ) {
        let mut desk = Desk::furnished();
        let first = json!({"name":"c","distribution":{"mode":"fixed"},"arms":[{"offer_id":desk.offer(4)}]});
        let key = desk.create(EntityKind::Campaign, first);
        let mut ever: BTreeSet<u32> = BTreeSet::new();
        for (default, flows) in plans {
            let before = desk.catalog.campaigns[&key.number].clone();
            ever.extend(before.body.all_arms().map(|a| a.id.number()));
            let last_number = desk.catalog.last_number;
            let mut present: Vec<Option<String>> =
                before.body.all_arms().map(|a| Some(a.id.to_string())).collect();
            let default = arms(&desk, &default, &mut present);
            let flow = |(name, plans): &(u8, Vec<ArmPlan>)| json!({
                "name":format!("flow {name}"), "kind":"regular", "match":{}, "distribution":{"mode":"fixed"},
                "arms":arms(&desk, plans, &mut present),
            });
            let flows: Vec<Value> = flows.iter().map(flow).collect();
            let patch = json!({"arms":default,"flows":flows});
            let changes = desk.patch(key, patch.clone()).unwrap();
            let after = desk.catalog.campaigns[&key.number].clone();
            prop_assert_eq!(after.version, before.version + changes.len() as u32);
            let ids: Vec<u32> = after.body.all_arms().map(|a| a.id.number()).collect();
            let named = ids_in(&patch);
            prop_assert_eq!(named.len(), ids.len());
            for (arm, named) in after.body.all_arms().zip(named) {
                prop_assert!(named.is_null() || named == json!(arm.id), "{named} became {}", arm.id);
                let number = arm.id.number();
                prop_assert!(ever.contains(&number) || number > last_number);
            }
            let distinct: BTreeSet<u32> = ids.iter().copied().collect();
            prop_assert_eq!(distinct.len(), ids.len(), "an id stands for one arm");
            prop_assert_eq!(rewritten(&mut desk, key), Ok(vec![]));
        }
    }

    #[test]
    fn no_json_makes_a_proposal_panic(text in "[\\[\\]{}\":,a-z0-9 ._-]{0,80}", number in any::<i64>()) {
        let mut desk = Desk::furnished();
        let value = serde_json::from_str(&text).unwrap_or_else(|_| json!({"name":text,"limit":number}));
        let keys = [(EntityKind::Offer, 4), (EntityKind::Advertiser, 1), (EntityKind::Domain, 13)];
        for (kind, key) in keys {
            let _ = desk.try_create(kind, value.clone());
            let _ = desk.patch(EntityKey::one(kind, key), value.clone());
            let _ = desk.patch(EntityKey::one(kind, key), json!({"name":text,"host":text,"url":text,"caps":[{"limit":number}]}));
        }
    }
}
