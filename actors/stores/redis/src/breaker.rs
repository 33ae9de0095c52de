//! Whether a server that failed is asked again.
//!
//! ```text
//! admitting ── failures in a row ──▶ resting ── rest is over ──▶ probing ── success ──▶ admitting
//!                                       ▲                           │
//!                                       └── failure: twice the rest ┘
//! ```
//! Always true: while it rests nobody asks; while it probes one asks at a time; an answer that comes after the rest
//! has begun changes nothing. Not here: what a failure is, what is done instead.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::telemetry::BREAKER;

/// When it rests and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Failures in a row after which it rests.
    pub failures: u32,
    /// The first rest; each one after a failed probe is twice as long as the one before.
    pub first_rest: Duration,
    /// No rest is longer.
    pub longest_rest: Duration,
    /// A probe whose end is not told in this time is given up.
    pub probe_within: Duration,
}

impl Rule {
    /// The rule of all parts.
    pub const USUAL: Self = Self {
        failures: 3,
        first_rest: Duration::from_millis(250),
        longest_rest: Duration::from_secs(5),
        probe_within: Duration::from_secs(2),
    };
}

/// How it stands. Times are since some start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Everybody may ask; so many asked in vain in a row.
    Admitting { failures: u32 },
    /// Nobody may ask.
    Resting { until: Duration, rest: Duration },
    /// One asks, since then.
    Probing { since: Duration, rest: Duration },
}

impl State {
    /// Before anything happened.
    pub const FRESH: Self = Self::Admitting { failures: 0 };

    fn level(self) -> f64 {
        match self {
            Self::Admitting { .. } => 0.0,
            Self::Probing { .. } => 1.0,
            Self::Resting { .. } => 2.0,
        }
    }
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody would ask.
    Asked,
    /// Somebody was answered.
    Succeeded,
    /// Somebody was not, or not in time.
    Failed,
}

/// How it stands after an event, and whether the one who would ask may.
#[must_use]
pub fn step(state: State, event: Event, now: Duration, rule: &Rule) -> (State, bool) {
    let resting = |rest: Duration| State::Resting {
        until: now + rest,
        rest,
    };
    match (state, event) {
        (State::Admitting { .. }, Event::Asked) => (state, true),
        (State::Admitting { failures }, Event::Failed) if failures + 1 >= rule.failures => {
            (resting(rule.first_rest), false)
        }
        (State::Admitting { failures }, Event::Failed) => {
            let failures = failures + 1;
            (State::Admitting { failures }, false)
        }
        (State::Admitting { .. } | State::Probing { .. }, Event::Succeeded) => {
            (State::FRESH, false)
        }
        (State::Resting { until, rest }, Event::Asked) if now >= until => {
            (State::Probing { since: now, rest }, true)
        }
        (State::Resting { .. }, _) => (state, false),
        (State::Probing { since, rest }, Event::Asked) => {
            let is_lost = now >= since + rule.probe_within;
            let since = if is_lost { now } else { since };
            (State::Probing { since, rest }, is_lost)
        }
        (State::Probing { rest, .. }, Event::Failed) => {
            (resting((rest * 2).min(rule.longest_rest)), false)
        }
    }
}

/// The breaker of one part.
#[derive(Debug)]
pub struct Breaker {
    part: &'static str,
    rule: Rule,
    start: Instant,
    state: Mutex<State>,
}

impl Breaker {
    /// The breaker of `part`.
    pub fn new(part: &'static str, rule: Rule) -> Self {
        metrics::gauge!(BREAKER, "part" => part).set(State::FRESH.level());
        Self {
            part,
            rule,
            start: Instant::now(),
            state: Mutex::new(State::FRESH),
        }
    }

    /// Whether the server may be asked now.
    pub fn is_admitted(&self) -> bool {
        self.on(Event::Asked).1
    }

    /// The server answered. Says whether it had not before.
    pub fn succeeded(&self) -> bool {
        let ((before, after), _) = self.on(Event::Succeeded);
        before.level() > after.level()
    }

