//! Gathers effects of windows and makes commits of them, pure.
//!
//! Always true: windows enter a commit in order and whole; what is absolute (conversions, counters, blocks,
//! entities, checkpoints) is written as the last window of the commit left it; sums are added up once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasherDefault;

use weir_engine::caps::Place;
use weir_engine::catalog::EntityKey;
use weir_engine::ids::{ConversionId, TenantId};
use weir_engine::judge::{Conversion, Judged, JudgedConversion, Judgement, StatusChange};
use weir_engine::ports::{
    ActorKey, Advance, CapCounter, Checkpoint, Commit, EntityRow, PartitionState, StatusRow,
    UNIQUE_BLOCK, UniqueBlock, UniqueClicks, VerdictRow,
};
use weir_engine::rollup::{RollupDelta, RollupKey};

use super::key_hash::KeyHasher;
use crate::window::{Effects, Step, WindowHead};

/// A window whose tenants have not all answered yet.
#[derive(Default)]
struct OpenWindow {
    head: Option<WindowHead>,
    effects: Vec<Effects>,
}

impl OpenWindow {
    fn is_complete(&self) -> bool {
        self.head
            .as_ref()
            .is_some_and(|h| h.tenants == self.effects.len())
    }
}

/// Rows of the next commit, gathered.
#[derive(Default)]
struct Gathered {
    conversions: BTreeMap<ConversionId, Conversion>,
    entities: BTreeMap<(TenantId, EntityKey), EntityRow>,
    rollups: HashMap<(TenantId, RollupKey), RollupDelta, BuildHasherDefault<KeyHasher>>,
    counters: BTreeMap<(TenantId, Place), i64>,
    checkpoints: BTreeMap<ActorKey, Checkpoint>,
    rest: Commit,
    ready: Ready,
}

/// What a commit covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ready {
    /// The last window in it.
    pub(crate) window: u64,
    /// Facts in it.
    pub(crate) facts: u64,
    /// Credits to give back once it is stored.
    pub(crate) credits: u32,
    /// Whether somebody waits for it.
    pub(crate) is_urgent: bool,
    /// How far it takes each partition.
    pub(crate) steps: BTreeMap<u16, (u64, u64)>,
    /// How far its checkpoints cover each partition.
    pub(crate) refold_from: BTreeMap<u16, u64>,
}

/// See the module.
pub(crate) struct Assembly {
    partitions: BTreeMap<u16, PartitionState>,
    next: u64,
    open: BTreeMap<u64, OpenWindow>,
    unique: UniqueClicks,
    gathered: Gathered,
}

impl Assembly {
    /// Starts with window 1 where the store is, with the blocks of unique clicks that are not full.
    pub(crate) fn new(
        partitions: &[PartitionState],
        blocks: impl IntoIterator<Item = UniqueBlock>,
    ) -> Self {
        Self {
            partitions: partitions.iter().map(|p| (p.partition, *p)).collect(),
            next: 1,
            open: BTreeMap::new(),
            unique: blocks.into_iter().collect(),
            gathered: Gathered::default(),
        }
    }

    /// Takes note of a window.
    pub(crate) fn window(&mut self, head: WindowHead) {
        let number = head.number;
        self.open.entry(number).or_default().head = Some(head);
        self.gather();
    }

    /// Takes a tenant's effects.
    pub(crate) fn effects(&mut self, effects: Effects) {
        self.open
            .entry(effects.window)
            .or_default()
            .effects
            .push(effects);
        self.gather();
    }

    /// Whether windows wait for their tenants.
    pub(crate) fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// What a commit made now would cover; `None` when there is nothing.
    pub(crate) fn ready(&self) -> Option<&Ready> {
        Some(&self.gathered.ready).filter(|r| r.window > 0)
    }

    /// The commit of everything gathered.
    pub(crate) fn take(&mut self) -> Option<(Ready, Commit)> {
        self.ready()?;
        let gathered = std::mem::take(&mut self.gathered);
        let ready = gathered.ready.clone();
        let mut commit = gathered.into_commit();
        commit.advances = self.advances(&ready);
        commit.unique_blocks = self.blocks_of(&ready);
        Some((ready, commit))
    }

    /// The steps of a commit; partitions that are only checkpointed step in place.
    fn advances(&mut self, ready: &Ready) -> Vec<Advance> {
        let touched: BTreeSet<u16> = ready
            .steps
            .keys()
            .chain(ready.refold_from.keys())
            .copied()
            .collect();
        let mut advances = Vec::with_capacity(touched.len());
        for number in touched {
            let Some(partition) = self.partitions.get_mut(&number) else {
                continue;
            };
            let here = partition.next_offset;
            let (from, to) = ready.steps.get(&number).copied().unwrap_or((here, here));
            assert_eq!(from, here, "I8: a commit follows the one before it");
            partition.next_offset = to;
            advances.push(Advance {
                partition: number,
                from,
                to,
                epoch: partition.epoch,
                refold_from: ready.refold_from.get(&number).copied(),
            });
        }
        advances
    }

