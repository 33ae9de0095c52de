//! Counters of today and yesterday, kept equal to the books, pure.
//!
//! A tenant's day begins with what a report of the store says, at the place the report stands at; commits after it
//! are added. Always true: a commit that is not known to follow the one before it makes the days of its partition
//! wanted again; memory is bounded: what would be too much is left to the store.

use std::collections::{BTreeMap, BTreeSet};

use weir_engine::ids::{Position, TenantId, UnixMs, partition_of};
use weir_engine::live::{LiveByCurrency, LiveCounters, LiveKey, UtcDay};

use super::tap::{Committed, Told};
use crate::window::Step;

/// Campaigns and days that are kept, at most.
const KEPT: usize = 200_000;

/// A tenant's day.
pub(crate) type TenantDay = (TenantId, UtcDay);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    days: BTreeMap<TenantDay, Day>,
    /// Days whose report is to be asked for.
    wanted: BTreeSet<TenantDay>,
    /// Days that are too much.
    refused: BTreeSet<TenantDay>,
    /// How far commits have come, by partition.
    offsets: BTreeMap<u16, u64>,
    newest_at: UnixMs,
    kept: usize,
}

#[derive(Debug, Default)]
struct Day {
    /// The first fact that is not in the report it began with.
    since: u64,
    campaigns: BTreeMap<u32, Campaign>,
}

#[derive(Debug, Default)]
struct Campaign {
    sums: LiveByCurrency,
    is_written: bool,
}

impl Tally {
    /// Takes what the store has committed.
    pub(crate) fn hear(&mut self, told: Told) {
        if told.is_incomplete {
            self.offsets.clear();
            self.forget(|_| true);
        }
        for committed in told.commits {
            self.commit(committed);
        }
    }

    fn commit(&mut self, committed: Committed) {
        self.newest_at = self.newest_at.max(committed.newest_at);
        let today = UtcDay::of(self.newest_at);
        self.drop_days(|day| !day.is_live(today));
        for step in &committed.steps {
            let before = self.offsets.insert(step.partition, step.to);
            if before.is_some_and(|before| before != step.from) {
                self.forget(|tenant| partition_of(tenant) == step.partition);
            }
        }
        for ((key, currency), sums) in committed.added {
            let partition = partition_of(key.tenant);
            let step = committed.steps.iter().find(|s| s.partition == partition);
            if let (Some(step), true) = (step, key.day.is_live(today))
                && self.is_open(key, *step)
            {
                self.add(key).sums.entry(currency).or_default().add(&sums);
            }
        }
    }

    /// Whether a change of a commit is to be added; if its day has not begun, it is wanted.
    fn is_open(&mut self, key: LiveKey, step: Step) -> bool {
        let day = (key.tenant, key.day);
        match self.days.get(&day) {
            Some(begun) if step.from >= begun.since => true,
            // The report has it already.
            Some(begun) if step.to <= begun.since => false,
            // The report stands within the commit: whose commits are these?
            Some(_) => {
                self.remove(day);
                self.wanted.insert(day);
                false
            }
            None => {
                if !self.refused.contains(&day) {
                    self.wanted.insert(day);
                }
                false
            }
        }
    }

    fn add(&mut self, key: LiveKey) -> &mut Campaign {
        let day = self.days.entry((key.tenant, key.day)).or_default();
        let campaign = day.campaigns.entry(key.campaign).or_insert_with(|| {
            self.kept += 1;
            Campaign::default()
        });
        campaign.is_written = false;
        campaign
    }

    /// Days whose report is to be asked for, at most so many.
    pub(crate) fn wanted(&self, most: usize) -> Vec<TenantDay> {
        self.wanted.iter().take(most).copied().collect()
    }

