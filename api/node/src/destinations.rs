//! Where clicks were sent: the URL of the answer, made again from the log.
//!
//! The fact of a click keeps ids and versions, not the URL, which would be the longest text in it. Whoever reads the
//! log from its beginning has everything the URL was made of: the configuration in `config_changed`, the values of
//! macros in the click.
//! Always true: a URL that is given here is made by the code that answered the click, from the configuration that
//! decided it (by the versions on the fact, not by what stands before it in the log); what cannot be known is
//! `None`, never a guess. (The version of the campaign is not on the fact: it is taken to be that of the tenant's
//! snapshot, which is published a moment before it.)
//! Not here: why the click was sent there (it is not decided again).

use std::collections::BTreeMap;

use serde::Deserialize;
use weir_engine::catalog::{Arm, Campaign, Change, EntityKey, EntityKind, Offer, Tenant};
use weir_engine::fact::{ClickCore, ClickOutcome, ClickPrivate};
use weir_engine::ids::TenantId;
use weir_engine::policy;
use weir_engine::routing::{
    CampaignSnapshot, CompiledOffer, Decision, DestinationValues, Matcher, destination,
};
use weir_engine::template::Template;
use weir_engine::visitor::{Device, DeviceType, Language, Place, Visitor};

/// The destinations of all tenants, as far as the log was read.
#[derive(Debug, Default)]
pub struct Destinations {
    /// `None`: the log has not all changes of this tenant.
    tenants: BTreeMap<TenantId, Option<History>>,
}

impl Destinations {
    /// Reads a change of configuration; changes come in the order of the log.
    pub fn learn(&mut self, tenant: TenantId, change: &Change) {
        let is_first = change.key == EntityKey::one(EntityKind::Tenant, 0) && change.version == 1;
        let begin = || is_first.then(History::default);
        let history = self.tenants.entry(tenant).or_insert_with(begin);
        // What this build cannot read, it cannot tell.
        if history.as_mut().is_some_and(|h| h.learn(change).is_err()) {
            *history = None;
        }
    }

    /// The URL that was answered to a click; `None` when it was sent nowhere, or when that is not known any more.
    pub fn of(&self, click: &ClickCore, private: &ClickPrivate) -> Option<String> {
        let history = self.tenants.get(&click.tenant)?.as_ref()?;
        let (template, offer) = history.template_of(click)?;
        let mut url = String::with_capacity(256);
        fill(template, offer, click, private, &mut url);
        Some(url)
    }
}

/// What a tenant had configured, from its first change on.
#[derive(Debug, Default)]
struct History {
    /// Counts the changes, as the `config_version` on clicks does.
    config_version: u64,
    fallback: States<Option<Template>>,
    offers: BTreeMap<u32, States<CompiledOffer>>,
    campaigns: BTreeMap<u32, States<Links>>,
}

impl History {
    fn learn(&mut self, change: &Change) -> Result<(), serde_json::Error> {
        self.config_version += 1;
        let (now, number, body) = (self.config_version, change.key.number, &change.body);
        match change.key.kind {
            EntityKind::Tenant if number == 0 => {
                let tenant = Tenant::deserialize(body)?;
                let fallback = template(tenant.fallback_url.as_deref());
                self.fallback.put(now, fallback);
            }
            EntityKind::Offer => {
                let offer = compiled(change.version, &Offer::deserialize(body)?);
                self.offers.entry(number).or_default().add(now, offer);
            }
            EntityKind::Campaign => {
                let links = Links::of(&Campaign::deserialize(body)?);
                self.campaigns.entry(number).or_default().put(now, links);
            }
            _ => {}
        }
        Ok(())
    }

    /// The template that a click was sent by, and the offer that it was sent to.
    fn template_of(&self, click: &ClickCore) -> Option<(&Template, Option<&CompiledOffer>)> {
        let at = click.config_version;
        if at > self.config_version {
            return None;
        }
        let campaign = self.campaigns.get(&click.campaign)?.at(at)?;
        match (click.outcome, click.sent) {
            (ClickOutcome::Redirected, Some(sent)) => {
                let offer = self
                    .offers
                    .get(&sent.offer)?
                    .of_version(sent.offer_version)?;
                let own = campaign.arms.get(&(click.flow, sent.arm))?.as_ref();
                Some((own.or(offer.url.as_ref())?, Some(offer)))
            }
            (ClickOutcome::Fallback, _) => {
                let wanted = click.wanted_offer.and_then(|n| self.offers.get(&n)?.at(at));
                let of_offer = wanted.and_then(|o| o.fallback.as_ref());
                let of_tenant = self.fallback.at(at).and_then(Option::as_ref);
                let first = of_offer.or(campaign.fallback.as_ref()).or(of_tenant);
                Some((first?, None))
            }
            _ => None,
        }
    }
}

