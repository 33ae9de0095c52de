//! When the projection commits, pure: large commits are cheap, and readers of the store want small ones.
//!
//! Always true: effects wait no longer than [`COMMIT_AFTER`] for company, and not at all when there are enough or
//! somebody must have them; a reader of the store has them at once, but readers cause one commit each
//! [`READERS_EVERY`] at most, so that a dashboard that polls under traffic does not make commits tiny. While much waits,
//! the store works a share of the time only, and after a failure a smaller one that grows again, so that a backlog does
//! not kill a store that has just come back.

use std::time::Duration;

use tokio::time::Instant;

/// How long effects wait for company.
pub(super) const COMMIT_AFTER: Duration = Duration::from_millis(500);
/// From a commit for readers to the next one.
pub(super) const READERS_EVERY: Duration = Duration::from_millis(50);

/// The share of the time that a store works on a backlog after a failure; each commit makes it half as large again.
const SHARE_AFTER_FAILURE: f64 = 0.25;
const SHARE_GROWS_BY: f64 = 1.5;
/// The longest that a store is left alone after a commit.
const LONGEST_REST: Duration = Duration::from_secs(10);

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
#[derive(Debug)]
pub(super) struct Pace {
    /// Since when effects wait.
    since: Option<Instant>,
    /// When the last commit was made that a reader waited for.
    for_readers: Option<Instant>,
    /// The store is left alone until then.
    rests_until: Option<Instant>,
    /// The share of the time that it works on a backlog, now and at most.
    share: f64,
    most: f64,
}

impl Pace {
    /// A store that works on a backlog for at most a share of the time, 0 to 1.
    pub(super) fn with_share(most: f64) -> Self {
        Self {
            since: None,
            for_readers: None,
            rests_until: None,
            share: most,
            most,
        }
    }

    /// A commit that took so long is stored; one of a backlog is followed by a rest.
    pub(super) fn stored(&mut self, now: Instant, took: Duration, is_backlog: bool) {
        let rest = took.as_secs_f64() * (1.0 / self.share - 1.0);
        let rest = Duration::try_from_secs_f64(rest).unwrap_or(LONGEST_REST);
        self.rests_until = is_backlog.then(|| now + rest.min(LONGEST_REST));
        self.share = (self.share * SHARE_GROWS_BY).min(self.most);
    }

    /// The store did not take a commit.
    pub(super) fn failed(&mut self) {
        self.share = SHARE_AFTER_FAILURE.min(self.most);
    }

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
        let at = self.rests_until.map_or(at, |rest| at.max(rest));
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
        let (mut pace, start) = (Pace::with_share(1.0), Instant::now());
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
        let (mut pace, start) = (Pace::with_share(1.0), Instant::now());
        for ms in 0..5 {
            assert_eq!(pace.due(after(start, ms), FULL), Due::Now);
        }
    }

    #[test]
    fn a_reader_has_what_it_waits_for_at_once() {
        let (mut pace, start) = (Pace::with_share(1.0), Instant::now());
        assert_eq!(pace.due(start, ALONE), Due::At(after(start, 500)));
        assert_eq!(pace.due(after(start, 3), WANTED), Due::Now);
    }

    #[test]
    fn readers_that_poll_cause_twenty_commits_a_second_and_no_more() {
        let (mut pace, start) = (Pace::with_share(1.0), Instant::now());
        let commits = (0..10_000).filter(|ms| pace.due(after(start, *ms), WANTED) == Due::Now);
        assert_eq!(commits.count(), 200);
    }

    #[test]
    fn a_store_with_a_backlog_works_its_share_of_the_time() {
        let (mut pace, start) = (Pace::with_share(0.8), Instant::now());
        let took = Duration::from_millis(400);
        pace.stored(start, took, true);
        assert_eq!(pace.due(start, FULL), Due::At(after(start, 100)));
        assert_eq!(pace.due(after(start, 100), FULL), Due::Now);
        pace.stored(start, took, false);
        assert_eq!(pace.due(start, FULL), Due::Now, "no backlog, no rest");
    }

    #[test]
    fn a_store_that_has_come_back_gets_more_and_more() {
        let (mut pace, start) = (Pace::with_share(1.0), Instant::now());
        let took = Duration::from_millis(1_000);
        pace.failed();
        let rests = [(); 5].map(|()| {
            pace.stored(start, took, true);
            match pace.due(start, FULL) {
                Due::Now => 0,
                Due::At(at) => (at - start).as_millis(),
            }
        });
        assert_eq!(rests, [3_000, 1_666, 777, 185, 0]);
    }

    #[test]
    fn a_rest_is_never_long() {
        let (mut pace, start) = (Pace::with_share(0.05), Instant::now());
        pace.stored(start, Duration::from_secs(60), true);
        assert_eq!(pace.due(start, FULL), Due::At(after(start, 10_000)));
    }
}
