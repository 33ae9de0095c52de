//! The other doors of the public listener: what is no click, who is not believed, pixels, the tracking API.

use serde_json::{Value, json};

use super::World;
use super::bench::Bench;
use super::support::catalog::{Link, PERSON, click_id_of};
use super::support::export;
use super::support::metrics::Metrics;

const UNCOUNTED: [&str; 2] = ["weir_folded", "weir_connections"];

fn grown(world: &World, before: &Metrics, expect: &[(&str, &str, &str)], told: &str) {
    let counted = Metrics::of(&world.server).all_grown(before, &UNCOUNTED);
    let name =
        |(name, label, value): &(&str, &str, &str)| (format!("{name}{{{label}=\"{value}\"}}"), 1.0);
    assert_eq!(counted, expect.iter().map(name).collect(), "{told}");
}

fn facts_of(mut world: World, kind: &str) -> Vec<Value> {
    world.server.terminate();
    let mut facts = export(&world.data());
    facts.retain(|f| f["kind"] == kind);
    facts
}

/// A campaign that takes everybody.
fn open_link(world: &mut World) -> Link {
    let advertiser = world.admin.advertiser(json!({})).id;
    let offer = world
        .admin
        .offer(&advertiser, json!({"referrer_policy": "origin"}));
    world.admin.campaign(&[&offer.id], json!({}))
}

#[test]
fn what_is_no_click_is_answered_and_counted_but_not_recorded() {
    let mut world = World::new("");
    let link = open_link(&mut world).link;
    let path = format!("/c/{link}?sub1=a");
    let not_clicks = "weir_not_clicks_total";

    let before = Metrics::of(&world.server);
    let head = world.ask("HEAD", &path, &[("User-Agent", PERSON)], "");
    assert_eq!(head.status, 302);
    let location = head.header("location").unwrap();
    assert!(
        location.contains("?click=&"),
        "an empty click id: {location}"
    );
    grown(&world, &before, &[(not_clicks, "reason", "head")], "HEAD");

    let prefetches = [
        ("Sec-Purpose", "prefetch;anonymous-client-ip"),
        ("Purpose", "prefetch"),
        ("X-Purpose", "preview"),
        ("X-Moz", "prefetch"),
    ];
    for (name, value) in prefetches {
        let before = Metrics::of(&world.server);
        let answer = world.ask("GET", &path, &[("User-Agent", PERSON), (name, value)], "");
        assert_eq!(
            (answer.status, answer.header("cache-control")),
            (403, Some("no-store")),
            "{name}"
        );
        assert_eq!(answer.header("location"), None);
        grown(&world, &before, &[(not_clicks, "reason", "prefetch")], name);
    }
    let nowhere = [
        ("/c/nosuchlink", "unknown_link"),
        ("/c/", "unknown_link"),
        ("/o/1?cid=x", "unknown_path"),
        ("/", "unknown_path"),
        ("/v1/offers", "unknown_path"),
    ];
    for (path, reason) in nowhere {
        let before = Metrics::of(&world.server);
        let answer = world.click(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("does not lead anywhere"), "{path}");
        grown(&world, &before, &[(not_clicks, "reason", reason)], path);
    }
    for (method, path, allow) in [
        ("POST", path.as_str(), "GET, HEAD"),
        ("PUT", "/postback", "GET, POST"),
        ("DELETE", "/px", "GET, POST"),
        ("GET", "/v1/track/click", "POST"),
        ("POST", "/postback/status/x", "GET"),
    ] {
        let answer = world.ask(method, path, &[], "");
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some(allow)),
            "{method} {path}"
        );
        assert_eq!(answer.json()["code"], "method_not_allowed");
    }
    assert_eq!(facts_of(world, "clicked"), Vec::<Value>::new());
}

