use serde_json::json;

use super::*;
use crate::catalog::Targeting;
use crate::ids::{AffiliateId, TenantId};
use crate::visitor::{Device, DeviceType, Language, Place, Version};

/// Wednesday, 2026-11-25 at 10:30 UTC.
const NOW: UnixMs = UnixMs(1_795_602_600_000);

/// A visitor on an Android phone in Berlin.
fn device() -> Device {
    Device {
        kind: DeviceType::Mobile,
        os: "Android".to_owned(),
        os_version: Version::read("13").unwrap(),
        browser: "Chrome".to_owned(),
        browser_version: Version::read("124.0.6367").unwrap(),
        bot: None,
    }
}

fn verdict(targeting: &serde_json::Value) -> Option<Rule> {
    let targeting: Targeting = serde_json::from_value(targeting.clone()).unwrap();
    let matcher = Matcher::compile(&targeting, "Europe/Berlin").unwrap();
    let device = device();
    let mut subs = [""; 20];
    subs[0] = "Campaign-7";
    let subject = Subject {
        visitor: Visitor {
            place: Place {
                country: *b"DE",
                region: "BE",
                city: "Berlin",
                isp: "Example Telekom",
            },
            device: &device,
            language: Language::read("de-at"),
        },
        address: "203.0.113.77".parse().unwrap(),
        affiliate: Some(7),
        referrer: "https://user@News.Example.com:8080/a?b#c",
        source: "fb",
        sub: &subs,
    };
    let all: Vec<(Rule, bool)> = matcher.rules(&subject, NOW).collect();
    let verdict = matcher.refuses(&subject, NOW);
    assert_eq!(verdict.is_none(), all.iter().all(|(_, holds)| *holds));
    verdict
}

fn affiliate(number: u32) -> String {
    AffiliateId::new(TenantId(1), number).to_string()
}

#[test]
fn each_condition_takes_who_it_is_for() {
    let cases = [
        json!({}),
        json!({"country": {"include": ["de", "AT"]}}),
        json!({"country": {"exclude": ["US"]}}),
        json!({"country": {}}),
        json!({"region": {"include": ["BE"]}, "city": {"include": ["ber*"]}, "isp": {"include": ["*telekom*"]}}),
        json!({"address": {"include": ["203.0.113.0/24"], "exclude": ["203.0.113.64/29"]}}),
        json!({"device": {"include": ["Mobile", "tablet"]}}),
        json!({"device": {"exclude": ["desktop"]}}),
        json!({"os": {"include": ["android"]}, "os_version": {"min": "12", "max": "13"}}),
        json!({"browser": {"include": ["chrome"]}, "browser_version": {"min": "100"}}),
        json!({"browser_version": {"max": "124"}}),
        json!({"language": {"include": ["de"]}}),
        json!({"language": {"exclude": ["de-de"]}}),
        json!({"affiliate": {"include": [affiliate(9), affiliate(7)]}}),
        json!({"affiliate": {"exclude": [affiliate(8)]}}),
        json!({"referrer": {"include": ["*.example.com"]}}),
        json!({"source": {"include": ["FB"]}, "sub": {"1": {"include": ["campaign-*"]}, "2": {"include": [""]}}}),
        json!({"schedule": {"hours": {"wed": [11]}}}),
        json!({"schedule": {"timezone": "UTC", "hours": {"wed": [10]}}}),
        json!({"schedule": {"timezone": "Asia/Kolkata", "hours": {"wed": [16]}}}),
    ];
    for targeting in cases {
        assert_eq!(verdict(&targeting), None, "{targeting}");
    }
}

