//! When the writer sleeps, and who wakes it.
//!
//! Whoever appends bumps `waiting`; a core bumps `busy` while it may append more. The writer starts a write when
//! something waits and (no core is busy, or [`ENOUGH`] records wait, or the oldest waits longer than the limit).
//!
//! No wake-up is lost, because both sides announce before they look. The writer stores how it is about to sleep,
//! *then* looks at `waiting`, `busy` and `orders` once more, then parks. The others change one of these, *then*
//! look at how the writer sleeps. All of it is sequentially consistent, so of two such pairs at least one side
//! sees the other: either the writer does not park, or it is unparked. An unpark that comes before the park is
//! kept by the thread's token, so the gap between look and park is covered too. A needless unpark costs one turn
//! of the loop.
//!
//! ```text
//!  Idle     nothing waits          woken by any append, any order
//!  Pacing   something waits, a     woken by the ENOUGH-th append, the last busy core going to sleep,
//!           core is busy           any order, or its own timer
//!  Growing  a large group is made, woken as when pacing, also by a core that goes to sleep when
//!           a core is busy         nothing waits
//! ```
//! A group of [`ENOUGH`] records or more is not written while more come as fast: a sync for each thousand of a
//! burst of ten thousand would cost the last of them nine syncs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// So many waiting records are written without waiting for more.
pub(crate) const ENOUGH: usize = 1024;
/// Nothing waits longer than this for a busy core.
pub(crate) const LONGEST_PACE: Duration = Duration::from_millis(2);

const AWAKE: u8 = 0;
const IDLE: u8 = 1;
const PACING: u8 = 2;
const GROWING: u8 = 3;

/// Finish the open segment.
pub(crate) const ORDER_TURN: u8 = 1;
/// Write what waits and answer when it is on disk.
pub(crate) const ORDER_SYNC: u8 = 2;
/// Write what waits, then end.
pub(crate) const ORDER_CLOSE: u8 = 4;

#[derive(Default)]
pub(crate) struct Bell {
    waiting: AtomicUsize,
    busy: AtomicUsize,
    orders: AtomicU8,
    sleep: AtomicU8,
    writer: OnceLock<Thread>,
}

/// What the writer does next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Work,
    Sleep(u8, Option<Duration>),
}

impl Bell {
    /// Names the thread to wake; called by that thread before it first sleeps.
    pub(crate) fn answered_by(&self, writer: Thread) {
        let _ = self.writer.set(writer);
    }

    /// Counts one more waiting record; call it before the record can be taken.
    pub(crate) fn count_one(&self) -> usize {
        self.waiting.fetch_add(1, SeqCst) + 1
    }

    /// Wakes the writer if the `waiting`-th record is a reason to.
    pub(crate) fn ring(&self, waiting: usize) {
        match self.sleep.load(SeqCst) {
            IDLE => self.wake(),
            PACING | GROWING if waiting >= ENOUGH => self.wake(),
            _ => {}
        }
    }

    /// The writer has taken so many records.
    pub(crate) fn took(&self, records: usize) {
        self.waiting.fetch_sub(records, SeqCst);
    }

    /// A core has begun to work and may append.
    pub(crate) fn core_is_busy(&self) {
        self.busy.fetch_add(1, SeqCst);
    }

    /// A core has nothing left to do.
    pub(crate) fn core_rests(&self) {
        let was = self.busy.fetch_sub(1, SeqCst);
        let is_awaited = match self.sleep.load(SeqCst) {
            AWAKE => false,
            GROWING => true,
            _ => self.waiting.load(SeqCst) > 0,
        };
        if was == 1 && is_awaited {
            self.wake();
        }
    }

    pub(crate) fn order(&self, order: u8) {
        self.orders.fetch_or(order, SeqCst);
        self.wake();
    }

