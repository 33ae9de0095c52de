//! Starting, ending, copying and looking at an installation, as its operator does; and that tenants do not see each
//! other.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::catalog::{Admin, Link, PERSON, click, click_id_of, new_tenant, text};
use support::load::together;
use support::metrics::{until, until_is};
use support::{Client, Server, books_agree, export, weir};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs a command that must succeed; gives what it printed.
fn good(data: &Path, arguments: &[&str]) -> String {
    let output = weir(data, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// `weir serve` with this traffic port and any others.
fn serve_on(traffic_port: &str) -> [&str; 7] {
    let mut command = [
        "serve",
        "--traffic-port",
        "0",
        "--admin-port",
        "0",
        "--ops-port",
        "0",
    ];
    command[2] = traffic_port;
    command
}

/// A tenant with a link that takes everybody.
fn furnished(server: &Server, data: &Path) -> (Admin, String, Link, String) {
    let (_, key) = new_tenant(data, "Acme");
    let mut admin = Admin::with_key(server, &key);
    let shop = admin.advertiser(json!({}));
    let offer = admin.offer(&shop.id, json!({}));
    let link = admin.campaign(&[&offer.id], json!({}));
    (admin, key, link, shop.token)
}

fn clicks_of(data: &Path) -> BTreeSet<String> {
    let facts = export(data);
    let clicks = facts.iter().filter(|f| f["kind"] == "clicked");
    clicks.map(|f| text(f, "click_id")).collect()
}

/// Clicks on eight connections until told to stop or the server is gone, noting each id that was given out.
fn clicking(base: &str, link: &str, stop: &AtomicBool, noted: &Mutex<BTreeSet<String>>) {
    together(base, 8, |_, client| {
        while !stop.load(Ordering::Relaxed) {
            let headers = [("User-Agent", PERSON)];
            let Ok(answer) = client.send("GET", &format!("/c/{link}?sub1=s"), &headers, "") else {
                return;
            };
            assert_eq!(answer.status, 302, "{answer:?}");
            noted.lock().unwrap().insert(click_id_of(&answer));
        }
    });
}

#[test]
fn sigterm_answers_what_was_asked_stores_all_of_it_and_ends_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("weir.toml");
    std::fs::write(&file, "[shutdown]\ngrace_ms = 700\n").unwrap();
    let mut server = Server::start(&data, &["serve", "--config", file.to_str().unwrap()]);
    let (_, _, link, _) = furnished(&server, &data);
    let (stop, noted) = (AtomicBool::new(false), Mutex::default());
    let base = server.url("/traffic");
    std::thread::scope(|scope| {
        scope.spawn(|| clicking(&base, &link.link, &stop, &noted));
        until("clicks are under way", || noted.lock().unwrap().len() > 200);
        server.ask_to_end();
        let mut ops = Client::new(&server.url("/ops"));
        until("it says that it is draining", || {
            let ready = ops.get("/readyz?verbose").unwrap();
            ready.status == 503 && ready.body.contains("draining")
        });
        let meanwhile = click(&mut Client::new(&base), &format!("/c/{}?sub1=s", link.link));
        assert_eq!(meanwhile.status, 302, "it serves in its time of grace");
        noted.lock().unwrap().insert(click_id_of(&meanwhile));
        let status = server.ended();
        assert_eq!(status.code(), Some(0));
    });
    let authority = base.strip_prefix("http://").unwrap();
    assert!(
        std::net::TcpStream::connect(authority).is_err(),
        "the port is closed"
    );
    let (recorded, answered) = (clicks_of(&data), noted.into_inner().unwrap());
    assert!(
        recorded == answered,
        "{} stored, {} answered",
        recorded.len(),
        answered.len()
    );
    good(&data, &["replay", "--check"]);
}

#[test]
fn a_second_instance_is_refused_by_name_while_reading_commands_work() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data, &["serve"]);
    let (mut admin, _, link, token) = furnished(&server, &data);
    let mut traffic = Client::new(&server.url("/traffic"));
    let id = click_id_of(&click(&mut traffic, &format!("/c/{}?sub1=s", link.link)));
    traffic
        .get(&format!("/postback?click_id={id}&token={token}"))
        .unwrap();

    let tries = (0..3).map(|_| {
        let began = Instant::now();
        let second = weir(&data, &serve_on("0"));
        assert_eq!(second.status.code(), Some(1), "{}", said(&second));
        (began.elapsed(), said(&second))
    });
    // The quickest of three: what else this machine does is not what is asked.
    let (time, why) = tries.min().unwrap();
    assert!(time < Duration::from_secs(1), "told at once: {time:?}");
    let holder = server.ready["pid"].to_string();
    let folder_name = data.file_name().unwrap().to_str().unwrap();
    assert!(why.contains(&holder) && why.contains(folder_name), "{why}");

    assert_eq!(admin.totals(&["cv"]), [json!(1)]);
    for command in [
        &["journal", "info"][..],
        &["journal", "verify"],
        &["journal", "export"],
        &["replay", "--check"],
        &["verify"],
        &["migrate", "status"],
        &["config", "show"],
    ] {
        good(&data, command);
        good(&data, &[command, &["--output", "json"]].concat());
        let csv = [command, &["--output", "csv"]].concat();
        if command.contains(&"export") {
            let refused = weir(&data, &csv);
            assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        } else {
            good(&data, &csv);
        }
    }
    let json_of = |command: &[&str]| {
        let printed = good(&data, &[command, &["--output", "json"]].concat());
        serde_json::from_str::<Value>(&printed)
            .unwrap_or_else(|e| panic!("{command:?}: {e}: {printed}"))
    };
    json_of(&["journal", "info"]);
    json_of(&["config", "show"]);
    let mut traffic = Client::new(&server.url("/traffic"));
    let again = click(&mut traffic, &format!("/c/{}?sub1=s", link.link));
    assert_eq!(again.status, 302, "the first goes on");
}