/// The states of something, each with the version of the configuration that it holds from; ascending.
#[derive(Debug)]
struct States<T>(Vec<(u64, T)>);

impl<T> Default for States<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> States<T> {
    fn add(&mut self, since: u64, state: T) {
        self.0.push((since, state));
    }

    /// The state at a version of the configuration; `None` before there was one.
    fn at(&self, config_version: u64) -> Option<&T> {
        let after = self
            .0
            .partition_point(|(since, _)| *since <= config_version);
        self.0[..after].last().map(|(_, state)| state)
    }
}

impl<T: PartialEq> States<T> {
    /// Adds a state unless it is the same as the last: most changes leave URLs alone.
    fn put(&mut self, since: u64, state: T) {
        if self.0.last().is_none_or(|(_, last)| *last != state) {
            self.add(since, state);
        }
    }
}

impl States<CompiledOffer> {
    /// The offer of this version.
    fn of_version(&self, version: u32) -> Option<&CompiledOffer> {
        let found = self.0.binary_search_by_key(&version, |(_, o)| o.version);
        found.ok().map(|index| &self.0[index].1)
    }
}

/// Where a campaign leads by itself.
#[derive(Debug, PartialEq)]
struct Links {
    fallback: Option<Template>,
    /// The URL of each arm, by the numbers of flow and arm; `None` = the offer's.
    arms: BTreeMap<(Option<u32>, u32), Option<Template>>,
}

impl Links {
    fn of(campaign: &Campaign) -> Self {
        let of_flow = |flow: Option<u32>, arms: &[Arm]| {
            let one = |a: &Arm| ((flow, a.id.number()), template(a.url.as_deref()));
            arms.iter().map(one).collect::<Vec<_>>()
        };
        let flows = campaign.flows.iter();
        let listed = flows.flat_map(|f| of_flow(Some(f.id.number()), &f.arms));
        Self {
            fallback: template(campaign.fallback_url.as_deref()),
            arms: listed.chain(of_flow(None, &campaign.arms)).collect(),
        }
    }
}

/// An offer as far as a URL is made of it: whom it takes and its caps were decided upon.
fn compiled(version: u32, offer: &Offer) -> CompiledOffer {
    CompiledOffer {
        version,
        advertiser: offer.advertiser_id.number(),
        name: offer.name.as_str().into(),
        status: offer.status,
        visibility: offer.visibility,
        currency: offer.currency,
        url: template(Some(&offer.url)),
        fallback: template(offer.fallback_url.as_deref()),
        referrer_policy: offer.referrer_policy,
        matcher: Matcher::default(),
        caps: Box::default(),
    }
}

fn template(text: Option<&str>) -> Option<Template> {
    text.and_then(|t| Template::parse_destination(t).ok())
}

/// Fills a template as the door did.
fn fill(
    template: &Template,
    offer: Option<&CompiledOffer>,
    click: &ClickCore,
    private: &ClickPrivate,
    url: &mut String,
) {
    let device = Device {
        kind: DeviceType::from_code(click.device).unwrap_or_default(),
        os: private.os.clone(),
        browser: private.browser.clone(),
        ..Device::default()
    };
    let place = Place {
        country: click.country,
        region: &private.region,
        city: &private.city,
        isp: &private.isp,
    };
    let mut sub = [""; 20];
    for (number, text) in &private.sub {
        let index = usize::from(*number).checked_sub(1);
        let field = index.and_then(|i| sub.get_mut(i));
        field.into_iter().for_each(|f| *f = text);
    }
    let seed = CampaignSnapshot::seed_of(click.tenant, click.campaign);
    let values = DestinationValues {
        tenant: click.tenant,
        click_id: Some(click.click_id),
        now: click.at,
        campaign: click.campaign,
        visitor: Visitor {
            place,
            device: &device,
            language: Language::read(&private.language),
        },
        ip: private.ip,
        user_agent: &private.user_agent,
        referrer: &private.referrer,
        aff_click_id: &private.aff_click_id,
        source: &private.source,
        sub: &sub,
        ad_ids: &private.ad_ids.each_ref().map(String::as_str),
        rand: policy::draw_of(seed, &click.click_id),
    };
    destination(&decision_of(click, template, offer), &values, url);
}

