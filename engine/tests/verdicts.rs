//! Every row of the answer table of postbacks, one after the other in the order in which they win.

use serde_json::{Value, json};
use weir_engine::catalog::{Change, EntityKey, EntityKind};
use weir_engine::click_id::{ClickId, ClickKey, EPOCH_MS, Parts};
use weir_engine::fact::{
    AuthKind, ClickCore, ClickOutcome, ClickReason, ConversionReceived, ConversionStatus,
    ConversionStatusChanged, Sent,
};
use weir_engine::ids::{AdvertiserId, GoalId, OfferId, Position, TenantId, UnixMs};
use weir_engine::judge::{Conversion, Evidence, JudgedConversion, TenantState};

const TENANT: TenantId = TenantId(1);
const HOUR: u64 = 3_600_000;
const CLICKED: u64 = EPOCH_MS + 1_000_000_000;

/// A tenant with one advertiser (1), another (2), an affiliate (3), and offer 4 of advertiser 1 with goal `lead` (9).
struct Judge {
    state: TenantState,
    seq: u64,
    made: Vec<Conversion>,
    versions: std::collections::HashMap<(EntityKind, u32), u32>,
}

impl Judge {
    fn new(offer: Value) -> Self {
        let mut judge = Self {
            state: TenantState::new(TENANT),
            seq: 0,
            made: Vec::new(),
            versions: std::collections::HashMap::new(),
        };
        judge.configure(
            EntityKind::Tenant,
            0,
            json!({"name": "T", "currency": "EUR", "timezone": "UTC"}),
        );
        for number in [1, 2] {
            judge.configure(EntityKind::Advertiser, number, json!({"name": "A", "postback_auth": "token", "txid_scope": "advertiser", "token_version": 1}));
        }
        judge.configure(
            EntityKind::Affiliate,
            3,
            json!({"name": "P", "status": "approved"}),
        );
        judge.offer(4, offer);
        judge
    }

    fn offer(&mut self, number: u32, extra: Value) {
        let mut body = json!({"name": "O", "advertiser_id": AdvertiserId::new(TENANT, 1), "url": "https://shop.example/", "currency": "USD",
            "payout": {"type": "cpa", "amount": "10.00"}, "revenue": {"type": "rpa", "amount": "15.00"}, "status": "active", "visibility": "public",
            "lookback_hours": 24, "repeat": "by_txid", "link_campaign": 0,
            "goals": [{"id": GoalId::new(TENANT, 9), "name": "lead", "payout": {"type": "cpa", "amount": "1.00"}}]});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        self.configure(EntityKind::Offer, number, body);
    }

    fn configure(&mut self, kind: EntityKind, number: u32, body: Value) {
        let version = self.versions.entry((kind, number)).or_default();
        *version += 1;
        let change = Change {
            key: EntityKey::one(kind, number),
            version: *version,
            by: "test".to_owned(),
            body,
        };
        self.state.judge_config(&change, UnixMs(CLICKED)).unwrap();
    }

    fn here(&mut self) -> Position {
        self.seq += 1;
        Position {
            partition: 0,
            seq: self.seq,
        }
    }

    fn judge(
        &mut self,
        click: Option<ClickCore>,
        received: &ConversionReceived,
        after: u64,
    ) -> JudgedConversion {
        let position = self.here();
        let identity = click
            .as_ref()
            .and_then(|c| self.state.identity(received, c));
        let prior = identity.and_then(|i| {
            self.made
                .iter()
                .rev()
                .find(|c| c.identity == Some(i))
                .cloned()
        });
        let at = UnixMs(CLICKED + after);
        let judged = self.state.judge_conversion(
            position,
            at,
            received,
            Evidence {
                click,
                prior,
                ..Evidence::default()
            },
        );
        let changed = judged.changed.iter().map(|c| &c.conversion);
        for conversion in judged.made.iter().chain(changed) {
            self.made.retain(|c| c.id != conversion.id);
            self.made.push(conversion.clone());
        }
        judged
    }
}

fn click() -> ClickCore {
    let parts = Parts {
        key_number: 0,
        tenant: TENANT.0,
        ms: CLICKED - EPOCH_MS,
        node: 0,
        sequence: 1,
    };
    ClickCore {
        tenant: TENANT,
        at: UnixMs(CLICKED),
        click_id: ClickId::mint(parts, &ClickKey([1; 16])),
        campaign: 5,
        flow: None,
        wanted_offer: Some(4),
        sent: Some(Sent {
            offer: 4,
            offer_version: 1,
            arm: 6,
        }),
        affiliate: Some(3),
        visitor: [1, 2],
        country: *b"DE",
        device: 1,
        bot: None,
        propensity: 1.0,
        policy_version: 0,
        config_version: 1,
        cost: None,
        is_test: false,
        outcome: ClickOutcome::Redirected,
        reason: ClickReason::None,
    }
}