#[test]
fn a_second_server_on_a_port_that_is_taken_is_refused_and_told_which() {
    let folder = tempfile::tempdir().unwrap();
    let (data, other) = (folder.path().join("data"), folder.path().join("other"));
    let server = Server::start(&data, &["serve"]);
    let url = server.url("/traffic");
    let (_, port) = url.rsplit_once(':').unwrap();
    let second = weir(&other, &serve_on(port));
    let why = said(&second);
    assert_eq!(second.status.code(), Some(1), "{why}");
    assert!(
        why.contains(&format!("traffic port {port} is taken")),
        "{why}"
    );
    for _ in 0..20 {
        let answer = Client::new(&url).get("/c/nothing").unwrap();
        assert_eq!(answer.status, 404, "the first has all of the traffic");
    }
}

#[test]
fn a_backup_under_load_starts_elsewhere_with_the_books_of_its_moment() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let server = Server::start(&data, &["serve"]);
    let (_, key, link, token) = furnished(&server, &data);
    let (stop, noted) = (AtomicBool::new(false), Mutex::default());
    let base = server.url("/traffic");
    let before = std::thread::scope(|scope| {
        scope.spawn(|| clicking(&base, &link.link, &stop, &noted));
        until("clicks are under way", || noted.lock().unwrap().len() > 300);
        let before: BTreeSet<String> = noted.lock().unwrap().clone();
        good(&data, &["backup", copy.to_str().unwrap()]);
        stop.store(true, Ordering::Relaxed);
        before
    });
    let there = weir(&data, &["backup", copy.to_str().unwrap()]);
    assert_eq!(there.status.code(), Some(1), "it writes over nothing");

    let mut restored = Server::start(&copy, &["serve"]);
    let mut admin = Admin::with_key(&restored, &key);
    let click = before.first().unwrap();
    let postback = format!("/postback?click_id={click}&txid=after&token={token}");
    let verdict = Client::new(&restored.url("/traffic"))
        .get(&postback)
        .unwrap()
        .json();
    assert_eq!(
        verdict["outcome"], "applied",
        "its secrets are the same: {verdict}"
    );
    until_is("the books are read", &json!(1), || {
        admin.totals(&["cv"])[0].clone()
    });
    let shown = admin.totals(&["gross_click"])[0].clone();
    restored.terminate();
    let copied = clicks_of(&copy);
    assert_eq!(
        shown,
        json!(copied.len()),
        "the report is that of the copied log"
    );
    assert!(
        copied.is_superset(&before),
        "what was answered before is in it"
    );
    let sent = noted.into_inner().unwrap();
    assert!(sent.is_superset(&copied), "and nothing that was not sent");
    books_agree(&copy);
}

