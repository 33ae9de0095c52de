//! A window in the making, pure: facts by tenant, steps by partition.

use std::collections::BTreeMap;

use weir_engine::fact::{Fact, Kind};
use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::record::Logged;

use crate::window::{FactAt, Step};

/// Effects of a fact take about half a kilobyte until they are stored; a credit is one fact.
pub(crate) const CREDITS: usize = 131_072;

/// See the module.
#[derive(Default)]
pub(crate) struct WindowInMaking {
    pub(crate) by_tenant: BTreeMap<TenantId, Vec<FactAt>>,
    steps: BTreeMap<u16, (u64, u64)>,
    pub(crate) facts: u64,
    pub(crate) newest_at: UnixMs,
    /// Whether somebody may wait for a verdict: do not wait for company.
    pub(crate) has_waiting: bool,
    /// Whether somebody waits until it is stored.
    pub(crate) is_urgent: bool,
}

impl WindowInMaking {
    /// Adds a fact.
    pub(crate) fn push(&mut self, logged: &Logged<'_>) {
        let position = logged.position;
        let step = self
            .steps
            .entry(position.partition)
            .or_insert((position.seq, position.seq));
        assert_eq!(
            step.1, position.seq,
            "J1: facts of a partition come without gaps"
        );
        step.1 += 1;
        self.facts += 1;
        self.newest_at = self.newest_at.max(logged.record.at);
        let is_click = logged.record.kind == Kind::Clicked.code();
        self.has_waiting |= !is_click;
        self.is_urgent |= logged.record.kind == Kind::ConfigChanged.code();
        let fact = FactAt {
            position,
            at: logged.record.at,
            fact: Fact::read(logged),
        };
        self.by_tenant
            .entry(logged.record.tenant)
            .or_default()
            .push(fact);
    }

    /// Steps of the partitions whose effects are not stored up to `stored`.
    pub(crate) fn steps(&self, stored: impl Fn(u16) -> u64) -> Vec<Step> {
        let steps = self.steps.iter().map(|(&partition, &(from, to))| Step {
            partition,
            from: from.max(stored(partition)),
            to,
        });
        steps.filter(|step| step.from < step.to).collect()
    }
}
