use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::click_id::ClickId;
use crate::fact::{ClickCore, ClickDetail, ClickOutcome, ClickPrivate, ClickReason, Kind, Sent};
use crate::ids::{Position, TenantId, UnixMs};
use crate::record::{Logged, Record};

fn click() -> ClickCore {
    ClickCore {
        tenant: TenantId(7),
        at: UnixMs(1_772_323_200_123),
        click_id: ClickId::from_bytes([0x19; 20]),
        campaign: 3,
        flow: None,
        wanted_offer: Some(5),
        sent: Some(Sent {
            offer: 5,
            offer_version: 2,
            arm: 4,
        }),
        affiliate: Some(6),
        visitor: [255, 1],
        country: *b"DE",
        device: 2,
        bot: None,
        propensity: 0.25,
        policy_version: 0,
        config_version: 0,
        cost: None,
        is_test: false,
        outcome: ClickOutcome::Redirected,
        reason: ClickReason::None,
    }
}

fn document(private: &ClickPrivate, private_key: u8) -> ClickDocument {
    let core = click();
    let detail = ClickDetail {
        link: "spring".to_owned(),
        eligible: vec![4],
    };
    let (mut open, mut sealed) = (Vec::new(), Vec::new());
    core.write(&detail, &mut open);
    private.write(&mut sealed);
    let record = Record {
        tenant: core.tenant,
        at: core.at,
        kind: Kind::Clicked.code(),
        version: ClickCore::VERSION,
        click_id: Some(core.click_id),
        open: &open,
        private_key,
        private: &sealed,
        texts: [&private.user_agent, &private.referrer],
    };
    let position = Position {
        partition: 1,
        seq: 41,
    };
    click_document(&Logged { position, record }, true).expect("a click")
}

fn visitor() -> ClickPrivate {
    ClickPrivate {
        ip: "203.0.113.0".parse().ok(),
        sub: vec![(1, "a".to_owned()), (20, "z".to_owned())],
        os: "iOS".to_owned(),
        user_agent: "Mozilla/5.0".to_owned(),
        referrer: "https://m.social.example/x?y=1".to_owned(),
        utm: ["news", "", "", "", ""].map(str::to_owned),
        ..ClickPrivate::default()
    }
}

#[test]
fn a_click_is_one_flat_document_with_the_names_of_exported_facts() {
    let json = serde_json::to_value(document(&visitor(), 0)).expect("JSON");
    let expected = json!({
        "click_id": click().click_id.to_string(), "tenant": "ten_7", "at": 1_772_323_200_123_u64, "seq": 41,
        "campaign_id": crate::ids::CampaignId::new(TenantId(7), 3), "offer_id": crate::ids::OfferId::new(TenantId(7), 5),
        "offer_version": 2, "arm": crate::ids::ArmId::new(TenantId(7), 4),
        "affiliate_id": crate::ids::AffiliateId::new(TenantId(7), 6), "country": "DE", "device": "mobile", "test": false,
        "link": "spring", "visitor": "00000000000000ff", "os": "iOS", "user_agent": "Mozilla/5.0",
        "referrer": "https://m.social.example/x?y=1", "referrer_host": "m.social.example", "utm_source": "news",
        "ip": "203.0.113.0", "sub1": "a", "sub20": "z",
        "wanted_offer_id": crate::ids::OfferId::new(TenantId(7), 5), "outcome": "redirected", "reason": "none",
        "unique": true, "valid": true, "propensity": 0.25,
    });
    assert_eq!(json, expected);
}

#[test]
fn a_sealed_click_says_nothing_of_the_visitor() {
    let json = serde_json::to_value(document(&visitor(), 1)).expect("JSON");
    for name in ["ip", "sub1", "os", "user_agent", "referrer", "utm_source"] {
        assert_eq!(json.get(name), None, "{name}");
    }
    assert_eq!(json["country"], "DE");
}

#[test]
fn a_click_is_shown_with_decimals_and_readable_times() {
    let document = ClickDocument {
        cost_micros: Some(125_000),
        ..document(&visitor(), 0)
    };
    let shown = shown(serde_json::to_value(document).expect("JSON"));
    assert_eq!(shown["at"], "2026-03-01T00:00:00.123Z");
    assert_eq!(shown["cost"], "0.125");
    assert_eq!(shown.get("cost_micros"), None);
}

#[test]
fn a_document_stands_where_its_click_does_and_grows_with_its_facts() {
    let click = Document::Click(Box::new(document(&visitor(), 0)));
    assert_eq!(click.id(), super::tests::click().click_id.to_string());
    assert_eq!(
        (click.version(), click.placed_at()),
        (42, UnixMs(1_772_323_200_123))
    );
    assert_eq!(click.kind(), DocumentKind::Clicks);
}

#[test]
fn names_of_fields_are_those_of_documents() {
    let mut full = visitor();
    full.sub = (1..=20).map(|n| (n, n.to_string())).collect();
    full.utm = ["u"; 5].map(str::to_owned);
    full.ad_ids = ["i"; 6].map(str::to_owned);
    for text in [
        &mut full.source,
        &mut full.aff_click_id,
        &mut full.language,
        &mut full.os_version,
        &mut full.browser,
        &mut full.browser_version,
        &mut full.region,
        &mut full.city,
        &mut full.isp,
    ] {
        "x".clone_into(text);
    }
    let json = serde_json::to_value(document(&full, 0)).expect("JSON");
    // These are absent from a click of a person that cost nothing and took the default flow.
    let absent = [
        SearchField::Flow,
        SearchField::Bot,
        SearchField::CostCurrency,
    ];
    for field in SearchField::ALL
        .iter()
        .filter(|f| f.is_of(DocumentKind::Clicks) && !absent.contains(f))
    {
        assert!(json.get(field.as_str()).is_some(), "{field}");
    }
}

proptest! {
    #[test]
    fn a_click_is_read_back(subs in proptest::collection::btree_map(1u8..=20, "\\PC{1,20}", 0..20), os in "\\PC{0,12}", cost in proptest::option::of(any::<i64>())) {
        let mut written = document(&ClickPrivate { os, sub: subs.into_iter().collect(), ..visitor() }, 0);
        written.cost_micros = cost;
        let json: Value = serde_json::to_value(&written).expect("JSON");
        prop_assert_eq!(serde_json::from_value::<ClickDocument>(json).expect("a click"), written);
    }
}
