//! When the projection commits, pure: large commits are cheap, and readers of the store want small ones.
//!
//! Always true: effects wait no longer than [`COMMIT_AFTER`] for company, and not at all when there are enough or
//! somebody must have them; a reader of the store has them at once, but readers cause one commit each
//! [`READERS_EVERY`] at most, so that a dashboard that polls under traffic does not make commits tiny.

use std::time::Duration;

use tokio::time::Instant;

/// How long effects wait for company.
pub(super) const COMMIT_AFTER: Duration = Duration::from_millis(500);
/// From a commit for readers to the next one.
pub(super) const READERS_EVERY: Duration = Duration::from_millis(50);

/// Why effects should not wait for company.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hurry {
    /// There are enough, or somebody must have them now.
    pub(super) is_full: bool,
    /// A reader of the store waits for some of them.
    pub(super) is_wanted: bool,
}

/// When to commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Now,
    At(Instant),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Since when effects wait.
    since: Option<Instant>,
    /// When the last commit was made that a reader waited for.
    for_readers: Option<Instant>,
}

impl Pace {
    /// When the effects that are there should be committed; `Now` is taken as done.
    pub(super) fn due(&mut self, now: Instant, hurry: Hurry) -> Due {
        let company = *self.since.get_or_insert(now) + COMMIT_AFTER;
        let readers = self.for_readers.map_or(now, |last| last + READERS_EVERY);
        let at = match hurry {
            Hurry { is_full: true, .. } => now,
            Hurry {
                is_wanted: true, ..
            } => company.min(readers),
            _ => company,
        };
        if now < at {
            return Due::At(at);
        }
        self.since = None;
        if hurry.is_wanted {
            self.for_readers = Some(now);
        }
        Due::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Hurry = Hurry {
        is_full: false,
        is_wanted: false,
    };
    const WANTED: Hurry = Hurry {
        is_full: false,
        is_wanted: true,
    };
    const FULL: Hurry = Hurry {
        is_full: true,
        is_wanted: false,
    };

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn effects_wait_for_company_half_a_second_from_the_first_of_them() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert_eq!(pace.due(start, ALONE), Due::At(after(start, 500)));
        assert_eq!(
            pace.due(after(start, 499), ALONE),
            Due::At(after(start, 500))
        );
        assert_eq!(pace.due(after(start, 500), ALONE), Due::Now);
        assert_eq!(
            pace.due(after(start, 510), ALONE),
            Due::At(after(start, 1010))
        );
    }

    #[test]
    fn enough_effects_wait_for_nothing() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        for ms in 0..5 {
            assert_eq!(pace.due(after(start, ms), FULL), Due::Now);
        }
    }

    #[test]
    fn a_reader_has_what_it_waits_for_at_once() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert_eq!(pace.due(start, ALONE), Due::At(after(start, 500)));
        assert_eq!(pace.due(after(start, 3), WANTED), Due::Now);
    }

    #[test]
    fn readers_that_poll_cause_twenty_commits_a_second_and_no_more() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let commits = (0..10_000).filter(|ms| pace.due(after(start, *ms), WANTED) == Due::Now);
        assert_eq!(commits.count(), 200);
    }
}
