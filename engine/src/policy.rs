//! How a distribution gives a click to one of its arms.
//!
//! A policy gets the set of arms that this click may have and a uniform draw, and gives the arm **and** the exact
//! probability with which the arm was drawn from exactly that set (the propensity). Both are in the fact, so that
//! anyone can later ask what another policy would have earned.
//! Always true: propensities over the eligible set sum to 1; an arm outside the set is never drawn; the same
//! set and draw give the same arm. Here now: fixed weights. Not here: which arms are eligible (routing).

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::click_id::ClickId;
use crate::money::Percent;

/// Most arms of a distribution.
pub const MAX_ARMS: usize = 128;

/// The arms that a click may have, by their index in the distribution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArmSet(u128);

impl ArmSet {
    /// Adds an arm.
    pub fn insert(&mut self, index: usize) {
        assert!(
            index < MAX_ARMS,
            "a distribution has at most {MAX_ARMS} arms"
        );
        self.0 |= 1 << index;
    }

    /// Takes an arm out.
    pub fn remove(&mut self, index: usize) {
        self.0 &= !(1 << index);
    }

    /// Whether it has the arm.
    #[must_use]
    pub fn contains(self, index: usize) -> bool {
        index < MAX_ARMS && self.0 >> index & 1 == 1
    }

    /// How many arms it has.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Indices in ascending order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let index = rest.trailing_zeros() as usize;
            (rest != 0).then(|| {
                rest &= rest - 1;
                index
            })
        })
    }
}

/// The arm that was drawn, and with which probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Index in the distribution.
    pub index: usize,
    /// Probability under exactly the eligible set.
    pub propensity: f64,
}

/// A uniform number in \[0, 1): 53 bits of a draw.
#[must_use]
pub fn uniform(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1u64 << 53) as f64
}

/// The draw of a click under a campaign's seed: the same on every replay.
#[must_use]
pub fn draw_of(seed: u64, click_id: &ClickId) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(seed, 0x6172_6d73);
    hasher.write(click_id.as_bytes());
    hasher.finish()
}

/// A seed from a name.
#[must_use]
pub fn seed_of(name: &str) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0, 0x7365_6564);
    hasher.write(name.as_bytes());
    hasher.finish()
}

/// What a distribution draws by.
#[derive(Debug, Clone, PartialEq)]
pub enum Policy {
    /// Weights that a person set.
    Fixed(FixedWeights),
}

impl Policy {
    /// Draws an arm of `eligible`; `None` when no arm of it may have a click.
    #[must_use]
    pub fn choose(&self, eligible: ArmSet, draw: u64) -> Option<Choice> {
        match self {
            Self::Fixed(weights) => weights.choose(eligible, draw),
        }
    }

    /// The probability of an arm under an eligible set.
    #[must_use]
    pub fn propensity(&self, eligible: ArmSet, index: usize) -> f64 {
        match self {
            Self::Fixed(weights) => weights.propensity(eligible, index),
        }
    }

    /// What the policy had learned: number of the last fact in it; 0 for what never learns.
    #[must_use]
    pub fn version(&self) -> u64 {
        match self {
            Self::Fixed(_) => 0,
        }
    }
}

/// Weights by arm, and a least share of each.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedWeights {
    weights: Box<[u32]>,
    floor: f64,
}

impl FixedWeights {
    /// Weights in the order of the arms; `floor` is the least share of each arm, of all clicks.
    #[must_use]
    pub fn new(weights: impl IntoIterator<Item = u32>, floor: Option<Percent>) -> Self {
        let share = floor.map_or(0.0, |f| f.0 as f64 / 100e6);
        Self {
            weights: weights.into_iter().take(MAX_ARMS).collect(),
            floor: share.clamp(0.0, 1.0),
        }
    }

    fn choose(&self, eligible: ArmSet, draw: u64) -> Option<Choice> {
        let total = self.total(eligible);
        let share = Shares::of(self.floor, eligible.len(), total)?;
        let at = uniform(draw);
        let mut passed = 0.0;
        let mut last = None;
        for index in eligible.iter() {
            let propensity = share.of_weight(self.weight(index));
            if propensity > 0.0 {
                passed += propensity;
                last = Some(Choice { index, propensity });
                if at < passed {
                    break;
                }
            }
        }
        // Rounding may leave the sum a hair under 1: the last arm takes that hair.
        last
    }