#[test]
fn commands_say_how_an_installation_is_and_end_with_their_codes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let nobody = weir(&data, &["healthcheck", "--ops", "http://127.0.0.1:1"]);
    assert_eq!(
        nobody.status.code(),
        Some(3),
        "not ready: {}",
        said(&nobody)
    );
    let usage = weir(&data, &["journal", "burn"]);
    assert_eq!(usage.status.code(), Some(2), "usage: {}", said(&usage));
    let missing = weir(&data, &["journal", "info"]);
    assert_eq!(missing.status.code(), Some(1), "failed: {}", said(&missing));
    let version: Value = serde_json::from_str(&good(&data, &["version", "--json"])).unwrap();
    let plain = good(&data, &["version"]);
    assert_eq!(plain.trim(), format!("weir {}", text(&version, "version")));

    let file = folder.path().join("weir.toml");
    let named = ["--config", file.to_str().unwrap()];
    std::fs::write(&file, good(&data, &["config", "template"])).unwrap();
    good(&data, &[&["config", "check"][..], &named].concat());
    std::fs::write(&file, "[journal]\ndurabilty = \"os\"\n").unwrap();
    let wrong = weir(&data, &[&["config", "check"][..], &named].concat());
    let why = said(&wrong);
    assert_eq!(wrong.status.code(), Some(2), "{why}");
    assert!(
        why.contains("durabilty") && why.contains("journal.durability"),
        "{why}"
    );
}

#[test]
fn tenants_and_keys_are_made_on_the_command_line_whether_or_not_a_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (tenant, first_key) = new_tenant(&data, "Before");
    let server = Server::start(&data, &["serve"]);
    let ops = server.url("/ops");
    good(&data, &["healthcheck", "--ops", &ops]);
    assert_eq!(
        Admin::with_key(&server, &first_key).get("/v1/offers")["items"],
        json!([])
    );
    let made = good(
        &data,
        &[
            "key",
            "create",
            "--tenant",
            &tenant,
            "--scopes",
            "catalog:read",
        ],
    );
    let key = made.split_whitespace().nth(2).unwrap();
    let mut reads = Admin::with_key(&server, key);
    reads.get("/v1/affiliates");
    let body = json!({"name": "A", "status": "approved"});
    assert_eq!(
        reads.ask("POST", "/v1/affiliates", Some(&body)).status,
        403,
        "only what its scopes say"
    );
    let nobodys = weir(&data, &["key", "create", "--tenant", "ten_zzz"]);
    assert_eq!(nobodys.status.code(), Some(1), "{}", said(&nobodys));
    doctor_finds_all_well(&data);
}

fn doctor_finds_all_well(data: &Path) {
    let checks: Value = {
        let output = weir(data, &["doctor", "--output", "json"]);
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "{}",
            said(&output)
        );
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)))
    };
    for name in ["open files", "fdatasync", "countries", "store", "journal"] {
        let rows = checks.as_array().unwrap_or_else(|| panic!("{checks}"));
        let check = rows.iter().find(|c| c["check"] == name);
        let check = check.unwrap_or_else(|| panic!("no {name}: {checks}"));
        let must_be_good = matches!(name, "store" | "journal");
        assert!(!must_be_good || check["verdict"] == "ok", "{check}");
    }
}