#[test]
fn each_condition_keeps_the_others_out_and_is_named() {
    let cases = [
        (json!({"country": {"include": ["AT"]}}), Rule::Country),
        (
            json!({"country": {"include": ["DE"], "exclude": ["DE"]}}),
            Rule::Country,
        ),
        (json!({"region": {"exclude": ["be"]}}), Rule::Region),
        (json!({"city": {"include": ["Hamburg"]}}), Rule::City),
        (json!({"isp": {"include": ["Telekom"]}}), Rule::Isp),
        (
            json!({"address": {"exclude": ["203.0.113.77"]}}),
            Rule::Address,
        ),
        (json!({"device": {"include": ["desktop"]}}), Rule::Device),
        (json!({"os": {"exclude": ["Android"]}}), Rule::Os),
        (json!({"os_version": {"min": "13.1"}}), Rule::OsVersion),
        (json!({"browser": {"include": ["Safari"]}}), Rule::Browser),
        (
            json!({"browser_version": {"max": "123"}}),
            Rule::BrowserVersion,
        ),
        (
            json!({"language": {"include": ["en", "de-de"]}}),
            Rule::Language,
        ),
        (
            json!({"affiliate": {"include": [affiliate(8)]}}),
            Rule::Affiliate,
        ),
        (
            json!({"affiliate": {"exclude": [affiliate(7)]}}),
            Rule::Affiliate,
        ),
        (
            json!({"referrer": {"include": ["example.com"]}}),
            Rule::Referrer,
        ),
        (json!({"source": {"include": ["fb2"]}}), Rule::Source),
        (json!({"sub": {"1": {"include": ["campaign"]}}}), Rule::Sub),
        (
            json!({"schedule": {"hours": {"wed": [10, 12], "thu": [11]}}}),
            Rule::Schedule,
        ),
    ];
    for (targeting, rule) in cases {
        assert_eq!(verdict(&targeting), Some(rule), "{targeting}");
    }
}

#[test]
fn what_is_wrong_with_a_condition_is_said_by_name() {
    let cases = [
        (json!({"country": {"include": ["Germany"]}}), Rule::Country),
        (json!({"device": {"exclude": ["toaster"]}}), Rule::Device),
        (json!({"os_version": {"min": "twelve"}}), Rule::OsVersion),
        (
            json!({"browser_version": {"max": "1.2.x"}}),
            Rule::BrowserVersion,
        ),
        (json!({"language": {"include": ["d"]}}), Rule::Language),
        (
            json!({"affiliate": {"include": ["off_4000005"]}}),
            Rule::Affiliate,
        ),
        (json!({"sub": {"21": {}}}), Rule::Sub),
        (json!({"sub": {"0": {}}}), Rule::Sub),
        (
            json!({"schedule": {"hours": {"mon": [24]}}}),
            Rule::Schedule,
        ),
        (
            json!({"schedule": {"timezone": "Mars/Base", "hours": {}}}),
            Rule::Schedule,
        ),
    ];
    for (targeting, rule) in cases {
        let read: Targeting = serde_json::from_value(targeting.clone()).unwrap();
        let error = Matcher::compile(&read, "UTC").unwrap_err();
        assert_eq!(error.rule, rule, "{targeting}: {error}");
    }
    for unknown in [
        json!({"planet": {}}),
        json!({"country": {"only": []}}),
        json!({"schedule": {"hours": {"someday": []}}}),
    ] {
        assert!(serde_json::from_value::<Targeting>(unknown).is_err());
    }
}

#[test]
fn an_unknown_version_is_in_no_range_and_an_unknown_word_is_in_no_list() {
    let unknown = Device::default();
    let subs = [""; 20];
    let subject = Subject {
        visitor: Visitor {
            place: Place::default(),
            device: &unknown,
            language: Language::default(),
        },
        address: "203.0.113.77".parse().unwrap(),
        affiliate: None,
        referrer: "",
        source: "",
        sub: &subs,
    };
    let check = |targeting: serde_json::Value| {
        let targeting: Targeting = serde_json::from_value(targeting).unwrap();
        Matcher::compile(&targeting, "UTC")
            .unwrap()
            .refuses(&subject, NOW)
    };
    assert_eq!(
        check(json!({"os_version": {"min": "0"}})),
        Some(Rule::OsVersion)
    );
    assert_eq!(
        check(json!({"country": {"include": ["DE"]}})),
        Some(Rule::Country)
    );
    assert_eq!(check(json!({"country": {"exclude": ["DE"]}})), None);
    assert_eq!(check(json!({"country": {"include": ["ZZ"]}})), None);
    assert_eq!(
        check(json!({"language": {"include": ["en"]}})),
        Some(Rule::Language)
    );
    assert_eq!(
        check(json!({"affiliate": {"include": [affiliate(1)]}})),
        Some(Rule::Affiliate)
    );
    assert_eq!(
        check(json!({"affiliate": {"exclude": [affiliate(1)]}})),
        None
    );
    assert_eq!(
        Matcher::nobody().refuses(&subject, NOW),
        Some(Rule::Unreadable)
    );
}

#[test]
fn a_targeting_of_an_older_build_is_still_read_and_an_empty_one_writes_nothing() {
    let old = json!({"country": {"include": ["DE"]}, "sub": {"1": {"include": ["a"]}}});
    let read: Targeting = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), old);
    assert_eq!(
        serde_json::to_value(Targeting::default()).unwrap(),
        json!({})
    );
}