    /// Begins a day with what a report says, which stands at `since`; `None` = the report is too large.
    pub(crate) fn begin(&mut self, day: TenantDay, since: u64, report: Option<Vec<LiveCounters>>) {
        self.wanted.remove(&day);
        let report = report.filter(|campaigns| self.kept + campaigns.len() <= KEPT);
        let Some(report) = report else {
            self.refused.insert(day);
            return;
        };
        self.kept += report.len();
        let campaigns = report.into_iter().map(|counters| {
            let campaign = Campaign {
                sums: counters.sums,
                is_written: false,
            };
            (counters.key.campaign, campaign)
        });
        let begun = Day {
            since,
            campaigns: campaigns.collect(),
        };
        self.days.insert(day, begun);
    }

    /// Counters that are not written yet, at most so many.
    pub(crate) fn unwritten(&self, most: usize) -> Vec<LiveCounters> {
        let mut unwritten = Vec::new();
        for (&(tenant, day), begun) in &self.days {
            let partition = partition_of(tenant);
            let here = self.offsets.get(&partition).copied().unwrap_or(0);
            let stands_at = Position {
                partition,
                seq: here.max(begun.since),
            };
            let campaigns = begun.campaigns.iter().filter(|(_, c)| !c.is_written);
            let room = most - unwritten.len();
            unwritten.extend(campaigns.take(room).map(|(&campaign, c)| LiveCounters {
                key: LiveKey {
                    tenant,
                    day,
                    campaign,
                },
                stands_at,
                newest_at: self.newest_at,
                sums: c.sums.clone(),
            }));
        }
        unwritten
    }

    /// How many are not written.
    pub(crate) fn behind(&self) -> usize {
        let campaigns = self.days.values().flat_map(|day| day.campaigns.values());
        campaigns.filter(|c| !c.is_written).count() + self.wanted.len()
    }

    /// These are written.
    pub(crate) fn written(&mut self, keys: &[LiveKey]) {
        for key in keys {
            let day = self.days.get_mut(&(key.tenant, key.day));
            if let Some(campaign) = day.and_then(|day| day.campaigns.get_mut(&key.campaign)) {
                campaign.is_written = true;
            }
        }
    }

    /// Everything may be gone from where it was written.
    pub(crate) fn write_again(&mut self) {
        let days = self.days.values_mut();
        for campaign in days.flat_map(|day| day.campaigns.values_mut()) {
            campaign.is_written = false;
        }
    }

    /// Has the days of tenants begin anew.
    fn forget(&mut self, of: impl Fn(TenantId) -> bool) {
        let days: Vec<TenantDay> = self.days.keys().copied().filter(|day| of(day.0)).collect();
        for day in days {
            self.remove(day);
            self.wanted.insert(day);
        }
    }

    fn drop_days(&mut self, is_over: impl Fn(UtcDay) -> bool) {
        let days: Vec<TenantDay> = self.days.keys().copied().collect();
        for day in days.into_iter().filter(|day| is_over(day.1)) {
            self.remove(day);
        }
        self.wanted.retain(|day| !is_over(day.1));
        self.refused.retain(|day| !is_over(day.1));
    }