#[test]
fn a_test_click_shows_its_id_and_is_in_no_report() {
    let mut world = World::new("");
    let link = open_link(&mut world).link;
    let answer = world.click(&format!(
        "/c/{link}?test=1&sub1=a&source=s&click_id=theirs&gclid=g&utm_source=u"
    ));
    assert_eq!(
        (answer.status, answer.header("referrer-policy")),
        (302, Some("origin"))
    );
    let id = answer.header("x-weir-click").unwrap().to_owned();
    assert_eq!(id, click_id_of(&answer));
    let real = world.click(&format!("/c/{link}"));
    assert_eq!(real.header("x-weir-click"), None);
    let real = click_id_of(&real);
    assert_eq!(world.admin.totals(&["gross_click"]), [json!(1)]);
    let clicks = facts_of(world, "clicked");
    let by_id = |id: &str| clicks.iter().find(|c| c["click_id"] == id).unwrap();
    let test = by_id(&id);
    assert_eq!(
        (&test["test"], &by_id(&real)["test"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&test["sub"], &test["source"], &test["aff_click_id"]),
        (&json!({"1": "a"}), &json!("s"), &json!("theirs"))
    );
    assert_eq!(
        (&test["ad_ids"], &test["utm"]),
        (&json!({"gclid": "g"}), &json!({"utm_source": "u"}))
    );
}

#[test]
fn macros_cannot_put_a_header_or_another_host_into_the_answer() {
    let mut world = World::new("");
    let advertiser = world.admin.advertiser(json!({})).id;
    let url = "https://shop.example/{sub2}?a={sub1}&r={referrer}&c={affiliate_click_id}";
    let offer = world.admin.offer(&advertiser, json!({"url": url}));
    let link = world.admin.campaign(&[&offer.id], json!({})).link;
    for value in [
        "%0d%0aSet-Cookie:%20a=b",
        "%0D%0A%0D%0A%3Cscript%3E",
        "//evil.example/",
        "%2F%2Fevil.example",
        "@evil.example",
        "%00%01%7f%ff",
        "https://evil.example/?x=%7Bclick_id%7D",
        "%E2%80%A8line",
    ] {
        let answer = world.click(&format!(
            "/c/{link}?sub1={value}&sub2={value}&aff_click_id={value}"
        ));
        let location = answer.header("location").unwrap();
        assert!(
            location.starts_with("https://shop.example/"),
            "{value}: {location}"
        );
        let rest = &location["https://shop.example/".len()..];
        assert!(
            !rest.contains("//") && !rest.contains(['@', '<', ' ', '{']),
            "{value}: {location}"
        );
    }
}

/// No or wrong token, bad signature, address not allowed.
#[test]
fn whoever_is_not_believed_gets_401_bad_token_and_leaves_only_a_count() {
    let mut bench = Bench::new();
    let link = bench.link(json!({}));
    let click = bench.click(&link);
    let signs = json!({"postback_auth": "hmac"});
    let signs = bench.world.admin.advertiser(signs);
    let signed = bench.link_of(&signs.id, json!({}));
    let of_signed = bench.click(&signed);
    let elsewhere = json!({"postback_ips": ["192.0.2.0/24"]});
    let elsewhere = bench.world.admin.advertiser(elsewhere);
    let of_elsewhere = bench.link_of(&elsewhere.id, json!({}));
    let of_elsewhere = bench.click(&of_elsewhere);
    let wrong = format!("{}0", &bench.shop.token[..bench.shop.token.len() - 1]);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let cases = [
        ("no token", format!("click_id={click}")),
        ("a wrong token", format!("click_id={click}&token={wrong}")),
        ("no token of ours", format!("click_id={click}&token=secret")),
        (
            "the pixel key as token",
            format!("click_id={click}&token={}", bench.shop.pixel_key),
        ),
        ("no signature", format!("click_id={of_signed}&ts={now}")),
        (
            "a bad signature",
            format!("click_id={of_signed}&ts={now}&sig={}", "0".repeat(64)),
        ),
        (
            "a token where a signature is asked for",
            format!("click_id={of_signed}&token={}", signs.token),
        ),
        (
            "an address that is not allowed",
            format!("click_id={of_elsewhere}&token={}", elsewhere.token),
        ),
        (
            "no token and no click of ours",
            "click_id=nobody".to_owned(),
        ),
    ];
    for (name, query) in cases {
        let before = Metrics::of(&bench.world.server);
        let answer = bench
            .world
            .ask("GET", &format!("/postback?{query}"), &[], "");
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (401, &json!("bad_token")),
            "{name}: {answer:?}"
        );
        let expect = [
            ("weir_unauthenticated_total", "reason", "bad_token"),
            ("weir_postbacks_total", "answer", "bad_token"),
        ];
        grown(&bench.world, &before, &expect, name);
    }
    assert_eq!(
        facts_of(bench.world, "conversion_received"),
        Vec::<Value>::new()
    );
}

