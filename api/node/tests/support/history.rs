//! A demo's history: made, waited for, read back.

#![allow(dead_code)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Client, Server, binary, path_of, weir};

/// Whether the binary under test is the release one: only then is there time for large histories.
pub fn is_release() -> bool {
    std::env::var_os("WEIR_TEST_BINARY").is_some()
}

/// What the server has logged on this data folder so far.
pub fn log(data: &Path) -> String {
    std::fs::read_to_string(data.with_extension("log")).unwrap_or_default()
}

/// Waits until `holds`, or fails with what is waited for.
pub fn wait_until(what: &str, patience: Duration, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + patience;
    while !holds() {
        assert!(Instant::now() < until, "still not so: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A demo that is to be told.
#[derive(Clone, Copy)]
pub struct History<'a> {
    pub seed: u64,
    pub days: u32,
    pub until: &'a str,
}

impl History<'_> {
    /// Starts the demo on its way through its history, without live clicks.
    pub fn begin(&self, data: &Path) -> Server {
        let (seed, days) = (self.seed.to_string(), self.days.to_string());
        let history = ["--seed", &seed, "--days", &days, "--until", self.until];
        Server::start(data, &[&["demo", "--rate", "0"][..], &history].concat())
    }

    /// The demo at the end of its history.
    pub fn tell(&self, data: &Path) -> Server {
        let before = log(data).len();
        let server = self.begin(data);
        wait_for_end(data, before);
        server
    }
}

/// Waits until the log, from byte `before` on, says that the history is complete and in the books.
pub fn wait_for_end(data: &Path, before: usize) {
    wait_until("the history is complete", Duration::from_secs(300), || {
        let said = log(data).split_off(before);
        assert!(!said.contains("ERROR"), "{said}");
        said.contains("the history is complete") || said.contains("the history was there already")
    });
}

/// The value of a metric with these labels, as the server shows them; 0 when it is not there yet.
pub fn metric(server: &Server, name_and_labels: &str) -> f64 {
    let text = Client::new(&server.url("/ops"))
        .get("/metrics")
        .unwrap()
        .body;
    let line = text.lines().find(|l| l.starts_with(name_and_labels));
    line.and_then(|l| l.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

/// What `journal info` says of this.
pub fn journal_info(data: &Path, what: &str) -> u64 {
    let output = weir(data, &["journal", "info", "--output", "json"]);
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let row = rows.iter().find(|r| r["what"] == what).expect(what);
    let value = &row["value"];
    value
        .as_u64()
        .or_else(|| value.as_str()?.parse().ok())
        .expect(what)
}

/// A replay of the log of a data folder.
pub struct Replay {
    /// Digest of each table, as replayed; with `--check` the live ones beside them.
    pub tables: Vec<Value>,
    /// Whether the command said that all is well.
    pub is_good: bool,
    /// Its last words: facts, seconds, rate.
    pub says: String,
}

/// Runs `weir replay` and reads what it prints.
pub fn replay(data: &Path, arguments: &[&str]) -> Replay {
    let output = weir(
        data,
        &[&["replay", "--output", "json"][..], arguments].concat(),
    );
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let tables = serde_json::from_slice(&output.stdout);
    Replay {
        tables: tables.unwrap_or_else(|e| panic!("{e}: {errors}")),
        is_good: output.status.success(),
        says: errors.lines().last().unwrap_or_default().to_owned(),
    }
}

impl Replay {
    /// (table, digest) as replayed.
    pub fn digests(&self) -> Vec<(String, String)> {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let digest = |t: &Value| text(t.get("replayed").unwrap_or(&t["sha256"]));
        let tables = self.tables.iter();
        tables.map(|t| (text(&t["table"]), digest(t))).collect()
    }
}

/// The export of a data folder as text, a line a fact.
pub fn export_text(data: &Path) -> String {
    let output = Command::new(binary())
        .args(["journal", "export", "--data"])
        .arg(data)
        .output()
        .expect("the binary runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The admin API, asked by the operator in the name of a tenant.
pub struct Admin {
    client: Client,
    bearer: String,
}

impl Admin {
    /// The admin API of a demo.
    pub fn of(server: &Server) -> Self {
        let key = server.url("/demo/operator_key");
        Self {
            client: Client::new(&server.url("/admin")),
            bearer: format!("Bearer {key}"),
        }
    }

    /// Asks; waits when too much was asked before.
    pub fn ask(&mut self, tenant: &str, method: &str, path: &str, body: &Value) -> Value {
        let headers = [
            ("Authorization", self.bearer.as_str()),
            ("X-Tenant", tenant),
            ("Content-Type", "application/json"),
        ];
        let body = if method == "GET" {
            String::new()
        } else {
            body.to_string()
        };
        loop {
            let mut send = || self.client.send(method, path, &headers, &body);
            // The server closes a connection on which nothing came for a while.
            let answer = send().or_else(|_| send()).unwrap();
            if answer.status == 429 {
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
            assert!(
                (200..300).contains(&answer.status),
                "{method} {path}: {answer:?}"
            );
            return answer.json();
        }
    }

    /// All rows and the totals of a report.
    pub fn report(&mut self, tenant: &str, question: &Value) -> (Vec<Value>, Vec<Value>) {
        let (mut rows, mut question) = (Vec::new(), question.clone());
        loop {
            let mut page = self.ask(tenant, "POST", "/v1/reports/query", &question);
            if let Value::Array(more) = page["rows"].take() {
                rows.extend(more);
            }
            if page["cursor"].is_null() {
                let totals = page["totals"].as_array().cloned().unwrap_or_default();
                return (rows, totals);
            }
            question["cursor"] = page["cursor"].take();
        }
    }
}

/// Clicks the demo's link and gives the click id.
pub fn click(server: &Server, client: &mut Client, more: &str) -> String {
    let url = server.url("/demo/click_url");
    let answer = client.get(&format!("{}{more}", path_of(&url))).unwrap();
    assert_eq!(answer.status, 302, "{answer:?}");
    let location = answer.header("location").unwrap();
    location.split("click=").nth(1).unwrap()[..32].to_owned()
}
