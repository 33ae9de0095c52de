//! What an operator asks of an installation beside starting and ending it: is it ready, keys, metrics, an end in time.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::catalog::{Admin, click, click_id_of, new_tenant};
use support::metrics::{Metrics, until};
use support::{Client, Server, weir};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A folder for settings and data.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn settings(folder: &Path, text: &str) -> String {
    let file = folder.join("weir.toml");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_health_check_finds_the_listener_of_the_data_folder_or_of_the_settings() {
    let folder = folder();
    let data = folder.path().join("data");
    let mut server = Server::start(&data, &["serve"]);
    let found = weir(&data, &["healthcheck"]);
    assert_eq!(found.status.code(), Some(0), "{}", said(&found));

    let ops = server.url("/ops");
    let (_, port) = ops.rsplit_once(':').unwrap();
    let file = settings(folder.path(), &format!("[listen]\nops_port = {port}\n"));
    let elsewhere = folder.path().join("elsewhere");
    let configured = ["healthcheck", "--config", &file];
    let found = weir(&elsewhere, &configured);
    assert_eq!(found.status.code(), Some(0), "{}", said(&found));

    server.terminate();
    for data in [&data, &elsewhere] {
        let gone = weir(data, &configured);
        assert_eq!(gone.status.code(), Some(3), "{}", said(&gone));
        assert!(said(&gone).contains(&ops), "{}", said(&gone));
    }
}

#[test]
fn what_is_made_on_the_command_line_is_told_for_people_and_for_programs() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Server::start(&data, &["serve"]);
    let made = weir(&data, &["tenant", "create", "Acme", "--output", "json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|e| panic!("{e}"));
    let tenant = made["tenant"].as_str().unwrap();
    let key = made["api_key"].as_str().unwrap();
    Admin::with_key(&server, key).get("/v1/offers");

    let refused = weir(
        &data,
        &["tenant", "create", "Acme", "--timezone", "Mars/Base"],
    );
    let why = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{why}");
    assert!(why.contains("timezone") && !why.contains('{'), "{why}");
    let refused = weir(
        &data,
        &["key", "create", "--tenant", tenant, "--scopes", "all"],
    );
    let why = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{why}");
    assert!(why.contains("scopes") && !why.contains('{'), "{why}");
}

#[test]
fn the_operator_gets_a_key_that_makes_tenants() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Server::start(&data, &["serve"]);
    let printed = weir(&data, &["key", "create", "--operator", "--output", "json"]);
    let printed: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let mut operator = Admin::with_key(&server, printed["operator_key"].as_str().unwrap());
    let body = json!({"name": "Acme", "currency": "USD", "timezone": "UTC"});
    let made = operator.ask("POST", "/v1/tenants", Some(&body));
    assert_eq!(made.status, 201, "{made:?}");
    let both = weir(&data, &["key", "create", "--operator", "--tenant", "ten_1"]);
    assert_eq!(both.status.code(), Some(2), "{}", said(&both));
}

#[test]
fn whoever_reads_finds_what_was_answered_before() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Server::start(&data, &["serve"]);
    let (_, key) = new_tenant(&data, "Acme");
    let mut admin = Admin::with_key(&server, &key);
    let shop = admin.advertiser(json!({}));
    let offer = admin.offer(&shop.id, json!({}));
    let link = admin.campaign(&[&offer.id], json!({}));
    let mut traffic = Client::new(&server.url("/traffic"));
    for round in 1..=5 {
        let id = click_id_of(&click(&mut traffic, &format!("/c/{}?sub1=s", link.link)));
        let shown = admin.get(&format!("/v1/clicks/{id}"));
        assert!(shown["unique"].is_boolean(), "it is judged: {shown}");
        let postback = format!("/postback?click_id={id}&token={}", shop.token);
        let verdict = traffic.get(&postback).unwrap().json();
        let conversion = verdict["conversion_id"].as_str().unwrap();
        admin.get(&format!("/v1/conversions/{conversion}"));
        let listed = admin.get(&format!("/v1/conversions?click_id={id}"));
        assert_eq!(listed["items"][0]["id"], conversion, "{listed}");
        assert_eq!(
            admin.totals(&["gross_click", "cv"]),
            [json!(round), json!(round)]
        );
    }
    let behind = Metrics::of(&server).get("weir_reads_behind_total");
    assert!(behind <= 0.0, "{behind} reads gave up");
}

#[test]
fn every_metric_has_our_prefix_and_a_type_that_can_be_summed() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Server::start(&data, &["serve"]);
    let (_, key) = new_tenant(&data, "Acme");
    Admin::with_key(&server, &key).advertiser(json!({}));
    let mut ops = Client::new(&server.url("/ops"));
    until("what was written is measured", || {
        let text = ops.get("/metrics").unwrap().body;
        let is_there = |name: &str| text.contains(&format!("\n{name}"));
        is_there("weir_store_commit_seconds_bucket") && is_there("weir_journal_batch_facts_bucket")
    });
    let text = ops.get("/metrics").unwrap().body;
    let types: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .collect();
    assert!(types.len() > 8, "{text}");
    for (name, kind) in types {
        assert!(name.starts_with("weir_"), "{name}");
        assert!(
            ["counter", "gauge", "histogram"].contains(&kind),
            "{name}: {kind}"
        );
    }
    until("the store has everything", || {
        Metrics::of(&server).get("weir_journal_lag_facts{reader=\"store\"}") <= 0.0
    });
    assert!(text.contains("weir_journal_lag_facts{reader=\"store\"}"));
}

#[test]
fn the_end_takes_no_longer_than_it_may_whoever_is_slow() {
    let folder = folder();
    let data = folder.path().join("data");
    let file = settings(folder.path(), "[shutdown]\ntimeout_ms = 1000\n");
    let mut server = Server::start(&data, &["serve", "--config", &file]);
    let (_, key) = new_tenant(&data, "Acme");
    let admin = server.url("/admin");
    let mut slow = TcpStream::connect(admin.strip_prefix("http://").unwrap()).unwrap();
    // A body of which the last byte never comes.
    let head = format!(
        "POST /v1/advertisers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).unwrap();
    let mut goes_on = [0; 12];
    slow.read_exact(&mut goes_on).unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100", "the request is under way");
    server.ask_to_end();
    let began = Instant::now();
    assert_eq!(server.ended().code(), Some(0));
    let time = began.elapsed();
    // What a busy machine adds to the second, and far from the ten that a slow body may take.
    assert!(time < Duration::from_secs(5), "{time:?}");
}