#[test]
fn a_signed_postback_is_believed_once_its_signature_covers_every_parameter() {
    let mut bench = Bench::new();
    let signs = bench
        .world
        .admin
        .advertiser(json!({"postback_auth": "hmac"}));
    let link = bench.link_of(&signs.id, json!({}));
    let click = bench.click(&link);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let host = bench.world.server.url("/traffic");
    let host = host["http://".len()..]
        .split(':')
        .next()
        .unwrap()
        .to_owned();
    let signature = |query: &str, ts: u64| {
        let base = format!("GET\n{host}\n/postback\n{query}\n{ts}");
        hex_hmac(signs.secret.as_bytes(), base.as_bytes())
    };
    // Sorted by name, as the signature wants it.
    let query = format!("amount=9&click_id={click}&ts={now}&txid=h1");
    let sig = signature(&query, now);
    let stale = now - 400;
    let stale_query = format!("click_id={click}&ts={stale}");
    let cases = [
        (format!("{query}&sig={sig}"), 200),
        (
            format!("{}&sig={sig}", query.replace("amount=9", "amount=90")),
            401,
        ),
        (format!("{query}&status=approved&sig={sig}"), 401),
        (
            format!("{stale_query}&sig={}", signature(&stale_query, stale)),
            401,
        ),
    ];
    for (query, status) in cases {
        let answer = bench
            .world
            .ask("GET", &format!("/postback?{query}"), &[], "");
        assert_eq!(answer.status, status, "{query}: {answer:?}");
    }
    // What the body says is signed too: a signed URL takes no other body.
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let mut signed_body = |body: &str, base: &str| {
        let sig = hex_hmac(signs.secret.as_bytes(), base.as_bytes());
        bench.world.ask(
            "POST",
            &format!("/postback?ts={now}&sig={sig}"),
            &form,
            body,
        )
    };
    let post = |parameters: &str| format!("POST\n{host}\n/postback\n{parameters}\n{now}");
    let honest = format!("amount=3&click_id={click}&txid=h2");
    let base = post(&format!("amount=3&click_id={click}&ts={now}&txid=h2"));
    assert_eq!(signed_body(&honest, &base).status, 200);
    for forged in [
        honest.replace("amount=3", "amount=300"),
        format!("{honest}&status=approved"),
        format!("{honest}&sum=300"),
    ] {
        assert_eq!(signed_body(&forged, &base).status, 401, "{forged}");
    }
    let only_ts = post(&format!("ts={now}"));
    assert_eq!(signed_body(&honest, &only_ts).status, 401);
    let twice = post(&format!(
        "amount=3&amount=4&click_id={click}&ts={now}&txid=h3"
    ));
    let of_twice = format!("amount=4&amount=3&click_id={click}&txid=h3");
    assert_eq!(signed_body(&of_twice, &twice).status, 401);
    let received = facts_of(bench.world, "conversion_received");
    assert_eq!((received.len(), &received[0]["auth"]), (2, &json!("hmac")));
}

fn hex_hmac(key: &[u8], text: &[u8]) -> String {
    use hmac::{KeyInit, Mac};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn a_postback_may_be_a_query_a_form_or_json_in_canonical_or_legacy_names() {
    let mut bench = Bench::new();
    let link = bench.link(json!({"goals": [{"name": "lead"}]}));
    let token = bench.shop.token.clone();
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let json_type = ("Content-Type", "application/json; charset=utf-8");
    let names = [
        ("click_id", "amount", "txid", "event"),
        ("clickid", "payout", "order_id", "goal"),
        ("transaction_id", "sum", "tid", "et"),
        ("cid", "revenue", "txid", "goal"),
        ("subid", "amount", "tid", "event"),
    ];
    let mut expected = Vec::new();
    for (round, (click_name, amount, txid, event)) in names.into_iter().enumerate() {
        for way in ["query", "form", "json"] {
            let click = bench.click(&link);
            let own = format!("{way}{round}");
            let pairs = format!(
                "{click_name}={click}&{amount}=7.50&{txid}={own}&{event}=lead&token={token}"
            );
            let answer = match way {
                "query" => bench
                    .world
                    .ask("GET", &format!("/postback?{pairs}"), &[], ""),
                "form" => bench.world.ask("POST", "/postback", &[form], &pairs),
                _ => {
                    let body = json!({click_name: click, amount: 7.5, txid: own, event: "lead", "token": token});
                    bench
                        .world
                        .ask("POST", "/postback", &[json_type], &body.to_string())
                }
            };
            assert_eq!(
                answer.json()["outcome"],
                "applied",
                "{way} {pairs}: {answer:?}"
            );
            expected.push((click, own));
        }
    }
    let click = bench.click(&link);
    let query = format!("/postback?subid=nobody&click_id={click}&sum=1&amount=2&token={token}");
    let answer = bench
        .world
        .ask("POST", &query, &[form], "amount=3&click_id=nobody");
    assert_eq!(
        answer.json()["outcome"],
        "applied",
        "the canonical name wins, the query before the body: {answer:?}"
    );
    let received = facts_of(bench.world, "conversion_received");
    for (click, txid) in &expected {
        let one = received
            .iter()
            .find(|r| r["click_id"] == click.as_str())
            .unwrap();
        assert_eq!(
            (&one["txid"], &one["event"]),
            (&json!(txid), &json!("lead")),
            "{one}"
        );
        assert!(
            matches!(one["amount"].as_str(), Some("7.50" | "7.5")),
            "{one}"
        );
        assert!(!one.to_string().contains(&token), "{one}");
    }
    let last = received
        .iter()
        .find(|r| r["click_id"] == click.as_str())
        .unwrap();
    assert_eq!(last["amount"], "2", "{last}");
}

#[test]
fn a_pixel_is_always_a_gif_and_says_the_verdict_in_a_header() {
    let mut bench = Bench::new();
    let (link, approved) = (
        bench.link(json!({})),
        bench.link(json!({"default_status": "approved"})),
    );
    let (click, of_approved) = (bench.click(&link), bench.click(&approved));
    let key = bench.shop.pixel_key.clone();
    let cases = [
        (format!("click_id={click}&key={key}"), "applied"),
        (format!("click_id={of_approved}&key={key}"), "applied"),
        (format!("click_id={click}&key={key}"), "duplicate"),
        (
            format!("click_id=nobody&key={key}"),
            "rejected; reason=unknown_click",
        ),
        (format!("key={key}"), "unreadable; field=click_id"),
        (format!("click_id={click}"), "bad_token"),
        (format!("click_id={click}&key=wrong"), "bad_token"),
    ];
    for (query, outcome) in cases {
        let answer = bench.world.ask("GET", &format!("/px?{query}"), &[], "");
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("image/gif")),
            "{query}"
        );
        assert!(answer.body.starts_with("GIF89a"), "{query}");
        assert_eq!(answer.header("x-weir-outcome"), Some(outcome), "{query}");
    }
    let of = |click: &str| format!("/v1/conversions?click_id={click}");
    for (click, status) in [(&click, "pending"), (&of_approved, "approved")] {
        let listed = bench.world.admin.get(&of(click));
        assert_eq!(listed["items"][0]["status"], status, "{listed}");
    }
}

