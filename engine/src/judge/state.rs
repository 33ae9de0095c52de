//! What a tenant's verdicts depend on.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::uniqueness::Uniqueness;
use super::{JudgedClick, Judgement};
use crate::caps::{CapBook, CapRule, CapSubject, Period, Place, rules_of};
use crate::catalog::{CapMetric, Catalog, Change, EntityKind, Tenant, UnreadableBody};
use crate::fact::{ClickCore, Sent};
use crate::ids::{TenantId, UnixMs};
use crate::money::Currency;

/// Everything a tenant's verdicts depend on, as of a place in the log.
#[derive(Debug, Clone)]
pub struct TenantState {
    /// Whose.
    pub tenant: TenantId,
    pub(super) catalog: Catalog,
    pub(super) caps: CapBook,
    pub(super) uniqueness: Uniqueness,
    rules: CompiledCaps,
    touched: BTreeMap<Place, i64>,
}

/// Caps made ready, by offer and by terms; rebuilt when the configuration changes.
#[derive(Debug, Clone, Default)]
struct CompiledCaps {
    by_owner: HashMap<(u32, u32), Vec<Counted>>,
}

/// A cap made ready, with the period that the last fact lay in.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) rule: CapRule,
    period: Option<Period>,
}

impl Counted {
    /// The period of `at`; computed only when it is another one than the last.
    pub(super) fn period_at(&mut self, at: UnixMs) -> Period {
        match self.period {
            Some(period) if period.contains(at) => period,
            _ => *self.period.insert(self.rule.period_at(at)),
        }
    }
}

impl TenantState {
    /// The state before a tenant's first fact.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            catalog: Catalog::default(),
            caps: CapBook::default(),
            uniqueness: Uniqueness::default(),
            rules: CompiledCaps::default(),
            touched: BTreeMap::new(),
        }
    }

    /// What the tenant has configured.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// How many fingerprints were forgotten before their time.
    #[must_use]
    pub fn uniqueness_evictions(&self) -> u64 {
        self.uniqueness.evicted()
    }

    /// Applies a change of configuration.
    ///
    /// # Errors
    /// [`UnreadableBody`]; nothing is changed then.
    pub fn judge_config(&mut self, change: &Change, at: UnixMs) -> Result<(), UnreadableBody> {
        self.catalog.apply(change, at)?;
        self.rules.by_owner.clear();
        self.refold_config(change);
        Ok(())
    }

    /// Judges a click.
    pub fn judge_click(&mut self, click: &ClickCore) -> JudgedClick {
        let is_unique = self.is_unique(click);
        if let (true, Some(sent)) = (click.is_valid() && !click.is_test, click.sent) {
            let subject = CapSubject {
                offer: sent.offer,
                affiliate: click.affiliate,
                campaign: click.campaign,
            };
            self.count_click(subject, click.at);
        }
        self.judged(click, is_unique)
    }

    /// Whether a click is the visitor's unique one on the offer it was sent to.
    fn is_unique(&mut self, click: &ClickCore) -> bool {
        let counts = click.is_valid() && !click.is_test;
        let judge = |sent: Sent| self.uniqueness.judge(click.visitor, sent.offer, click.at);
        click.sent.filter(|_| counts).is_some_and(judge)
    }

    fn judged(&self, click: &ClickCore, is_unique: bool) -> JudgedClick {
        let offer = click
            .sent
            .and_then(|sent| self.catalog.offers.get(&sent.offer));
        JudgedClick {
            click: *click,
            is_unique,
            currency: offer.map_or_else(|| self.currency(), |o| o.body.currency),
        }
    }

    fn count_click(&mut self, subject: CapSubject, at: UnixMs) {
        for owner in [None, subject.affiliate] {
            // Taken out and put back, so that the periods stay known from click to click.
            let mut rules = std::mem::take(self.compiled(subject.offer, owner));
            for counted in rules
                .iter_mut()
                .filter(|c| c.rule.metric == CapMetric::Clicks)
            {
                if let Some(key) = counted.rule.key(subject) {
                    self.use_place(Place::new(key, counted.period_at(at)), 1);
                }
            }
            *self.compiled(subject.offer, owner) = rules;
            if subject.affiliate.is_none() {
                break;
            }
        }
    }

    /// Uses `units` of a counter, or gives them back.
    pub(super) fn use_place(&mut self, place: Place, units: i64) {
        if let Some(used) = self.caps.add(place, units) {
            self.touched.insert(place, used);
        }
    }

    /// What is used of a counter.
    #[must_use]
    pub fn used(&self, place: Place) -> i64 {
        self.caps.used(place)
    }

    /// The caps of an offer, then of the affiliate's terms on it, made ready.
    pub(super) fn rules_for(&mut self, offer: u32, affiliate: Option<u32>) -> Vec<Counted> {
        let mut rules = self.compiled(offer, None).clone();
        if affiliate.is_some() {
            rules.extend(self.compiled(offer, affiliate).iter().cloned());
        }
        rules
    }

    /// The caps of `offer` (owner `None`) or of an affiliate's terms on it, compiled on first use.
    fn compiled(&mut self, offer: u32, owner: Option<u32>) -> &mut Vec<Counted> {
        let key = (offer, owner.unwrap_or(0));
        if !self.rules.by_owner.contains_key(&key) {
            let rules = rules_of(&self.catalog, offer, owner).into_iter();
            let ready = rules.map(|rule| Counted { rule, period: None }).collect();
            self.rules.by_owner.insert(key, ready);
        }
        self.rules.by_owner.entry(key).or_default()
    }

    /// The tenant's own currency.
    pub(super) fn currency(&self) -> Currency {
        let tenant = self.catalog.tenant.as_ref();
        tenant.map_or(Currency::USD, |t| t.body.currency)
    }
}

