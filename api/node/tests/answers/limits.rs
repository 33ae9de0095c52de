//! The limits of the public listener: what is larger, slower or more than it takes is turned away with its status,
//! counted, and never with a fault of ours.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::World;
use super::bench::Bench;
use super::support::metrics::{Metrics, until};
use super::support::{Client, Server};

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(&server.url("/traffic")["http://".len()..]).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream
}

/// The whole answer to these bytes, or nothing when the connection was just closed.
fn answer_to(server: &Server, request: &[u8]) -> String {
    let mut stream = connect(server);
    // The server may have had enough before all of it is written.
    drop(stream.write_all(request));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

fn status_of(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok());
    status.unwrap_or_else(|| panic!("no HTTP: {answer:?}"))
}

fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

#[test]
fn what_is_too_large_or_cannot_be_read_is_refused_with_its_status_and_counted() {
    let world = World::new("");
    let long_url = format!("/postback?adv1={}", "a".repeat(8 << 10));
    let url_of = |bytes: usize| format!("/postback?a={}", "a".repeat(bytes - "/postback?a=".len()));
    let block = |bytes: usize| format!("X-Long: {}\r\n", "a".repeat(bytes));
    let many = |count: usize| {
        (0..count)
            .map(|n| format!("X-{n}: a\r\n"))
            .collect::<String>()
    };
    let cases: [(&str, Vec<u8>, u16, &str); 15] = [
        ("a URL of 8 kB is read", get(&url_of(8 << 10), ""), 400, "click_id"),
        ("a longer URL", get(&long_url, ""), 414, "uri_too_long"),
        ("a header block of 15 kB is read", get("/postback", &block(15 << 10)), 400, "click_id"),
        ("a header block over 16 kB", get("/postback", &block(17 << 10)), 431, "headers_too_large"),
        ("a header block over the whole buffer", get("/postback", &block(200 << 10)), 431, "malformed"),
        ("60 headers are read", get("/postback", &many(60)), 400, "click_id"),
        ("more than 64 headers", get("/postback", &many(70)), 431, "malformed"),
        ("no HTTP at all", b"hello, is anybody there\r\n\r\n".to_vec(), 400, "malformed"),
        ("a method that is none", b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 400, "malformed"),
        ("two hosts", b"GET /c/x HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n".to_vec(), 400, "malformed"),
        ("no host", b"GET /c/x HTTP/1.1\r\n\r\n".to_vec(), 400, "malformed"),
        ("a folded header", get("/postback", "X-A: a\r\n b\r\n"), 400, "malformed"),
        ("a header name with a space", get("/postback", "X A: a\r\n"), 400, "malformed"),
        ("two lengths", b"POST /postback HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_vec(), 400, "malformed"),
        ("a length and chunks, of which the chunks rule", b"POST /postback HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(), 400, "click_id"),
    ];
    for (name, request, status, reason) in cases {
        let before = Metrics::of(&world.server);
        let answer = answer_to(&world.server, &request);
        // Who still writes when the connection is closed may not see why.
        let may_be_cut = request.len() > 64 << 10 && answer.is_empty();
        assert!(
            may_be_cut || status_of(&answer) == status,
            "{name}: {answer}"
        );
        let counter = format!("weir_bad_requests_total{{reason=\"{reason}\"}}");
        until(name, || {
            Metrics::of(&world.server).grown(&before, &counter) == 1.0
        });
    }
}

/// A name, headers, a body, the status.
type Body<'a> = (&'a str, &'a [(&'a str, &'a str)], String, u16);

#[test]
fn bodies_have_a_size_an_encoding_a_depth_and_a_number_of_parameters() {
    let mut bench = Bench::new();
    let link = bench.link(json!({}));
    let click = bench.click(&link);
    let token = bench.shop.token.clone();
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let json_type = ("Content-Type", "application/json");
    let padded = |bytes: usize| {
        let pairs = format!("click_id={click}&token={token}&adv1=");
        format!("{pairs}{}", "a".repeat(bytes - pairs.len()))
    };
    let nested = |depth: usize| {
        format!(
            "{{\"click_id\":\"{click}\",\"token\":\"{token}\",\"x\":{}{}}}",
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    let parameters =
        |count: usize| format!("click_id={click}&token={token}{}", "&a=1".repeat(count - 2));
    let gzip = [form, ("Content-Encoding", "gzip")];
    let cases: [Body<'_>; 8] = [
        ("64 kB are read", &[form], padded(64 << 10), 200),
        ("more is not", &[form], padded((64 << 10) + 1), 413),
        ("an encoded body is not read", &gzip, padded(200), 415),
        ("64 parameters are read", &[form], parameters(64), 200),
        ("more are not", &[form], parameters(65), 400),
        ("JSON of 32 levels is read", &[json_type], nested(32), 200),
        ("deeper is not", &[json_type], nested(33), 400),
        (
            "half of a JSON object",
            &[json_type],
            "{\"click_id\":".to_owned(),
            400,
        ),
    ];
    for (name, headers, body, status) in cases {
        let answer = bench.world.ask("POST", "/postback", headers, &body);
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        if status != 200 {
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json"),
                "{name}"
            );
            assert!(answer.json()["code"].is_string(), "{name}");
        }
    }
    let of_click = format!("/c/{}?{}", link.link, "a=1&".repeat(65));
    assert_eq!(
        bench.world.click(&of_click).status,
        400,
        "a click has no more either"
    );

    let mut endless = format!(
        "POST /postback?click_id={click} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for _ in 0..9 {
        endless.extend(format!("2000\r\n{}\r\n", "a".repeat(0x2000)).bytes());
    }
    let answer = answer_to_open_end(&bench.world.server, &endless);
    assert_eq!(
        status_of(&answer),
        413,
        "a body that does not say its length: {answer}"
    );
}

/// The first bytes of an answer to a request that is not over.
fn answer_to_open_end(server: &Server, request: &[u8]) -> String {
    let mut stream = connect(server);
    drop(stream.write_all(request));
    let mut first = vec![0; 1_024];
    let read = stream.read(&mut first).unwrap_or(0);
    String::from_utf8_lossy(&first[..read]).into_owned()
}

/// How long a connection was kept open that sends `first` and then, again and again, `more`.
fn kept(server: &Server, first: &[u8], more: &[u8]) -> (Duration, String) {
    let started = Instant::now();
    let mut stream = connect(server);
    stream.write_all(first).unwrap();
    let mut answer = Vec::new();
    let mut bytes = [0; 1_024];
    let pause = if more.is_empty() {
        Duration::from_secs(60)
    } else {
        Duration::from_millis(500)
    };
    stream.set_read_timeout(Some(pause)).unwrap();
    while started.elapsed() < Duration::from_secs(60) {
        match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => answer.extend(&bytes[..read]),
            Err(e)
                if matches!(
                    e.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                ) =>
            {
                if stream.write_all(more).is_err() {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    (
        started.elapsed(),
        String::from_utf8_lossy(&answer).into_owned(),
    )
}

/// A name, what is sent at first and then again and again, seconds until it is closed, what is answered before.
type Slow = (
    &'static str,
    &'static [u8],
    &'static [u8],
    u64,
    &'static str,
);

#[test]
fn whoever_is_silent_or_slow_is_closed_after_its_time_while_others_are_served() {
    let mut world = World::new("");
    let cases: [Slow; 4] = [
        ("silent since it connected", b"", b"", 5, ""),
        (
            "a head that drips",
            b"GET /c/x HTTP/1.1\r\nHost: x\r\nX-A: ",
            b"a",
            5,
            "",
        ),
        (
            "a body that drips",
            b"POST /postback HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\na",
            b"a",
            10,
            "HTTP/1.1 408",
        ),
        (
            "idle after an answer",
            b"GET /c/x HTTP/1.1\r\nHost: x\r\n\r\n",
            b"",
            15,
            "HTTP/1.1 404",
        ),
    ];
    let before = Metrics::of(&world.server);
    let server = &world.server;
    std::thread::scope(|scope| {
        let slow: Vec<_> = cases
            .iter()
            .map(|(name, first, more, seconds, told)| {
                scope.spawn(move || {
                    let (elapsed, answer) = kept(server, first, more);
                    assert!(answer.starts_with(told), "{name}: {answer}");
                    assert!(
                        elapsed >= Duration::from_millis(seconds * 1_000 - 500),
                        "{name}: closed after {elapsed:?}"
                    );
                    assert!(elapsed < Duration::from_secs(55), "{name}: not closed");
                })
            })
            .collect();
        let mut client = Client::new(&server.url("/traffic"));
        while !slow.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            assert_eq!(client.get("/c/x").unwrap().status, 404);
        }
    });
    let closed = "weir_connections_closed_total{reason=\"patience\"}";
    until("three were closed for want of patience", || {
        Metrics::of(&world.server).grown(&before, closed) >= 3.0
    });
    assert_eq!(world.click("/c/x").status, 404);
}

#[test]
fn more_connections_than_allowed_are_closed_and_counted_and_the_rest_are_served() {
    let world = World::new("[edge]\nmax_connections = 4\n");
    let open = || {
        let mut client = Client::new(&world.server.url("/traffic"));
        client.get("/c/x").map(|answer| (client, answer.status))
    };
    let mut held = Vec::new();
    until("the allowed number is open", || {
        held.extend(open().ok());
        held.len() == 4
    });
    let before = Metrics::of(&world.server);
    for _ in 0..3 {
        assert!(open().is_err(), "one more than allowed");
    }
    let closed = "weir_connections_closed_total{reason=\"all\"}";
    assert_eq!(Metrics::of(&world.server).grown(&before, closed), 3.0);
    for (client, status) in &mut held {
        assert_eq!((*status, client.get("/c/x").unwrap().status), (404, 404));
    }
    held.pop();
    until("the place that was given up is taken", || open().is_ok());
}

#[test]
fn what_cannot_be_read_is_counted_the_same_at_every_door_and_a_pixel_stays_a_gif() {
    let mut world = World::new("");
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let json_type = ("Content-Type", "application/json");
    let gzip = [form, ("Content-Encoding", "gzip")];
    let (large, many) = ("a".repeat((64 << 10) + 1), "a=1&".repeat(65));
    type Headers<'h> = &'h [(&'h str, &'h str)];
    let cases: [(Headers<'_>, &str, u16, &str, &str); 5] = [
        (&[form], &large, 413, "code", "body_too_large"),
        (&gzip, "click_id=x", 415, "code", "content_encoding"),
        (&[json_type], "{\"click_id\":", 400, "field", "body"),
        (&[form], &many, 400, "field", "query"),
        (&[form], "amount=1", 400, "field", "click_id"),
    ];
    for (headers, body, status, what, why) in cases {
        for path in ["/postback", "/px"] {
            let before = Metrics::of(&world.server);
            let answer = world.ask("POST", path, headers, body);
            if path == "/px" {
                let outcome = format!("unreadable; {what}={why}");
                assert_eq!(answer.status, 200, "{why}: {answer:?}");
                assert!(answer.body.starts_with("GIF89a"), "{why}");
                assert_eq!(answer.header("x-weir-outcome"), Some(&*outcome));
            } else {
                assert_eq!(answer.status, status, "{why}: {answer:?}");
            }
            let expect = [
                (format!("weir_bad_requests_total{{reason=\"{why}\"}}"), 1.0),
                (
                    "weir_postbacks_total{answer=\"unreadable\"}".to_owned(),
                    1.0,
                ),
            ];
            let uncounted = ["weir_folded", "weir_connections"];
            let counted = Metrics::of(&world.server).all_grown(&before, &uncounted);
            assert_eq!(counted, expect.into(), "{path} {why}");
        }
    }
}

#[test]
fn an_address_that_proves_nothing_again_and_again_is_held_up_and_a_token_never_is() {
    let mut world = World::new("[edge]\ntrusted_proxies = [\"127.0.0.0/8\"]\n");
    let advertiser = world.admin.advertiser(json!({}));
    let from = |address: &'static str| [("X-Forwarded-For", address)];
    let guess = "/postback?click_id=00000000000000000000000000000000&token=pbt_4000001_x";
    let bare = "/postback?click_id=00000000000000000000000000000000";
    let pixel = bare.replace("/postback", "/px");
    let before = Metrics::of(&world.server);
    let mut sent = 0;
    for path in [guess, bare, &pixel] {
        // What is given back meanwhile is used up in turn.
        let refused = loop {
            let answer = world.ask("GET", path, &from("203.0.113.9"), "");
            sent += 1;
            assert!(sent < 50_000, "{path} is never held up");
            match (answer.status, answer.header("x-weir-outcome")) {
                (401, None) | (200, Some("bad_token")) => {}
                _ => break answer,
            }
        };
        let outcome = refused.header("x-weir-outcome");
        let waits = refused.header("retry-after").is_some();
        let expect = match path.starts_with("/px") {
            true => (200, Some("rate_limit"), false),
            false => (429, None, true),
        };
        assert_eq!((refused.status, outcome, waits), expect, "{path}");
    }
    assert!(sent > 2_000, "held up after {sent}");
    let counted = "weir_postbacks_total{answer=\"rate_limit\"}";
    assert_eq!(Metrics::of(&world.server).grown(&before, counted), 3.0);
    let good = format!("{bare}&token={}", advertiser.token);
    for (path, address, status) in [
        (&*good, "203.0.113.9", 200),
        (bare, "203.0.113.10", 401),
        (bare, "not an address", 401),
    ] {
        let answer = world.ask("GET", path, &[("X-Forwarded-For", address)], "");
        assert_eq!(answer.status, status, "{path} from {address}: {answer:?}");
    }
}
