//! Writes the demo's clicks and postbacks into the log, by the code that decides real ones.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use weir_actors::{Lane, Route, Routes};
use weir_api::edge::Minter;
use weir_engine::click_id::{ClickId, ClickKey};
use weir_engine::fact::{AuthKind, ConversionReceived, Kind, ReceivedPrivate};
use weir_engine::ids::{AffiliateId, TenantId, UnixMs};
use weir_engine::ports::Append;
use weir_engine::record::Record;
use weir_engine::routing::{
    ClickFacts, ClickRequest, ClickTexts, Decided, Silent, Subject, decide, facts,
};
use weir_engine::secrets::MasterSecret;
use weir_engine::visitor::{
    Countries, DeviceCache, Hints, Language, UserAgents, Visitor, truncate,
};

use super::chance::Chance;
use super::people::{People, Person};

/// Chance streams of what clicks look like, apart from those of what follows from them.
const LOOKS: u64 = 0x100_0000_0000;
/// Sub-ids of the demo: a creative and a placement.
const CREATIVES: [&str; 4] = ["blue", "green", "video", "carousel"];
const PLACEMENTS: [&str; 3] = ["feed", "story", "search"];
const REFERRERS: [&str; 4] = [
    "https://news.example/",
    "https://blog.example/best-of",
    "https://search.example/?q=shoes",
    "",
];

/// A tenant's links and affiliates.
struct Traffic {
    tenant: TenantId,
    links: Vec<String>,
    affiliates: Vec<AffiliateId>,
}

/// A click that was made.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    pub tenant: TenantId,
    pub click_id: ClickId,
    /// The advertiser of the offer that its link leads to first.
    pub advertiser: u32,
}

/// See the module.
pub struct Walker {
    routes: Arc<Routes>,
    lane: Lane,
    secrets: MasterSecret,
    agents: Arc<UserAgents>,
    countries: Arc<Countries>,
    devices: DeviceCache,
    people: Arc<People>,
    traffic: Vec<Traffic>,
    minter: Minter,
    keys: HashMap<TenantId, ClickKey>,
    facts: ClickFacts,
    seed: u64,
}

/// What a walker is made from.
pub struct WalkerParts {
    pub routes: Arc<Routes>,
    pub lane: Lane,
    pub secrets: MasterSecret,
    pub agents: Arc<UserAgents>,
    pub countries: Arc<Countries>,
    pub people: Arc<People>,
    pub minter: Minter,
    pub tenants: Vec<TenantId>,
    pub seed: u64,
}

/// What the affiliate's page adds to a click.
struct Words {
    partner_id: String,
    sub: [&'static str; 20],
    referrer: &'static str,
}

impl Words {
    fn drawn(chance: &mut Chance) -> Self {
        let partner_id = u128::from(chance.next()) << 64 | u128::from(chance.next());
        let mut sub = [""; 20];
        sub[0] = CREATIVES[chance.below(CREATIVES.len())];
        sub[1] = PLACEMENTS[chance.below(PLACEMENTS.len())];
        Self {
            partner_id: format!("{partner_id:032x}"),
            sub,
            referrer: REFERRERS[chance.below(REFERRERS.len())],
        }
    }

    fn texts(&self, person: &Person) -> ClickTexts<'_> {
        ClickTexts {
            ip: Some(truncate(person.address)),
            user_agent: person.user_agent,
            referrer: self.referrer,
            aff_click_id: &self.partner_id,
            source: "demo",
            sub: &self.sub,
            ad_ids: &[""; 6],
            utm: &[""; 5],
            cost: "",
        }
    }
}

impl Walker {
    /// A walker over the links of `tenants`.
    pub fn new(parts: WalkerParts) -> Self {
        let devices = DeviceCache::new(parts.secrets.internal_key("demo devices"));
        let traffic = parts
            .tenants
            .iter()
            .filter_map(|t| traffic_of(&parts.routes, *t))
            .collect();
        let keys = parts
            .tenants
            .iter()
            .map(|t| (*t, parts.secrets.click_key(*t, 0)));
        Self {
            traffic,
            devices,
            keys: keys.collect(),
            facts: ClickFacts::default(),
            routes: parts.routes,
            lane: parts.lane,
            secrets: parts.secrets,
            agents: parts.agents,
            countries: parts.countries,
            people: parts.people,
            minter: parts.minter,
            seed: parts.seed,
        }
    }

