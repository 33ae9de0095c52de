//! Every row of the answer table of postbacks, one after the other in the order in which they win.

mod in_a_row;
mod judging;

use judging::{CLICKED, HOUR, Judge, TENANT, check, click, postback, said};
use serde_json::json;
use weir_engine::catalog::{Change, EntityKey, EntityKind};
use weir_engine::fact::{AuthKind, ClickCore, ClickOutcome, ClickReason, ConversionReceived};
use weir_engine::ids::{OfferId, UnixMs};
use weir_engine::judge::Evidence;

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
    let of_anybody = |sale: ConversionReceived| ConversionReceived {
        auth: AuthKind::Pixel,
        ..sale
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
            sale("2000000", ""),
            "applied approved - 200000.00/250000.00 USD",
        ),
        (
            percent.clone(),
            of_anybody(sale("2000000", "")),
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