/// Ids of one of everything that a tenant has.
struct Belongings {
    tenant: String,
    key: String,
    ids: Vec<(&'static str, String)>,
}

fn belongings(server: &Server, data: &Path, name: &str) -> Belongings {
    let (tenant, key) = new_tenant(data, name);
    let mut admin = Admin::with_key(server, &key);
    let shop = admin.advertiser(json!({}));
    let affiliate = admin.affiliate("approved");
    let offer = admin.offer(&shop.id, json!({}));
    admin.set_terms(&offer.id, &affiliate, json!({"status": "approved"}));
    let campaign = admin.campaign(&[&offer.id], json!({}));
    let host = format!("{}.brand.example", name.to_lowercase());
    let domain = admin.id("/v1/domains", json!({"host": host}));
    let api_key = admin.id(
        "/v1/api-keys",
        json!({"name": "R", "scopes": ["catalog:read"]}),
    );
    let mut traffic = Client::new(&server.url("/traffic"));
    let click = click_id_of(&click(
        &mut traffic,
        &format!("/c/{}?sub1=s", campaign.link),
    ));
    let postback = format!("/postback?click_id={click}&token={}", shop.token);
    let conversion = text(&traffic.get(&postback).unwrap().json(), "conversion_id");
    admin.get(&format!("/v1/conversions/{conversion}"));
    let ids = vec![
        ("tenants", tenant.clone()),
        ("advertisers", shop.id),
        ("affiliates", affiliate),
        ("offers", offer.id),
        ("campaigns", campaign.id),
        ("domains", domain),
        ("api-keys", api_key),
        ("clicks", click),
        ("conversions", conversion),
    ];
    Belongings { tenant, key, ids }
}

impl Belongings {
    fn id(&self, kind: &str) -> &str {
        let found = self.ids.iter().find(|(k, _)| *k == kind);
        &found
            .unwrap_or_else(|| panic!("a route about {kind}, of which this test knows none"))
            .1
    }

    /// A path of the document with these ids in it.
    fn path(&self, template: &str) -> String {
        let kind = template.split('/').nth(2).unwrap();
        let path = template.replace("{offer_id}", self.id("offers"));
        let path = path.replace("{affiliate_id}", self.id("affiliates"));
        if path.contains('{') {
            path.replace("{id}", self.id(kind))
        } else {
            path
        }
    }
}

#[test]
fn for_a_tenants_key_nothing_of_another_tenant_is_there_on_any_route_of_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("weir.toml");
    std::fs::write(&file, "[node]\npublic_url = \"https://trk.example.com\"\n").unwrap();
    let server = Server::start(&data, &["serve", "--config", file.to_str().unwrap()]);
    let (ours, theirs) = (
        belongings(&server, &data, "Ours"),
        belongings(&server, &data, "Theirs"),
    );
    let document: Value = serde_json::from_str(&good(&data, &["openapi"])).unwrap();
    let shown: Value = Admin::with_key(&server, &ours.key).get("/v1/openapi.json");
    assert_eq!(
        document["paths"], shown["paths"],
        "the command and the server say the same"
    );
    let (mut about_one, mut lists) = (0, 0);
    let mut thief = Admin::with_key(&server, &ours.key);
    let mut owner = Admin::with_key(&server, &theirs.key);
    for (template, operations) in document["paths"].as_object().unwrap() {
        for method in operations
            .as_object()
            .unwrap()
            .keys()
            .map(|m| m.to_uppercase())
        {
            if !template.contains('{') {
                if method == "GET" {
                    lists += 1;
                    let answer = thief.ask(&method, template, None);
                    assert!(matches!(answer.status, 200 | 403), "{template}: {answer:?}");
                    for (_, id) in &theirs.ids {
                        assert!(
                            !answer.body.contains(&format!("\"{id}\"")),
                            "{template} shows {id}"
                        );
                    }
                }
                continue;
            }
            about_one += 1;
            let path = theirs.path(template);
            let body = match method.as_str() {
                "GET" => None,
                "PATCH" => Some(json!({"name": "stolen"})),
                "PUT" => Some(json!({"status": "blocked"})),
                _ if template.ends_with("/status") => Some(json!({"status": "rejected"})),
                _ => Some(json!({})),
            };
            let answer = thief.ask(&method, &path, body.as_ref());
            let code = answer.json()["code"].clone();
            let is_refused = matches!(
                (answer.status, code.as_str()),
                (404, Some("not_found")) | (403, Some("forbidden"))
            );
            assert!(is_refused, "{method} {path}: {answer:?}");
            if method == "GET" {
                let own = owner.ask(&method, &path, None);
                assert_eq!(own.status, 200, "the owner sees {path}: {own:?}");
                assert!(!own.body.contains("stolen"), "{path}: {own:?}");
            }
        }
    }
    assert!(about_one >= 25 && lists >= 8, "{about_one} {lists}");
    let named = thief.ask("GET", "/v1/offers", None);
    assert!(!named.body.contains(&theirs.tenant));
}
