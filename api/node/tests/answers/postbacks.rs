//! Every row of the table of postback answers, and every reason, warning and outcome of a verdict.

use std::collections::BTreeSet;

use serde_json::json;
use weir_engine::fact::{ConversionStatus, Warning};
use weir_engine::judge::{ConversionReason, Outcome};

use super::bench::{Bench, applied, refused, rejected};
use super::late;
use super::support::catalog::{Admin, click_id_of, new_tenant};
use super::support::metrics::Metrics;
use ConversionStatus::{Approved, Pending, Rejected};
use Outcome::{Duplicate, Updated};

/// accepted; amounts and currencies that decide or do not.
fn accepted(bench: &mut Bench) {
    let fixed = bench.link(json!({}));
    let click = bench.click(&fixed);
    bench.row(
        "accepted, authenticated",
        &click,
        "txid=a1",
        applied(Approved),
    );
    bench.row(
        "accepted, by status=",
        &click,
        "txid=a2&status=pending",
        applied(Pending),
    );
    let by_word = applied(Rejected).because(ConversionReason::ByAdvertiser);
    bench.row(
        "accepted, rejected by its word",
        &click,
        "txid=a3&status=rejected",
        by_word,
    );
    let warned = applied(Approved).warned(Warning::BadAmount);
    bench.row(
        "amount unreadable where the rules do not need it",
        &click,
        "txid=a4&amount=ten",
        warned,
    );
    let warned = applied(Approved).warned(Warning::BadCurrency);
    bench.row(
        "unknown currency where no amount is needed",
        &click,
        "txid=a5&amount=1&currency=XQX",
        warned,
    );
    let warned = applied(Approved).warned(Warning::BadTime);
    bench.row(
        "a time in the future is passed over",
        &click,
        "txid=a6&time=2099-01-01T00:00:00Z",
        warned,
    );
    let lenient = bench.link(json!({"default_status": "pending"}));
    let click = bench.click(&lenient);
    bench.row(
        "accepted, by the offer's default",
        &click,
        "",
        applied(Pending),
    );
    let percent = bench.percent();
    let click = bench.click(&percent);
    bench.row(
        "accepted, by percent",
        &click,
        "txid=p1&amount=99.99",
        applied(Approved),
    );
    let missing = rejected(ConversionReason::BadAmount);
    for (name, query) in [
        ("amount missing where the rules need it", "txid=p2"),
        (
            "amount unreadable where the rules need it",
            "txid=p3&amount=1,5",
        ),
        ("amount below zero", "txid=p4&amount=-1"),
        ("amount beyond belief", "txid=p5&amount=99999999999999"),
    ] {
        bench.row(name, &click, query, missing.clone());
    }
    let currency = rejected(ConversionReason::BadCurrency);
    bench.row(
        "unknown currency where an amount is needed",
        &click,
        "txid=p6&amount=1&currency=XQX",
        currency,
    );
    let fx = applied(Pending).because(ConversionReason::FxMissing);
    bench.row(
        "a percentage of another currency",
        &click,
        "txid=p7&amount=1&currency=EUR",
        fx,
    );
}

/// The sender without authentication: pending, and not believed in what it says beyond.
fn unsigned(bench: &mut Bench) {
    let open = bench
        .world
        .admin
        .advertiser(json!({"postback_auth": "none"}));
    let link = bench.link_of(&open.id, json!({}));
    let click = bench.click(&link);
    let pending = applied(Pending).because(ConversionReason::NotAuthenticated);
    bench.row_of(
        "accepted, not authenticated",
        &format!("click_id={click}&txid=n1"),
        pending.clone(),
    );
    let ignored = pending
        .warned(Warning::TimeIgnored)
        .warned(Warning::StatusIgnored);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let query = format!("click_id={click}&txid=n2&status=approved&time={now}");
    bench.row_of("accepted, not believed in time and status", &query, ignored);
    let by_address = json!({"postback_auth": "ip", "postback_ips": ["127.0.0.0/8"]});
    let by_address = bench.world.admin.advertiser(by_address);
    let link = bench.link_of(&by_address.id, json!({}));
    let click = bench.click(&link);
    bench.row_of(
        "accepted, from an allowed address",
        &format!("click_id={click}"),
        applied(Approved),
    );
}

