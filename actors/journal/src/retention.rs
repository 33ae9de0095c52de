//! Giving up segments that nobody needs any more.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{Cursors, Journal};

/// What a call of [`Journal::remove_before`] removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Segments.
    pub segments: u64,
    /// Their bytes on disk; one file may be kept as the next spare.
    pub bytes: u64,
}

impl Journal {
    /// Removes sealed segments whose facts all lie before `cursors` (what every durable reader has passed) and
    /// whose newest fact is older than `least_age`. Oldest first; the first one that must stay ends it.
    ///
    /// # Errors
    /// When the file system refuses; what was removed until then stays removed.
    pub fn remove_before(&self, cursors: Cursors, least_age: Duration) -> io::Result<Removed> {
        let running = self.running();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let oldest_kept = now.unwrap_or_default().saturating_sub(least_age);
        let mut removed = Removed::default();
        for segment in running.segments.all() {
            let Some(seal) = segment.seal().filter(|_| segment.is_sealed()) else {
                break;
            };
            let is_old = u128::from(seal.newest_at) < oldest_kept.as_millis();
            if !cursors.reaches(&seal.next) || !is_old {
                break;
            }
            // Said before the file goes, so that a look-up after a crash answers "expired", not "absent".
            let horizon = running.segments.horizon().max(seal.ids.greatest);
            running.segments.folder.set_horizon(horizon)?;
            running.segments.raise_horizon(horizon);
            if !running.segments.pop_first(&segment) {
                break;
            }
            // Somebody who still reads the file must not find it zeroed.
            let is_shared = Arc::strong_count(&segment) > 1;
            running.keeper.give_up(&segment, is_shared)?;
            removed.segments += 1;
            removed.bytes += u64::from(segment.header.size);
            let (number, facts) = (segment.number, seal.facts);
            tracing::info!(segment = number, facts, "segment was removed");
        }
        running.vitals.report_room();
        Ok(removed)
    }
}
