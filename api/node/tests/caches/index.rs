//! Indices of a test's own on the search server of `WEIR_TEST_SEARCH_URL`, behind a wire, and what the admin API says of
//! them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::sums::number;
use crate::support::Client;
use crate::support::catalog::Admin;
use crate::wire::Wire;

/// The server where none is named: that of `services up search`.
const USUAL: &str = "http://127.0.0.1:19200";

pub struct Index {
    server: String,
    pub wire: Wire,
    pub prefix: String,
}

impl Index {
    /// Nothing yet, under a prefix that no other test has.
    pub fn new() -> Self {
        let server = std::env::var("WEIR_TEST_SEARCH_URL").unwrap_or_else(|_| USUAL.to_owned());
        let server = server.trim_end_matches('/').to_owned();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let index = Self {
            wire: Wire::to(server.strip_prefix("http://").expect("http")),
            prefix: format!("f10_{:x}_{:x}", std::process::id(), now.unwrap().as_nanos()),
            server,
        };
        index.ask("GET", "/", &json!(null));
        index
    }

    /// Settings of a server that is to use it.
    pub fn settings(&self) -> String {
        let (port, prefix) = (self.wire.port, &self.prefix);
        format!("[stores]\nsearch = \"http://127.0.0.1:{port}\"\n[search]\nprefix = \"{prefix}\"\n")
    }

    /// Asks the server itself, not through the wire.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let headers = [("Content-Type", "application/json")];
        let mut client = Client::new(&self.server).with_patience(Duration::from_secs(60));
        let answer = client.send(method, path, &headers, &body);
        let answer = answer.unwrap_or_else(|error| {
            let server = &self.server;
            panic!(
                "no search server at {server} ({error}): actors/stores/services/services up search"
            )
        });
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer.json()
    }

    /// Names of its indices of clicks and conversions.
    pub fn indices(&self) -> Vec<String> {
        let path = format!(
            "/{}-*/_settings/index.uuid?expand_wildcards=all",
            self.prefix
        );
        let found = self.ask("GET", &path, &json!(null));
        let names = found.as_object().unwrap().keys();
        names
            .filter(|name| !name.ends_with("-control"))
            .cloned()
            .collect()
    }

    /// Deletes the indices of clicks and conversions, as somebody does by hand.
    pub fn delete(&self) {
        for name in self.indices() {
            self.ask("DELETE", &format!("/{name}"), &json!(null));
        }
    }

    /// What a server does with the indices of a disk that is nearly full, and then no more.
    pub fn set_read_only(&self, is_read_only: bool) {
        let value = if is_read_only {
            json!(true)
        } else {
            json!(null)
        };
        let path = format!("/{}-*/_settings?expand_wildcards=all", self.prefix);
        self.ask(
            "PUT",
            &path,
            &json!({"index.blocks.read_only_allow_delete": value}),
        );
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // A server that is not there has failed the test already.
        let clean = std::panic::AssertUnwindSafe(|| {
            self.delete();
            for path in ["control", "clicks", "conversions", "by-hand"] {
                let path = match path {
                    "control" => format!("/{}-control", self.prefix),
                    name => format!("/_index_template/{}-{name}", self.prefix),
                };
                let mut client = Client::new(&self.server);
                drop(client.send("DELETE", &path, &[], ""));
            }
        });
        drop(std::panic::catch_unwind(clean));
    }
}

/// An answer to how many clicks there are.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub code: String,
    pub took: Duration,
    pub clicks: u64,
    /// The next fact of each partition that the index was complete to.
    pub watermark: Option<BTreeMap<u64, u64>>,
}

/// Asks the admin API, through the index, how many clicks there are.
pub fn count(base: &str, key: &str) -> Answered {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let mut client = Client::new(base).with_patience(Duration::from_secs(60));
    let started = Instant::now();
    let answer = client.send(
        "POST",
        "/v1/search/drilldown",
        &headers,
        r#"{"of":"clicks"}"#,
    );
    let answer = answer.unwrap();
    let body = answer.json();
    let offsets = body["watermark"]["offsets"].as_array();
    let number = |value: &Value| value.as_u64().unwrap();
    let read = |o: &Value| (number(&o["partition"]), number(&o["next_offset"]));
    Answered {
        status: answer.status,
        code: body["code"].as_str().unwrap_or_default().to_owned(),
        took: started.elapsed(),
        clicks: body["totals"]["gross_click"].as_u64().unwrap_or(0),
        watermark: offsets.map(|offsets| offsets.iter().map(read).collect()),
    }
}

/// Clicks (all, valid, unique), conversions, payout and revenue, by affiliate.
pub type Books = BTreeMap<String, [i64; 6]>;

/// What reports say.
pub fn reported(admin: &mut Admin) -> Books {
    let metrics = [
        "gross_click",
        "total_click",
        "unique_click",
        "cv",
        "payout",
        "revenue",
    ];
    let report = admin.report(&["affiliate"], &metrics);
    let rows = report["rows"].as_array().unwrap().iter();
    let books = rows.map(|row| {
        let affiliate = row["affiliate"].as_str().unwrap_or("-").to_owned();
        (affiliate, metrics.map(|metric| number(&row[metric])))
    });
    books.collect()
}

/// What the index says; nothing while it does not answer.
pub fn searched(admin: &mut Admin) -> Option<Books> {
    let mut books = Books::new();
    for of in ["clicks", "conversions"] {
        let question = json!({"of": of, "group_by": ["affiliate_id"]});
        let answer = admin.ask("POST", "/v1/search/drilldown", Some(&question));
        if answer.status != 200 {
            return None;
        }
        for row in answer.json()["rows"].as_array().unwrap() {
            let affiliate = row["affiliate_id"].as_str().unwrap_or("-").to_owned();
            let sums = books.entry(affiliate).or_default();
            let count = |name: &str| row[name].as_i64().unwrap();
            let amount = |name: &str| {
                let amounts = row[name].as_array().unwrap().iter();
                amounts.map(|amount| number(&amount["amount"])).sum::<i64>()
            };
            match of {
                "clicks" => {
                    let clicks = ["gross_click", "total_click", "unique_click"].map(count);
                    sums[..3].copy_from_slice(&clicks);
                }
                _ => {
                    let counted = count("pending") + count("approved");
                    sums[3..].copy_from_slice(&[counted, amount("payout"), amount("revenue")]);
                }
            }
        }
    }
    Some(books)
}