/// The same identity again.
fn repeated(bench: &mut Bench) {
    let link = bench.percent();
    let click = bench.click(&link);
    let first = bench.row(
        "the first of an identity",
        &click,
        "txid=r1&amount=5&status=pending",
        applied(Pending),
    );
    let again = |status: ConversionStatus, outcome| applied(status).with_outcome(outcome);
    let second = bench.row(
        "same identity",
        &click,
        "txid=r1&amount=5&status=pending",
        again(Pending, Duplicate),
    );
    assert_eq!(
        first["conversion_id"], second["conversion_id"],
        "of the first"
    );
    let differs = again(Pending, Duplicate).warned(Warning::AmountDiffers);
    bench.row(
        "same identity, other amount",
        &click,
        "txid=r1&amount=6",
        differs,
    );
    let third = bench.row(
        "same identity, other legal status",
        &click,
        "txid=r1&amount=5&status=approved",
        again(Approved, Updated),
    );
    assert_eq!(
        first["conversion_id"], third["conversion_id"],
        "of the first"
    );
    let back = again(Rejected, Updated).because(ConversionReason::ByAdvertiser);
    bench.row(
        "same identity, taken back",
        &click,
        "txid=r1&amount=5&status=rejected",
        back,
    );
    bench.row(
        "same identity, no legal status",
        &click,
        "txid=r1&amount=5&status=approved",
        again(Rejected, Duplicate),
    );
    let other = bench.click(&link);
    bench.row(
        "the identity is the advertiser's, not the click's",
        &other,
        "txid=r1&amount=5",
        again(Rejected, Duplicate),
    );
    bench.row(
        "without txid, the click's",
        &other,
        "amount=5",
        applied(Approved),
    );
    bench.row(
        "without txid, again",
        &other,
        "amount=5",
        again(Approved, Duplicate),
    );
    let once = bench.link(json!({"repeat": "one_per_click"}));
    let click = bench.click(&once);
    bench.row("one per click", &click, "txid=o1", applied(Approved));
    bench.row(
        "one per click, another txid",
        &click,
        "txid=o2",
        again(Approved, Duplicate),
    );
    let all = bench.link(json!({"repeat": "all"}));
    let click = bench.click(&all);
    bench.row("all repeats", &click, "txid=l1", applied(Approved));
    bench.row(
        "all repeats, the same txid",
        &click,
        "txid=l1",
        applied(Approved),
    );
    let refused = bench.percent();
    let click = bench.click(&refused);
    bench.row(
        "rejected at judging",
        &click,
        "txid=j1",
        rejected(ConversionReason::BadAmount),
    );
    bench.row(
        "takes no identity",
        &click,
        "txid=j1&amount=3",
        applied(Approved),
    );
}

/// What is kept and rejected.
fn kept_and_rejected(bench: &mut Bench) {
    let slow = bench.link(json!({"min_seconds_to_convert": 3_600}));
    let click = bench.click(&slow);
    bench.row(
        "too early",
        &click,
        "txid=k1",
        rejected(ConversionReason::TooFast),
    );
    let fixed = bench.link(json!({}));
    let click = bench.click(&fixed);
    bench.row(
        "status not allowed",
        &click,
        "txid=k2&status=paid",
        rejected(ConversionReason::BadStatus),
    );
    let cap = |over_cap: &str| json!({"caps": [{"metric": "conversions", "period": "day", "limit": 1, "over_cap": over_cap}]});
    for (over_cap, told) in [
        ("reject", rejected(ConversionReason::OverCap)),
        (
            "pending",
            applied(Pending).because(ConversionReason::OverCap),
        ),
        ("accept", applied(Approved)),
    ] {
        let capped = bench.link(cap(over_cap));
        let (first, second) = (bench.click(&capped), bench.click(&capped));
        bench.row("within the cap", &first, "", applied(Approved));
        bench.row("over the cap", &second, "", told);
    }
    let closed = json!({"targeting": {"schedule": {"hours": {}}}, "fallback_url": "https://f.example/?click={click_id}"});
    let closed = bench.link(closed);
    let click = bench.click(&closed);
    bench.row(
        "click was sent to a fallback",
        &click,
        "txid=k3",
        rejected(ConversionReason::ClickNotSent),
    );
}

/// What makes no conversion: one word for every click that is not the tenant's.
fn refused_ones(bench: &mut Bench) {
    let link = bench.link(json!({"goals": [{"name": "lead"}]}));
    let click = bench.click(&link);
    bench.row("a known event", &click, "event=lead", applied(Approved));
    bench.row(
        "unknown event",
        &click,
        "event=yacht",
        refused(ConversionReason::UnknownEvent),
    );
    let other = bench.world.admin.advertiser(json!({"name": "Other"}));
    let query = format!("click_id={click}&token={}", other.token);
    bench.row_of(
        "another advertiser's token",
        &query,
        refused(ConversionReason::WrongAdvertiser),
    );
    let (_, key) = new_tenant(&bench.world.data(), "Another");
    let mut theirs = Admin::with_key(&bench.world.server, &key);
    let advertiser = theirs.advertiser(json!({})).id;
    let offer = theirs.offer(&advertiser, json!({}));
    let link = theirs.campaign(&[&offer.id], json!({}));
    let theirs = bench.click(&link);
    let forged = format!(
        "{}{}",
        &click[..31],
        if click.ends_with('0') { '1' } else { '0' }
    );
    let unknown = || refused(ConversionReason::UnknownClick);
    let before = Metrics::of(&bench.world.server);
    bench.row("forged click id", &forged, "", unknown());
    let bad_mac = "weir_unauthenticated_total{reason=\"bad_mac\"}";
    assert_eq!(
        Metrics::of(&bench.world.server).grown(&before, bad_mac),
        1.0,
        "a counter of its own"
    );
    bench.row("another tenant's click id", &theirs, "", unknown());
    bench.row("a text that is no click id", "n0t-an-id", "", unknown());
    bench.row(
        "an id in capitals is the same id",
        &click.to_uppercase(),
        "txid=u1",
        applied(Approved),
    );
}

