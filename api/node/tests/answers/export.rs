//! The log as JSON: where clicks were sent, and which keys a line has.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use weir_engine::template::Macro;

use super::World;
use super::bench::{Bench, applied, refused};
use super::support::catalog::{Link, PERSON};
use super::support::{export, weir};
use weir_engine::fact::ConversionStatus::{Approved, Rejected};
use weir_engine::judge::{ConversionReason, Outcome};

const TRUSTED: &str = "[edge]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";

/// Clicks by what stands in `sub1`, with the `Location` that each was answered.
struct Clicks {
    world: World,
    answered: BTreeMap<String, Option<String>>,
}

impl Clicks {
    fn click(&mut self, link: &Link, query: &str) -> Option<String> {
        let tag = format!("c{}", self.answered.len());
        let path = format!("/c/{}?sub1={tag}&{query}", link.link);
        let referrer = format!("https://blog.example/?q={}", "long".repeat(240));
        let headers = [
            ("User-Agent", PERSON),
            ("Referer", referrer.as_str()),
            ("X-Forwarded-For", "8.8.8.8"),
        ];
        let answer = self.world.ask("GET", &path, &headers, "");
        let location = answer.header("location").map(str::to_owned);
        let asked = self.world.ask("HEAD", &path, &headers, "");
        assert_eq!(asked.status, answer.status, "HEAD {path}");
        self.answered.insert(tag, location.clone());
        location
    }

    /// A click that goes to an address that begins like this.
    fn click_to(&mut self, link: &Link, query: &str, expect: &str) {
        let location = self.click(link, query).unwrap_or_default();
        assert!(location.starts_with(expect), "{expect}: {location}");
    }
}

/// Each click of an export has the URL that it was answered.
fn compare(facts: &[Value], answered: &BTreeMap<String, Option<String>>, told: &str) {
    let clicks: Vec<&Value> = facts.iter().filter(|f| f["kind"] == "clicked").collect();
    assert_eq!(clicks.len(), answered.len(), "{told}: HEAD is no click");
    for click in clicks {
        let tag = click["sub"]["1"].as_str().unwrap();
        assert_eq!(click["url"], json!(answered[tag]), "{told}: {click}");
    }
}

/// A destination with every macro there is, twice as many as a URL has room for when values are long.
fn url_of_everything() -> String {
    let names: Vec<Macro> = Macro::all().filter(|m| m.is_known_at_click()).collect();
    let pairs: Vec<String> = names.iter().map(|m| format!("{m}={{{m}}}")).collect();
    format!(
        "https://shop.example/{{country}}/{{sub2}}/x?{}",
        pairs.join("&")
    )
}

/// Values for all of them.
fn query_of_everything(fill: &str) -> String {
    let subs = (2..=20).map(|n| format!("sub{n}=s{n}%20%C3%A9%26{fill}"));
    let ids = [
        "gclid", "gbraid", "wbraid", "fbclid", "ttclid", "msclkid", "source",
    ];
    let ids = ids.iter().map(|n| format!("{n}={n}-{fill}"));
    let all: Vec<String> = subs
        .chain(ids)
        .chain(["click_id=theirs".to_owned()])
        .collect();
    all.join("&")
}

/// Links of every kind of destination; the last leads nowhere.
struct Links {
    offer: Link,
    everything: Link,
    own_url: Link,
    drawn: Link,
    of_flow: Link,
    offers_fallback: Link,
    campaigns_fallback: Link,
    nowhere: Link,
}

