//! Verdicts that time decides: a conversion that comes too late, a verdict that does, a time that the sender tells.

use serde_json::json;
use weir_engine::judge::ConversionReason;

use super::World;
use super::support::catalog::{Admin, click_id_of, text};
use super::support::metrics::{Metrics, until};
use super::support::{Client, Server, export, path_of};

/// What a conversion after the look-back is rejected for; only a click of another day can show it.
pub const REASON: ConversionReason = ConversionReason::OutOfWindow;

#[test]
fn a_conversion_after_the_look_back_is_rejected_as_out_of_window_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data, &["demo", "--rate", "0", "--days", "2"]);
    let mut admin = Admin::with_key(&server, &server.url("/demo/api_key"));
    let link = server.url("/demo/click_url");
    let link = path_of(&link).split(['/', '?']).nth(2).unwrap().to_owned();
    let tenant = server.url("/demo/tenant");
    let day_ago = weir_engine::ids::UnixMs(now_ms() - 86_400_000).to_string();
    let mut old = None;
    until("the history has a click of that offer a day ago", || {
        let offer = export(&data)
            .into_iter()
            .find(|f| f["body"]["link"] == link);
        let sent_there = |f: &serde_json::Value| {
            f["kind"] == "clicked"
                && f["tenant"] == tenant
                && f["bot"].is_null()
                && f["at"].as_str().unwrap() < day_ago.as_str()
        };
        let arm = offer.map(|campaign| campaign["body"]["arms"][0]["offer_id"].clone());
        let of_offer = arm.and_then(|arm| {
            export(&data)
                .into_iter()
                .find(|f| sent_there(f) && f["offer_id"] == arm)
        });
        old = of_offer;
        old.is_some()
    });
    let old = old.unwrap();
    let offer = format!("/v1/offers/{}", text(&old, "offer_id"));
    let postback = |txid: &str| {
        let url = server
            .url("/demo/postback_url")
            .replace("{click_id}", &text(&old, "click_id"));
        path_of(&url.replace("{amount}", "20").replace("{txid}", txid)).to_owned()
    };
    let (in_time, late) = (postback("in-time"), postback("late"));
    let mut traffic = Client::new(&server.url("/traffic"));
    let body = traffic.get(&in_time).unwrap().json();
    assert_eq!(
        body["outcome"], "applied",
        "720 hours are the default: {body}"
    );
    admin.change(&offer, json!({"lookback_hours": 1}));
    let before = Metrics::of(&server);
    let answer = traffic.get(&late).unwrap();
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["outcome"]),
        (200, &json!("rejected")),
        "{body}"
    );
    assert_eq!(
        (&body["status"], &body["reason"]),
        (&json!("rejected"), &json!(REASON.as_str()))
    );
    assert!(body["conversion_id"].is_string(), "{body}");
    let counter = format!("weir_conversions_total{{outcome=\"rejected\",reason=\"{REASON}\"}}");
    assert_eq!(Metrics::of(&server).grown(&before, &counter), 1.0);
    server.terminate();
    let facts = export(&data);
    let judged = facts
        .iter()
        .find(|f| f["conversion_id"] == body["conversion_id"])
        .unwrap();
    assert_eq!(
        (&judged["reason"], &judged["click_id"]),
        (&body["reason"], &old["click_id"])
    );
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_millis() as u64
}

#[test]
fn a_postback_that_is_not_judged_in_time_gets_202_and_its_status_url_the_verdict() {
    let mut world = World::new("[edge]\nverdict_deadline_ms = 0\n");
    let shop = world.admin.advertiser(json!({}));
    let offer = world.admin.offer(&shop.id, json!({}));
    let campaign = world.admin.campaign(&[&offer.id], json!({}));
    let before = Metrics::of(&world.server);
    let (mut accepted, mut asked) = (Vec::new(), 0);
    // Whether a verdict comes within no time at all is chance; one of these will not.
    while accepted.is_empty() {
        assert!(asked < 1_000, "every verdict came within no time at all");
        asked += 1;
        let click = click_id_of(&world.click(&format!("/c/{}?sub1=s", campaign.link)));
        let path = format!("/postback?click_id={click}&token={}", shop.token);
        let answer = world.ask("GET", &path, &[], "");
        if answer.status == 202 {
            accepted.push((answer.json(), path));
        }
    }
    let counted = "weir_postbacks_total{answer=\"accepted\"}";
    assert_eq!(
        Metrics::of(&world.server).grown(&before, counted),
        accepted.len() as f64
    );
    for (body, path) in accepted {
        assert_eq!(body["outcome"], "accepted");
        let url = text(&body, "status_url");
        assert!(url.starts_with(&world.server.url("/traffic")), "{url}");
        assert!(url.ends_with(&text(&body, "received_id")), "{url}");
        let status = path_of(&url).to_owned();
        let mut verdict = json!(null);
        until("the verdict is stored", || {
            let answer = world.ask("GET", &status, &[], "");
            assert!(matches!(answer.status, 200 | 202), "{answer:?}");
            verdict = answer.json();
            answer.status == 200
        });
        assert_eq!(
            (&verdict["outcome"], &verdict["status"]),
            (&json!("applied"), &json!("approved")),
            "{verdict}"
        );
        // The sender that did not like the 202 tries again: nothing is doubled.
        let again = world.ask("GET", &path, &[], "");
        assert!(matches!(again.status, 200 | 202), "{again:?}");
    }
    let conversions = world.admin.get("/v1/conversions?limit=500");
    assert_eq!(
        conversions["items"].as_array().unwrap().len(),
        asked,
        "one a click"
    );
}

#[test]
fn a_believed_time_serves_the_books_and_never_lies_before_the_click() {
    let mut world = World::new("");
    let shop = world.admin.advertiser(json!({}));
    let offer = world.admin.offer(&shop.id, json!({}));
    let campaign = world.admin.campaign(&[&offer.id], json!({}));
    let click = click_id_of(&world.click(&format!("/c/{}?sub1=s", campaign.link)));
    let now = now_ms() / 1_000;
    let in_words = weir_engine::ids::UnixMs(now * 1_000).to_string();
    let cases = [
        (now.to_string(), None),
        (in_words, None),
        ((now - 3_600).to_string(), Some("bad_time")),
        ((now + 3_600).to_string(), Some("bad_time")),
        ("yesterday".to_owned(), Some("bad_time")),
    ];
    for (number, (time, warning)) in cases.into_iter().enumerate() {
        let path = format!(
            "/postback?click_id={click}&txid=t{number}&token={}&time={time}",
            shop.token
        );
        let body = world.ask("GET", &path, &[], "").json();
        assert_eq!(body["outcome"], "applied", "{time}: {body}");
        let warnings: Vec<&str> = warning.into_iter().collect();
        assert_eq!(body["warnings"], json!(warnings), "{time}: {body}");
        let id = text(&body, "conversion_id");
        let path = format!("/v1/conversions/{id}");
        let shown = world.admin.get(&path);
        if warning.is_none() {
            let second = text(&shown, "converted_at");
            assert!(
                second.starts_with(&weir_engine::ids::UnixMs(now * 1_000).to_string()[..19]),
                "{shown}"
            );
        } else {
            assert_eq!(shown["converted_at"], shown["booked_at"], "{shown}");
        }
    }
}
