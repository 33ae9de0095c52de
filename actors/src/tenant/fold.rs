//! A tenant's fold, pure but for the evidence that is handed in: facts in, judged facts out.
//!
//! Always true: facts come in order, each once; those below `effects_from` are stored already and are
//! refolded: they change only what a checkpoint restores, and their judgement is read back, not taken again.

use std::collections::BTreeMap;

use weir_engine::catalog::Change;
use weir_engine::click_id::ClickId;
use weir_engine::fact::{
    ClickCore, ConversionReceived, ConversionStatus, ConversionStatusChanged, Fact,
};
use weir_engine::ids::{ConversionId, Position, TenantId, UnixMs};
use weir_engine::judge::{
    Conversion, Evidence, Identities, Judged, JudgedConversion, Judgement, StatusChange,
    TenantState,
};
use weir_engine::ports::{EntityRow, JudgedRange};

use super::identities::IdentityFilter;
use super::recent::Recent;
use crate::window::FactAt;

/// What a fact's judgement needs that is not in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    /// The click that a postback names.
    Click(ClickId),
    /// The conversion that a person changes.
    Conversion(ConversionId),
}

/// See the module.
pub(crate) struct TenantFold {
    pub(crate) state: TenantState,
    pub(crate) recent: Recent,
    /// What conversions have taken, stored or not.
    pub(crate) taken: IdentityFilter,
    effects_from: u64,
    stored: BTreeMap<u64, Judgement>,
}

impl TenantFold {
    /// A fold whose facts below `effects_from` are stored, judged as `range` says.
    pub(crate) fn new(state: TenantState, effects_from: u64, range: JudgedRange) -> Self {
        Self {
            state,
            recent: Recent::default(),
            taken: match effects_from {
                0 => IdentityFilter::of_nothing(),
                _ => IdentityFilter::default(),
            },
            effects_from,
            stored: read_back(range),
        }
    }

    /// Whether the effects of a fact are stored already.
    pub(crate) fn is_stored(&self, position: Position) -> bool {
        position.seq < self.effects_from
    }

    /// What must be looked up before [`Self::judge`].
    pub(crate) fn need(&self, fact: &FactAt) -> Need {
        if self.is_stored(fact.position) {
            return Need::Nothing;
        }
        match &fact.fact {
            Ok(Fact::ConversionReceived(received)) => {
                received.click_id.map_or(Need::Nothing, Need::Click)
            }
            Ok(Fact::ConversionStatusChanged(change)) => Need::Conversion(change.conversion_id),
            _ => Need::Nothing,
        }
    }

    /// The identities of which an earlier conversion must be looked up, once the click is known.
    pub(crate) fn identities(&self, fact: &FactAt, click: &ClickCore) -> Identities {
        match &fact.fact {
            Ok(Fact::ConversionReceived(received)) => self.state.identities(received, click),
            _ => Identities::default(),
        }
    }

    /// Judges a fact.
    pub(crate) fn judge(&mut self, fact: FactAt, evidence: Evidence) -> Judged {
        let FactAt { position, at, fact } = fact;
        let judgement = match fact {
            Err(malformed) => Judgement::Unreadable(malformed.0),
            Ok(fact) if self.is_stored(position) => self.refold(position, fact),
            Ok(fact) => self.judge_fact(position, at, fact, evidence),
        };
        Judged {
            tenant: self.state.tenant,
            position,
            at,
            judgement,
        }
    }

    fn judge_fact(
        &mut self,
        position: Position,
        at: UnixMs,
        fact: Fact,
        evidence: Evidence,
    ) -> Judgement {
        match fact {
            Fact::Clicked(click) => self.state.judge_click(&click).into(),
            Fact::ConversionReceived(received) => {
                Judgement::Conversion(Box::new(self.conversion(position, at, &received, evidence)))
            }
            Fact::ConversionStatusChanged(change) => {
                let changed = self.status_change(position, at, &change, evidence.prior);
                Judgement::StatusChange(changed.map(Box::new))
            }
            Fact::ConfigChanged(change) => match self.state.judge_config(&change, at) {
                Ok(()) => Judgement::Config(change),
                Err(_) => Judgement::Unreadable("configuration of a newer build"),
            },
        }
    }

