//! The admin API as a tenant uses it: a catalog made over HTTP, with the real ids of what was made.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Answer, Client, Server, binary};

/// The user agent of a person: without one a click is a bot's.
pub const PERSON: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

/// A tenant's key to the admin API of a running server.
pub struct Admin {
    base: String,
    client: Client,
    asked: Instant,
    bearer: String,
}

impl Admin {
    /// With a key that is there already.
    pub fn with_key(server: &Server, key: &str) -> Self {
        let base = server.url("/admin");
        Self {
            client: Client::new(&base),
            asked: Instant::now(),
            base,
            bearer: format!("Bearer {key}"),
        }
    }

    /// Makes a tenant as somebody does who has nothing yet: on the command line. Gives its id too.
    pub fn of_new_tenant(server: &Server, data: &Path, name: &str) -> (Self, String) {
        let (tenant, key) = new_tenant(data, name);
        (Self::with_key(server, &key), tenant)
    }

    /// Asks for anything.
    pub fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let headers = [
            ("Authorization", self.bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        let body = body.map(Value::to_string).unwrap_or_default();
        // A connection that was idle for long is about to be closed by the server.
        if self.asked.elapsed() > Duration::from_secs(5) {
            self.client = Client::new(&self.base);
        }
        self.asked = Instant::now();
        self.client
            .send(method, path, &headers, &body)
            .unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    fn expect(&mut self, status: u16, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.ask(method, path, body);
        assert_eq!(
            answer.status, status,
            "{method} {path} {body:?}: {}",
            answer.body
        );
        answer.json()
    }

    /// Makes something; gives it as it is shown.
    pub fn make(&mut self, path: &str, body: Value) -> Value {
        self.expect(201, "POST", path, Some(&body))
    }

    /// Makes something; gives its id.
    pub fn id(&mut self, path: &str, body: Value) -> String {
        text(&self.make(path, body), "id")
    }

    /// Changes something.
    pub fn change(&mut self, path: &str, body: Value) -> Value {
        self.expect(200, "PATCH", path, Some(&body))
    }

    /// Asks something that is no change: a report, a simulation, a decision.
    pub fn post(&mut self, path: &str, body: Value) -> Value {
        self.expect(200, "POST", path, Some(&body))
    }

    /// Sets an affiliate's terms on an offer.
    pub fn set_terms(&mut self, offer: &str, affiliate: &str, body: Value) {
        let path = format!("/v1/offers/{offer}/affiliates/{affiliate}");
        let answer = self.ask("PUT", &path, Some(&body));
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
    }

    /// Shows something.
    pub fn get(&mut self, path: &str) -> Value {
        self.expect(200, "GET", path, None)
    }

    /// Makes an approved affiliate; gives its id.
    pub fn affiliate(&mut self, status: &str) -> String {
        self.id(
            "/v1/affiliates",
            json!({"name": format!("Blog {status}"), "status": status}),
        )
    }

    /// Makes an offer of `advertiser` that pays 10 and earns 15, with `more` over it.
    pub fn offer(&mut self, advertiser: &str, more: Value) -> Link {
        let body = json!({
            "name": "Shoes", "advertiser_id": advertiser, "currency": "USD",
            "url": "https://shop.example/?click={click_id}&aff={affiliate_id}&s={sub1}",
            "payout": {"type": "cpa", "amount": "10.00"}, "revenue": {"type": "rpa", "amount": "15.00"},
        });
        Link::of(&self.make("/v1/offers", merged(body, more)))
    }

    /// Makes a campaign over these offers, with `more` over it.
    pub fn campaign(&mut self, offers: &[&str], more: Value) -> Link {
        let arms: Vec<Value> = offers.iter().map(|o| json!({"offer_id": o})).collect();
        let body = json!({"name": "Autumn", "distribution": {"mode": "fixed"}, "arms": arms});
        Link::of(&self.make("/v1/campaigns", merged(body, more)))
    }

    /// Makes an advertiser, with `more` over it.
    pub fn advertiser(&mut self, more: Value) -> Advertiser {
        let made = self.make("/v1/advertisers", merged(json!({"name": "Shop"}), more));
        Advertiser {
            id: text(&made, "id"),
            token: text(&made, "postback_token"),
            pixel_key: text(&made, "pixel_key"),
            secret: made["postback_secret"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// These metrics over everything in the last days and the next, in one currency; null before there is anything.
    pub fn totals<const N: usize>(&mut self, metrics: &[&str; N]) -> [Value; N] {
        let report = self.report(&[], metrics);
        metrics.map(|m| report["totals"][0][m].clone())
    }

    /// A report of everything in the last days and the next, by `group_by`.
    pub fn report(&mut self, group_by: &[&str], metrics: &[&str]) -> Value {
        let today = around_today();
        let question = json!({
            "from": today.0, "to": today.1, "timezone": "UTC", "time_basis": "click",
            "group_by": group_by, "metrics": metrics,
        });
        self.post("/v1/reports/query", question)
    }
}

/// An offer's own link, or a campaign's.
#[derive(Debug, Clone)]
pub struct Link {
    /// Of the offer or campaign.
    pub id: String,
    /// What stands in `/c/{link}`.
    pub link: String,
}

impl Link {
    fn of(made: &Value) -> Self {
        Self {
            id: text(made, "id"),
            link: text(made, "link"),
        }
    }
}

/// An advertiser with the secrets that were shown when it was made.
#[derive(Debug, Clone)]
pub struct Advertiser {
    pub id: String,
    pub token: String,
    pub pixel_key: String,
    pub secret: String,
}

/// Makes a tenant on the command line; gives its id and its first key.
pub fn new_tenant(data: &Path, name: &str) -> (String, String) {
    let output = std::process::Command::new(binary())
        .args(["tenant", "create", name, "--data"])
        .arg(data)
        .output()
        .expect("the binary runs");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{out}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let word_after = |name: &str| {
        let rest = out.split(name).nth(1).unwrap_or_else(|| panic!("{out}"));
        rest.split_whitespace().next().expect("a word").to_owned()
    };
    (word_after("tenant"), word_after("api key"))
}

/// A text field.
pub fn text(value: &Value, field: &str) -> String {
    let found = value[field].as_str();
    found
        .unwrap_or_else(|| panic!("no {field}: {value}"))
        .to_owned()
}

fn merged(mut body: Value, more: Value) -> Value {
    let (Some(fields), Value::Object(more)) = (body.as_object_mut(), more) else {
        panic!("objects");
    };
    fields.extend(more);
    body
}

/// Yesterday and the day after tomorrow, in UTC.
fn around_today() -> (String, String) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = now.expect("after 1970").as_millis() as u64;
    let day = |offset_days: i64| {
        let at = weir_engine::ids::UnixMs(ms.saturating_add_signed(offset_days * 86_400_000));
        at.to_string()[..10].to_owned()
    };
    (day(-1), day(2))
}

/// A click by a person: the click id in its destination, and the answer.
pub fn click(client: &mut Client, path: &str) -> Answer {
    client
        .send("GET", path, &[("User-Agent", PERSON)], "")
        .unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The click id that a destination carries as `click=`.
pub fn click_id_of(answer: &Answer) -> String {
    let location = answer
        .header("location")
        .unwrap_or_else(|| panic!("{answer:?}"));
    let id = location.split("click=").nth(1).and_then(|r| r.get(..32));
    id.unwrap_or_else(|| panic!("no click id in {location}"))
        .to_owned()
}
