//! What one verdict leaves for the next: identities, caps, changes of status.

use crate::judging::{CLICKED, HOUR, Judge, click, postback, said};
use serde_json::json;
use weir_engine::catalog::EntityKind;
use weir_engine::click_id::{ClickId, ClickKey, Parts};
use weir_engine::fact::{
    AuthKind, ClickCore, ConversionReceived, ConversionStatus, ConversionStatusChanged, Sent,
};
use weir_engine::ids::UnixMs;
use weir_engine::judge::Conversion;

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

/// A click of another visitor.
fn another_click() -> ClickCore {
    let parts = Parts {
        sequence: 2,
        ..click().click_id.parts()
    };
    ClickCore {
        click_id: ClickId::mint(parts, &ClickKey([1; 16])),
        ..click()
    }
}

#[test]
fn a_sender_that_is_not_authenticated_takes_a_transaction_only_for_its_own_click() {
    let of = |auth: AuthKind, click: &ClickCore, txid: &str, status: &str| ConversionReceived {
        auth,
        click_id: Some(click.click_id),
        txid: txid.to_owned(),
        status: status.to_owned(),
        ..postback()
    };
    let (good, evil) = (click(), another_click());
    let (pixel, token) = (AuthKind::Pixel, AuthKind::Token);
    let steps = [
        // Whoever guesses a transaction with the key of a page keeps nobody from his own.
        (
            &evil,
            of(pixel, &evil, "1001", ""),
            "applied pending - 10.00/15.00 USD",
        ),
        (
            &good,
            of(token, &good, "1001", "approved"),
            "applied approved - 10.00/15.00 USD",
        ),
        (
            &good,
            of(token, &good, "1001", "approved"),
            "duplicate approved -",
        ),
        (&evil, of(pixel, &evil, "1001", ""), "duplicate pending -"),
        // Afterwards it is a conversion of its own, and learns nothing of the other.
        (
            &good,
            of(token, &good, "1002", ""),
            "applied pending - 10.00/15.00 USD",
        ),
        (
            &evil,
            of(pixel, &evil, "1002", ""),
            "applied pending - 10.00/15.00 USD",
        ),
        // A pixel and a postback of one sale are one conversion, whichever comes first.
        (
            &good,
            of(pixel, &good, "1003", ""),
            "applied pending - 10.00/15.00 USD",
        ),
        (
            &good,
            of(token, &good, "1003", "approved"),
            "updated approved -",
        ),
        (&good, of(pixel, &good, "1003", ""), "duplicate approved -"),
        (&evil, of(token, &evil, "1003", ""), "duplicate approved -"),
        (
            &good,
            of(token, &good, "1004", ""),
            "applied pending - 10.00/15.00 USD",
        ),
        (&good, of(pixel, &good, "1004", ""), "duplicate pending -"),
    ];
    let mut judge = Judge::new(json!({"default_status": "pending"}));
    for (step, (click, received, expect)) in steps.into_iter().enumerate() {
        let judged = judge.judge(Some(*click), &received, HOUR);
        assert_eq!(said(&judged), expect, "step {step}: {received:?}");
    }
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
