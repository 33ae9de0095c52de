//! Tables of drafts that are refused: what was sent, which fields are wrong and how.

use super::*;

pub(super) type Faults<'a> = &'a [(&'a str, &'static str)];

/// `base` with `change` merged in.
pub(super) fn with(base: &Value, change: &Value) -> Value {
    let mut draft = base.clone();
    merge_patch(&mut draft, change);
    draft
}

pub(super) fn check(kind: EntityKind, base: &Value, cases: &[(Value, Faults<'_>)]) {
    let mut desk = Desk::furnished();
    assert!(
        desk.try_create(kind, base.clone()).is_ok(),
        "the base is right"
    );
    for (change, expect) in cases {
        let json = with(base, change);
        let refusal = desk.try_create(kind, json).expect_err(&change.to_string());
        let found = faults(&refusal);
        let found: Vec<(&str, &str)> = found.iter().map(|(f, c)| (f.as_str(), *c)).collect();
        assert_eq!(found, *expect, "{change}");
    }
}

#[test]
fn wrong_advertisers_affiliates_and_domains_are_refused() {
    check(
        EntityKind::Advertiser,
        &json!({"name":"x"}),
        &[
            (json!({"name":null}), &[("name", code::REQUIRED)]),
            (json!({"name":"  "}), &[("name", code::REQUIRED)]),
            (json!({"name":7}), &[("name", code::WRONG_TYPE)]),
            (
                json!({"name":"x".repeat(201)}),
                &[("name", code::OUT_OF_RANGE)],
            ),
            (json!({"name":"a\u{0}b"}), &[("name", code::INVALID)]),
            (
                json!({"postback_auth":"maybe"}),
                &[("postback_auth", code::INVALID)],
            ),
            (
                json!({"postback_auth":"ip"}),
                &[("postback_ips", code::REQUIRED)],
            ),
            (
                json!({"postback_ips":["10.0.0.1","x"]}),
                &[("postback_ips[1]", code::INVALID)],
            ),
            (
                json!({"token_version":9}),
                &[("token_version", code::UNKNOWN_FIELD)],
            ),
        ],
    );
    check(
        EntityKind::Affiliate,
        &json!({"name":"x","status":"pending"}),
        &[
            (json!({"status":null}), &[("status", code::REQUIRED)]),
            (json!({"status":"asleep"}), &[("status", code::INVALID)]),
        ],
    );
    let bad_hosts = [
        "",
        "localhost",
        "-a.example",
        "a..example",
        "a.example.",
        "1.2.3.4",
        "a_b.example",
        "ü.example",
        "a.example:80",
        "a/b.example",
    ];
    let cases: Vec<(Value, Faults<'_>)> = bad_hosts
        .iter()
        .map(|host| (json!({ "host": host }), &[("host", code::INVALID)][..]))
        .collect();
    check(EntityKind::Domain, &json!({"host":"T.example"}), &cases);
}

#[test]
fn wrong_tenants_and_keys_are_refused() {
    let mut desk = Desk::empty(3);
    let cases: [(Value, Faults<'_>); 5] = [
        (json!({"currency":"XXX"}), &[("currency", code::INVALID)]),
        (
            json!({"timezone":"Mars/Olympus"}),
            &[("timezone", code::INVALID)],
        ),
        (
            json!({"fallback_url":"ftp://a.example/"}),
            &[("fallback_url", code::INVALID)],
        ),
        (
            json!({"uniqueness_capacity":999,"timezone":"x"}),
            &[
                ("timezone", code::INVALID),
                ("uniqueness_capacity", code::OUT_OF_RANGE),
            ],
        ),
        (
            json!({"uniqueness_capacity":64_000_001}),
            &[("uniqueness_capacity", code::OUT_OF_RANGE)],
        ),
    ];
    let base = json!({"name":"x","currency":"USD","timezone":"UTC"});
    for (change, expect) in cases {
        let refusal = desk
            .try_create(EntityKind::Tenant, with(&base, &change))
            .unwrap_err();
        let found = faults(&refusal);
        let found: Vec<(&str, &str)> = found.iter().map(|(f, c)| (f.as_str(), *c)).collect();
        assert_eq!(found, expect, "{change}");
    }
    check(
        EntityKind::ApiKey,
        &json!({"name":"x","scopes":["track"]}),
        &[
            (json!({"scopes":[]}), &[("scopes", code::REQUIRED)]),
            (json!({"scopes":["fly"]}), &[("scopes[0]", code::INVALID)]),
            (
                json!({"scopes":["*","*"]}),
                &[("scopes[1]", code::DUPLICATE)],
            ),
            (
                json!({"scopes":["tenants:write"]}),
                &[("scopes[0]", code::NOT_APPLICABLE)],
            ),
            (
                json!({"hash":{"prefix":"a"}}),
                &[("hash", code::UNKNOWN_FIELD)],
            ),
        ],
    );
}

fn offer() -> Value {
    let advertiser = AdvertiserId::new(TenantId(7), 1);
    json!({
        "name":"x", "advertiser_id":advertiser, "url":"https://a.example/?c={click_id}", "currency":"USD",
        "goals":[{"name":"sale"},{"name":"deposit"}],
    })
}

#[test]
fn wrong_offers_are_refused() {
    let strange = AdvertiserId::new(TenantId(8), 1);
    let absent = AdvertiserId::new(TenantId(7), 99);
    let goal = GoalId::new(TenantId(7), 1);
    check(
        EntityKind::Offer,
        &offer(),
        &[
            (
                json!({"advertiser_id":strange}),
                &[("advertiser_id", code::UNKNOWN_REFERENCE)],
            ),
            (
                json!({"advertiser_id":absent}),
                &[("advertiser_id", code::UNKNOWN_REFERENCE)],
            ),
            (
                json!({"advertiser_id":"aff_1"}),
                &[("advertiser_id", code::INVALID)],
            ),
            (
                json!({"url":"https://a.example/?c={clickid}"}),
                &[("url", code::INVALID)],
            ),
            (
                json!({"fallback_url":"https://{sub1}/"}),
                &[("fallback_url", code::INVALID)],
            ),
            (json!({"currency":"usdt"}), &[("currency", code::INVALID)]),
            (
                json!({"payout":{"type":"cpa"}}),
                &[("payout.amount", code::REQUIRED)],
            ),
            (
                json!({"payout":{"type":"cpa","amount":12.5}}),
                &[("payout.amount", code::WRONG_TYPE)],
            ),
            (
                json!({"payout":{"type":"cpa","amount":"12,5"}}),
                &[("payout.amount", code::INVALID)],
            ),
            (
                json!({"payout":{"type":"cpa","amount":"-1"}}),
                &[("payout.amount", code::OUT_OF_RANGE)],
            ),
            (
                json!({"payout":{"type":"cpa","amount":"1000000000.000001"}}),
                &[("payout.amount", code::OUT_OF_RANGE)],
            ),
            (
                json!({"payout":{"type":"cps","amount":"1"}}),
                &[
                    ("payout.amount", code::NOT_APPLICABLE),
                    ("payout.percent", code::REQUIRED),
                ],
            ),
            (
                json!({"payout":{"type":"rpa","amount":"1"}}),
                &[("payout.type", code::INVALID)],
            ),
            (
                json!({"revenue":{"type":"rps","percent":"100.1"}}),
                &[("revenue.percent", code::OUT_OF_RANGE)],
            ),
            (
                json!({"revenue":{"type":"rps","percent":10}}),
                &[("revenue.percent", code::WRONG_TYPE)],
            ),
            (
                json!({"lookback_hours":2161}),
                &[("lookback_hours", code::OUT_OF_RANGE)],
            ),
            (
                json!({"lookback_hours":0}),
                &[("lookback_hours", code::OUT_OF_RANGE)],
            ),
            (
                json!({"lookback_hours":-1}),
                &[("lookback_hours", code::OUT_OF_RANGE)],
            ),
            (
                json!({"lookback_hours":1.5}),
                &[("lookback_hours", code::WRONG_TYPE)],
            ),
            (
                json!({"lookback_hours":1,"min_seconds_to_convert":3601}),
                &[("min_seconds_to_convert", code::OUT_OF_RANGE)],
            ),
            (
                json!({"goals":[{"name":"a"},{"name":"a "}]}),
                &[("goals[1].name", code::DUPLICATE)],
            ),
            (
                json!({"goals":[{"name":" "}]}),
                &[("goals[0].name", code::REQUIRED)],
            ),
            (
                json!({"goals":[{"name":"a","id":goal}]}),
                &[("goals[0].id", code::UNKNOWN_REFERENCE)],
            ),
            (
                json!({"goals":[{"name":"a","payout":{"type":"cpa","amount":1}}]}),
                &[("goals[0].payout.amount", code::WRONG_TYPE)],
            ),
            (json!({"goals":{}}), &[("goals", code::WRONG_TYPE)]),
            (json!({"id":"off_1"}), &[("id", code::UNKNOWN_FIELD)]),
            (
                json!({"targeting":{"country":{"include":["DE","Germany"]}}}),
                &[("targeting.country.include[1]", code::INVALID)],
            ),
            (
                json!({"targeting":{"affiliate":{"exclude":["aff_zz"]}}}),
                &[("targeting.affiliate.exclude[0]", code::UNKNOWN_REFERENCE)],
            ),
            (
                json!({"targeting":{"sub":{"21":{"include":["a"]}}}}),
                &[("targeting.sub.21", code::UNKNOWN_FIELD)],
            ),
            (
                json!({"targeting":{"os_version":{"min":"ten"}}}),
                &[("targeting.os_version.min", code::INVALID)],
            ),
            (
                json!({"targeting":{"device":{"include":["toaster"]},"language":{"exclude":["e"]}}}),
                &[
                    ("targeting.device.include[0]", code::INVALID),
                    ("targeting.language.exclude[0]", code::INVALID),
                ],
            ),
            (
                json!({"targeting":{"city":{"include":[""]},"schedule":{"timezone":"Mars/Base","hours":{"mon":[24]}}}}),
                &[
                    ("targeting.city.include[0]", code::OUT_OF_RANGE),
                    ("targeting.schedule.timezone", code::INVALID),
                    ("targeting.schedule.hours.mon", code::OUT_OF_RANGE),
                ],
            ),
            (
                json!({"targeting":{"moon":{}}}),
                &[("targeting.moon", code::UNKNOWN_FIELD)],
            ),
            (
                json!({"name":"","url":"x","advertiser_id":absent,"lookback_hours":9999}),
                &[
                    ("advertiser_id", code::UNKNOWN_REFERENCE),
                    ("lookback_hours", code::OUT_OF_RANGE),
                    ("name", code::REQUIRED),
                    ("url", code::INVALID),
                ],
            ),
        ],
    );
}

#[test]
fn wrong_caps_are_refused() {
    let cap = json!({"metric":"conversions","period":"day","limit":10,"level":"offer"});
    let cases: [(Value, Faults<'_>); 10] = [
        (
            json!({"limit":"10"}),
            &[("caps[0].limit", code::WRONG_TYPE)],
        ),
        (json!({"limit":-10}), &[("caps[0].limit", code::WRONG_TYPE)]),
        (json!({"limit":1.5}), &[("caps[0].limit", code::WRONG_TYPE)]),
        (
            json!({"limit":u64::MAX}),
            &[("caps[0].limit", code::OUT_OF_RANGE)],
        ),
        (
            json!({"metric":"payout"}),
            &[("caps[0].limit", code::WRONG_TYPE)],
        ),
        (
            json!({"metric":"payout","limit":"-0.01"}),
            &[("caps[0].limit", code::OUT_OF_RANGE)],
        ),
        (
            json!({"timezone":"Europe/Atlantis"}),
            &[("caps[0].timezone", code::INVALID)],
        ),
        (
            json!({"goal":"lead"}),
            &[("caps[0].goal", code::UNKNOWN_REFERENCE)],
        ),
        (
            json!({"metric":"clicks","goal":"sale"}),
            &[("caps[0].goal", code::NOT_APPLICABLE)],
        ),
        (
            json!({"period":"hour"}),
            &[("caps[0].period", code::INVALID)],
        ),
    ];
    let mut cases: Vec<(Value, Faults<'_>)> = cases
        .into_iter()
        .map(|(change, expect)| (json!({"caps":[with(&cap, &change)]}), expect))
        .collect();
    let softer = with(&cap, &json!({"limit":8,"hard":false}));
    let by_affiliate = with(&cap, &json!({"level":"affiliate"}));
    cases.push((
        json!({"caps":[cap, by_affiliate, softer]}),
        &[("caps[2]", code::DUPLICATE)],
    ));
    check(
        EntityKind::Offer,
        &with(&offer(), &json!({"caps":[cap]})),
        &cases,
    );
}

#[test]
fn messages_say_what_to_do() {
    let mut desk = Desk::furnished();
    let cases = [
        (
            json!({"payout":{"type":"cpa","amount":12.5}}),
            "must be a decimal string such as \"12.50\", not a number with decimals",
        ),
        (
            json!({"payout":{"type":"cpa","amount":12}}),
            "must be a decimal string such as \"12.50\", not a number",
        ),
        (
            json!({"url":"https://a.example/?c={clickid}"}),
            "unknown macro {clickid}; did you mean {click_id}?",
        ),
        (
            json!({"status":"on"}),
            "must be one of active, paused, archived",
        ),
        (json!({"goals":"sale"}), "must be a list, not a string"),
        (json!({"payout":"1"}), "must be an object, not a string"),
        (
            json!({"lookback_hours":"720"}),
            "must be a whole number, not a string",
        ),
        (
            json!({"lookback_hours":5_000_000_000_u64}),
            "is out of range",
        ),
        (
            json!({"caps":[{"metric":"revenue","period":"day","limit":5}]}),
            "a cap of revenue has an amount such as \"100.00\" as its limit",
        ),
        (
            json!({"goals":[{"name":"a","title":"b"}]}),
            "unknown field; known are id, name, payout, revenue, repeat, lookback_hours",
        ),
    ];
    for (change, expect) in cases {
        let refusal = desk
            .try_create(EntityKind::Offer, with(&offer(), &change))
            .unwrap_err();
        let Refusal::Invalid(errors) = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(errors[0].message, expect, "{change}");
    }
}

#[test]
fn a_draft_that_is_no_object_is_refused_as_a_whole() {
    for json in [
        json!([]),
        json!(["x", "active"]),
        json!("x"),
        json!(null),
        json!(1),
    ] {
        let errors = parse_draft::<OfferDraft>(json).unwrap_err();
        assert_eq!(
            (errors[0].field.as_str(), errors[0].code),
            ("", code::WRONG_TYPE)
        );
    }
    let mut desk = Desk::furnished();
    let key = EntityKey::one(EntityKind::Offer, 4);
    let refusal = desk.patch(key, json!(["name"])).unwrap_err();
    assert_eq!(faults(&refusal), [(String::new(), code::WRONG_TYPE)]);
}
