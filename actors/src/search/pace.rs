//! When to go on: after a failure, after work, and how much at a time. Pure.

use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Documents of one write, between these.
const MOST: usize = 4_096;
const LEAST: usize = 16;

/// See the module.
#[derive(Debug)]
pub(crate) struct Pace {
    catch_up_percent: u32,
    failures: u32,
    documents: usize,
    tried: usize,
}

impl Pace {
    /// A pace that works `catch_up_percent` of the time while it catches up.
    pub(crate) fn new(catch_up_percent: u8) -> Self {
        Self {
            catch_up_percent: u32::from(catch_up_percent.clamp(1, 100)),
            failures: 0,
            documents: MOST,
            tried: MOST,
        }
    }

    /// Documents of the next write, of so many that there are.
    pub(crate) fn documents(&mut self, there_are: usize) -> usize {
        self.tried = self.documents.min(there_are);
        self.tried
    }

    /// Something worked.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.documents = (self.documents * 2).min(MOST);
    }

    /// How long to wait after a failure: doubling, never less than was asked for.
    pub(crate) fn wait_after_failure(&mut self, asked: Option<Duration>) -> Duration {
        let doubled = FIRST_WAIT.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let wait = doubled.min(LONGEST_WAIT);
        asked.map_or(wait, |asked| wait.max(asked.min(LONGEST_WAIT * 6)))
    }

    /// How long to wait when the other side has too much to do; it gets less at a time.
    pub(crate) fn wait_after_overload(&mut self, asked: Option<Duration>) -> Duration {
        self.documents = (self.documents.min(self.tried) / 2).max(LEAST);
        self.wait_after_failure(asked)
    }

    /// How long to rest after `worked` while facts still wait.
    pub(crate) fn rest_after(&self, worked: Duration) -> Duration {
        worked * (100 - self.catch_up_percent) / self.catch_up_percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_ten_seconds_and_begin_anew_when_something_works() {
        let mut pace = Pace::new(50);
        let mut waits = || pace.wait_after_failure(None).as_millis() as u64;
        let first: Vec<u64> = (0..9).map(|_| waits()).collect();
        assert_eq!(
            first,
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]
        );
        pace.succeeded();
        assert_eq!(pace.wait_after_failure(None), FIRST_WAIT);
    }

    #[test]
    fn a_server_that_says_when_is_asked_then_within_reason() {
        let mut pace = Pace::new(50);
        let seven = Duration::from_secs(7);
        assert_eq!(pace.wait_after_failure(Some(seven)), seven);
        let day = Duration::from_secs(86_400);
        assert_eq!(pace.wait_after_failure(Some(day)), Duration::from_secs(60));
    }

    #[test]
    fn a_server_with_too_much_to_do_gets_less_at_a_time_and_more_again_later() {
        let mut pace = Pace::new(50);
        for _ in 0..20 {
            pace.wait_after_overload(None);
        }
        assert_eq!(pace.documents(MOST), LEAST);
        (0..20).for_each(|_| pace.succeeded());
        assert_eq!(pace.documents(MOST), MOST);
        pace.documents(1_000);
        pace.wait_after_overload(None);
        assert_eq!(pace.documents(MOST), 500, "half of what was tried");
    }

    #[test]
    fn work_and_rest_are_in_the_proportion_of_the_duty() {
        let worked = Duration::from_millis(700);
        for (duty, rest) in [(70, 300), (100, 0), (50, 700), (0, 69_300)] {
            assert_eq!(
                Pace::new(duty).rest_after(worked),
                Duration::from_millis(rest),
                "{duty}"
            );
        }
    }
}