    fn propensity(&self, eligible: ArmSet, index: usize) -> f64 {
        let share = Shares::of(self.floor, eligible.len(), self.total(eligible));
        let is_eligible = eligible.contains(index);
        share
            .filter(|_| is_eligible)
            .map_or(0.0, |s| s.of_weight(self.weight(index)))
    }

    fn weight(&self, index: usize) -> u32 {
        self.weights.get(index).copied().unwrap_or(0)
    }

    fn total(&self, eligible: ArmSet) -> u64 {
        eligible.iter().map(|i| u64::from(self.weight(i))).sum()
    }
}

/// How probability follows from a weight within one eligible set.
struct Shares {
    floor: f64,
    rest_per_weight: f64,
}

impl Shares {
    fn of(floor: f64, count: usize, total: u64) -> Option<Self> {
        if count == 0 || (total == 0 && floor == 0.0) {
            return None;
        }
        let even = 1.0 / count as f64;
        if total == 0 || floor >= even {
            return Some(Self {
                floor: even,
                rest_per_weight: 0.0,
            });
        }
        let rest = 1.0 - floor * count as f64;
        Some(Self {
            floor,
            rest_per_weight: rest / total as f64,
        })
    }

    fn of_weight(&self, weight: u32) -> f64 {
        self.floor + self.rest_per_weight * f64::from(weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(indices: impl IntoIterator<Item = usize>) -> ArmSet {
        let mut set = ArmSet::default();
        indices.into_iter().for_each(|i| set.insert(i));
        set
    }

    #[test]
    fn observed_shares_match_the_logged_propensities() {
        let policy = Policy::Fixed(FixedWeights::new([50, 30, 20, 0], "5".parse().ok()));
        let eligible = set([0, 2, 3]);
        let mut drawn = [0u32; 4];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..100_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            drawn[policy.choose(eligible, state).unwrap().index] += 1;
        }
        assert_eq!(drawn[1], 0, "not eligible");
        let squares: f64 = eligible
            .iter()
            .map(|i| {
                let expect = 100_000.0 * policy.propensity(eligible, i);
                (f64::from(drawn[i]) - expect).powi(2) / expect
            })
            .sum();
        assert!(
            squares < 13.8,
            "chi-square, 2 degrees of freedom, p = 0.001: {squares}"
        );
        assert!(
            (policy.propensity(eligible, 3) - 0.05).abs() < 1e-12,
            "the floor"
        );
    }

    #[test]
    fn an_arm_without_weight_is_never_drawn_unless_there_is_a_floor() {
        let none = Policy::Fixed(FixedWeights::new([0, 0], None));
        assert_eq!(none.choose(set([0, 1]), 7), None);
        assert_eq!(none.choose(ArmSet::default(), 7), None);
        let one = Policy::Fixed(FixedWeights::new([0, 1], None));
        for draw in [0, u64::MAX, 1 << 63] {
            assert_eq!(
                one.choose(set([0, 1]), draw),
                Some(Choice {
                    index: 1,
                    propensity: 1.0
                })
            );
        }
    }

    proptest! {
        #[test]
        fn propensities_over_the_eligible_set_sum_to_one(
            weights in proptest::collection::vec(0u32..1_000_000, 1..MAX_ARMS),
            mask in any::<u128>(), floor in 0i64..100_000_000, draw in any::<u64>(),
        ) {
            let policy = Policy::Fixed(FixedWeights::new(weights.iter().copied(), Some(Percent(floor))));
            let eligible = set((0..weights.len()).filter(|i| mask >> i & 1 == 1));
            if let Some(choice) = policy.choose(eligible, draw) {
                prop_assert!(eligible.contains(choice.index));
                prop_assert_eq!(choice.propensity, policy.propensity(eligible, choice.index));
                let sum: f64 = eligible.iter().map(|i| policy.propensity(eligible, i)).sum();
                prop_assert!((sum - 1.0).abs() < 1e-9, "{}", sum);
            }
        }
    }
}
