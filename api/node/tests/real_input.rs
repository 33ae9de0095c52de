//! Real visitors: user agents of the vendored corpora, addresses of allocated ranges, as a proxy in front passes them on;
//! what is known of each is in the log, and reports count by it.

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};
use support::catalog::{Admin, click_id_of};
use support::metrics::until_is;
use support::{Client, Server, export};

/// Addresses whose allocation is well known, with the country of it and the address as it is kept.
const PLACES: [(&str, &str, &str); 8] = [
    ("8.8.8.8", "US", "8.8.8.0"),
    ("133.11.0.1", "JP", "133.11.0.0"),
    ("193.99.144.80", "DE", "193.99.144.0"),
    ("2001:4860:4860::8888", "US", "2001:4860:4860::"),
    ("::ffff:193.99.144.80", "DE", "193.99.144.0"),
    ("212.58.244.20", "GB", "212.58.244.0"),
    ("192.168.7.9", "ZZ", "192.168.7.0"),
    ("2001:db8::1", "ZZ", "2001:db8::"),
];
/// Browsers of the corpus that click.
const BROWSERS: usize = 160;
/// Crawlers of the corpus that click.
const CRAWLERS: usize = 80;

fn corpus(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../data/corpus")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// `count` lines, evenly over the whole file.
fn spread(text: &str, count: usize) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().filter(|l| !l.is_empty()).collect();
    let step = (lines.len() / count).max(1);
    lines.into_iter().step_by(step).take(count).collect()
}

/// A visitor, and what a stranger knows of it.
struct Visitor<'a> {
    user_agent: &'a str,
    place: (&'static str, &'static str, &'static str),
    /// The device type that the corpus says; none for crawlers.
    device: Option<&'a str>,
}

/// What a name in the user agent says, read by eye: the system, the browser.
const SYSTEMS: [(&str, &str); 5] = [
    ("iPhone OS", "iOS"),
    ("Android", "Android"),
    ("Windows NT", "Windows"),
    ("Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
];
const BROWSER_NAMES: [(&str, &str); 4] = [
    ("Firefox/", "Firefox"),
    ("Edg/", "Edge"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("OPR/", "Opera"),
];

fn visitors<'a>(browsers: &'a str, crawlers: &'a str) -> Vec<Visitor<'a>> {
    let place = |n: usize| PLACES[n % PLACES.len()];
    let of_browsers = spread(browsers, BROWSERS)
        .into_iter()
        .enumerate()
        .map(|(n, line)| {
            let (device, user_agent) = line.split_once('\t').unwrap();
            Visitor {
                user_agent,
                place: place(n),
                device: Some(device),
            }
        });
    let of_crawlers = spread(crawlers, CRAWLERS).into_iter().enumerate();
    let of_crawlers = of_crawlers.map(|(n, user_agent)| Visitor {
        user_agent,
        place: place(n),
        device: None,
    });
    of_browsers.chain(of_crawlers).collect()
}

#[test]
fn real_user_agents_and_addresses_are_told_apart_in_the_log_and_in_reports() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("weir.toml"));
    std::fs::write(&file, "[edge]\ntrusted_proxies = [\"127.0.0.0/8\"]\n").unwrap();
    let mut server = Server::start(&data, &["serve", "--config", file.to_str().unwrap()]);
    let (mut admin, _) = Admin::of_new_tenant(&server, &data, "Acme");
    let shop = admin.advertiser(json!({}));
    let url = "https://shop.example/?click={click_id}&c={country}&d={device_type}";
    let offer = admin.offer(&shop.id, json!({"url": url}));
    let link = admin.campaign(&[&offer.id], json!({})).link;
    let (browsers, crawlers) = (corpus("browsers.tsv"), corpus("crawlers.txt"));
    let visitors = visitors(&browsers, &crawlers);
    let mut traffic = Client::new(&server.url("/traffic"));
    let ids: Vec<String> = visitors
        .iter()
        .map(|v| clicked(&mut traffic, &link, v))
        .collect();
    let persons = visitors.iter().filter(|v| v.device.is_some()).count();
    let metrics = ["gross_click", "invalid_click", "total_click"];
    let expect = [visitors.len(), visitors.len() - persons, persons].map(|n| json!(n));
    until_is("crawlers are invalid, persons are not", &expect, || {
        let report = admin.report(&[], &metrics);
        metrics.map(|m| report["totals"][0][m].clone())
    });
    let by_country = admin.report(&["country"], &["gross_click"]);
    assert_eq!(
        counts(&by_country, "country"),
        tally(visitors.iter().map(|v| v.place.1))
    );
    let by_device = admin.report(&["device_type"], &["gross_click", "total_click"]);
    server.terminate();
    let facts = export(&data);
    let clicks: BTreeMap<&str, &Value> = facts
        .iter()
        .filter(|f| f["kind"] == "clicked")
        .map(|f| (f["click_id"].as_str().unwrap(), f))
        .collect();
    assert_eq!(clicks.len(), visitors.len());
    for (visitor, id) in visitors.iter().zip(&ids) {
        recorded(visitor, clicks[id.as_str()]);
    }
    let devices = tally(clicks.values().map(|c| c["device"].as_str().unwrap()));
    assert_eq!(
        counts(&by_device, "device_type"),
        devices,
        "the report counts what the log says"
    );
    right_enough(&visitors, &ids, &clicks);
}

