//! Every answer of the public listener that is promised, asked for over HTTP: status, headers, body, what is in the log
//! afterwards, and what is counted.

#[path = "../support/mod.rs"]
mod support;

mod bench;
mod clicks;
mod doors;
mod export;
mod late;
mod limits;
mod postbacks;
mod precedence;

use std::path::PathBuf;

use support::catalog::Admin;
use support::{Answer, Client, Server};

/// A server with a tenant, and clients for its listeners.
struct World {
    folder: tempfile::TempDir,
    server: Server,
    admin: Admin,
    tenant: String,
    traffic: Client,
}

impl World {
    /// A server with these settings.
    fn new(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, file) = (folder.path().join("data"), folder.path().join("weir.toml"));
        std::fs::write(&file, settings).unwrap();
        let server = Server::start(&data, &["serve", "--config", file.to_str().unwrap()]);
        let (admin, tenant) = Admin::of_new_tenant(&server, &data, "Acme");
        let traffic = Client::new(&server.url("/traffic"));
        Self {
            folder,
            server,
            admin,
            tenant,
            traffic,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let answer = self
            .traffic
            .send(method, path, headers, body)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}"));
        well_formed(&answer);
        answer
    }

    /// A click by a person.
    fn click(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[("User-Agent", support::catalog::PERSON)], "")
    }
}

/// What holds for every answer: it is no fault of ours, it has its id, and nobody put a header into it.
fn well_formed(answer: &Answer) {
    assert!(answer.status < 500, "{answer:?}");
    let id = answer.header("x-request-id").unwrap_or_default();
    assert!(!id.is_empty(), "{answer:?}");
    const KNOWN: [&str; 12] = [
        "allow",
        "cache-control",
        "content-length",
        "content-type",
        "connection",
        "date",
        "location",
        "referrer-policy",
        "retry-after",
        "x-request-id",
        "x-weir-click",
        "x-weir-outcome",
    ];
    for (name, value) in &answer.headers {
        assert!(KNOWN.contains(&name.as_str()), "{name}: {answer:?}");
        let is_visible = value.bytes().all(|b| (b' '..=b'~').contains(&b));
        assert!(is_visible, "{name}: {value:?}");
    }
    if answer.header("location").is_some() || !answer.body.is_empty() {
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "{answer:?}"
        );
    }
}
