//! A tenant to send clicks through: offers, affiliates and one campaign, compiled anew for each click.

use std::sync::Arc;

use serde_json::{Value, json};
use weir_engine::caps::Gates;
use weir_engine::catalog::{Catalog, Change, EntityKey, EntityKind};
use weir_engine::ids::{AdvertiserId, AffiliateId, ArmId, OfferId, TenantId, UnixMs};
use weir_engine::routing::{
    CampaignSnapshot, ClickRequest, DestinationValues, Recorder, Silent, Subject, TenantSnapshot,
    decide, destination,
};
use weir_engine::visitor::{Device, DeviceType, Language, Place, Version, Visitor};

pub const TENANT: TenantId = TenantId(1);
pub const NOW: UnixMs = UnixMs(1_800_000_000_000);

/// A tenant with affiliates 2 (approved), 3 (pending); offers 10, 11, 12; a campaign.
pub struct Router {
    pub catalog: Catalog,
    pub gates: Arc<Gates>,
    pub device: Device,
}

pub fn offer(extra: Value) -> Value {
    let mut body = json!({"name": "O", "advertiser_id": AdvertiserId::new(TENANT, 1), "url": "https://shop.example/buy?c={click_id}&s={sub1}",
        "currency": "USD", "status": "active", "visibility": "public", "lookback_hours": 24, "repeat": "by_txid", "link_campaign": 0});
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

pub fn arms(offers: &[u32]) -> Value {
    let arms = offers
        .iter()
        .map(|o| json!({"id": ArmId::new(TENANT, o + 100), "offer_id": OfferId::new(TENANT, *o)}));
    Value::Array(arms.collect())
}

impl Router {
    pub fn new(offers: &[(u32, Value)], campaign: Value) -> Self {
        let gates = Arc::new(Gates::default());
        gates.open([]);
        let mut router = Self {
            catalog: Catalog::default(),
            gates,
            device: Device {
                kind: DeviceType::Mobile,
                os: "Android".to_owned(),
                os_version: Version::default(),
                browser: "Chrome".to_owned(),
                browser_version: Version::default(),
                bot: None,
            },
        };
        router.put(EntityKind::Tenant, (0, 0), json!({"name": "T", "currency": "USD", "timezone": "UTC", "fallback_url": "https://tenant.example/"}));
        router.put(
            EntityKind::Affiliate,
            (2, 0),
            json!({"name": "P", "status": "approved"}),
        );
        router.put(
            EntityKind::Affiliate,
            (3, 0),
            json!({"name": "Q", "status": "pending"}),
        );
        for (number, extra) in offers {
            router.put(EntityKind::Offer, (*number, 0), offer(extra.clone()));
        }
        let mut body = json!({"name": "C", "kind": "campaign", "link": "x", "distribution": {"mode": "fixed"}, "arms": []});
        for (key, value) in campaign.as_object().unwrap() {
            body[key] = value.clone();
        }
        router.put(EntityKind::Campaign, (50, 0), body);
        router
    }

    pub fn put(&mut self, kind: EntityKind, (number, second): (u32, u32), body: Value) {
        let change = Change {
            key: EntityKey {
                kind,
                number,
                second,
            },
            version: 1,
            by: "test".to_owned(),
            body,
        };
        self.catalog.apply(&change, NOW).unwrap();
    }

    /// `outcome reason url` of a click with this `aff`.
    pub fn click(&self, aff: &str) -> String {
        self.decide(aff, false, 0, &mut Silent).0
    }

    pub fn decide(
        &self,
        aff: &str,
        is_test: bool,
        draw: u64,
        recorder: &mut impl Recorder,
    ) -> (String, f64, usize) {
        let tenant = TenantSnapshot::compile(
            TENANT,
            Arc::new(self.catalog.clone()),
            Arc::clone(&self.gates),
            None,
        );
        let campaign = CampaignSnapshot::compile(TENANT, &self.catalog, 50).unwrap();
        let mut sub = [""; 20];
        sub[0] = "a b";
        let visitor = Visitor {
            place: Place {
                country: *b"DE",
                ..Place::default()
            },
            device: &self.device,
            language: Language::read("de"),
        };
        let request = ClickRequest {
            now: NOW,
            aff,
            subject: Subject {
                visitor,
                address: "203.0.113.7".parse().unwrap(),
                affiliate: None,
                referrer: "",
                source: "",
                sub: &sub,
            },
            draw,
            is_test,
        };
        let decision = decide(&request, &tenant, &campaign, recorder);
        let values = DestinationValues {
            tenant: TENANT,
            click_id: None,
            now: NOW,
            campaign: 50,
            visitor,
            ip: None,
            user_agent: "",
            referrer: "",
            aff_click_id: "",
            source: "",
            sub: &sub,
            ad_ids: &[""; 6],
            rand: 0,
        };
        let mut url = String::new();
        destination(&decision, &values, &mut url);
        let said = format!("{} {} {url}", decision.outcome, decision.reason);
        (
            said.trim_end().to_owned(),
            decision.propensity,
            decision.eligible.len(),
        )
    }
}

pub fn aff(number: u32) -> String {
    AffiliateId::new(TENANT, number).to_string()
}