    fn conversion(
        &mut self,
        position: Position,
        at: UnixMs,
        received: &ConversionReceived,
        evidence: Evidence,
    ) -> JudgedConversion {
        let judged = self
            .state
            .judge_conversion(position, at, received, evidence);
        let made = judged.made.iter();
        let changed = judged.changed.iter().map(|c| &c.conversion);
        for conversion in made.chain(changed) {
            self.recent.put(position.seq, conversion);
            if let Some(identity) = conversion.identity {
                self.taken.put(identity);
            }
        }
        judged
    }

    fn status_change(
        &mut self,
        position: Position,
        at: UnixMs,
        change: &ConversionStatusChanged,
        prior: Option<Conversion>,
    ) -> Option<StatusChange> {
        let changed = self
            .state
            .judge_status_change(position, at, change, prior)?;
        self.recent.put(position.seq, &changed.conversion);
        if let Some(identity) = changed.conversion.identity {
            self.taken.put(identity);
        }
        Some(changed)
    }

    fn refold(&mut self, position: Position, fact: Fact) -> Judgement {
        match fact {
            Fact::Clicked(click) => self.state.refold_click(&click).into(),
            Fact::ConfigChanged(change) => {
                self.state.refold_config(&change);
                Judgement::Config(change)
            }
            Fact::ConversionReceived(_) | Fact::ConversionStatusChanged(_) => self
                .stored
                .remove(&position.seq)
                .unwrap_or(Judgement::StatusChange(None)),
        }
    }
}

/// Judgements by number of their fact, each conversion with the status that it had there.
fn read_back(range: JudgedRange) -> BTreeMap<u64, Judgement> {
    let mut changes = BTreeMap::new();
    for (row, conversion) in range.status_changes {
        let change = StatusChange {
            conversion: standing_at(conversion, row.to),
            from: row.from,
            by: row.by,
            transfers: Vec::new(),
        };
        changes.insert(row.position.seq, change);
    }
    let mut judgements = BTreeMap::new();
    for (row, conversion) in range.verdicts {
        let status = row.verdict.status.unwrap_or(ConversionStatus::Rejected);
        let judged = JudgedConversion {
            received_id: row.received_id,
            made: conversion
                .filter(|_| row.is_made)
                .map(|c| standing_at(c, status)),
            changed: changes.remove(&row.position.seq),
            verdict: row.verdict,
            transfers: Vec::new(),
        };
        judgements.insert(row.position.seq, Judgement::Conversion(Box::new(judged)));
    }
    let by_staff = changes
        .into_iter()
        .map(|(seq, change)| (seq, Judgement::StatusChange(Some(Box::new(change)))));
    judgements.extend(by_staff);
    judgements
}

fn standing_at(conversion: Conversion, status: ConversionStatus) -> Conversion {
    Conversion {
        status,
        ..conversion
    }
}

/// What a fold says of itself.
impl TenantFold {
    pub(crate) fn tenant(&self) -> TenantId {
        self.state.tenant
    }

    /// Rows of the entities that judged facts changed, as they stand now.
    pub(crate) fn entity_rows(&self, judged: &[Judged]) -> Vec<EntityRow> {
        let row = |judged: &Judged, change: &Change| {
            let created_at = self.state.catalog().created_at(change.key);
            EntityRow {
                tenant: judged.tenant,
                position: judged.position,
                created_at: created_at.unwrap_or(judged.at),
                updated_at: judged.at,
                change: change.clone(),
            }
        };
        let changes = judged.iter().filter_map(|j| match &j.judgement {
            Judgement::Config(change) => Some(row(j, change)),
            _ => None,
        });
        changes.collect()
    }
}
