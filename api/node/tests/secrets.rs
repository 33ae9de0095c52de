//! No secret in the journal, the export, the logs, the store, the metrics or an answer that is not meant to show it.

#[path = "support/history.rs"]
mod history;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aho_corasick::AhoCorasick;
use history::wait_until;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use support::{Answer, Client, Server, path_of, weir};
use weir_engine::secrets::MasterSecret;

const TENANTS: usize = 4;
/// API keys and advertisers a tenant; an advertiser has two secrets.
const KEYS: usize = 66;
const ADVERTISERS: usize = 92;
/// What is no secret and must be found by the same search.
const CONTROL: &str = "control-4711-no-secret";

/// What of a secret cannot be known: its random part.
fn random_part(secret: &str) -> &str {
    let parts = secret.split('_');
    parts.max_by_key(|p| p.len()).expect("a part")
}

/// A tenant with its secrets and the answers that are not meant to show any.
struct Party {
    key: String,
    secrets: Vec<String>,
    answers: String,
}

/// The doors of the server.
struct Doors {
    admin: Client,
    traffic: Client,
}

impl Doors {
    fn of(server: &Server) -> Self {
        Self {
            admin: Client::new(&server.url("/admin")),
            traffic: Client::new(&server.url("/traffic")),
        }
    }

    fn admin(&mut self, key: &str, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {key}");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        self.admin.send(method, path, &headers, body).unwrap()
    }

