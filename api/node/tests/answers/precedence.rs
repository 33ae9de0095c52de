//! Where several rows apply, the first of the published order wins: readable · authenticated · click known ·
//! advertiser's · event known · click sent · identity · window and speed · amount and currency · caps · reasons for
//! pending.

use serde_json::json;
use weir_engine::fact::ConversionStatus::Approved;
use weir_engine::judge::ConversionReason as Reason;

use super::bench::{Bench, applied, refused, rejected};
use super::support::catalog::click_id_of;

#[test]
fn of_several_rows_that_apply_the_first_of_the_published_order_wins() {
    let mut bench = Bench::new();
    let other = bench.world.admin.advertiser(json!({"name": "Other"}));
    let percent = json!({"payout": {"type": "cps", "percent": "10"}, "revenue": {"type": "rps", "percent": "20"}});
    let offer = bench.world.admin.offer(&bench.shop.id.clone(), percent);
    let link = bench.world.admin.campaign(&[&offer.id], json!({}));
    let click = bench.click(&link);
    let closed = json!({"targeting": {"schedule": {"hours": {}}}, "fallback_url": "https://f.example/?click={click_id}"});
    let closed = bench.link(closed);
    let unsent = bench.click(&closed);

    for (name, query, status, code) in [
        (
            "readable before authenticated",
            "token=wrong",
            400,
            "bad_request",
        ),
        (
            "authenticated before click known",
            "click_id=nobody&token=wrong",
            401,
            "bad_token",
        ),
    ] {
        let answer = bench
            .world
            .ask("GET", &format!("/postback?{query}"), &[], "");
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (status, &json!(code)),
            "{name}"
        );
    }
    let theirs = |click: &str| format!("click_id={click}&event=yacht&token={}", other.token);
    bench.row_of(
        "click known before advertiser's",
        &theirs("nobody"),
        refused(Reason::UnknownClick),
    );
    bench.row_of(
        "advertiser's before event known",
        &theirs(&click),
        refused(Reason::WrongAdvertiser),
    );
    bench.row(
        "event known before click sent",
        &unsent,
        "event=yacht",
        refused(Reason::UnknownEvent),
    );
    bench.row(
        "the first of an identity",
        &click,
        "txid=1&amount=5",
        applied(Approved),
    );
    bench.row(
        "click sent before identity",
        &unsent,
        "txid=1",
        rejected(Reason::ClickNotSent),
    );

    let path = format!("/v1/offers/{}", offer.id);
    bench
        .world
        .admin
        .change(&path, json!({"min_seconds_to_convert": 3_600}));
    let repeat = applied(Approved).repeated();
    bench.row(
        "identity before speed",
        &click,
        "txid=1&amount=5",
        repeat.clone(),
    );
    bench.row(
        "identity before amount",
        &click,
        "txid=1&amount=five",
        repeat,
    );
    bench.row(
        "speed before amount",
        &click,
        "txid=2&amount=five",
        rejected(Reason::TooFast),
    );
    bench.row(
        "speed before status",
        &click,
        "txid=2&amount=5&status=paid",
        rejected(Reason::TooFast),
    );

    let capped = json!({"min_seconds_to_convert": null, "caps": [{"metric": "conversions", "period": "day", "limit": 0}]});
    bench.world.admin.change(&path, capped);
    bench.row(
        "status before amount",
        &click,
        "txid=2&amount=five&status=paid",
        rejected(Reason::BadStatus),
    );
    bench.row(
        "amount before currency",
        &click,
        "txid=2&amount=five&currency=XQX",
        rejected(Reason::BadAmount),
    );
    bench.row(
        "currency before caps",
        &click,
        "txid=2&amount=5&currency=XQX",
        rejected(Reason::BadCurrency),
    );
    bench.world.admin.change(&path, json!({"caps": []}));
    let bot = [("User-Agent", "curl/8.5.0")];
    let of_bot = click_id_of(&bench.world.ask(
        "GET",
        &format!("/c/{}?sub1=s", link.link),
        &bot,
        "",
    ));
    let full = json!({"caps": [{"metric": "conversions", "period": "day", "limit": 0}]});
    bench.world.admin.change(&path, full);
    bench.row(
        "caps before reasons for pending",
        &of_bot,
        "txid=3&amount=5",
        rejected(Reason::OverCap),
    );
    bench.compare_with_log();
}
