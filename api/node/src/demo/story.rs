//! The demo's history as a plan: clicks and conversions in order of time, the same for the same seed.
//!
//! Always true: the plan does not depend on what the engine decides, so it can be told again from its start and
//! what is written already can be passed over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::chance::Chance;

const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;
/// Clicks a day, before the curve of the week.
const CLICKS_A_DAY: f64 = 2_450.0;
/// Share of the traffic by hour of the day, UTC.
const HOURS: [f64; 24] = [
    0.6, 0.5, 0.4, 0.4, 0.4, 0.5, 0.7, 0.9, 1.0, 1.1, 1.1, 1.1, 1.2, 1.2, 1.2, 1.2, 1.3, 1.4, 1.5,
    1.6, 1.6, 1.4, 1.1, 0.8,
];
/// Traffic by day of the week, from Monday.
const WEEKDAYS: [f64; 7] = [1.0, 0.98, 0.97, 1.0, 1.1, 1.05, 0.9];
/// Clicks that convert.
const CONVERTING: f64 = 0.03;
/// Conversions that come after the look-back of 30 days.
const LATE: f64 = 0.02;
/// Conversions that are reported twice.
const TWICE: f64 = 0.04;
/// Conversions that the advertiser rejects later.
const REJECTED: f64 = 0.06;

/// Something that happens in the history.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, in Unix milliseconds.
    pub at: u64,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Click number `click`.
    Click {
        /// Counts from 0.
        click: u64,
    },
    /// A postback about a click.
    Postback {
        /// About which.
        click: u64,
        /// The sale in cents.
        cents: u32,
        /// Whether it takes an earlier one back.
        is_rejection: bool,
    },
}

/// A postback that is still to come: (time, click, cents, whether it is a rejection).
type ToCome = Reverse<(u64, u64, u32, bool)>;

/// Tells the history, event by event.
pub struct Story {
    seed: u64,
    next_day: u64,
    end_day: u64,
    clicks: u64,
    times: std::vec::IntoIter<u64>,
    next_click: Option<u64>,
    to_come: BinaryHeap<ToCome>,
    until: u64,
}

impl Story {
    /// The `days` days before `until` (Unix milliseconds).
    pub fn new(seed: u64, days: u32, until: u64) -> Self {
        let end_day = until / DAY_MS;
        Self {
            seed,
            // No days are no history, not even today's.
            next_day: match days {
                0 => end_day + 1,
                days => end_day.saturating_sub(u64::from(days)),
            },
            end_day,
            clicks: 0,
            times: Vec::new().into_iter(),
            next_click: None,
            to_come: BinaryHeap::new(),
            until,
        }
    }

    /// Chance of one click, for everything about it.
    pub fn chance_of(seed: u64, click: u64) -> Chance {
        Chance::new(seed, 1_000 + click)
    }

    /// Times of the clicks of a day, in order.
    fn day(&self, day: u64) -> Vec<u64> {
        let mut chance = Chance::new(self.seed, day);
        // 1970-01-01 was a Thursday.
        let weekday = ((day + 3) % 7) as usize;
        let wobble = 0.9 + 0.2 * chance.share();
        let count = (CLICKS_A_DAY * WEEKDAYS[weekday] * wobble) as usize;
        let mut times: Vec<u64> = (0..count)
            .map(|_| {
                let hour = chance.weighted(&HOURS) as u64;
                day * DAY_MS + hour * HOUR_MS + chance.next() % HOUR_MS
            })
            .filter(|at| *at < self.until)
            .collect();
        times.sort_unstable();
        times
    }

    fn click_time(&mut self) -> Option<u64> {
        while self.next_click.is_none() && self.next_day <= self.end_day {
            self.next_click = self.times.next();
            if self.next_click.is_none() {
                self.times = self.day(self.next_day).into_iter();
                self.next_day += 1;
                self.next_click = self.times.next();
            }
        }
        self.next_click
    }

    /// Plans what follows from a click.
    fn plan(&mut self, click: u64, at: u64) {
        let mut chance = Self::chance_of(self.seed, click);
        if !chance.happens(CONVERTING) {
            return;
        }
        // Most sales come within hours, some within days.
        let hours = 30.0 * chance.share().powi(5) * 24.0 / 10.0;
        let late = if chance.happens(LATE) {
            31.0 * 24.0
        } else {
            0.0
        };
        let delay = ((hours + late) * HOUR_MS as f64) as u64 + 20_000;
        let cents = 500 + chance.below(20_000) as u32;
        self.to_come
            .push(Reverse((at + delay, click, cents, false)));
        if chance.happens(TWICE) {
            self.to_come
                .push(Reverse((at + delay + 90_000, click, cents, false)));
        }
        if chance.happens(REJECTED) {
            self.to_come
                .push(Reverse((at + delay + 50 * HOUR_MS, click, cents, true)));
        }
    }
}

impl Iterator for Story {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let click_at = self.click_time();
        let postback_at = self.to_come.peek().map(|Reverse((at, ..))| *at);
        if let Some(at) =
            postback_at.filter(|at| *at < self.until && click_at.is_none_or(|c| at <= &c))
        {
            let Reverse((_, click, cents, is_rejection)) = self.to_come.pop()?;
            let what = What::Postback {
                click,
                cents,
                is_rejection,
            };
            return Some(Event { at, what });
        }
        let at = self.next_click.take()?;
        let click = self.clicks;
        self.clicks += 1;
        self.plan(click, at);
        Some(Event {
            at,
            what: What::Click { click },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_in_order_large_enough_and_the_same_every_time() {
        let until = 1_800_000_000_000;
        let story = || Story::new(1, 90, until);
        let mut last = 0;
        let (mut clicks, mut postbacks) = (0, 0);
        for event in story() {
            assert!(event.at >= last && event.at < until);
            last = event.at;
            match event.what {
                What::Click { click } => {
                    assert_eq!(click, clicks);
                    clicks += 1;
                }
                What::Postback { click, .. } => {
                    assert!(click < clicks, "after its click");
                    postbacks += 1;
                }
            }
        }
        assert!(
            clicks >= 200_000 && postbacks >= 5_000,
            "{clicks} {postbacks}"
        );
        assert!(story().take(1_000).eq(story().take(1_000)));
        assert_ne!(story().next(), Story::new(2, 90, until).next());
        assert_eq!(Story::new(1, 0, until).next(), None);
    }
}
