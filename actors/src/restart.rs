//! The one restart policy: after a failure the whole fold starts again from the stored offset.
//!
//! All state of the actors is a cache of the log, so there is nothing to repair: everything is stopped, the
//! partitions are claimed under a new epoch, and reading goes on where the store is. Always true: waits
//! double from 100 ms to 10 s while failures follow each other, and begin anew after a minute without one.

use std::error::Error;
use std::time::Duration;

use ractor::SpawnErr;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const QUIET: Duration = Duration::from_secs(60);

/// How long to wait after each failure. Times are since any fixed moment.
#[derive(Debug, Default)]
pub struct RestartPolicy {
    failures: u32,
    last: Option<Duration>,
}

impl RestartPolicy {
    /// How long to wait after a failure at `now`.
    pub fn wait_after_failure(&mut self, now: Duration) -> Duration {
        let was_quiet = self
            .last
            .is_none_or(|last| now.saturating_sub(last) >= QUIET);
        self.failures = if was_quiet { 0 } else { self.failures + 1 };
        self.last = Some(now);
        let doubled = FIRST_WAIT.saturating_mul(1 << self.failures.min(16));
        doubled.min(LONGEST_WAIT)
    }
}

/// Why an actor failed, or the one that it was starting.
pub(crate) fn cause<'a>(
    error: &'a (dyn Error + Send + Sync + 'static),
) -> &'a (dyn Error + 'static) {
    match error.downcast_ref::<SpawnErr>() {
        Some(SpawnErr::StartupFailed(inside)) => cause(inside.as_ref()),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_ten_seconds_and_begin_anew_after_a_quiet_minute() {
        let mut policy = RestartPolicy::default();
        let waits: Vec<u64> = (0..9)
            .map(|n| {
                policy
                    .wait_after_failure(Duration::from_secs(n))
                    .as_millis() as u64
            })
            .collect();
        assert_eq!(
            waits,
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]
        );
        let later = policy.wait_after_failure(Duration::from_secs(100));
        assert_eq!(later, FIRST_WAIT);
    }
}