fn furnish(world: &mut World) -> Links {
    let advertiser = world.admin.advertiser(json!({})).id;
    let admin = &mut world.admin;
    let offer = admin.offer(
        &advertiser,
        json!({"name": "Shoes & more", "url": url_of_everything()}),
    );
    let paused = admin.offer(&advertiser, json!({"status": "paused"}));
    let body = json!({"status": "paused", "fallback_url": "https://offer.example/?c={click_id}&o={offer_id}&n={offer_name}&r={rand}"});
    let with_fallback = admin.offer(&advertiser, body);
    let arms = json!([{"offer_id": offer.id, "url": "https://arm.example/?c={click_id}&o={offer_id}&a={advertiser_id}&r={rand}"},
        {"offer_id": offer.id, "weight": 3}]);
    let flow_arms =
        json!([{"offer_id": offer.id, "url": "https://flow.example/?c={click_id}&s={sub1}"}]);
    let flows = json!([{"name": "F", "kind": "forced", "match": {}, "distribution": {"mode": "fixed"}, "arms": flow_arms}]);
    let fallback = json!({"fallback_url": "https://campaign.example/?c={click_id}&k={campaign_id}&d={device_type}"});
    Links {
        everything: admin.campaign(&[&offer.id], json!({})),
        own_url: admin.campaign(&[], json!({"arms": [arms[0].clone()]})),
        drawn: admin.campaign(&[], json!({"arms": arms})),
        of_flow: admin.campaign(&[&offer.id], json!({"flows": flows})),
        offers_fallback: admin.campaign(&[&with_fallback.id], fallback.clone()),
        campaigns_fallback: admin.campaign(&[&paused.id], fallback),
        nowhere: admin.campaign(&[&paused.id], json!({})),
        offer,
    }
}

fn click_all(clicks: &mut Clicks, links: &Links, affiliate: &str, shop: &str) {
    let by = format!("aff={affiliate}");
    clicks.click_to(&links.everything, &query_of_everything(""), shop);
    let long = query_of_everything(&":/".repeat(90));
    clicks.click_to(&links.everything, &long, shop);
    clicks.click_to(&links.offer, &by, shop);
    for _ in 0..6 {
        clicks.click_to(&links.drawn, &by, "https://");
    }
    clicks.click_to(&links.own_url, &by, "https://arm.example/?c=");
    clicks.click_to(&links.of_flow, &by, "https://flow.example/?c=");
    clicks.click_to(&links.offers_fallback, &by, "https://offer.example/?c=");
    clicks.click_to(
        &links.campaigns_fallback,
        &by,
        "https://campaign.example/?c=",
    );
    clicks.click_to(
        &links.campaigns_fallback,
        "aff=nobody",
        "https://campaign.example/?c=",
    );
}

#[test]
fn an_exported_click_has_the_url_that_it_was_answered_also_after_everything_was_edited() {
    let mut world = World::new(TRUSTED);
    let links = furnish(&mut world);
    let affiliate = world.admin.affiliate("approved");
    let tenant = format!("/v1/tenants/{}", world.tenant);
    let mut clicks = Clicks {
        world,
        answered: BTreeMap::new(),
    };
    click_all(&mut clicks, &links, &affiliate, "https://shop.example/");
    assert_eq!(clicks.click(&links.nowhere, ""), None);
    let before_edits = clicks.answered.clone();

    let admin = &mut clicks.world.admin;
    let new_url = json!({"url": "https://new.example/?c={click_id}&i={ip}", "name": "Boots"});
    admin.change(&format!("/v1/offers/{}", links.offer.id), new_url);
    let other = json!({"fallback_url": "https://tenant.example/?t={unix}&c={click_id}"});
    admin.change(&tenant, other);
    click_all(&mut clicks, &links, &affiliate, "https://new.example/");
    clicks.click_to(&links.nowhere, "", "https://tenant.example/?t=");

    clicks.world.server.terminate();
    let data = clicks.world.data();
    let facts = export(&data);
    compare(&facts, &clicks.answered, "all");

    // Earlier configuration is known to a part of the log as well.
    let first = format!("c{}", before_edits.len());
    let from = facts.iter().find(|f| f["sub"]["1"] == first.as_str());
    let from = from.unwrap()["at"].as_str().unwrap();
    let part = ["journal", "export", "--tenant", &clicks.world.tenant];
    let part = weir(&data, &[&part[..], &["--from", from]].concat());
    let part = String::from_utf8(part.stdout).unwrap();
    let part: Vec<Value> = part
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let mut late = clicks.answered.clone();
    late.retain(|tag, _| !before_edits.contains_key(tag));
    compare(&part, &late, "a part");
}