/// The decision that a fact tells of.
fn decision_of<'s>(
    click: &ClickCore,
    template: &'s Template,
    offer: Option<&'s CompiledOffer>,
) -> Decision<'s> {
    Decision {
        outcome: click.outcome,
        reason: click.reason,
        affiliate: click.affiliate,
        flow: click.flow,
        wanted_offer: click.wanted_offer,
        sent: click.sent,
        offer,
        propensity: click.propensity,
        policy_version: click.policy_version,
        eligible: Vec::new(),
        destination: Some(template),
        referrer_policy: offer.map(|o| o.referrer_policy).unwrap_or_default(),
        permits: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weir_engine::click_id::ClickId;
    use weir_engine::fact::ClickReason;
    use weir_engine::ids::UnixMs;

    use super::*;

    const TENANT: TenantId = TenantId(7);

    fn changed(kind: EntityKind, number: u32, version: u32, body: serde_json::Value) -> Change {
        Change {
            key: EntityKey::one(kind, number),
            version,
            by: "test".to_owned(),
            body,
        }
    }

    fn of_tenant(version: u32) -> Change {
        let url = format!("https://fallback.example/{version}?c={{campaign_id}}");
        let body = json!({"name": "T", "currency": "USD", "timezone": "UTC", "fallback_url": url});
        changed(EntityKind::Tenant, 0, version, body)
    }

    fn of_campaign() -> Change {
        let body = json!({"name": "C", "kind": "campaign", "link": "x", "distribution": {"mode": "fixed"}, "arms": []});
        changed(EntityKind::Campaign, 3, 1, body)
    }

    /// Where a click went to the tenant's fallback under `config_version`, in a log of these changes.
    fn url(changes: &[Change], config_version: u64) -> Option<String> {
        let mut destinations = Destinations::default();
        for change in changes {
            destinations.learn(TENANT, change);
        }
        let click = ClickCore {
            tenant: TENANT,
            at: UnixMs(1_764_072_000_000),
            click_id: ClickId::from_bytes([9; 20]),
            campaign: 3,
            flow: None,
            wanted_offer: None,
            sent: None,
            affiliate: None,
            visitor: [1, 2],
            country: *b"DE",
            device: 1,
            bot: None,
            propensity: 1.0,
            policy_version: 0,
            config_version,
            cost: None,
            is_test: false,
            outcome: ClickOutcome::Fallback,
            reason: ClickReason::NoArm,
        };
        destinations.of(&click, &ClickPrivate::default())
    }

    fn told(version: u32) -> Option<String> {
        let campaign = weir_engine::ids::CampaignId::new(TENANT, 3);
        Some(format!("https://fallback.example/{version}?c={campaign}"))
    }

    #[test]
    fn the_configuration_that_decided_counts_and_not_the_one_before_the_click_in_the_log() {
        let log = [of_tenant(1), of_campaign(), of_tenant(2), of_tenant(3)];
        assert_eq!(url(&log, 2), told(1));
        assert_eq!(url(&log, 3), told(2));
        assert_eq!(url(&log, 4), told(3));
        assert_eq!(url(&log, 1), None, "before the campaign was there");
        assert_eq!(url(&log, 5), None, "of a change that is not in the log");
    }

    #[test]
    fn where_the_log_has_lost_a_tenants_beginning_no_url_is_guessed() {
        for lost in 1..3 {
            let log = [of_tenant(1), of_campaign(), of_tenant(2), of_tenant(3)];
            assert_eq!(url(&log[lost..], 2), None, "{lost} lost");
        }
        let unreadable = changed(EntityKind::Campaign, 3, 2, json!({"name": 1}));
        assert_eq!(url(&[of_tenant(1), of_campaign(), unreadable], 2), None);
        assert_eq!(url(&[], 0), None);
    }
}
