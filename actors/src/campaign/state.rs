//! What a campaign knows of its arms: sums over judged facts, pure.
//!
//! Always true: a fact is folded once (facts below `folded_to` are passed over), in log order; time is the
//! facts' own. Tests, bots and clicks sent nowhere teach nothing.

use std::collections::BTreeMap;

use weir_engine::fact::{ConversionStatus, Decoder, Encoder, Malformed};
use weir_engine::ids::UnixMs;
use weir_engine::judge::{Conversion, Judged, Judgement};

/// Components of the law of delays between click and conversion, in milliseconds, with their shares: a
/// mixture of exponentials (15 minutes, 4 hours, 64 hours) with the prior shares of the learning policy.
const DELAYS: [(f64, f64); 3] = [
    (900_000.0, 0.35),
    (14_400_000.0, 0.40),
    (230_400_000.0, 0.25),
];

/// Sums of one arm.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ArmSums {
    /// Valid clicks sent to it.
    pub clicks: u64,
    /// Conversions of the base goal now pending or approved.
    pub conversions: i64,
    /// Revenue of its conversions (all goals) now pending or approved, in micros.
    pub revenue: i64,
    /// Payout of the same, in micros.
    pub payout: i64,
    /// Sum of squares of the revenue of single conversions, in squared major units.
    pub revenue_squares: f64,
    /// Clicks weighted by the chance that a conversion under each delay component is still to come.
    immature: [f64; 3],
    /// Time that `immature` is of.
    at: UnixMs,
}

impl ArmSums {
    /// Share of the clicks' conversions that should have come by `now`; `None` without clicks.
    #[must_use]
    pub fn matured_share(&self, now: UnixMs) -> Option<f64> {
        let aged = self.immature_at(now);
        let waiting: f64 = DELAYS.iter().zip(aged).map(|((_, w), p)| w * p).sum();
        (self.clicks > 0).then(|| 1.0 - waiting / self.clicks as f64)
    }

    fn immature_at(&self, now: UnixMs) -> [f64; 3] {
        let passed = now.since(self.at) as f64;
        let mut aged = self.immature;
        for (waiting, (tau, _)) in aged.iter_mut().zip(DELAYS) {
            *waiting *= libm::exp(-passed / tau);
        }
        aged
    }

    fn click(&mut self, at: UnixMs) {
        self.immature = self.immature_at(at);
        self.at = self.at.max(at);
        self.clicks += 1;
        for waiting in &mut self.immature {
            *waiting += 1.0;
        }
    }

    fn conversion(&mut self, conversion: &Conversion, sign: i64) {
        if conversion.goal.is_none() {
            self.conversions += sign;
        }
        self.revenue += sign * conversion.revenue.0;
        self.payout += sign * conversion.payout.0;
        let units = conversion.revenue.0 as f64 / 1e6;
        self.revenue_squares += sign as f64 * units * units;
    }
}

/// What a campaign actor owns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CampaignState {
    folded_to: u64,
    arms: BTreeMap<u32, ArmSums>,
}

impl CampaignState {
    /// Folds a judged fact of this campaign.
    pub fn fold(&mut self, judged: &Judged) {
        if judged.position.seq < self.folded_to {
            return;
        }
        self.folded_to = judged.position.seq + 1;
        match &judged.judgement {
            Judgement::Click(click) => {
                let counts = click.click.is_valid() && !click.click.is_test;
                if let Some(sent) = click.click.sent.filter(|_| counts) {
                    self.arms.entry(sent.arm).or_default().click(judged.at);
                }
            }
            Judgement::Conversion(conversion) => {
                if let Some(made) = &conversion.made {
                    self.conversion(made, None);
                }
                if let Some(changed) = &conversion.changed {
                    self.conversion(&changed.conversion, Some(changed.from));
                }
            }
            Judgement::StatusChange(Some(change)) => {
                self.conversion(&change.conversion, Some(change.from));
            }
            Judgement::StatusChange(None) | Judgement::Config(_) | Judgement::Unreadable(_) => {}
        }
    }

    fn conversion(&mut self, conversion: &Conversion, from: Option<ConversionStatus>) {
        let counts = |status| status != ConversionStatus::Rejected;
        let sign = i64::from(counts(conversion.status)) - i64::from(from.is_some_and(counts));
        if sign != 0 && !conversion.is_test {
            let arm = self.arms.entry(conversion.arm).or_default();
            arm.conversion(conversion, sign);
        }
    }

    /// Sums by the arm's number.
    #[must_use]
    pub fn arms(&self) -> &BTreeMap<u32, ArmSums> {
        &self.arms
    }

    /// Number of the first fact of the tenant's partition that may not be folded yet.
    #[must_use]
    pub fn folded_to(&self) -> u64 {
        self.folded_to
    }

    /// Says that no fact below `seq` concerns this campaign any more.
    pub fn pass(&mut self, seq: u64) {
        self.folded_to = self.folded_to.max(seq);
    }

    /// The state as bytes, for a checkpoint.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut e = Encoder(&mut bytes);
        for (arm, sums) in &self.arms {
            e.varint(u64::from(*arm));
            e.varint(sums.clicks);
            for number in [sums.conversions, sums.revenue, sums.payout] {
                e.signed(number);
            }
            e.raw(&sums.revenue_squares.to_le_bytes());
            for waiting in sums.immature {
                e.raw(&waiting.to_le_bytes());
            }
            e.varint(sums.at.0);
        }
        bytes
    }

    /// The state of a checkpoint.
    ///
    /// # Errors
    /// [`Malformed`] for anything but what [`Self::to_bytes`] gave.
    pub fn from_bytes(folded_to: u64, bytes: &[u8]) -> Result<Self, Malformed> {
        let mut d = Decoder(bytes);
        let mut arms = BTreeMap::new();
        while !d.is_empty() {
            let arm = d.number()?;
            let sums = ArmSums {
                clicks: d.varint()?,
                conversions: d.signed()?,
                revenue: d.signed()?,
                payout: d.signed()?,
                revenue_squares: f64::from_le_bytes(d.array()?),
                immature: [
                    f64::from_le_bytes(d.array()?),
                    f64::from_le_bytes(d.array()?),
                    f64::from_le_bytes(d.array()?),
                ],
                at: UnixMs(d.varint()?),
            };
            arms.insert(arm, sums);
        }
        Ok(Self { folded_to, arms })
    }
}