    fn make(&mut self, key: &str, path: &str, body: &Value) -> Value {
        let answer = self.admin(key, "POST", path, &body.to_string());
        assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
        answer.json()
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

impl Party {
    /// Makes a tenant with keys and advertisers; every secret is kept as it was shown.
    fn make(doors: &mut Doors, operator: &str, number: usize) -> (Self, String, String) {
        let draft =
            json!({"name": format!("Tenant {number}"), "currency": "EUR", "timezone": "UTC"});
        let key = text(&doors.make(operator, "/v1/tenants", &draft)["api_key"]);
        let mut party = Self {
            secrets: vec![key.clone()],
            key,
            answers: String::new(),
        };
        for n in 0..KEYS {
            let made = doors.make(
                &party.key,
                "/v1/api-keys",
                &json!({"name": format!("Key {n}"), "scopes": ["*"]}),
            );
            party.secrets.push(text(&made["api_key"]));
        }
        let advertisers: Vec<Value> = (0..ADVERTISERS)
            .map(|n| party.advertiser(doors, n))
            .collect();
        let first = &advertisers[0];
        let offer = json!({"name": "Offer", "advertiser_id": first["id"], "currency": "EUR", "url": "https://shop.example/?click={click_id}",
            "payout": {"type": "cpa", "amount": "1.00"}, "revenue": {"type": "rpa", "amount": "2.00"}});
        let offer = doors.make(&party.key, "/v1/offers", &offer);
        let affiliate = json!({"name": "Affiliate", "status": "approved"});
        let affiliate = doors.make(&party.key, "/v1/affiliates", &affiliate);
        let click = text(&offer["click_url"]);
        let click = path_of(&click).replace("{affiliate_id}", &text(&affiliate["id"]));
        (party, click, text(&first["postback_token"]))
    }

    /// An advertiser with two secrets: token and key of signatures, or two tokens.
    fn advertiser(&mut self, doors: &mut Doors, n: usize) -> Value {
        let auth = if n % 2 == 1 { "hmac" } else { "token" };
        let draft = json!({"name": format!("{CONTROL} {n}"), "postback_auth": auth});
        let made = doors.make(&self.key, "/v1/advertisers", &draft);
        self.secrets.push(text(&made["postback_token"]));
        if auth == "hmac" {
            self.secrets.push(text(&made["postback_secret"]));
        } else {
            let path = format!("/v1/advertisers/{}/rotate-token", text(&made["id"]));
            let rotated = doors.make(&self.key, &path, &json!({}));
            self.secrets.push(text(&rotated["postback_token"]));
        }
        made
    }

    fn hear(&mut self, answer: &Answer) {
        self.answers += &format!("{answer:?}\n");
    }

    /// Uses every secret, rightly and wrongly.
    fn use_all(&mut self, doors: &mut Doors, click_path: &str, good_token: &str) {
        let clicked = doors.traffic.get(click_path).unwrap();
        assert_eq!(clicked.status, 302, "{clicked:?}");
        let click = clicked
            .header("location")
            .unwrap()
            .split("click=")
            .nth(1)
            .unwrap()
            .to_owned();
        for (n, secret) in self.secrets.clone().into_iter().enumerate() {
            if secret.starts_with("weir_") {
                self.use_key(doors, &secret, n);
            } else {
                self.use_token(doors, &secret, &click, n);
            }
        }
        let url = format!("/postback?click_id={click}&amount=3&txid={CONTROL}&token={good_token}");
        let sold = doors.traffic.get(&url).unwrap();
        assert_eq!(sold.json()["outcome"], "applied", "{sold:?}");
        let (key, path) = (self.key.clone(), format!("/v1/conversions?txid={CONTROL}"));
        wait_until("the sale is in the store", Duration::from_secs(30), || {
            doors.admin(&key, "GET", &path, "").body.contains("cnv_")
        });
        for path in [
            "/v1/api-keys",
            "/v1/advertisers",
            "/v1/conversions",
            "/v1/offers",
            &format!("/v1/clicks/{click}/explain"),
        ] {
            let shown = doors.admin(&self.key.clone(), "GET", path, "");
            assert_eq!(shown.status, 200, "{path} {shown:?}");
            self.hear(&shown);
        }
    }

    /// A key as it should be, in other headers, in places where it should not be, and in requests that are refused.
    fn use_key(&mut self, doors: &mut Doors, key: &str, n: usize) {
        let good = doors.admin(key, "GET", "/v1/affiliates", "");
        assert_eq!(good.status, 200, "{good:?}");
        let wrong = match n % 4 {
            0 => doors.admin(key, "POST", "/v1/offers", &json!({CONTROL: 1}).to_string()),
            1 => doors.admin(key, "PUT", "/v1/nothing", "{"),
            2 => doors.admin("", "GET", &format!("/v1/affiliates?api_key={key}"), ""),
            _ => doors.admin(&format!("{key}x"), "GET", "/v1/affiliates", ""),
        };
        assert!(wrong.status >= 400, "{wrong:?}");
        let bearer = format!("Bearer {key}");
        let tracked = doors
            .traffic
            .send(
                "POST",
                "/v1/track/click",
                &[("Authorization", &bearer)],
                "{}",
            )
            .unwrap();
        assert_eq!(tracked.status, 400, "{tracked:?}");
        [good, wrong, tracked]
            .iter()
            .for_each(|answer| self.hear(answer));
    }

    /// A token in the query, in a form, in JSON; also for another advertiser's click, for none, and mutilated.
    fn use_token(&mut self, doors: &mut Doors, token: &str, click: &str, n: usize) {
        let pairs =
            format!("click_id={click}&amount=2&txid=order-{n}&adv1={CONTROL}&token={token}");
        let body =
            json!({"click_id": click, "amount": 2, "txid": format!("order-{n}"), "token": token})
                .to_string();
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let json = [("Content-Type", "application/json")];
        let traffic = &mut doors.traffic;
        let used = match n % 3 {
            0 => traffic.get(&format!("/postback?{pairs}")),
            1 => traffic.send("POST", "/postback", &form, &pairs),
            _ => traffic.send("POST", "/postback", &json, &body),
        };
        let wrong = match n % 4 {
            0 => traffic.get(&format!("/postback?token={token}")),
            1 => traffic.get(&format!("/postback?{pairs}x")),
            2 => traffic.get(&format!("/px?click_id={click}&key={token}")),
            _ => traffic.send("POST", "/postback", &json, &body[1..]),
        };
        for answer in [used.unwrap(), wrong.unwrap()] {
            assert!(answer.status < 500, "{answer:?}");
            self.hear(&answer);
        }
    }
}

/// Searches for secrets, and for what must be found.
struct Search {
    secrets: AhoCorasick,
    count: usize,
    leaks: Vec<String>,
    searched: usize,
}

impl Search {
    fn new(secrets: &[Vec<u8>]) -> Self {
        Self {
            secrets: AhoCorasick::new(secrets).unwrap(),
            count: secrets.len(),
            leaks: Vec::new(),
            searched: 0,
        }
    }

    /// How many of the secrets are in these bytes.
    fn found(&self, bytes: &[u8]) -> usize {
        let found = self.secrets.find_overlapping_iter(bytes);
        found.map(|m| m.pattern()).collect::<BTreeSet<_>>().len()
    }

    /// Looks for secrets where none may be, and for `control`, which must be there.
    fn look(&mut self, place: &str, bytes: &[u8], control: &str) {
        let has_control = AhoCorasick::new([control]).unwrap().is_match(bytes);
        assert!(
            has_control,
            "the search finds not even {control:?} in {place}"
        );
        self.look_only(place, bytes);
    }

    fn look_only(&mut self, place: &str, bytes: &[u8]) {
        self.searched += bytes.len();
        let found = self.found(bytes);
        if found > 0 {
            self.leaks.push(format!("{found} secrets in {place}"));
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Every value of every table, as text or as bytes.
fn dump(store: &Path) -> Vec<u8> {
    let store = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut tables = store
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'")
        .unwrap();
    let names = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut out = Vec::new();
    for name in names.map(Result::unwrap) {
        let mut all = store.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let columns = all.column_count();
        let mut rows = all.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                match row.get_ref(column).unwrap() {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => out.extend(bytes),
                    ValueRef::Integer(number) => out.extend(number.to_string().bytes()),
                    ValueRef::Null | ValueRef::Real(_) => {}
                }
                out.push(b'\n');
            }
        }
    }
    out
}

/// Everything that the data folder holds but the secrets' own file.
fn look_into(search: &mut Search, data: &Path, when: &str) {
    let (mut journal, mut store) = (Vec::new(), Vec::new());
    for file in files(data) {
        let bytes = fs::read(&file).unwrap();
        if file == data.join("secrets/master") {
            assert_eq!(
                search.found(&bytes),
                1,
                "the master secret is where it belongs"
            );
        } else if file.starts_with(data.join("journal")) {
            journal.extend(bytes);
        } else if file
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("state.db")
        {
            store.extend(bytes);
        } else {
            search.look_only(&format!("{} {when}", file.display()), &bytes);
        }
    }
    search.look(&format!("the journal {when}"), &journal, CONTROL);
    search.look(&format!("the store's files {when}"), &store, CONTROL);
    search.look(
        &format!("a dump of the store {when}"),
        &dump(&data.join("state.db")),
        CONTROL,
    );
    let export = weir(data, &["journal", "export"]);
    assert!(export.status.success());
    search.look(&format!("the export {when}"), &export.stdout, CONTROL);
}

/// Tenants that have made and used all their secrets, side by side.
fn parties(server: &Server, operator: &str) -> Vec<Party> {
    std::thread::scope(|scope| {
        let work = (0..TENANTS).map(|number| {
            let mut doors = Doors::of(server);
            scope.spawn(move || {
                let (mut party, click, token) = Party::make(&mut doors, operator, number);
                party.use_all(&mut doors, &click, &token);
                party
            })
        });
        let work: Vec<_> = work.collect();
        work.into_iter().map(|w| w.join().unwrap()).collect()
    })
}

#[test]
fn of_a_thousand_secrets_none_is_found_where_it_should_not_be() {
    let folder = tempfile::tempdir().unwrap();
    let (data, settings) = (folder.path().join("data"), folder.path().join("weir.toml"));
    fs::write(&settings, "[log]\nlevel = \"debug\"\n").unwrap();
    let mut server = Server::start(&data, &["serve", "--config", settings.to_str().unwrap()]);
    let master: [u8; 32] = fs::read(data.join("secrets/master"))
        .unwrap()
        .try_into()
        .unwrap();
    let operator = MasterSecret::new(master).operator_key(1);

    let parties = parties(&server, &operator);
    let issued: Vec<&String> = parties.iter().flat_map(|p| &p.secrets).collect();
    assert!(issued.len() >= 1_000, "{}", issued.len());
    let mut secrets: Vec<Vec<u8>> = issued.iter().map(|s| random_part(s).into()).collect();
    secrets.extend([random_part(&operator).into(), master.to_vec()]);

    let mut search = Search::new(&secrets);
    // The search itself: all are found where they stand, each by itself.
    let shown: Vec<u8> = secrets
        .iter()
        .flat_map(|s| [s.as_slice(), b" "].concat())
        .collect();
    assert_eq!(search.found(&shown), search.count);
    let metrics = Client::new(&server.url("/ops"))
        .get("/metrics")
        .unwrap()
        .body;
    search.look("the metrics", metrics.as_bytes(), "weir_clicks_total");
    for party in &parties {
        search.look("an answer", party.answers.as_bytes(), CONTROL);
    }
    look_into(&mut search, &data, "while the server runs");
    server.terminate();
    look_into(&mut search, &data, "after its end");
    let log = fs::read(data.with_extension("log")).unwrap();
    search.look("the log", &log, "traffic");
    println!(
        "{} secrets searched for in {} bytes",
        search.count, search.searched
    );
    assert!(search.leaks.is_empty(), "{:#?}", search.leaks);
}