fn postback() -> ConversionReceived {
    ConversionReceived {
        received_id: ClickId::from_bytes([9; 20]),
        advertiser: Some(1),
        click_id: Some(click().click_id),
        auth: AuthKind::Token,
        occurred_at: None,
        event: String::new(),
        txid: String::new(),
        amount: String::new(),
        currency: String::new(),
        status: String::new(),
        warnings: Vec::new(),
    }
}

/// A verdict in one line: `applied approved - 10.00/15.00 USD` (outcome, status, reason, payout/revenue).
fn said(judged: &JudgedConversion) -> String {
    let verdict = &judged.verdict;
    let word = |w: Option<&str>| w.unwrap_or("-").to_owned();
    let mut line = format!(
        "{} {} {}",
        verdict.outcome,
        word(verdict.status.map(|s| s.as_str())),
        word(verdict.reason.map(|r| r.as_str()))
    );
    if let Some(made) = &judged.made {
        line += &format!(" {}/{} {}", made.payout, made.revenue, made.currency);
    }
    for warning in &verdict.warnings {
        line += &format!(" !{warning}");
    }
    assert_eq!(
        verdict.conversion_id.is_some(),
        judged.made.is_some()
            || judged.changed.is_some()
            || verdict.outcome.as_str() == "duplicate"
    );
    line
}

fn check(
    offer: Value,
    click: Option<ClickCore>,
    received: ConversionReceived,
    after: u64,
    expect: &str,
) {
    let mut judge = Judge::new(offer.clone());
    let judged = judge.judge(click, &received, after);
    assert_eq!(said(&judged), expect, "offer {offer} {received:?}");
}

#[test]
fn an_accepted_postback_is_applied_with_the_status_it_may_have() {
    let say = |status: &str, auth| ConversionReceived {
        status: status.to_owned(),
        auth,
        ..postback()
    };
    let cases = [
        (
            json!({}),
            say("", AuthKind::Token),
            "applied approved - 10.00/15.00 USD",
        ),
        (
            json!({}),
            say("pending", AuthKind::Token),
            "applied pending - 10.00/15.00 USD",
        ),
        (
            json!({}),
            say("rejected", AuthKind::Token),
            "applied rejected by_advertiser 10.00/15.00 USD",
        ),
        (
            json!({"default_status": "pending"}),
            say("", AuthKind::Token),
            "applied pending - 10.00/15.00 USD",
        ),
        (
            json!({}),
            say("", AuthKind::None),
            "applied pending not_authenticated 10.00/15.00 USD",
        ),
        (
            json!({}),
            say("approved", AuthKind::None),
            "applied pending not_authenticated 10.00/15.00 USD !status_ignored",
        ),
        (
            json!({}),
            say("", AuthKind::Pixel),
            "applied pending - 10.00/15.00 USD",
        ),
        (
            json!({"default_status": "approved"}),
            say("", AuthKind::Pixel),
            "applied approved - 10.00/15.00 USD",
        ),
        (
            json!({}),
            say("paid", AuthKind::Token),
            "rejected rejected bad_status 10.00/15.00 USD",
        ),
    ];
    for (offer, received, expect) in cases {
        check(offer, Some(click()), received, HOUR, expect);
    }
}

#[test]
fn what_names_no_click_offer_or_event_of_ours_makes_no_conversion() {
    check(
        json!({}),
        None,
        postback(),
        HOUR,
        "rejected - unknown_click",
    );
    let mut judge = Judge::new(json!({}));
    let position = judge.here();
    let expired = Evidence {
        is_click_expired: true,
        ..Evidence::default()
    };
    let judged = judge
        .state
        .judge_conversion(position, UnixMs(CLICKED), &postback(), expired);
    assert_eq!(said(&judged), "rejected - click_expired");
    let theirs = ConversionReceived {
        advertiser: Some(2),
        ..postback()
    };
    check(
        json!({}),
        Some(click()),
        theirs,
        HOUR,
        "rejected - wrong_advertiser",
    );
    let unknown = ConversionReceived {
        event: "sale".to_owned(),
        ..postback()
    };
    check(
        json!({}),
        Some(click()),
        unknown,
        HOUR,
        "rejected - unknown_event",
    );
    let lead = ConversionReceived {
        event: "lead".to_owned(),
        ..postback()
    };
    check(
        json!({}),
        Some(click()),
        lead,
        HOUR,
        "applied approved - 1.00/0.00 USD",
    );
}

