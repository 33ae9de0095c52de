//! The log is full: nothing is acknowledged that is not in it, whoever asks is told so, what needs no room still works,
//! and with more room it goes on.

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use support::catalog::{Admin, PERSON, click, click_id_of, new_tenant, text};
use support::load::together;
use support::metrics::{Metrics, until, until_is};
use support::{Answer, Client, Server, books_agree, export, weir};

/// The least that is allowed: two segments of 64 MiB.
const LEAST: &str = "128 MiB";
const CONNECTIONS: usize = 16;

fn start(data: &Path, max_bytes: &str, edge: &str) -> Server {
    let file = data.with_extension("toml");
    // What is synced makes no difference to what is full.
    let settings =
        format!("[journal]\nmax_bytes = \"{max_bytes}\"\ndurability = \"os\"\n[edge]\n{edge}\n");
    std::fs::write(&file, settings).unwrap();
    Server::start(data, &["serve", "--config", file.to_str().unwrap()])
}

/// A click that takes as much room as one can.
fn large_click(client: &mut Client, link: &str, number: usize) -> Answer {
    let filling = "x".repeat(250);
    let subs: String = (1..=20).map(|n| format!("&sub{n}={filling}")).collect();
    let path = format!(
        "/c/{link}?source={filling}&aff_click_id={filling}{subs}&utm_source={filling}&utm_medium={filling}"
    );
    let referrer = format!("https://ref.example/{number}/{}", filling.repeat(3));
    let headers = [("User-Agent", PERSON), ("Referer", referrer.as_str())];
    client.send("GET", &path, &headers, "").unwrap()
}

/// Clicks on all connections until nothing is taken any more; gives the ids that were given out.
fn fill(server: &Server, link: &str) -> Vec<String> {
    let of_each = together(
        &server.url("/traffic"),
        CONNECTIONS,
        |connection, client| {
            let mut ids = Vec::new();
            loop {
                let answer = large_click(client, link, connection << 32 | ids.len());
                match answer.status {
                    302 => ids.push(click_id_of(&answer)),
                    _ => {
                        refused(&answer);
                        return ids;
                    }
                }
            }
        },
    );
    of_each.concat()
}

/// 503 with when to try again, and why.
fn refused(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(
        answer
            .header("retry-after")
            .unwrap()
            .parse::<u32>()
            .unwrap()
            > 0,
        "{answer:?}"
    );
    assert_eq!(answer.json()["code"], "journal_full", "{answer:?}");
}

fn readiness(server: &Server) -> (u16, String) {
    let answer = Client::new(&server.url("/ops"))
        .get("/readyz?verbose")
        .unwrap();
    (answer.status, answer.body)
}

#[test]
fn a_full_log_refuses_clicks_and_postbacks_loses_nothing_and_goes_on_with_more_room() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = start(&data, LEAST, "");
    let (_, key) = new_tenant(&data, "Acme");
    let mut admin = Admin::with_key(&server, &key);
    let shop = admin.advertiser(json!({}));
    let offer = admin.offer(
        &shop.id,
        json!({"url": "https://shop.example/?click={click_id}"}),
    );
    let link = admin.campaign(&[&offer.id], json!({})).link;
    let base = server.url("/traffic");
    let first = click_id_of(&click(&mut Client::new(&base), &format!("/c/{link}")));
    let mut acknowledged = vec![first.clone()];
    acknowledged.extend(fill(&server, &link));
    assert!(acknowledged.len() > 10_000, "{}", acknowledged.len());

    let postback = format!("/postback?click_id={first}&token={}", shop.token);
    refuses_and_says_so(&server, &link, &postback);
    refuses_at_every_door(&server, &link, &key, &first, &shop.pixel_key);
    still_answers(&mut admin, acknowledged.len());
    server.terminate();
    let recorded = recorded(&data);
    assert_eq!(
        recorded,
        acknowledged.iter().cloned().collect(),
        "acknowledged is recorded, refused is not"
    );

    redirects_without_a_record(&data, &link);

    let mut server = start(&data, "256 MiB", "");
    until("it is ready again", || readiness(&server).0 == 200);
    let mut client = Client::new(&server.url("/traffic"));
    acknowledged.push(click_id_of(&large_click(&mut client, &link, 2)));
    let verdict = client.get(&postback).unwrap().json();
    assert_eq!(verdict["outcome"], "applied", "{verdict}");
    let mut admin = Admin::with_key(&server, &key);
    until_is("all of it is reported", &json!(acknowledged.len()), || {
        admin.totals(&["gross_click"])[0].clone()
    });
    server.terminate();
    books_agree(&data);
}

