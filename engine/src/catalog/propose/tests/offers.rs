//! Offers with their links and goals, and terms on them.

use super::*;

const RED: EntityKey = EntityKey {
    kind: EntityKind::Offer,
    number: 4,
    second: 0,
};

#[test]
fn an_offer_is_made_with_its_own_hidden_link() {
    let mut desk = Desk::furnished();
    let draft = json!({
        "name":"Gold", "advertiser_id":AdvertiserId::new(desk.tenant, 1), "url":"https://A.example", "currency":"eur",
    });
    let draft = draft_of(EntityKind::Offer, draft).unwrap();
    let changes = desk.write(Target::Create, draft).unwrap();
    assert_eq!(changes.len(), 2);
    assert!(changes.iter().all(|c| c.by == "key_1" && c.version == 1));
    let offer = &desk.catalog.offers[&changes[0].key.number].body;
    assert_eq!(offer.url, "https://a.example/");
    assert_eq!(
        (offer.lookback_hours, offer.currency.as_str()),
        (720, "EUR")
    );
    assert_eq!(
        changes[1].key,
        EntityKey::one(EntityKind::Campaign, offer.link_campaign)
    );
    let link = &desk.catalog.campaigns[&offer.link_campaign].body;
    assert_eq!(
        (link.kind, link.name.as_str()),
        (CampaignKind::Offer, "Gold")
    );
    assert!(link.require_affiliate && link.domain_id.is_none());
    assert_eq!(
        link.arms[0].offer_id,
        OfferId::new(desk.tenant, changes[0].key.number)
    );
    assert_eq!(link.link.len(), 10);
    let is_letter = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase();
    assert!(link.link.bytes().all(is_letter), "{}", link.link);
}

#[test]
fn a_link_follows_the_name_of_its_offer_and_nothing_else() {
    let mut desk = Desk::furnished();
    let number = desk.catalog.offers[&4].body.link_campaign;
    let link = desk.catalog.campaigns[&number].body.link.clone();
    let renamed = desk.patch(RED, json!({"name":"Crimson"})).unwrap();
    let keys: Vec<EntityKey> = renamed.iter().map(|c| c.key).collect();
    assert_eq!(keys, [RED, EntityKey::one(EntityKind::Campaign, number)]);
    let after = &desk.catalog.campaigns[&number];
    assert_eq!((after.version, after.body.name.as_str()), (2, "Crimson"));
    assert_eq!(after.body.link, link);
    assert_eq!(
        desk.patch(RED, json!({"status":"paused"})).unwrap().len(),
        1
    );
    let target = Target::Update {
        key: RED,
        expected: Some(3),
    };
    assert_eq!(desk.write(target, Draft::Archive).unwrap().len(), 1);
    assert_eq!(desk.catalog.campaigns[&number].version, 2);
    assert_eq!(desk.catalog.offers[&4].body.status.as_str(), "archived");
    desk.patch(RED, json!({"status":"active"})).unwrap();
    assert_eq!(desk.catalog.offers[&4].body.status.as_str(), "active");
}

#[test]
fn the_link_of_an_offer_is_not_changed_as_a_campaign() {
    let mut desk = Desk::furnished();
    let number = desk.catalog.offers[&4].body.link_campaign;
    let key = EntityKey::one(EntityKind::Campaign, number);
    assert_eq!(desk.patch(key, json!({"name":"x"})), Err(Refusal::NotFound));
}

#[test]
fn goals_keep_their_ids_by_id_and_by_name() {
    let mut desk = Desk::furnished();
    desk.patch(RED, json!({"goals":[{"name":"lead"},{"name":"sale"}]}))
        .unwrap();
    let ids = |desk: &Desk| -> Vec<(String, GoalId)> {
        let goals = &desk.catalog.offers[&4].body.goals;
        goals.iter().map(|g| (g.name.clone(), g.id)).collect()
    };
    let before = ids(&desk);
    let (lead, sale) = (before[0].1, before[1].1);
    desk.patch(
        RED,
        json!({"goals":[{"name":"sale"},{"name":"signup","id":lead},{"name":"lead"}]}),
    )
    .unwrap();
    let after = ids(&desk);
    assert_eq!(after[0], ("sale".to_owned(), sale));
    assert_eq!(after[1], ("signup".to_owned(), lead));
    assert_eq!(after[2].0, "lead");
    assert!(
        !before.iter().any(|(_, id)| *id == after[2].1),
        "the name is free, the id is taken"
    );
    let twice = json!({"goals":[{"name":"a","id":lead},{"name":"b","id":lead}]});
    let refusal = desk.patch(RED, twice).unwrap_err();
    assert_eq!(
        faults(&refusal),
        [("goals[1].id".to_owned(), code::DUPLICATE)]
    );
}