#[test]
fn a_click_that_went_to_a_fallback_earns_nothing() {
    let fallback = ClickCore {
        sent: None,
        outcome: ClickOutcome::Fallback,
        reason: ClickReason::OfferPaused,
        ..click()
    };
    check(
        json!({}),
        Some(fallback),
        postback(),
        HOUR,
        "rejected rejected click_not_sent 0.00/0.00 USD",
    );
}

#[test]
fn late_and_too_early_conversions_are_recorded_and_rejected() {
    let late = "rejected rejected out_of_window 10.00/15.00 USD";
    check(
        json!({}),
        Some(click()),
        postback(),
        24 * HOUR,
        "applied approved - 10.00/15.00 USD",
    );
    check(json!({}), Some(click()), postback(), 24 * HOUR + 1, late);
    let fast = json!({"min_seconds_to_convert": 10});
    check(
        fast.clone(),
        Some(click()),
        postback(),
        9_999,
        "rejected rejected too_fast 10.00/15.00 USD",
    );
    check(
        fast,
        Some(click()),
        postback(),
        10_000,
        "applied approved - 10.00/15.00 USD",
    );
    let told = ConversionReceived {
        occurred_at: Some(UnixMs(CLICKED + HOUR)),
        ..postback()
    };
    check(
        json!({}),
        Some(click()),
        told,
        48 * HOUR,
        "applied approved - 10.00/15.00 USD",
    );
}

#[test]
fn amounts_and_currencies_matter_where_the_rules_need_them() {
    let sale = |amount: &str, currency: &str| ConversionReceived {
        amount: amount.to_owned(),
        currency: currency.to_owned(),
        ..postback()
    };
    let percent = json!({"payout": {"type": "cps", "percent": "10"}, "revenue": {"type": "rps", "percent": "12.5"}});
    let cases = [
        (
            percent.clone(),
            sale("49.90", ""),
            "applied approved - 4.99/6.2375 USD",
        ),
        (
            percent.clone(),
            sale("49.90", "usd"),
            "applied approved - 4.99/6.2375 USD",
        ),
        (
            percent.clone(),
            sale("", ""),
            "rejected rejected bad_amount 0.00/0.00 USD",
        ),
        (
            percent.clone(),
            sale("4,99", ""),
            "rejected rejected bad_amount 0.00/0.00 USD",
        ),
        (
            percent.clone(),
            sale("-1", ""),
            "rejected rejected bad_amount 0.00/0.00 USD",
        ),
        (
            percent.clone(),
            sale("9999999999", ""),
            "rejected rejected bad_amount 0.00/0.00 USD",
        ),
        (
            percent.clone(),
            sale("1", "XXY"),
            "rejected rejected bad_currency 0.00/0.00 USD",
        ),
        (
            percent,
            sale("1", "EUR"),
            "applied pending fx_missing 0.00/0.00 USD",
        ),
        (
            json!({}),
            sale("4,99", ""),
            "applied approved - 10.00/15.00 USD !bad_amount",
        ),
        (
            json!({}),
            sale("", "XXY"),
            "applied approved - 10.00/15.00 USD !bad_currency",
        ),
    ];
    for (offer, received, expect) in cases {
        check(offer, Some(click()), received, HOUR, expect);
    }
}

#[test]
fn house_traffic_earns_no_payout_and_the_affiliates_own_terms_win() {
    let house = ClickCore {
        affiliate: None,
        ..click()
    };
    check(
        json!({}),
        Some(house),
        postback(),
        HOUR,
        "applied approved - 0.00/15.00 USD",
    );
    let mut judge = Judge::new(json!({}));
    let change = Change {
        key: EntityKey {
            kind: EntityKind::Terms,
            number: 4,
            second: 3,
        },
        version: 1,
        by: "test".to_owned(),
        body: json!({"status": "approved", "payout": {"type": "cpa", "amount": "12.00"}}),
    };
    judge.state.judge_config(&change, UnixMs(CLICKED)).unwrap();
    let judged = judge.judge(Some(click()), &postback(), HOUR);
    assert_eq!(said(&judged), "applied approved - 12.00/15.00 USD");
    assert_eq!(
        judged.made.unwrap().rule.id(TENANT),
        format!(
            "{}/{}@1",
            OfferId::new(TENANT, 4),
            weir_engine::ids::AffiliateId::new(TENANT, 3)
        )
    );
}

