//! Lanes: who wakes whom, when the writer starts, and that nobody is forgotten.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use weir_engine::ports::Append;

use super::support::*;
use crate::{Appending, Cursors, Drain, Durability, Journal, Lane, Options};

fn fast() -> Options {
    Options {
        durability: Durability::Os,
        segment_bytes: 8 << 20,
        ..small()
    }
}

/// Counts how often it is woken, and from where.
struct Counter {
    thread: Thread,
    here: AtomicUsize,
    elsewhere: AtomicUsize,
}

impl Counter {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            thread: std::thread::current(),
            here: AtomicUsize::new(0),
            elsewhere: AtomicUsize::new(0),
        })
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        let is_here = std::thread::current().id() == self.thread.id();
        let count = if is_here { &self.here } else { &self.elsewhere };
        count.fetch_add(1, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// No write takes so long.
const FORGOTTEN: Duration = Duration::from_secs(30);

/// A core: appends through its lane, at most `at_once` in flight, drained by the same thread.
fn run_core(lane: &Lane, numbers: std::ops::Range<u64>, at_once: usize) -> (usize, usize, usize) {
    let (drains, appends) = (Counter::new(), Counter::new());
    let (drain_waker, append_waker) = (
        Waker::from(Arc::clone(&drains)),
        Waker::from(Arc::clone(&appends)),
    );
    let mut drain: Drain = lane.drain();
    let mut in_flight: VecDeque<Appending> = VecDeque::new();
    let mut numbers = numbers;
    let mut done = 0;
    loop {
        lane.set_busy(true);
        let _ = Pin::new(&mut drain).poll(&mut Context::from_waker(&drain_waker));
        let new = numbers.by_ref().take(at_once - in_flight.len());
        in_flight.extend(new.map(|n| lane.append(&record(&fact(n)))));
        in_flight.retain_mut(|appending| {
            match Pin::new(appending).poll(&mut Context::from_waker(&append_waker)) {
                Poll::Ready(result) => {
                    result.unwrap();
                    done += 1;
                    false
                }
                Poll::Pending => true,
            }
        });
        if in_flight.len() < at_once && !numbers.is_empty() {
            continue;
        }
        lane.set_busy(false);
        if in_flight.is_empty() {
            break;
        }
        let parked = Instant::now();
        std::thread::park_timeout(FORGOTTEN);
        assert!(parked.elapsed() < FORGOTTEN, "nobody wakes this core");
    }
    let woken = drains.elsewhere.load(Ordering::SeqCst);
    (done, woken, appends.elsewhere.load(Ordering::SeqCst))
}

#[test]
fn a_drained_lane_is_woken_once_a_batch_and_wakes_its_appends_itself() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &fast()).unwrap();
    let (done, woken, appends_woken) = run_core(&journal.lane(), 0..2000, 100);
    assert_eq!(done, 2000);
    assert_eq!(
        appends_woken, 0,
        "the writer wakes no append of a drained lane"
    );
    assert!(woken <= 1000, "{woken} wake-ups for 2,000 appends");
    assert_sound(&all_of(&journal));
}

#[test]
fn no_append_is_forgotten_whatever_the_cores_say() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &fast()).unwrap();
    std::thread::scope(|scope| {
        for core in 0..3u64 {
            let lane = journal.lane();
            scope.spawn(move || {
                let numbers = core * 1500..(core + 1) * 1500;
                assert_eq!(run_core(&lane, numbers, 1 + core as usize * 3).0, 1500);
            });
        }
        let shared = journal.shared_lane();
        scope.spawn(move || {
            for n in 4500..5500 {
                append(&shared, n).unwrap();
            }
        });
    });
    let facts = all_of(&journal);
    assert_sound(&facts);
    assert_eq!(numbers(&facts), (0..5500).collect());
}

#[test]
fn bursts_of_busy_cores_share_groups_that_grow_and_come_whole_and_in_order() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &fast()).unwrap();
    std::thread::scope(|scope| {
        for core in 0..3u64 {
            let lane = journal.lane();
            scope.spawn(move || {
                for burst in 0..3 {
                    let from = core * 18_000 + burst * 6_000;
                    lane.set_busy(true);
                    let facts = (from..from + 6_000).map(|n| lane.append(&record(&fact(n))));
                    let appending: Vec<_> = facts.collect();
                    lane.set_busy(false);
                    let places = appending.into_iter().map(|a| wait(a).unwrap());
                    let mut next = Cursors::START;
                    for place in places {
                        let seq = &mut next.0[usize::from(place.partition)];
                        assert!(place.seq >= *seq, "a lane's facts keep their order");
                        *seq = place.seq + 1;
                    }
                }
            });
        }
    });
    let facts = all_of(&journal);
    assert_sound(&facts);
    assert_eq!(numbers(&facts), (0..54_000).collect());
    journal.close().unwrap();
    let reopened = Journal::open(data.path(), &fast()).unwrap();
    assert_eq!(reopened.end().total(), 54_000);
}

#[test]
fn a_drain_that_ends_leaves_its_appends_to_the_writer() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &fast()).unwrap();
    let lane = journal.lane();
    let mut drain = lane.drain();
    let waker = Waker::from(Counter::new());
    let _ = Pin::new(&mut drain).poll(&mut Context::from_waker(&waker));
    let appending = lane.append(&record(&fact(0)));
    drop(drain);
    wait(appending).unwrap();
    append(&lane, 1).unwrap();
}

#[test]
fn a_dropped_append_is_written_all_the_same_and_frees_its_slot() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &fast()).unwrap();
    let lane = journal.lane();
    for n in 0..500 {
        drop(lane.append(&record(&fact(n))));
    }
    append(&lane, 500).unwrap();
    assert_eq!(numbers(&all_of(&journal)), (0..501).collect());
    drop(lane);
    append_together(&journal.shared_lane(), 501..510);
    assert_eq!(all_of(&journal).len(), 510);
}

#[test]
fn a_busy_core_holds_a_write_back_but_not_for_long() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    let core = journal.lane();
    core.set_busy(true);
    for n in 0..20 {
        let began = Instant::now();
        append(&core, n).unwrap();
        assert!(began.elapsed() < Duration::from_secs(5), "append {n}");
    }
    // A lane that is dropped while busy must not hold the writer back for ever.
    drop(core);
    append_together(&journal.shared_lane(), 20..40);
    assert_eq!(all_of(&journal).len(), 40);
}