    /// The blocks that `ready` touches; full ones are forgotten.
    fn blocks_of(&mut self, ready: &Ready) -> Vec<UniqueBlock> {
        let mut touched = Vec::new();
        for (&partition, &(from, to)) in &ready.steps {
            for block in from / UNIQUE_BLOCK..=to.saturating_sub(1) / UNIQUE_BLOCK {
                touched.extend(self.unique.block(partition, block));
                if (block + 1) * UNIQUE_BLOCK <= to {
                    self.unique.forget(partition, block);
                }
            }
        }
        touched
    }

    /// Moves complete windows, in order, into the commit.
    fn gather(&mut self) {
        while self
            .open
            .get(&self.next)
            .is_some_and(OpenWindow::is_complete)
        {
            let Some(window) = self.open.remove(&self.next) else {
                return;
            };
            self.next += 1;
            let mut effects = window.effects;
            // The order in which tenants finished must not be seen in the rows.
            effects.sort_by_key(|e| e.tenant);
            for of_tenant in effects {
                self.add(of_tenant);
            }
            if let Some(head) = window.head {
                self.gathered.cover(head);
            }
        }
    }

    fn add(&mut self, effects: Effects) {
        let tenant = effects.tenant;
        for judged in effects.judged.iter().skip(effects.refolded) {
            if matches!(&judged.judgement, Judgement::Click(c) if c.is_unique) {
                self.unique.mark(judged.position);
            }
            self.gathered.add_judged(judged);
        }
        for row in effects.entities {
            self.gathered.entities.insert((tenant, row.change.key), row);
        }
        for (place, used) in effects.touched {
            self.gathered.counters.insert((tenant, place), used);
        }
        for checkpoint in effects.checkpoints {
            self.gathered
                .checkpoints
                .insert(checkpoint.actor, checkpoint);
        }
    }
}

impl Gathered {
    fn cover(&mut self, head: WindowHead) {
        let ready = &mut self.ready;
        ready.window = head.number;
        ready.facts += head.facts;
        self.rest.newest_at = self.rest.newest_at.max(head.newest_at);
        ready.credits += head.credits;
        ready.is_urgent |= head.is_urgent;
        for Step {
            partition,
            from,
            to,
        } in head.steps
        {
            let covered = ready.steps.entry(partition).or_insert((from, from));
            assert_eq!(covered.1, from, "a window follows the one before it");
            covered.1 = to;
        }
        ready.refold_from.extend(head.refold_from);
    }

    fn add_judged(&mut self, judged: &Judged) {
        judged.rollups(|key, delta| {
            self.rollups
                .entry((judged.tenant, key))
                .or_default()
                .add(&delta);
        });
        match &judged.judgement {
            Judgement::Conversion(conversion) => self.add_conversion(judged, conversion),
            Judgement::StatusChange(Some(change)) => self.add_change(judged, change),
            Judgement::Click(_)
            | Judgement::StatusChange(None)
            | Judgement::Config(_)
            | Judgement::Unreadable(_) => {}
        }
    }

    fn add_conversion(&mut self, judged: &Judged, conversion: &JudgedConversion) {
        self.rest.verdicts.push(VerdictRow {
            tenant: judged.tenant,
            position: judged.position,
            at: judged.at,
            received_id: conversion.received_id,
            verdict: conversion.verdict.clone(),
            is_made: conversion.made.is_some(),
        });
        if let Some(made) = &conversion.made {
            self.conversions.insert(made.id, made.clone());
            self.rest.transfers.extend(&conversion.transfers);
        }
        if let Some(changed) = &conversion.changed {
            self.add_change(judged, changed);
        }
    }

    fn add_change(&mut self, judged: &Judged, change: &StatusChange) {
        let conversion = &change.conversion;
        self.rest.status_changes.push(StatusRow {
            tenant: judged.tenant,
            position: judged.position,
            at: judged.at,
            conversion_id: conversion.id,
            from: change.from,
            to: conversion.status,
            reason: conversion.reason,
            note: conversion.note.clone(),
            by: change.by.clone(),
        });
        self.conversions.insert(conversion.id, conversion.clone());
        self.rest.transfers.extend(&change.transfers);
    }

    fn into_commit(self) -> Commit {
        let mut rollups: Vec<_> = self
            .rollups
            .into_iter()
            .map(|((tenant, key), delta)| (tenant, key, delta))
            .collect();
        // In the order of the table's key: the hash map's order must not be seen, and neighbours are cheap.
        rollups.sort_unstable_by_key(|(tenant, key, _)| (*tenant, *key));
        let counters = self.counters.into_iter();
        Commit {
            conversions: self.conversions.into_values().collect(),
            entities: self.entities.into_values().collect(),
            cap_counters: counters
                .map(|((tenant, place), used)| CapCounter {
                    tenant,
                    place,
                    used,
                })
                .collect(),
            checkpoints: self.checkpoints.into_values().collect(),
            rollups,
            ..self.rest
        }
    }
}