#[test]
fn a_banned_affiliate_and_a_bot_leave_the_conversion_pending() {
    let bot = ClickCore {
        bot: Some(1),
        ..click()
    };
    check(
        json!({}),
        Some(bot),
        postback(),
        HOUR,
        "applied pending bot 10.00/15.00 USD",
    );
    let mut judge = Judge::new(json!({}));
    judge.configure(
        EntityKind::Affiliate,
        3,
        json!({"name": "P", "status": "banned"}),
    );
    let judged = judge.judge(Some(click()), &postback(), HOUR);
    assert_eq!(
        said(&judged),
        "applied pending affiliate_banned 10.00/15.00 USD"
    );
}

#[test]
fn the_same_identity_is_a_duplicate_or_a_legal_change_of_status() {
    let mut judge = Judge::new(json!({"default_status": "pending"}));
    let with = |txid: &str, status: &str, amount: &str| ConversionReceived {
        txid: txid.to_owned(),
        status: status.to_owned(),
        amount: amount.to_owned(),
        ..postback()
    };
    let steps = [
        (with("t1", "", "5"), "applied pending - 10.00/15.00 USD"),
        (with("t1", "", "5"), "duplicate pending -"),
        (with("t1", "", "6"), "duplicate pending - !amount_differs"),
        (with("t1", "approved", ""), "updated approved -"),
        (with("t1", "pending", ""), "duplicate approved -"),
        (with("t1", "rejected", ""), "updated rejected by_advertiser"),
        (with("t1", "approved", ""), "duplicate rejected -"),
        (with("t2", "", ""), "applied pending - 10.00/15.00 USD"),
        (with("", "", ""), "applied pending - 10.00/15.00 USD"),
        (with("", "", ""), "duplicate pending -"),
    ];
    for (received, expect) in steps {
        let judged = judge.judge(Some(click()), &received, HOUR);
        assert_eq!(said(&judged), expect, "{received:?}");
    }
    let transfers: usize = judge.made.len();
    assert_eq!(transfers, 3, "t1, t2 and the one without a transaction id");
}

#[test]
fn repeats_follow_the_offers_rule() {
    let with = |txid: &str| ConversionReceived {
        txid: txid.to_owned(),
        ..postback()
    };
    let mut one = Judge::new(json!({"repeat": "one_per_click"}));
    assert!(said(&one.judge(Some(click()), &with("a"), HOUR)).starts_with("applied"));
    assert!(said(&one.judge(Some(click()), &with("b"), HOUR)).starts_with("duplicate"));
    let mut all = Judge::new(json!({"repeat": "all"}));
    for _ in 0..3 {
        assert!(said(&all.judge(Some(click()), &with("a"), HOUR)).starts_with("applied"));
    }
}

#[test]
fn a_rejected_first_try_does_not_take_the_identity() {
    let mut judge = Judge::new(json!({"payout": {"type": "cps", "percent": "10"}}));
    let with = |amount: &str| ConversionReceived {
        txid: "t".to_owned(),
        amount: amount.to_owned(),
        ..postback()
    };
    assert!(
        said(&judge.judge(Some(click()), &with("?"), HOUR))
            .starts_with("rejected rejected bad_amount")
    );
    assert_eq!(
        said(&judge.judge(Some(click()), &with("10"), HOUR)),
        "applied approved - 1.00/15.00 USD"
    );
}

#[test]
fn a_transaction_id_is_unique_to_the_advertiser_or_to_the_offer() {
    for (scope, expect) in [("advertiser", "duplicate"), ("offer", "applied")] {
        let mut judge = Judge::new(json!({}));
        judge.configure(
            EntityKind::Advertiser,
            1,
            json!({"name": "A", "postback_auth": "token", "txid_scope": scope, "token_version": 1}),
        );
        judge.offer(14, json!({}));
        let received = ConversionReceived {
            txid: "t".to_owned(),
            ..postback()
        };
        judge.judge(Some(click()), &received, HOUR);
        let other = ClickCore {
            sent: Some(Sent {
                offer: 14,
                offer_version: 1,
                arm: 6,
            }),
            ..click()
        };
        assert!(
            said(&judge.judge(Some(other), &received, HOUR)).starts_with(expect),
            "{scope}"
        );
    }
}

