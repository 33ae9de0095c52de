//! Judged facts on their way to the campaigns: gathered, so that a campaign gets one message for many windows. Pure.
//!
//! Windows end as soon as somebody may wait for a verdict, so with conversions in the traffic they are small.
//! Always true: a campaign's facts stay in log order; nothing is given twice. Nothing durable depends on what is
//! here: it is delivered before a checkpoint is taken, and folded again when the fold starts again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use weir_engine::judge::{Judged, Judgement};

/// So many facts are delivered without waiting for more.
const ENOUGH: usize = 4_096;
/// No fact waits longer.
pub(super) const WAIT: Duration = Duration::from_millis(100);

/// Facts of one campaign, out of what was gathered for all.
#[derive(Debug)]
pub(crate) struct Share {
    windows: Arc<Vec<Arc<Vec<Judged>>>>,
    /// Window, and fact in it.
    mine: Vec<(u32, u32)>,
}

impl Share {
    /// The facts, in log order.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &Judged> {
        let fact = |&(window, fact): &(u32, u32)| &self.windows[window as usize][fact as usize];
        self.mine.iter().map(fact)
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Gathered {
    windows: Vec<Arc<Vec<Judged>>>,
    by_campaign: HashMap<u32, Vec<(u32, u32)>>,
    facts: usize,
    since: Option<Instant>,
}

impl Gathered {
    /// Adds the facts of a window.
    pub(super) fn add(&mut self, judged: &Arc<Vec<Judged>>, now: Instant) {
        let window = self.windows.len() as u32;
        let before = self.facts;
        for (index, one) in judged.iter().enumerate() {
            if let Some(campaign) = campaign_of(one) {
                let mine = self.by_campaign.entry(campaign).or_default();
                mine.push((window, index as u32));
                self.facts += 1;
            }
        }
        if self.facts > before {
            self.windows.push(Arc::clone(judged));
            self.since.get_or_insert(now);
        }
    }

    /// Whether enough was gathered, or the first of it has waited long enough.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.facts >= ENOUGH || self.since.is_some_and(|since| now >= since + WAIT)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.facts == 0
    }

    /// Gives everything: one share a campaign.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (u32, Share)> + use<> {
        let gathered = std::mem::take(self);
        let windows = Arc::new(gathered.windows);
        gathered
            .by_campaign
            .into_iter()
            .map(move |(campaign, mine)| {
                let windows = Arc::clone(&windows);
                (campaign, Share { windows, mine })
            })
    }
}

/// Which campaign a judged fact is of.
pub(crate) fn campaign_of(judged: &Judged) -> Option<u32> {
    match &judged.judgement {
        Judgement::Click(click) => Some(click.click.campaign),
        Judgement::Conversion(conversion) => {
            let made = conversion.made.as_ref();
            let changed = conversion.changed.as_ref().map(|c| &c.conversion);
            made.or(changed).map(|c| c.campaign)
        }
        Judgement::StatusChange(Some(change)) => Some(change.conversion.campaign),
        Judgement::StatusChange(None) | Judgement::Config(_) | Judgement::Unreadable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use weir_engine::click_id::ClickId;
    use weir_engine::fact::{ClickCore, ClickOutcome, ClickReason};
    use weir_engine::ids::{Position, TenantId, UnixMs};
    use weir_engine::judge::JudgedClick;

    use super::*;

    fn click(seq: u64, campaign: u32) -> Judged {
        let (tenant, at) = (TenantId(1), UnixMs(seq));
        let click = ClickCore {
            tenant,
            at,
            click_id: ClickId::from_bytes([0; 20]),
            campaign,
            flow: None,
            wanted_offer: None,
            sent: None,
            affiliate: None,
            visitor: [0; 2],
            country: *b"ZZ",
            device: 0,
            bot: None,
            propensity: 1.0,
            policy_version: 0,
            config_version: 1,
            cost: None,
            is_test: false,
            outcome: ClickOutcome::Redirected,
            reason: ClickReason::None,
        };
        let click = JudgedClick {
            click,
            is_unique: false,
            currency: "USD".parse().unwrap(),
        };
        let position = Position { partition: 1, seq };
        let judgement = Judgement::Click(click);
        Judged {
            tenant,
            position,
            at,
            judgement,
        }
    }

    /// Clicks of `campaigns` campaigns in turn, in windows of `size`, one each `every`; gives the facts of each
    /// message by campaign.
    fn messages(
        campaigns: u32,
        (windows, size): (u64, u64),
        every: Duration,
    ) -> HashMap<u32, Vec<Vec<u64>>> {
        let mut gathered = Gathered::default();
        let mut now = Instant::now();
        let mut all: HashMap<u32, Vec<Vec<u64>>> = HashMap::new();
        let mut deliver = |gathered: &mut Gathered| {
            for (campaign, share) in gathered.take() {
                let seqs = share.facts().map(|judged| judged.position.seq).collect();
                all.entry(campaign).or_default().push(seqs);
            }
        };
        for window in 0..windows {
            let seqs = window * size..(window + 1) * size;
            let facts = seqs.map(|seq| click(seq, (seq % u64::from(campaigns)) as u32));
            gathered.add(&Arc::new(facts.collect()), now);
            if gathered.is_due(now) {
                deliver(&mut gathered);
            }
            now += every;
        }
        deliver(&mut gathered);
        assert!(gathered.is_empty(), "everything was given");
        all
    }

    #[test]
    fn a_second_of_800_small_windows_is_ten_messages_a_campaign_and_each_fact_comes_once_in_order()
    {
        let all = messages(40, (800, 50), Duration::from_micros(1250));
        assert_eq!(all.len(), 40);
        for (campaign, messages) in all {
            // 4,096 facts gather in 82 windows, 102.5 ms: time is the limit, and is looked at window by window.
            assert_eq!(messages.len(), 10, "campaign {campaign}");
            let facts = messages.concat();
            let expected: Vec<u64> = (0..1000).map(|n| n * 40 + u64::from(campaign)).collect();
            assert_eq!(facts, expected, "campaign {campaign}");
        }
    }

    #[test]
    fn enough_facts_are_given_at_once_and_a_large_window_alone_does_not_wait() {
        let at_once = messages(1, (4, 4_096), Duration::ZERO);
        assert_eq!(at_once[&0].len(), 4);
        let together = messages(1, (4, 2_048), Duration::ZERO);
        assert_eq!(together[&0].len(), 2);
    }

    #[test]
    fn facts_of_no_campaign_wait_for_nothing() {
        let mut gathered = Gathered::default();
        let now = Instant::now();
        let unreadable = Judged {
            judgement: Judgement::Unreadable("test"),
            ..click(0, 1)
        };
        gathered.add(&Arc::new(vec![unreadable]), now);
        assert!(gathered.is_empty() && !gathered.is_due(now + WAIT));
    }
}
