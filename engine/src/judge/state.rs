//! What a tenant's verdicts depend on, and its checkpoint.

use std::collections::HashMap;

use super::uniqueness::{Fingerprint, Uniqueness};
use super::{JudgedClick, Judgement};
use crate::caps::{CapBook, CapRule, CapSubject, Period, Place};
use crate::catalog::{CapMetric, Catalog, Change, UnreadableBody};
use crate::fact::{ClickCore, Decoder, Encoder, Malformed};
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
    dirty: Dirty,
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

#[derive(Debug, Clone, Copy, Default)]
struct Dirty {
    catalog: bool,
    caps: bool,
    uniqueness: bool,
}

/// One part of a tenant's checkpoint; only the parts that changed are written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The entities.
    Catalog,
    /// The counters of caps.
    Caps,
    /// The unique clicks.
    Uniqueness,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Catalog, Self::Caps, Self::Uniqueness];

    /// Its name in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Caps => "caps",
            Self::Uniqueness => "uniqueness",
        }
    }
}

/// A checkpoint cannot be used: the state is folded from the log instead.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Bytes of another format.
    #[error("checkpoint cannot be read")]
    Malformed(#[from] Malformed),
    /// An entity that this build cannot read.
    #[error("checkpoint holds an entity that cannot be read")]
    Entity(#[from] UnreadableBody),
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
            dirty: Dirty::default(),
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
        self.dirty.catalog = true;
        Ok(())
    }

    /// Judges a click.
    pub fn judge_click(&mut self, click: &ClickCore) -> JudgedClick {
        let counts = click.is_valid() && !click.is_test;
        let mut is_unique = false;
        if let (true, Some(sent)) = (counts, click.sent) {
            let capacity = self.tenant_settings().1;
            is_unique = self
                .uniqueness
                .judge(click.visitor, sent.offer, click.at, capacity);
            self.dirty.uniqueness |= is_unique;
            let subject = CapSubject {
                offer: sent.offer,
                affiliate: click.affiliate,
                campaign: click.campaign,
            };
            self.count_click(subject, click.at);
        }
        let offer = click
            .sent
            .and_then(|sent| self.catalog.offers.get(&sent.offer));
        let currency = offer.map_or_else(|| self.tenant_settings().0, |o| o.body.currency);
        JudgedClick {
            click: *click,
            is_unique,
            currency,
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
        self.caps.add(place, units);
        self.dirty.caps = true;
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

    /// Caps as configured, made ready: for the gates that the click path reads.
    #[must_use]
    pub fn cap_rules(&mut self, offer: u32, owner: Option<u32>) -> Vec<CapRule> {
        self.compiled(offer, owner)
            .iter()
            .map(|c| c.rule.clone())
            .collect()
    }

    /// The caps of `offer` (owner `None`) or of an affiliate's terms on it, compiled on first use.
    fn compiled(&mut self, offer: u32, owner: Option<u32>) -> &mut Vec<Counted> {
        let key = (offer, owner.unwrap_or(0));
        if !self.rules.by_owner.contains_key(&key) {
            let ready = self.compile(offer, owner);
            self.rules.by_owner.insert(key, ready);
        }
        self.rules.by_owner.entry(key).or_default()
    }

    fn compile(&self, offer: u32, owner: Option<u32>) -> Vec<Counted> {
        let zone = self
            .catalog
            .tenant
            .as_ref()
            .map_or("UTC", |t| t.body.timezone.as_str());
        let Some(of) = self.catalog.offers.get(&offer) else {
            return Vec::new();
        };
        let caps = match owner {
            None => Some(&of.body.caps),
            Some(affiliate) => self
                .catalog
                .terms
                .get(&(offer, affiliate))
                .map(|t| &t.body.caps),
        };
        let goal_number = |name: &Option<String>| {
            name.as_deref()
                .and_then(|n| of.body.goal(n))
                .map(|g| g.id.number())
        };
        let rule = |cap| CapRule::compile(cap, owner, goal_number(&cap.goal), zone);
        caps.into_iter()
            .flatten()
            // The zone was checked before the fact was written; a zone that a later build dropped caps nothing.
            .filter_map(|cap| rule(cap).ok())
            .map(|rule| Counted { rule, period: None })
            .collect()
    }

    /// The tenant's currency and its capacity of fingerprints.
    pub(super) fn tenant_settings(&self) -> (Currency, u32) {
        self.catalog.tenant.as_ref().map_or(
            (Currency::USD, crate::catalog::default_uniqueness_capacity()),
            |t| (t.body.currency, t.body.uniqueness_capacity),
        )
    }
}

/// The checkpoint.
impl TenantState {
    /// The parts that changed since the last call, as bytes.
    pub fn take_dirty_parts(&mut self) -> Vec<(Part, Vec<u8>)> {
        let dirty = std::mem::take(&mut self.dirty);
        let is_dirty = |part: &Part| match part {
            Part::Catalog => dirty.catalog,
            Part::Caps => dirty.caps,
            Part::Uniqueness => dirty.uniqueness,
        };
        Part::ALL
            .into_iter()
            .filter(is_dirty)
            .map(|part| (part, self.part_bytes(part)))
            .collect()
    }

    /// Whether anything changed since the last [`Self::take_dirty_parts`].
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.dirty.catalog || self.dirty.caps || self.dirty.uniqueness
    }

    /// Says that the parts handed out last were not stored.
    pub fn mark_all_dirty(&mut self) {
        self.dirty = Dirty {
            catalog: true,
            caps: true,
            uniqueness: true,
        };
    }

    fn part_bytes(&self, part: Part) -> Vec<u8> {
        let mut out = Vec::new();
        let mut e = Encoder(&mut out);
        match part {
            Part::Catalog => self.catalog.write(&mut e),
            Part::Caps => {
                for (place, used) in self.caps.entries() {
                    e.varint(place.cap);
                    e.varint(place.from.0);
                    e.signed(used);
                }
            }
            Part::Uniqueness => {
                e.varint(self.uniqueness.evicted());
                for (fingerprint, at) in self.uniqueness.entries() {
                    e.raw(&fingerprint.0.to_le_bytes());
                    e.varint(at.0);
                }
            }
        }
        out
    }

    /// Restores the parts of a checkpoint; parts that are missing stay empty.
    ///
    /// # Errors
    /// [`CheckpointError`] when a part cannot be read: fold from the log instead.
    pub fn restore(
        tenant: TenantId,
        parts: impl IntoIterator<Item = (Part, Vec<u8>)>,
    ) -> Result<Self, CheckpointError> {
        let mut state = Self::new(tenant);
        for (part, bytes) in parts {
            let mut d = Decoder(&bytes);
            match part {
                Part::Catalog => state.catalog = Catalog::read(&mut d)?,
                Part::Caps => {
                    let mut entries = Vec::new();
                    while !d.is_empty() {
                        let place = Place {
                            cap: d.varint()?,
                            from: UnixMs(d.varint()?),
                        };
                        entries.push((place, d.signed()?));
                    }
                    state.caps = CapBook::from_entries(entries);
                }
                Part::Uniqueness => {
                    let evicted = d.varint()?;
                    let mut entries = Vec::new();
                    while !d.is_empty() {
                        let fingerprint = Fingerprint(u64::from_le_bytes(d.array()?));
                        entries.push((fingerprint, UnixMs(d.varint()?)));
                    }
                    state.uniqueness = Uniqueness::from_entries(entries, evicted);
                }
            }
        }
        Ok(state)
    }
}

impl From<JudgedClick> for Judgement {
    fn from(click: JudgedClick) -> Self {
        Self::Click(click)
    }
}