#[test]
fn a_cap_rejects_holds_or_accepts_what_is_over_it_and_a_rejection_gives_the_place_back() {
    for (over_cap, expect) in [
        ("reject", "rejected rejected over_cap 10.00/15.00 USD"),
        ("pending", "applied pending over_cap 10.00/15.00 USD"),
        ("accept", "applied approved - 10.00/15.00 USD"),
    ] {
        let cap = json!({"metric": "conversions", "period": "day", "limit": 2, "level": "offer", "over_cap": over_cap});
        let mut judge = Judge::new(json!({"caps": [cap]}));
        let with = |txid: &str| ConversionReceived {
            txid: txid.to_owned(),
            ..postback()
        };
        for txid in ["a", "b"] {
            assert_eq!(
                said(&judge.judge(Some(click()), &with(txid), HOUR)),
                "applied approved - 10.00/15.00 USD"
            );
        }
        assert_eq!(said(&judge.judge(Some(click()), &with("c"), HOUR)), expect);
        if over_cap == "reject" {
            let reject = ConversionReceived {
                status: "rejected".to_owned(),
                ..with("a")
            };
            assert_eq!(
                said(&judge.judge(Some(click()), &reject, HOUR)),
                "updated rejected by_advertiser"
            );
            assert_eq!(
                said(&judge.judge(Some(click()), &with("d"), HOUR)),
                "applied approved - 10.00/15.00 USD"
            );
            let refused = said(&judge.judge(Some(click()), &with("e"), HOUR));
            assert!(refused.starts_with("rejected rejected over_cap"));
        }
    }
}

#[test]
fn payout_caps_count_amounts_and_soft_caps_stop_nothing() {
    let hard =
        json!({"metric": "payout", "period": "total", "limit": "25.00", "level": "affiliate"});
    let soft = json!({"metric": "conversions", "period": "total", "limit": 1, "level": "offer", "hard": false});
    let mut judge = Judge::new(json!({"caps": [hard, soft]}));
    let with = |txid: &str| ConversionReceived {
        txid: txid.to_owned(),
        ..postback()
    };
    for (txid, expect) in [
        ("a", "applied"),
        ("b", "applied"),
        ("c", "rejected rejected over_cap"),
    ] {
        assert!(
            said(&judge.judge(Some(click()), &with(txid), HOUR)).starts_with(expect),
            "{txid}"
        );
    }
    let house = ClickCore {
        affiliate: None,
        ..click()
    };
    assert!(
        said(&judge.judge(Some(house), &with("d"), HOUR)).starts_with("applied"),
        "a cap of affiliates is not house traffic's"
    );
}

#[test]
fn test_clicks_are_judged_normally_and_leave_caps_and_ledger_alone() {
    let cap = json!({"metric": "conversions", "period": "day", "limit": 1, "level": "offer"});
    let mut judge = Judge::new(json!({"caps": [cap]}));
    let test = ClickCore {
        is_test: true,
        ..click()
    };
    for txid in ["a", "b"] {
        let received = ConversionReceived {
            txid: txid.to_owned(),
            ..postback()
        };
        let judged = judge.judge(Some(test), &received, HOUR);
        assert!(said(&judged).starts_with("applied approved"));
        assert!(judged.transfers.is_empty());
    }
}

#[test]
fn staff_may_approve_what_was_rejected_and_nothing_that_is_not_legal() {
    let mut judge = Judge::new(json!({}));
    let made = judge.judge(Some(click()), &postback(), HOUR).made.unwrap();
    let mut prior = made.clone();
    let mut change = |from, to, prior: &Conversion| {
        let position = judge.here();
        let change = ConversionStatusChanged {
            conversion_id: made.id,
            from,
            to,
            reason: "checked by hand".to_owned(),
            by: "key_1".to_owned(),
        };
        judge
            .state
            .judge_status_change(position, UnixMs(CLICKED), &change, Some(prior.clone()))
    };
    use ConversionStatus::{Approved, Pending, Rejected};
    assert!(
        change(Pending, Approved, &prior).is_none(),
        "it is not pending"
    );
    assert!(
        change(Approved, Pending, &prior).is_none(),
        "never back to pending"
    );
    for (from, to) in [(Approved, Rejected), (Rejected, Approved)] {
        let changed = change(from, to, &prior).unwrap();
        assert_eq!(changed.transfers.len(), 2, "both shares move");
        assert_eq!(changed.conversion.note, "checked by hand");
        prior = changed.conversion;
    }
}
