//! Facts of the mix without HTTP: decided and encoded by the code that decides real clicks.

use std::sync::Arc;

use anyhow::Context;
use weir_actors::Routes;
use weir_api::edge::Minter;
use weir_engine::click_id::ClickKey;
use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::policy;
use weir_engine::record::Record;
use weir_engine::routing::{
    ClickFacts, ClickRequest, ClickTexts, Decided, Silent, Subject, decide, facts,
};
use weir_engine::visitor::{DeviceCache, Hints, Language, Visitor, VisitorKeys, truncate};

use super::catalog::Names;
use super::world::{World, secrets};
use crate::mix::Click;

/// Clicks a millisecond of the facts' own clock.
const PER_MS: u64 = 20;

/// Makes facts of clicks.
pub struct Facts<'a> {
    world: &'a World,
    names: &'a Names,
    routes: Arc<Routes>,
    tenant: TenantId,
    click_key: ClickKey,
    visitor_keys: VisitorKeys,
    devices: DeviceCache,
    minter: Minter,
    buffer: ClickFacts,
    began: UnixMs,
    count: u64,
}

impl<'a> Facts<'a> {
    /// Facts that begin at `began`.
    #[must_use]
    pub fn new(world: &'a World, names: &'a Names, began: UnixMs) -> Self {
        let tenant = TenantId(names.tenant);
        Self {
            world,
            names,
            routes: Arc::clone(world.mesh.routes()),
            tenant,
            click_key: secrets().click_key(tenant, 0),
            visitor_keys: secrets().visitor_keys(tenant, began.0),
            devices: DeviceCache::new([3; 16]),
            minter: Minter::new(2, 0, began),
            buffer: ClickFacts::default(),
            began,
            count: 0,
        }
    }

    /// Hands the fact of `click` to `take`.
    ///
    /// # Errors
    /// Its link is not published.
    pub fn with<T>(
        &mut self,
        click: &Click,
        take: impl FnOnce(&Record<'_>) -> T,
    ) -> anyhow::Result<T> {
        let link = &self.names.links[click.campaign];
        let route = self.routes.find("", link).context("a link of the mix")?;
        let (tenant, campaign) = (
            route.tenant.snapshot.load_full(),
            route.campaign.load_full(),
        );
        let now = UnixMs(self.began.0 + self.count / PER_MS);
        self.count += 1;
        let click_id = self.minter.mint(self.tenant, &self.click_key, now);
        let device = self
            .devices
            .get(&self.world.agents, click.user_agent, Hints::default());
        let address = click.address.into();
        let visitor = Visitor {
            place: self.world.countries.lookup(address),
            device: &device,
            language: Language::of_header(click.language),
        };
        let mut sub = [""; 20];
        sub.iter_mut()
            .zip(&click.sub)
            .for_each(|(to, text)| *to = text);
        let texts = ClickTexts {
            ip: Some(truncate(address)),
            user_agent: click.user_agent,
            referrer: click.referrer,
            aff_click_id: &click.partner_id,
            source: "",
            sub: &sub,
            ad_ids: &[""; 6],
            utm: &[""; 5],
            cost: "",
        };
        let subject = Subject {
            visitor,
            address,
            affiliate: None,
            referrer: texts.referrer,
            source: texts.source,
            sub: &sub,
        };
        let request = ClickRequest {
            now,
            aff: &self.names.affiliates[click.affiliate],
            subject,
            draw: policy::draw_of(campaign.seed, &click_id),
            is_test: false,
        };
        let decision = decide(&request, &tenant, &campaign, &mut Silent);
        let decided = Decided {
            click_id,
            now,
            visitor,
            hashes: self.visitor_keys.hashes(address, click.user_agent),
            is_test: false,
        };
        let fact = facts(&decided, &texts, &decision, &tenant, &campaign);
        Ok(take(&self.buffer.encode(
            &fact,
            &visitor,
            &texts,
            &decision,
            &campaign.link,
        )))
    }
}