/// The keys that a line of each kind has, beside the common ones.
const KEYS: [(&str, &str); 6] = [
    (
        "clicked",
        "click_id campaign_id link flow_id wanted_offer_id offer_id offer_version arm lander_id affiliate_id visitor \
         country region city isp language device os os_version browser browser_version bot propensity policy_version \
         eligible config_version url sub source aff_click_id ip user_agent referrer ad_ids utm cost test outcome reason",
    ),
    ("click_judged", "derived click_id unique valid reason"),
    (
        "conversion_received",
        "received_id advertiser_id click_id event txid amount currency status occurred_at adv raw ip auth warnings",
    ),
    (
        "conversion_judged",
        "derived conversion_id received_id outcome status reason click_id campaign_id offer_id offer_version \
         affiliate_id goal sale_amount sale_currency payout payout_currency revenue revenue_currency fx_rate_id rule_id",
    ),
    (
        "conversion_status_changed",
        "conversion_id from to reason by",
    ),
    ("config_changed", "entity id version by body"),
];

#[test]
fn a_line_of_a_kind_has_all_its_keys_whatever_is_known() {
    let mut bench = Bench::new();
    let link = bench.link(json!({"goals": [{"name": "lead"}]}));
    let click = bench.click(&link);
    bench.row("sold", &click, "amount=5&txid=a", applied(Approved));
    bench.row(
        "again",
        &click,
        "amount=5&txid=a",
        applied(Approved).repeated(),
    );
    bench.row(
        "unknown event",
        &click,
        "event=yacht",
        refused(ConversionReason::UnknownEvent),
    );
    let token = bench.shop.token.clone();
    bench.row_of(
        "unknown click",
        &format!("click_id={}&token={token}", "0".repeat(32)),
        refused(ConversionReason::UnknownClick),
    );
    let updated = applied(Rejected)
        .because(ConversionReason::ByAdvertiser)
        .with_outcome(Outcome::Updated);
    let told = bench.row("taken back", &click, "txid=a&status=rejected", updated);
    let id = told["conversion_id"].as_str().unwrap();
    let decided = json!({"status": "approved", "reason": "looked at"});
    let path = format!("/v1/conversions/{id}/status");
    bench.world.admin.post(&path, decided);

    bench.world.server.terminate();
    let facts = export(&bench.world.data());
    let keys = BTreeMap::from(KEYS);
    let mut seen = BTreeSet::new();
    for line in &facts {
        let kind = line["kind"].as_str().unwrap();
        let named = keys[kind].split_whitespace();
        for key in named.chain(["seq", "partition", "tenant", "at", "kind"]) {
            assert!(line.get(key).is_some(), "{kind} without {key}: {line}");
        }
        seen.insert(kind);
    }
    assert_eq!(seen, keys.keys().copied().collect(), "a line of each kind");
}

#[test]
fn facts_are_no_table_and_the_version_is_what_is_asked_for() {
    let mut world = World::new("");
    world.server.terminate();
    let run = |arguments: &[&str]| {
        let output = weir(&world.data(), arguments);
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), out, err)
    };
    let (code, out, err) = run(&["journal", "export", "--output", "csv"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("NDJSON only"), "{err}");
    let plain = run(&["journal", "export"]);
    assert_eq!(plain.0, Some(0));
    assert_eq!(run(&["journal", "export", "--output", "json"]), plain);

    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(run(&["version"]).1, format!("weir {version}\n"));
    for asked in [&["version", "--output", "json"][..], &["version", "--json"]] {
        let told: Value = serde_json::from_str(&run(asked).1).unwrap();
        assert_eq!(told["version"], version);
    }
    let csv = run(&["version", "--output", "csv"]).1;
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("version,judging_rules,target"));
    assert!(lines.next().is_some_and(|l| l.starts_with(version)));
}