#[test]
fn terms_are_put_once_or_many_times() {
    let mut desk = Desk::furnished();
    let draft = json!({"status":"approved","payout":{"type":"cpa","amount":"20"}});
    let made = desk.put_terms(4, 2, draft.clone()).unwrap();
    assert_eq!((made.len(), made[0].version), (1, 1));
    assert_eq!(desk.put_terms(4, 2, draft), Ok(vec![]));
    let again = desk.put_terms(4, 2, json!({"status":"blocked"})).unwrap();
    assert_eq!(again[0].version, 2);
    assert_eq!(
        desk.catalog.terms[&(4, 2)].body.payout,
        None,
        "a PUT replaces"
    );
    for (offer, affiliate) in [(5, 2), (4, 1), (99, 2), (4, 99)] {
        let refused = desk.put_terms(offer, affiliate, json!({"status":"approved"}));
        assert_eq!(refused, Err(Refusal::NotFound), "{offer} {affiliate}");
    }
    let Target::Update { key, .. } = terms_of(4, 3) else {
        unreachable!()
    };
    let expecting = Target::Update {
        key,
        expected: Some(1),
    };
    let draft = draft_of(EntityKind::Terms, json!({"status":"approved"})).unwrap();
    assert_eq!(
        desk.write(expecting, draft),
        Err(Refusal::VersionMismatch { current: 0 })
    );
    assert_eq!(
        desk.patch(key, json!({"status":"approved"})),
        Err(Refusal::NotFound)
    );
    let refusal = desk.write(terms_of(4, 2), Draft::Archive).unwrap_err();
    assert_eq!(faults(&refusal), [(String::new(), code::NOT_APPLICABLE)]);
}

#[test]
fn a_goal_that_terms_cap_stays() {
    let mut desk = Desk::furnished();
    desk.patch(RED, json!({"goals":[{"name":"sale"}]})).unwrap();
    let cap = |level: Option<&str>| {
        let mut cap = json!({"metric":"conversions","period":"day","limit":5,"goal":"sale"});
        if let Some(level) = level {
            cap["level"] = json!(level);
        }
        json!({"status":"approved","caps":[cap]})
    };
    desk.put_terms(4, 2, cap(None)).unwrap();
    desk.put_terms(4, 3, cap(Some("affiliate"))).unwrap();
    let refusal = desk.put_terms(4, 3, cap(Some("offer"))).unwrap_err();
    assert_eq!(
        faults(&refusal),
        [("caps[0].level".to_owned(), code::NOT_APPLICABLE)]
    );
    let refusal = desk.patch(RED, json!({"goals":[]})).unwrap_err();
    assert_eq!(
        faults(&refusal),
        [
            ("goals".to_owned(), code::IN_USE),
            ("goals".to_owned(), code::IN_USE)
        ]
    );
    for affiliate in [2, 3] {
        desk.put_terms(4, affiliate, json!({"status":"approved"}))
            .unwrap();
    }
    assert!(desk.patch(RED, json!({"goals":[]})).is_ok());
}

#[test]
fn a_patch_changes_what_it_names_and_null_restores_the_default() {
    let mut desk = Desk::furnished();
    let patch = json!({
        "payout":{"type":"cpa","amount":"12.50"}, "lookback_hours":48, "targeting":{"country":{"include":["DE"]}},
    });
    desk.patch(RED, patch).unwrap();
    desk.patch(RED, json!({"targeting":{"os":{"exclude":["iOS"]}}}))
        .unwrap();
    let offer = desk.catalog.offers[&4].body.clone();
    assert!(offer.targeting.country.is_some() && offer.targeting.os.is_some());
    desk.patch(RED, json!({"payout":{"type":"cps","percent":"10"}}))
        .unwrap();
    let percent = "10".parse().unwrap();
    assert_eq!(
        desk.catalog.offers[&4].body.payout,
        Some(crate::catalog::Payout::Cps { percent })
    );
    desk.patch(RED, json!({"payout":null,"lookback_hours":null}))
        .unwrap();
    let offer = &desk.catalog.offers[&4].body;
    assert_eq!((offer.payout, offer.lookback_hours), (None, 720));
    let refusal = desk.patch(RED, json!({"name":null})).unwrap_err();
    assert_eq!(faults(&refusal), [("name".to_owned(), code::REQUIRED)]);
}
