//! The head of the log: how far it is durable, the latest groups in memory, who waits for more.
//!
//! Always true: H1 a group is here only after it is on disk at the configured durability, so no reader ever sees
//! a fact that a crash could take back; H2 the ring is gap-free in physical order and ends at the head.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Waker};

use crate::Cursors;
use crate::format::{decode, records_of};

/// A place in the physical log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub segment: u64,
    pub offset: u32,
}

/// A verified group in memory.
pub(crate) struct Group {
    pub start: Place,
    /// Its records.
    pub records: Vec<u8>,
    /// Where the next group begins, unless the segment ends here.
    pub end: u32,
    /// The next seq of each partition after it.
    pub next: Cursors,
}

impl Group {
    /// The byte after the `count`-th record from `from` on, and the cursors there when `cursors` are those at `from`.
    pub(crate) fn split_after(
        &self,
        from: usize,
        count: usize,
        mut cursors: Cursors,
    ) -> (usize, Cursors) {
        let mut at = from;
        for record in records_of(&self.records[from..]).take(count) {
            let raw = decode(record).expect("S5: a record of a verified group decodes");
            cursors.0[usize::from(raw.partition)] = raw.seq + 1;
            at += record.len();
        }
        (at, cursors)
    }
}

/// A reader takes so many groups from the ring at a time.
const GROUPS_AT_ONCE: usize = 64;

struct State {
    end: Place,
    durable: Cursors,
    ring: VecDeque<Arc<Group>>,
    ring_bytes: usize,
    wakers: Vec<(u64, Waker)>,
    next_reader: u64,
    has_ended: bool,
}

pub(crate) struct Head {
    state: Mutex<State>,
    ring_bytes_max: usize,
}

/// What a reader at some place finds.
pub(crate) enum Ahead {
    /// These groups come next.
    Groups(Vec<Arc<Group>>),
    /// What comes next is only in the file; everything before this place may be read.
    File(Place),
    /// Nothing yet.
    Nothing,
    /// Nothing, and the journal takes no more.
    Ended,
}

impl Head {
    pub(crate) fn new(end: Place, durable: Cursors, ring_bytes_max: usize) -> Self {
        let state = State {
            end,
            durable,
            ring: VecDeque::new(),
            ring_bytes: 0,
            wakers: Vec::new(),
            next_reader: 0,
            has_ended: false,
        };
        Self {
            state: Mutex::new(state),
            ring_bytes_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|p| p.into_inner())
    }

    pub(crate) fn durable(&self) -> Cursors {
        self.lock().durable
    }

    /// Where a reader that wants `wanted` starts, with the cursors there, if that is at the head or in memory.
    pub(crate) fn start_for(&self, wanted: &Cursors) -> Option<(Place, Cursors)> {
        let state = self.lock();
        if wanted.reaches(&state.durable) {
            return Some((state.end, state.durable));
        }
        let at = state
            .ring
            .partition_point(|group| wanted.reaches(&group.next));
        let before = state.ring.get(at.checked_sub(1)?)?;
        let group = state.ring.get(at)?;
        Some((group.start, before.next))
    }

    pub(crate) fn reader_number(&self) -> u64 {
        let mut state = self.lock();
        state.next_reader += 1;
        state.next_reader
    }

    /// A group has become durable. Gives the largest buffer that nobody reads any more, to be filled again.
    pub(crate) fn publish(&self, group: Arc<Group>) -> Option<Vec<u8>> {
        let mut state = self.lock();
        assert!(
            group.start == state.end,
            "H2: groups come in physical order"
        );
        state.end.offset = group.end;
        state.durable = group.next;
        state.ring_bytes += group.records.len();
        state.ring.push_back(group);
        let mut left_over: Option<Vec<u8>> = None;
        while state.ring_bytes > self.ring_bytes_max && state.ring.len() > 1 {
            if let Some(oldest) = state.ring.pop_front() {
                state.ring_bytes -= oldest.records.len();
                let records = Arc::into_inner(oldest).map(|group| group.records);
                left_over = left_over
                    .into_iter()
                    .chain(records)
                    .max_by_key(Vec::capacity);
            }
        }
        Self::wake(state);
        left_over
    }

    /// The log goes on at the first group of another segment.
    pub(crate) fn turn_to(&self, place: Place) {
        let mut state = self.lock();
        assert!(place > state.end, "H2: segments follow one another");
        state.end = place;
    }

    /// No group will come any more.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        Self::wake(state);
    }

    fn wake(mut state: MutexGuard<'_, State>) {
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// What comes at `place`; when it is nothing, the reader is woken when there is something.
    pub(crate) fn ahead_of(&self, place: Place, waiting: Option<(u64, &Context<'_>)>) -> Ahead {
        let mut state = self.lock();
        if place < state.end {
            match state.ring.front() {
                Some(oldest) if oldest.start <= place => {
                    let at = state.ring.partition_point(|group| group.start < place);
                    if at < state.ring.len() {
                        let groups = state.ring.range(at..).take(GROUPS_AT_ONCE);
                        return Ahead::Groups(groups.cloned().collect());
                    }
                    // The reader has read a segment to its end and nothing is in the next one yet.
                }
                _ => return Ahead::File(state.end),
            }
        }
        if state.has_ended {
            return Ahead::Ended;
        }
        if let Some((reader, cx)) = waiting {
            state.wakers.retain(|(number, _)| *number != reader);
            state.wakers.push((reader, cx.waker().clone()));
        }
        Ahead::Nothing
    }
}