/// What the store keeps of the state.
impl TenantState {
    /// The state at the stored offset: the catalog and the counters are rows of the store; the unique
    /// clicks are a checkpoint, refolded from its place by [`Self::refold_click`].
    #[must_use]
    pub fn restore(
        tenant: TenantId,
        catalog: Catalog,
        counters: impl IntoIterator<Item = (Place, i64)>,
        uniqueness: Uniqueness,
    ) -> Self {
        Self {
            catalog,
            caps: CapBook::from_entries(counters),
            uniqueness,
            ..Self::new(tenant)
        }
    }

    /// Folds a click again whose effects are stored: only the unique clicks have not seen it.
    pub fn refold_click(&mut self, click: &ClickCore) -> JudgedClick {
        let is_unique = self.is_unique(click);
        self.judged(click, is_unique)
    }

    /// Folds a configuration change again whose effects are stored.
    pub fn refold_config(&mut self, change: &Change) {
        if let Some(capacity) = capacity_in(change) {
            self.uniqueness.set_capacity(capacity);
        }
    }

    /// All counters that are kept, in order.
    pub fn counters(&self) -> impl Iterator<Item = (Place, i64)> + '_ {
        self.caps.entries()
    }

    /// Counters that changed since the last call, as they stand.
    pub fn take_touched(&mut self) -> Vec<(Place, i64)> {
        std::mem::take(&mut self.touched).into_iter().collect()
    }

    /// The unique clicks, for a checkpoint.
    #[must_use]
    pub fn uniqueness(&self) -> &Uniqueness {
        &self.uniqueness
    }
}

/// The capacity of fingerprints that a change sets, if it is one of the tenant's own settings.
fn capacity_in(change: &Change) -> Option<u32> {
    let is_own = change.key.kind == EntityKind::Tenant && change.key.number == 0;
    let body = is_own.then(|| Tenant::deserialize(&change.body).ok())??;
    Some(body.uniqueness_capacity)
}

impl From<JudgedClick> for Judgement {
    fn from(click: JudgedClick) -> Self {
        Self::Click(click)
    }
}