    /// The server did not answer, or not in time. When it rests from now on: how it stood before.
    pub fn failed(&self) -> Option<State> {
        let ((before, after), _) = self.on(Event::Failed);
        (before != after && matches!(after, State::Resting { .. })).then_some(before)
    }

    fn on(&self, event: Event) -> ((State, State), bool) {
        let now = self.start.elapsed();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *state;
        let (after, is_admitted) = step(before, event, now, &self.rule);
        *state = after;
        if before.level() != after.level() {
            metrics::gauge!(BREAKER, "part" => self.part).set(after.level());
        }
        ((before, after), is_admitted)
    }
}

#[cfg(test)]
mod tests {
    use super::Event::{Asked, Failed, Succeeded};
    use super::*;

    const RULE: Rule = Rule {
        failures: 3,
        first_rest: Duration::from_millis(100),
        longest_rest: Duration::from_millis(300),
        probe_within: Duration::from_millis(50),
    };

    /// Plays events at their milliseconds; gives who was admitted.
    fn play(events: &[(u64, Event)]) -> (State, Vec<bool>) {
        let mut state = State::FRESH;
        let mut admitted = Vec::new();
        for &(at, event) in events {
            let (next, is_admitted) = step(state, event, Duration::from_millis(at), &RULE);
            state = next;
            if event == Asked {
                admitted.push(is_admitted);
            } else {
                assert!(!is_admitted);
            }
        }
        (state, admitted)
    }

    fn resting(until: u64, rest: u64) -> State {
        State::Resting {
            until: Duration::from_millis(until),
            rest: Duration::from_millis(rest),
        }
    }

    #[test]
    fn three_failures_in_a_row_bring_rest_and_a_success_between_them_does_not() {
        assert_eq!(
            play(&[(0, Failed), (1, Failed), (2, Failed)]).0,
            resting(102, 100)
        );
        let (state, _) = play(&[
            (0, Failed),
            (1, Failed),
            (2, Succeeded),
            (3, Failed),
            (4, Failed),
        ]);
        assert_eq!(state, State::Admitting { failures: 2 });
    }

    #[test]
    fn nobody_asks_while_it_rests_then_one_at_a_time() {
        let (state, admitted) = play(&[
            (0, Failed),
            (0, Failed),
            (0, Failed),
            (0, Asked),
            (99, Asked),
            (100, Asked),
            (101, Asked),
            (120, Succeeded),
            (121, Asked),
            (121, Asked),
        ]);
        assert_eq!(admitted, [false, false, true, false, true, true]);
        assert_eq!(state, State::FRESH);
    }

    #[test]
    fn rests_get_longer_until_the_longest_and_begin_small_again_after_a_success() {
        let mut events = vec![(0, Failed), (0, Failed), (0, Failed)];
        let mut at = 0;
        let mut rests = Vec::new();
        for rest in [100, 200, 300, 300] {
            at += rest;
            events.extend([(at, Asked), (at, Failed)]);
            rests.push(play(&events).0);
        }
        assert_eq!(
            rests,
            [
                resting(300, 200),
                resting(600, 300),
                resting(900, 300),
                resting(1_200, 300)
            ]
        );
        events.extend([(1_200, Asked), (1_200, Succeeded)]);
        events.extend([(1_201, Failed); 3]);
        assert_eq!(play(&events).0, resting(1_301, 100));
    }

    #[test]
    fn answers_that_come_late_change_no_rest() {
        let mut events = vec![(0, Failed), (0, Failed), (0, Failed)];
        events.extend([(5, Succeeded), (6, Failed)]);
        assert_eq!(play(&events).0, resting(100, 100));
    }

    #[test]
    fn a_probe_whose_end_is_never_told_is_given_up() {
        let (_, admitted) = play(&[
            (0, Failed),
            (0, Failed),
            (0, Failed),
            (100, Asked),
            (149, Asked),
            (150, Asked),
            (151, Asked),
        ]);
        assert_eq!(admitted, [true, false, true, false]);
    }
}
