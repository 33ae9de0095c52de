//! A tenant whose conversions are judged one after the other, and its verdicts as lines to compare.

use serde_json::{Value, json};
use weir_engine::catalog::{Change, EntityKey, EntityKind};
use weir_engine::click_id::{ClickId, ClickKey, EPOCH_MS, Parts};
use weir_engine::fact::{AuthKind, ClickCore, ClickOutcome, ClickReason, ConversionReceived, Sent};
use weir_engine::ids::{AdvertiserId, GoalId, Position, TenantId, UnixMs};
use weir_engine::judge::{Conversion, Evidence, JudgedConversion, TenantState};

pub const TENANT: TenantId = TenantId(1);
pub const HOUR: u64 = 3_600_000;
pub const CLICKED: u64 = EPOCH_MS + 1_000_000_000;

/// A tenant with one advertiser (1), another (2), an affiliate (3), and offer 4 of advertiser 1 with goal `lead` (9).
pub struct Judge {
    pub state: TenantState,
    seq: u64,
    pub made: Vec<Conversion>,
    versions: std::collections::HashMap<(EntityKind, u32), u32>,
}

impl Judge {
    pub fn new(offer: Value) -> Self {
        let mut judge = Self {
            state: TenantState::new(TENANT),
            seq: 0,
            made: Vec::new(),
            versions: std::collections::HashMap::new(),
        };
        judge.configure(
            EntityKind::Tenant,
            0,
            json!({"name": "T", "currency": "EUR", "timezone": "UTC"}),
        );
        for number in [1, 2] {
            judge.configure(EntityKind::Advertiser, number, json!({"name": "A", "postback_auth": "token", "txid_scope": "advertiser", "token_version": 1}));
        }
        judge.configure(
            EntityKind::Affiliate,
            3,
            json!({"name": "P", "status": "approved"}),
        );
        judge.offer(4, offer);
        judge
    }

    pub fn offer(&mut self, number: u32, extra: Value) {
        let mut body = json!({"name": "O", "advertiser_id": AdvertiserId::new(TENANT, 1), "url": "https://shop.example/", "currency": "USD",
            "payout": {"type": "cpa", "amount": "10.00"}, "revenue": {"type": "rpa", "amount": "15.00"}, "status": "active", "visibility": "public",
            "lookback_hours": 24, "repeat": "by_txid", "link_campaign": 0,
            "goals": [{"id": GoalId::new(TENANT, 9), "name": "lead", "payout": {"type": "cpa", "amount": "1.00"}}]});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        self.configure(EntityKind::Offer, number, body);
    }

    pub fn configure(&mut self, kind: EntityKind, number: u32, body: Value) {
        let version = self.versions.entry((kind, number)).or_default();
        *version += 1;
        let change = Change {
            key: EntityKey::one(kind, number),
            version: *version,
            by: "test".to_owned(),
            body,
        };
        self.state.judge_config(&change, UnixMs(CLICKED)).unwrap();
    }

    pub fn here(&mut self) -> Position {
        self.seq += 1;
        Position {
            partition: 0,
            seq: self.seq,
        }
    }

    /// The earlier conversion that a postback repeats, as the actors look it up.
    fn prior(&self, received: &ConversionReceived, click: &ClickCore) -> Option<Conversion> {
        let identities = self.state.identities(received, click);
        let took = |identity| {
            let mut latest = self.made.iter().rev();
            latest.find(|c| c.identity == Some(identity)).cloned()
        };
        let other = || {
            let same_click = |c: &Conversion| c.click_id == click.click_id;
            identities.other.and_then(took).filter(same_click)
        };
        identities.own.and_then(took).or_else(other)
    }

    pub fn judge(
        &mut self,
        click: Option<ClickCore>,
        received: &ConversionReceived,
        after: u64,
    ) -> JudgedConversion {
        let position = self.here();
        let prior = click.as_ref().and_then(|click| self.prior(received, click));
        let at = UnixMs(CLICKED + after);
        let judged = self.state.judge_conversion(
            position,
            at,
            received,
            Evidence {
                click,
                prior,
                ..Evidence::default()
            },
        );
        let changed = judged.changed.iter().map(|c| &c.conversion);
        for conversion in judged.made.iter().chain(changed) {
            self.made.retain(|c| c.id != conversion.id);
            self.made.push(conversion.clone());
        }
        judged
    }
}

pub fn click() -> ClickCore {
    let parts = Parts {
        key_number: 0,
        tenant: TENANT.0,
        ms: CLICKED - EPOCH_MS,
        node: 0,
        sequence: 1,
    };
    ClickCore {
        tenant: TENANT,
        at: UnixMs(CLICKED),
        click_id: ClickId::mint(parts, &ClickKey([1; 16])),
        campaign: 5,
        flow: None,
        wanted_offer: Some(4),
        sent: Some(Sent {
            offer: 4,
            offer_version: 1,
            arm: 6,
        }),
        affiliate: Some(3),
        visitor: [1, 2],
        country: *b"DE",
        device: 1,
        bot: None,
        propensity: 1.0,
        policy_version: 0,
        config_version: 1,
        cost: None,
        is_test: false,
        outcome: ClickOutcome::Redirected,
        reason: ClickReason::None,
    }
}

pub fn postback() -> ConversionReceived {
    ConversionReceived {
        received_id: ClickId::from_bytes([9; 20]),
        advertiser: Some(1),
        click_id: Some(click().click_id),
        auth: AuthKind::Token,
        occurred_at: None,
        event: String::new(),
        txid: String::new(),
        amount: String::new(),
        currency: String::new(),
        status: String::new(),
        warnings: Vec::new(),
    }
}

/// A verdict in one line: `applied approved - 10.00/15.00 USD` (outcome, status, reason, payout/revenue).
pub fn said(judged: &JudgedConversion) -> String {
    let verdict = &judged.verdict;
    let word = |w: Option<&str>| w.unwrap_or("-").to_owned();
    let mut line = format!(
        "{} {} {}",
        verdict.outcome,
        word(verdict.status.map(|s| s.as_str())),
        word(verdict.reason.map(|r| r.as_str()))
    );
    if let Some(made) = &judged.made {
        line += &format!(" {}/{} {}", made.payout, made.revenue, made.currency);
    }
    for warning in &verdict.warnings {
        line += &format!(" !{warning}");
    }
    assert_eq!(
        verdict.conversion_id.is_some(),
        judged.made.is_some()
            || judged.changed.is_some()
            || verdict.outcome.as_str() == "duplicate"
    );
    line
}

pub fn check(
    offer: Value,
    click: Option<ClickCore>,
    received: ConversionReceived,
    after: u64,
    expect: &str,
) {
    let mut judge = Judge::new(offer.clone());
    let judged = judge.judge(click, &received, after);
    assert_eq!(said(&judged), expect, "offer {offer} {received:?}");
}