/// Reasons for pending, and decisions of staff.
fn doubted(bench: &mut Bench) {
    let offer = bench.world.admin.offer(&bench.shop.id.clone(), json!({}));
    let affiliate = bench.affiliate.clone();
    let path = format!("/c/{}?sub1=s&aff={affiliate}", offer.link);
    let of_affiliate = click_id_of(&bench.world.click(&path));
    let bot = [(
        "User-Agent",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    )];
    let of_bot = click_id_of(&bench.world.ask("GET", &path, &bot, ""));
    bench.row(
        "bot click",
        &of_bot,
        "",
        applied(Pending).because(ConversionReason::Bot),
    );
    let made = bench.row(
        "before the ban",
        &of_affiliate,
        "txid=d1",
        applied(Approved),
    );
    let status = json!({"status": "banned"});
    bench
        .world
        .admin
        .change(&format!("/v1/affiliates/{affiliate}"), status);
    let banned = applied(Pending).because(ConversionReason::AffiliateBanned);
    bench.row("affiliate banned since", &of_affiliate, "txid=d2", banned);
    let path = format!(
        "/v1/conversions/{}",
        made["conversion_id"].as_str().unwrap()
    );
    let decided = json!({"status": "rejected", "reason": "chargeback"});
    let decided = bench.world.admin.post(&format!("{path}/status"), decided);
    let by_staff = ConversionReason::ByStaff.as_str();
    assert_eq!(
        (&decided["status"], &decided["reason"]),
        (&json!("rejected"), &json!(by_staff))
    );
    assert_eq!(bench.world.admin.get(&path)["reason"], by_staff);
}

#[test]
fn every_row_and_every_reason_of_a_postback_is_answered_recorded_and_counted() {
    let mut bench = Bench::new();
    accepted(&mut bench);
    unsigned(&mut bench);
    repeated(&mut bench);
    kept_and_rejected(&mut bench);
    refused_ones(&mut bench);
    doubted(&mut bench);
    reports_agree(&mut bench);
    let told = bench.compare_with_log();
    let mut reasons: BTreeSet<ConversionReason> = told.iter().filter_map(|t| t.reason).collect();
    // The first needs a click of another day, the second a log that is older than what it keeps (see the tests of
    // verdicts and retention), the third is no postback's.
    reasons.extend([
        late::REASON,
        ConversionReason::ClickExpired,
        ConversionReason::ByStaff,
    ]);
    assert_eq!(
        reasons,
        ConversionReason::ALL.iter().copied().collect(),
        "every reason has a row"
    );
    let outcomes: BTreeSet<Outcome> = told.iter().map(|t| t.outcome).collect();
    assert_eq!(
        outcomes,
        Outcome::ALL.iter().copied().collect(),
        "every outcome has a row"
    );
    let warnings: BTreeSet<Warning> = told.iter().flat_map(|t| t.warnings.clone()).collect();
    assert_eq!(
        warnings,
        Warning::ALL.iter().copied().collect(),
        "every warning has a row"
    );
    let statuses: BTreeSet<ConversionStatus> = told.iter().filter_map(|t| t.status).collect();
    assert_eq!(statuses, ConversionStatus::ALL.iter().copied().collect());
}

/// Rejected conversions are counted as such; so are the others.
fn reports_agree(bench: &mut Bench) {
    let listed = bench.world.admin.get("/v1/conversions?limit=500");
    let listed = listed["items"].as_array().unwrap().clone();
    let count = |status: &str| listed.iter().filter(|c| c["status"] == status).count();
    let events = listed.iter().filter(|c| c["goal"].is_string()).count();
    assert_eq!(events, 1, "{listed:?}");
    let expect = [
        count("pending"),
        count("approved") - events,
        count("rejected"),
        events,
    ];
    let metrics = ["pending_cv", "approved_cv", "rejected_cv", "event"];
    let report = bench.world.admin.report(&[], &metrics);
    let total = &report["totals"][0];
    let counts = metrics.map(|m| total[m].as_u64().unwrap_or(0) as usize);
    assert_eq!(counts, expect, "{report}");
}