fn clicked(traffic: &mut Client, link: &str, visitor: &Visitor<'_>) -> String {
    let forwarded = format!("198.51.100.7, {}", visitor.place.0);
    let headers = [
        ("User-Agent", visitor.user_agent),
        ("X-Forwarded-For", &forwarded),
        ("Accept-Language", "pt-BR,pt;q=0.9"),
    ];
    let answer = traffic
        .send("GET", &format!("/c/{link}?sub1=s"), &headers, "")
        .unwrap();
    assert_eq!(
        answer.status, 302,
        "a bot gets what a person gets: {}",
        visitor.user_agent
    );
    let location = answer.header("location").unwrap();
    assert!(
        location.contains(&format!("&c={}", visitor.place.1)),
        "{location}"
    );
    click_id_of(&answer)
}

fn recorded(visitor: &Visitor<'_>, click: &Value) {
    let (_, country, kept) = visitor.place;
    assert_eq!(
        (&click["country"], &click["ip"]),
        (&json!(country), &json!(kept)),
        "{click}"
    );
    assert_eq!(
        (&click["user_agent"], &click["language"]),
        (&json!(visitor.user_agent), &json!("pt-br"))
    );
    assert_eq!(click["outcome"], "redirected");
    assert_eq!(click["bot"].is_null(), visitor.device.is_some(), "{click}");
    if visitor.device.is_none() {
        return;
    }
    let named = |names: &[(&str, &'static str)]| {
        names
            .iter()
            .find(|(text, _)| visitor.user_agent.contains(text))
            .map(|(_, name)| *name)
    };
    if let Some(os) = named(&SYSTEMS) {
        assert_eq!(click["os"], os, "{click}");
    }
    if let Some(browser) = named(&BROWSER_NAMES) {
        assert_eq!(click["browser"], browser, "{click}");
    }
    assert!(!click["browser"].as_str().unwrap().is_empty(), "{click}");
}

/// The device types agree with the corpus in 99 of 100, and every class of its trade is among the crawlers.
fn right_enough(visitors: &[Visitor<'_>], ids: &[String], clicks: &BTreeMap<&str, &Value>) {
    let told: Vec<(&Visitor<'_>, &Value)> = visitors
        .iter()
        .zip(ids)
        .map(|(v, id)| (v, clicks[id.as_str()]))
        .collect();
    let persons: Vec<_> = told.iter().filter(|(v, _)| v.device.is_some()).collect();
    let other: Vec<_> = persons
        .iter()
        .filter(|(v, c)| c["device"].as_str() != v.device)
        .map(|(_, c)| c)
        .collect();
    assert!(other.len() * 100 <= persons.len(), "{other:?}");
    let classes = tally(told.iter().filter_map(|(_, c)| c["bot"].as_str()));
    for class in ["crawler", "ai", "preview", "monitor", "script"] {
        assert!(classes.contains_key(class), "{class}: {classes:?}");
    }
}

fn tally<'a>(words: impl Iterator<Item = &'a str>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    words.for_each(|word| *counts.entry(word.to_owned()).or_default() += 1);
    counts
}

/// Gross clicks of a report by its one dimension.
fn counts(report: &Value, dimension: &str) -> BTreeMap<String, u64> {
    let rows = report["rows"].as_array().unwrap().iter();
    let pairs = rows.map(|row| {
        let word = row[dimension].as_str().unwrap_or_else(|| panic!("{row}"));
        (word.to_owned(), row["gross_click"].as_u64().unwrap())
    });
    pairs.collect()
}
