//! A bench for postbacks: what is asked, what is told, and that the log and the counters say the same.

use serde_json::{Value, json};
use weir_engine::fact::{ConversionStatus, Warning};
use weir_engine::judge::{ConversionReason, Outcome};

use super::World;
use super::support::catalog::{Advertiser, Link, click_id_of};
use super::support::export;
use super::support::metrics::Metrics;
use ConversionStatus::Rejected;
use Outcome::{Applied, Duplicate, Updated};

/// What a sender is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub outcome: Outcome,
    pub status: Option<ConversionStatus>,
    pub reason: Option<ConversionReason>,
    pub warnings: Vec<Warning>,
}

/// A conversion was made, of this status.
pub fn applied(status: ConversionStatus) -> Told {
    Told {
        outcome: Applied,
        status: Some(status),
        reason: None,
        warnings: Vec::new(),
    }
}

/// A conversion was made and rejected.
pub fn rejected(reason: ConversionReason) -> Told {
    applied(Rejected)
        .because(reason)
        .with_outcome(Outcome::Rejected)
}

/// Nothing was made.
pub fn refused(reason: ConversionReason) -> Told {
    Told {
        status: None,
        ..rejected(reason)
    }
}

impl Told {
    pub fn because(mut self, reason: ConversionReason) -> Self {
        self.reason = Some(reason);
        self
    }

    pub fn repeated(self) -> Self {
        self.with_outcome(Duplicate)
    }

    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    pub fn warned(mut self, warning: Warning) -> Self {
        self.warnings.push(warning);
        self
    }

    /// Whether this postback made a conversion.
    fn makes(&self) -> bool {
        self.outcome == Applied || (self.outcome == Outcome::Rejected && self.status.is_some())
    }
}

/// A world with an advertiser, and what was asked of it.
pub struct Bench {
    pub world: World,
    pub shop: Advertiser,
    pub affiliate: String,
    asked: Vec<(&'static str, Told)>,
}

impl Bench {
    pub fn new() -> Self {
        let mut world = World::new("");
        let shop = world.admin.advertiser(json!({}));
        let affiliate = world.admin.affiliate("approved");
        Self {
            world,
            shop,
            affiliate,
            asked: Vec::new(),
        }
    }

    /// A link to a new offer of the shop, which takes house traffic.
    pub fn link(&mut self, more: Value) -> Link {
        let advertiser = self.shop.id.clone();
        self.link_of(&advertiser, more)
    }

    pub fn link_of(&mut self, advertiser: &str, more: Value) -> Link {
        let offer = self.world.admin.offer(advertiser, more);
        self.world.admin.campaign(&[&offer.id], json!({}))
    }

    /// A link to a new offer that pays and earns by percent.
    pub fn percent(&mut self) -> Link {
        self.link(json!({"payout": {"type": "cps", "percent": "10"}, "revenue": {"type": "rps", "percent": "20"}}))
    }

    pub fn click(&mut self, link: &Link) -> String {
        click_id_of(&self.world.click(&format!("/c/{}?sub1=s", link.link)))
    }

    /// A postback with the shop's token about a click.
    pub fn row(&mut self, name: &'static str, click: &str, query: &str, told: Told) -> Value {
        let token = self.shop.token.clone();
        self.row_of(
            name,
            &format!("click_id={click}&{query}&token={token}"),
            told,
        )
    }

    /// A postback; its verdict is as told and counted as such.
    pub fn row_of(&mut self, name: &'static str, query: &str, told: Told) -> Value {
        let before = Metrics::of(&self.world.server);
        let tag = format!("row{}", self.asked.len());
        let path = format!("/postback?{query}&adv1={tag}");
        let answer = self.world.ask("GET", &path, &[], "");
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        let body = answer.json();
        assert_eq!(read(&body), told, "{name}: {body}");
        let is_named = told.makes() || matches!(told.outcome, Updated | Duplicate);
        assert_eq!(
            body["conversion_id"].is_string(),
            is_named,
            "{name}: {body}"
        );
        let reason = told.reason.map_or("", |r| r.as_str());
        let verdict = format!(
            "weir_conversions_total{{outcome=\"{}\",reason=\"{reason}\"}}",
            told.outcome
        );
        let expect = [
            (verdict, 1.0),
            ("weir_postbacks_total{answer=\"verdict\"}".to_owned(), 1.0),
        ];
        let uncounted = [
            "weir_folded",
            "weir_connections",
            "weir_unauthenticated",
            "weir_identity_lookups",
        ];
        let counted = Metrics::of(&self.world.server).all_grown(&before, &uncounted);
        assert_eq!(counted, expect.into(), "{name}");
        self.asked.push((name, told));
        body
    }

    /// Stops the server and compares what was asked with the log; gives what was told.
    pub fn compare_with_log(mut self) -> Vec<Told> {
        self.world.server.terminate();
        let facts = export(&self.world.data());
        for (number, (name, told)) in self.asked.iter().enumerate() {
            let tag = format!("row{number}");
            let mut of_tag = facts.iter().filter(|f| f["adv"]["adv1"] == tag);
            let (received, more) = (of_tag.next().expect(name), of_tag.next());
            assert_eq!(
                (&received["kind"], more),
                (&json!("conversion_received"), None),
                "{name}"
            );
            let is_its = |f: &&Value| {
                f["kind"] == "conversion_judged" && f["received_id"] == received["received_id"]
            };
            let judged = facts.iter().find(is_its).expect(name);
            let stored = read(judged);
            assert_eq!(
                (stored.outcome, stored.status, stored.reason),
                (told.outcome, told.status, told.reason),
                "{name}: {judged}"
            );
            assert_eq!(
                judged["offer_id"].is_string(),
                told.makes(),
                "{name}: {judged}"
            );
        }
        let received = facts
            .iter()
            .filter(|f| f["kind"] == "conversion_received")
            .count();
        assert_eq!(
            received,
            self.asked.len(),
            "one fact a postback that was believed"
        );
        self.asked.into_iter().map(|(_, told)| told).collect()
    }
}

fn read(verdict: &Value) -> Told {
    let parsed = |field: &str| verdict[field].as_str().map(str::to_owned);
    let warnings = verdict["warnings"].as_array().into_iter().flatten();
    Told {
        outcome: parsed("outcome").unwrap().parse().unwrap(),
        status: parsed("status").map(|s| s.parse().unwrap()),
        reason: parsed("reason").map(|s| s.parse().unwrap()),
        warnings: warnings
            .map(|w| w.as_str().unwrap().parse().unwrap())
            .collect(),
    }
}