    fn wake(&self) {
        self.sleep.store(AWAKE, SeqCst);
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// The orders given since the last time.
    pub(crate) fn take_orders(&self) -> u8 {
        self.orders.swap(0, SeqCst)
    }

    /// Sleeps until there is something to do.
    ///
    /// `pace` is how long the oldest waiting record may wait for a busy core, `oldest` tells since when it waits.
    pub(crate) fn sleep(&self, pace: Duration, oldest: impl Fn() -> Option<Instant>) {
        while let Next::Sleep(how, _) = self.next(pace, &oldest) {
            self.sleep.store(how, SeqCst);
            // The second look, after the announcement.
            match self.next(pace, &oldest) {
                Next::Sleep(still, timer) if still == how => park(timer),
                _ => {}
            }
            self.sleep.store(AWAKE, SeqCst);
        }
    }

    /// Whether a group that has [`ENOUGH`] records shall take more before it is written; waits at most `pace` for a
    /// busy core to bring as many again.
    pub(crate) fn brings_more(&self, pace: Duration) -> bool {
        let until = Instant::now() + pace;
        loop {
            let known = self.grows();
            let left = until.saturating_duration_since(Instant::now());
            if known.is_some() || left.is_zero() {
                return known.unwrap_or(false);
            }
            self.sleep.store(GROWING, SeqCst);
            if self.grows().is_none() {
                park(Some(left));
            }
            self.sleep.store(AWAKE, SeqCst);
        }
    }

    /// `None`: a core is busy and may bring more.
    fn grows(&self) -> Option<bool> {
        // In this order: a core that rests has counted what it appended.
        let is_busy = self.busy.load(SeqCst) > 0;
        let waiting = self.waiting.load(SeqCst);
        if self.orders.load(SeqCst) != 0 {
            return Some(false);
        }
        match waiting {
            ENOUGH.. => Some(true),
            _ if is_busy => None,
            _ => Some(waiting > 0),
        }
    }

    fn next(&self, pace: Duration, oldest: &impl Fn() -> Option<Instant>) -> Next {
        if self.orders.load(SeqCst) != 0 {
            return Next::Work;
        }
        let waiting = self.waiting.load(SeqCst);
        if waiting == 0 {
            return Next::Sleep(IDLE, None);
        }
        if waiting >= ENOUGH || self.busy.load(SeqCst) == 0 {
            return Next::Work;
        }
        let waited = oldest().map_or(pace, |since| since.elapsed());
        match pace.checked_sub(waited) {
            Some(left) if !left.is_zero() => Next::Sleep(PACING, Some(left)),
            _ => Next::Work,
        }
    }
}

fn park(timer: Option<Duration>) {
    match timer {
        Some(left) => std::thread::park_timeout(left),
        None => std::thread::park(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Duration = Duration::from_millis(2);

    fn check(waiting: usize, busy: usize, waited: Duration, expect: Option<u8>) {
        let bell = Bell::default();
        (0..waiting).for_each(|_| {
            bell.count_one();
        });
        (0..busy).for_each(|_| bell.core_is_busy());
        let oldest = Instant::now().checked_sub(waited);
        let sleep = match bell.next(PACE, &|| oldest) {
            Next::Work => None,
            Next::Sleep(how, _) => Some(how),
        };
        assert_eq!(sleep, expect, "{waiting} wait, {busy} busy, {waited:?}");
    }

    #[test]
    fn a_write_starts_when_nothing_more_is_announced_or_enough_waits_or_the_oldest_waited_enough() {
        let (no_time, long) = (Duration::ZERO, Duration::from_secs(1));
        check(0, 0, no_time, Some(IDLE));
        check(0, 1, long, Some(IDLE));
        check(1, 0, no_time, None);
        check(1, 1, no_time, Some(PACING));
        check(1, 1, long, None);
        check(ENOUGH - 1, 2, no_time, Some(PACING));
        check(ENOUGH, 2, no_time, None);
    }

    #[test]
    fn a_large_group_grows_while_as_many_come_again_and_takes_the_last_when_no_core_is_busy() {
        for (waiting, busy, expect) in [
            (ENOUGH, 0, Some(true)),
            (ENOUGH, 2, Some(true)),
            (ENOUGH - 1, 1, None),
            (0, 1, None),
            (1, 0, Some(true)),
            (0, 0, Some(false)),
        ] {
            let bell = Bell::default();
            (0..waiting).for_each(|_| {
                bell.count_one();
            });
            (0..busy).for_each(|_| bell.core_is_busy());
            assert_eq!(bell.grows(), expect, "{waiting} wait, {busy} busy");
            let after_waiting = expect.unwrap_or(false);
            assert_eq!(bell.brings_more(Duration::ZERO), after_waiting);
            bell.order(ORDER_SYNC);
            assert_eq!(bell.grows(), Some(false), "an order comes first");
        }
    }

    #[test]
    fn a_core_that_rests_wakes_a_writer_whose_group_grows_also_when_nothing_waits() {
        let bell = std::sync::Arc::new(Bell::default());
        bell.core_is_busy();
        let writer = {
            let bell = std::sync::Arc::clone(&bell);
            std::thread::spawn(move || {
                bell.answered_by(std::thread::current());
                bell.brings_more(Duration::from_secs(3600))
            })
        };
        while bell.sleep.load(SeqCst) != GROWING {
            std::thread::yield_now();
        }
        bell.core_rests();
        assert!(!writer.join().unwrap(), "nothing came");
    }

    #[test]
    fn an_order_is_obeyed_also_when_nothing_waits() {
        let bell = Bell::default();
        bell.order(ORDER_TURN);
        bell.order(ORDER_CLOSE);
        bell.sleep(PACE, || None);
        assert_eq!(bell.take_orders(), ORDER_TURN | ORDER_CLOSE);
        assert_eq!(bell.take_orders(), 0);
    }

    #[test]
    fn the_last_core_to_rest_wakes_a_writer_that_paces() {
        let bell = std::sync::Arc::new(Bell::default());
        let hour = Duration::from_secs(3600);
        bell.core_is_busy();
        bell.core_is_busy();
        bell.count_one();
        let writer = {
            let bell = std::sync::Arc::clone(&bell);
            std::thread::spawn(move || {
                bell.answered_by(std::thread::current());
                bell.sleep(hour, || Some(Instant::now()));
            })
        };
        while bell.sleep.load(SeqCst) != PACING {
            std::thread::yield_now();
        }
        bell.core_rests();
        assert!(!writer.is_finished(), "one core is busy still");
        bell.core_rests();
        writer.join().unwrap();
    }
}