/// Clicks and postbacks get 503, which is counted, and the process says that it is not ready.
fn refuses_and_says_so(server: &Server, link: &str, postback: &str) {
    let before = Metrics::of(server);
    let mut client = Client::new(&server.url("/traffic"));
    refused(&large_click(&mut client, link, 0));
    refuses_large_postback(&mut client, postback);
    for (counter, count) in [
        ("weir_shed_total{reason=\"journal_full\"}", 2.0),
        ("weir_postbacks_total{answer=\"unavailable\"}", 1.0),
    ] {
        let grown = Metrics::of(server).grown(&before, counter);
        assert_eq!(grown, count, "{counter}");
    }
    let (status, why) = readiness(server);
    assert_eq!((status, why.contains("journal full")), (503, true), "{why}");
}

/// The tracking API and the pixel say and count it like a click and a postback.
fn refuses_at_every_door(server: &Server, link: &str, key: &str, click: &str, pixel_key: &str) {
    let shed = "weir_shed_total{reason=\"journal_full\"}";
    let unavailable = "weir_postbacks_total{answer=\"unavailable\"}";
    let mut client = Client::new(&server.url("/traffic"));
    let before = Metrics::of(server);
    let filling = "x".repeat(250);
    let mut said = json!({"link": link, "ip": "8.8.8.8", "user_agent": PERSON, "referrer": filling.repeat(4), "source": filling});
    for number in 1..=20 {
        said[format!("sub{number}")] = json!(filling);
    }
    let bearer = format!("Bearer {key}");
    let headers = [("Authorization", &*bearer)];
    let tracked = client.send("POST", "/v1/track/click", &headers, &said.to_string());
    refused(&tracked.unwrap());
    let pixel = large(&format!("/px?click_id={click}&key={pixel_key}"));
    let pixel = client.get(&pixel).unwrap();
    let outcome = pixel.header("x-weir-outcome");
    assert_eq!(
        (pixel.status, outcome),
        (200, Some("unavailable; code=journal_full"))
    );
    let after = Metrics::of(server);
    assert_eq!(after.grown(&before, shed), 2.0, "one of each");
    assert_eq!(after.grown(&before, unavailable), 1.0, "the pixel");
}

/// Where an operator would rather send visitors on.
fn redirects_without_a_record(data: &Path, link: &str) {
    let mut server = start(data, LEAST, "on_journal_unavailable = \"redirect\"");
    let sent_on = large_click(&mut Client::new(&server.url("/traffic")), link, 1);
    assert_eq!(sent_on.status, 302, "{sent_on:?}");
    assert_eq!(
        sent_on.header("location"),
        Some("https://shop.example/?click="),
        "sent on without a record"
    );
    let counted = Metrics::of(&server);
    assert_eq!(
        counted.get("weir_not_clicks_total{reason=\"redirected_unrecorded\"}"),
        1.0
    );
    server.terminate();
}

/// A postback as large as one can be.
fn large(postback: &str) -> String {
    let fields: String = (1..=10)
        .map(|n| format!("&adv{n}={}", "y".repeat(250)))
        .collect();
    let texts = ["txid", "event", "amount", "currency", "status"]
        .map(|n| format!("&{n}={}", "z".repeat(250)))
        .concat();
    format!("{postback}{fields}{texts}")
}

/// Such a one does not fit where a large click did not.
fn refuses_large_postback(client: &mut Client, postback: &str) {
    let postback = large(postback);
    until("what was left of the last segment is used", || {
        let answer = client.get(&postback).unwrap();
        if answer.status == 200 {
            return false;
        }
        refused(&answer);
        true
    });
}

/// What needs no room in the log, and what does.
fn still_answers(admin: &mut Admin, clicks: usize) {
    until_is("reports answer", &json!(clicks), || {
        admin.totals(&["gross_click"])[0].clone()
    });
    admin.get("/v1/offers");
    let name = "n".repeat(200);
    let change = json!({"name": name, "status": "approved"});
    let many = json!({"items": vec![change; 100]});
    until("a change is refused, not lost", || {
        let answer = admin.ask("POST", "/v1/affiliates/bulk", Some(&many));
        answer.status == 503 || answer.body.contains("503")
    });
}

fn recorded(data: &Path) -> BTreeSet<String> {
    let facts: Vec<Value> = export(data);
    let clicks = facts.iter().filter(|f| f["kind"] == "clicked");
    clicks.map(|f| text(f, "click_id")).collect()
}

#[test]
fn a_log_that_cannot_hold_two_segments_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weir.toml");
    std::fs::write(&file, "[journal]\nmax_bytes = \"1 MiB\"\n").unwrap();
    let data = folder.path().join("data");
    let ports = [
        "--traffic-port",
        "0",
        "--admin-port",
        "0",
        "--ops-port",
        "0",
    ];
    let serve = [&["serve", "--config", file.to_str().unwrap()], &ports[..]].concat();
    let output = weir(&data, &serve);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("max_bytes"),
        "{said}"
    );
}