    /// Makes click number `click` at `at`; `None` for the appending when it is only minted again.
    pub fn click(
        &mut self,
        click: u64,
        at: u64,
        is_written: bool,
    ) -> Option<(Made, Option<<Lane as Append>::Appending>)> {
        let mut chance = Chance::new(self.seed, LOOKS + click);
        let of_first = chance.happens(0.7) || self.traffic.len() == 1;
        let traffic = &self.traffic[usize::from(!of_first)];
        let tenant = traffic.tenant;
        // Few links get most of the traffic.
        let rank = (chance.share().powi(3) * traffic.links.len() as f64) as usize;
        let link = traffic.links[rank].clone();
        let affiliate = traffic.affiliates[chance.below(traffic.affiliates.len())].to_string();
        let route = self.routes.find("", &link)?;
        let click_id = self.minter.mint(tenant, &self.keys[&tenant], UnixMs(at));
        let made = Made {
            tenant,
            click_id,
            advertiser: first_advertiser(&route).unwrap_or(0),
        };
        let appending =
            is_written.then(|| self.write_click(&route, &affiliate, made, at, &mut chance));
        Some((made, appending))
    }

    fn write_click(
        &mut self,
        route: &Route,
        aff: &str,
        made: Made,
        at: u64,
        chance: &mut Chance,
    ) -> <Lane as Append>::Appending {
        let person = self.people.draw(chance);
        let device = self
            .devices
            .get(&self.agents, person.user_agent, Hints::default());
        let countries = Arc::clone(&self.countries);
        let visitor = Visitor {
            place: countries.lookup(person.address),
            device: &device,
            language: Language::read(person.language),
        };
        let words = Words::drawn(chance);
        let texts = words.texts(&person);
        let now = UnixMs(at);
        let (tenant, campaign) = (
            route.tenant.snapshot.load_full(),
            route.campaign.load_full(),
        );
        let request = ClickRequest {
            now,
            aff,
            subject: Subject {
                visitor,
                affiliate: None,
                source: texts.source,
                sub: texts.sub,
                address: person.address,
                referrer: texts.referrer,
            },
            // Not of the click id, whose signature is another in every installation.
            draw: chance.next(),
            is_test: false,
        };
        let decision = decide(&request, &tenant, &campaign, &mut Silent);
        let decided = Decided {
            click_id: made.click_id,
            now,
            visitor,
            hashes: self.hashes(made.tenant, at, person.address, person.user_agent),
            is_test: false,
        };
        let fact = facts(&decided, &texts, &decision, &tenant, &campaign);
        self.lane.append(
            &self
                .facts
                .encode(&fact, &visitor, &texts, &decision, &campaign.link),
        )
    }

    fn hashes(&self, tenant: TenantId, at: u64, address: IpAddr, user_agent: &str) -> [u64; 2] {
        self.secrets
            .visitor_keys(tenant, at)
            .hashes(address, user_agent)
    }

    /// Makes a postback about a click; `None` for the appending when it is only minted again.
    pub fn postback(
        &mut self,
        about: Made,
        at: u64,
        (cents, is_rejection): (u32, bool),
        is_written: bool,
    ) -> Option<<Lane as Append>::Appending> {
        let key = &self.keys[&about.tenant];
        let received_id = self.minter.mint(about.tenant, key, UnixMs(at));
        let txid = format!("order-{}", &about.click_id.to_string()[20..]);
        let amount = format!("{}.{:02}", cents / 100, cents % 100);
        let received = ConversionReceived {
            received_id,
            advertiser: Some(about.advertiser),
            click_id: Some(about.click_id),
            auth: AuthKind::Token,
            occurred_at: None,
            event: String::new(),
            txid,
            amount,
            currency: String::new(),
            status: if is_rejection {
                "rejected".to_owned()
            } else {
                String::new()
            },
            warnings: Vec::new(),
        };
        is_written.then(|| {
            let (mut open, mut private) = (Vec::new(), Vec::new());
            received.write(&mut open);
            ReceivedPrivate::default().write(&mut private);
            self.lane.append(&Record {
                tenant: about.tenant,
                at: UnixMs(at),
                kind: Kind::ConversionReceived.code(),
                version: ConversionReceived::VERSION,
                click_id: None,
                open: &open,
                private_key: 0,
                private: &private,
                texts: ["", ""],
            })
        })
    }
}

fn traffic_of(routes: &Routes, tenant: TenantId) -> Option<Traffic> {
    let catalog = routes.catalog(tenant)?;
    let campaigns = catalog.campaigns.values();
    let is_campaign = |k| k == weir_engine::catalog::CampaignKind::Campaign;
    Some(Traffic {
        tenant,
        links: campaigns
            .filter(|c| is_campaign(c.body.kind))
            .map(|c| c.body.link.clone())
            .collect(),
        affiliates: catalog
            .affiliates
            .keys()
            .map(|n| AffiliateId::new(tenant, *n))
            .collect(),
    })
}

/// The advertiser of the offer of a campaign's first arm.
fn first_advertiser(route: &Route) -> Option<u32> {
    let campaign = route.campaign.load();
    let arm = campaign.flows.iter().next_back()?.arms.first()?.offer;
    let snapshot = route.tenant.snapshot.load();
    Some(snapshot.offer(arm)?.advertiser)
}