    fn remove(&mut self, day: TenantDay) {
        let removed = self.days.remove(&day);
        self.kept -= removed.map_or(0, |day| day.campaigns.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_engine::live::LiveSums;
    use weir_engine::money::Currency;

    const TENANT: TenantId = TenantId(7);
    const TODAY: UtcDay = UtcDay(20_000);

    fn key(campaign: u32, day: UtcDay) -> LiveKey {
        LiveKey {
            tenant: TENANT,
            day,
            campaign,
        }
    }

    fn clicks(n: i64) -> LiveSums {
        LiveSums::of_values([n, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    /// A commit of facts `from..to` that adds a click of campaign 1 today for each.
    fn committed(from: u64, to: u64) -> Committed {
        let step = Step {
            partition: partition_of(TENANT),
            from,
            to,
        };
        Committed {
            steps: vec![step],
            newest_at: TODAY.begin(),
            added: BTreeMap::from([((key(1, TODAY), Currency::USD), clicks((to - from) as i64))]),
        }
    }

    fn hear(tally: &mut Tally, commits: impl IntoIterator<Item = Committed>) {
        tally.hear(Told {
            commits: commits.into_iter().collect(),
            is_incomplete: false,
        });
    }

    /// A report that stands at `since` and has counted as many clicks.
    fn begin(tally: &mut Tally, since: u64) {
        let counters = LiveCounters {
            key: key(1, TODAY),
            stands_at: Position {
                partition: partition_of(TENANT),
                seq: since,
            },
            newest_at: TODAY.begin(),
            sums: BTreeMap::from([(Currency::USD, clicks(since as i64))]),
        };
        tally.begin((TENANT, TODAY), since, Some(vec![counters]));
    }

    /// Clicks that stand to be written, and where.
    fn unwritten(tally: &Tally) -> Vec<(i64, u64)> {
        let unwritten = tally.unwritten(usize::MAX);
        let of = |c: LiveCounters| {
            let clicks = c.sums[&Currency::USD].counts.gross_click;
            (clicks, c.stands_at.seq)
        };
        unwritten.into_iter().map(of).collect()
    }

    #[test]
    fn commits_before_a_report_are_in_it_and_later_ones_are_added() {
        let mut tally = Tally::default();
        hear(&mut tally, [committed(0, 10)]);
        assert_eq!(tally.wanted(9), [(TENANT, TODAY)]);
        // The report has seen a commit that is told only later.
        begin(&mut tally, 15);
        assert_eq!(unwritten(&tally), [(15, 15)]);
        hear(&mut tally, [committed(10, 15), committed(15, 17)]);
        assert_eq!(unwritten(&tally), [(17, 17)]);
        assert_eq!(tally.wanted(9), []);
    }

    #[test]
    fn what_is_written_is_written_once_until_it_changes_or_may_be_gone() {
        let mut tally = Tally::default();
        begin(&mut tally, 5);
        tally.written(&[key(1, TODAY), key(2, TODAY)]);
        assert_eq!((unwritten(&tally), tally.behind()), (vec![], 0));
        hear(&mut tally, [committed(5, 6)]);
        assert_eq!(unwritten(&tally), [(6, 6)]);
        tally.written(&[key(1, TODAY)]);
        tally.write_again();
        assert_eq!((unwritten(&tally), tally.behind()), (vec![(6, 6)], 1));
    }

    #[test]
    fn a_commit_that_was_missed_has_its_tenants_begin_anew() {
        let mut tally = Tally::default();
        begin(&mut tally, 5);
        hear(&mut tally, [committed(5, 6), committed(8, 9)]);
        assert_eq!(unwritten(&tally), []);
        assert_eq!(tally.wanted(9), [(TENANT, TODAY)]);
        begin(&mut tally, 9);
        hear(&mut tally, [committed(9, 10)]);
        assert_eq!(unwritten(&tally), [(10, 10)]);
        tally.hear(Told {
            commits: vec![committed(20, 30)],
            is_incomplete: true,
        });
        assert_eq!((unwritten(&tally), tally.wanted(9).len()), (vec![], 1));
    }

    #[test]
    fn a_report_within_a_commit_is_asked_for_again() {
        let mut tally = Tally::default();
        begin(&mut tally, 5);
        hear(&mut tally, [committed(0, 10)]);
        assert_eq!((unwritten(&tally), tally.wanted(9).len()), (vec![], 1));
    }

    #[test]
    fn days_before_yesterday_go_and_never_come_back() {
        let mut tally = Tally::default();
        begin(&mut tally, 5);
        let mut later = committed(5, 6);
        later.newest_at = UtcDay(TODAY.0 + 2).begin();
        hear(&mut tally, [later]);
        assert_eq!((unwritten(&tally), tally.wanted(9).len()), (vec![], 0));
        assert_eq!(tally.kept, 0);
    }

    #[test]
    fn what_is_too_much_is_left_to_the_store_and_asked_for_once() {
        let mut tally = Tally::default();
        hear(&mut tally, [committed(0, 1)]);
        tally.begin((TENANT, TODAY), 1, None);
        hear(&mut tally, [committed(1, 2)]);
        assert_eq!((unwritten(&tally), tally.wanted(9).len()), (vec![], 0));
    }
}