#[test]
fn the_tracking_api_decides_like_a_click_and_asks_for_a_key() {
    let mut world = World::new("");
    let link = open_link(&mut world).link;
    let read_only = json!({"name": "R", "scopes": ["catalog:read"]});
    let key = |world: &mut World, body: Value| {
        world.admin.make("/v1/api-keys", body)["api_key"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (reads, tracks) = (
        key(&mut world, read_only),
        key(&mut world, json!({"name": "T", "scopes": ["track"]})),
    );
    let said = json!({"link": link, "sub1": "s1", "ip": "8.8.8.8", "user_agent": PERSON, "referrer": "https://a.example/x", "language": "de-AT"});
    let ask = |world: &mut World, key: Option<&str>, body: &Value| {
        let bearer = key.map(|k| format!("Bearer {k}"));
        let headers: Vec<(&str, &str)> = bearer
            .iter()
            .map(|b| ("Authorization", b.as_str()))
            .collect();
        world.ask("POST", "/v1/track/click", &headers, &body.to_string())
    };
    for (key, status, code) in [
        (None, 401, "unauthorized"),
        (Some("weir_live_x"), 401, "unauthorized"),
        (Some(reads.as_str()), 403, "forbidden"),
    ] {
        let answer = ask(&mut world, key, &said);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (status, &json!(code)),
            "{answer:?}"
        );
    }
    let mut elsewhere = said.clone();
    elsewhere["link"] = json!("nosuchlink");
    assert_eq!(ask(&mut world, Some(&tracks), &elsewhere).status, 404);
    assert_eq!(
        ask(&mut world, Some(&tracks), &json!({"link": link})).status,
        400
    );
    let answer = ask(&mut world, Some(&tracks), &said);
    let body = answer.json();
    assert_eq!(answer.status, 200, "{body}");
    assert!(
        body["destination"]
            .as_str()
            .unwrap()
            .contains(body["click_id"].as_str().unwrap()),
        "{body}"
    );
    assert_eq!(body["propensity"], 1.0);
    let clicks = facts_of(world, "clicked");
    assert_eq!(clicks.len(), 1, "{clicks:?}");
    let click = &clicks[0];
    assert_eq!(
        (&click["click_id"], &click["arm"]),
        (&body["click_id"], &body["arm"])
    );
    let seen = (
        &click["country"],
        &click["device"],
        &click["ip"],
        &click["language"],
        &click["sub"]["1"],
    );
    assert_eq!(
        seen,
        (
            &json!("US"),
            &json!("desktop"),
            &json!("8.8.8.0"),
            &json!("de-at"),
            &json!("s1")
        )
    );
}
