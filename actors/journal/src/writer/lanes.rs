//! All lanes, and what the writer has taken from them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use weir_engine::ids::Position;
use weir_engine::ports::AppendError;

use super::batch::Encoded;
use crate::lane::{Doors, Inbox, LaneState};

#[derive(Default)]
struct State {
    lanes: Vec<Arc<LaneState>>,
    is_closed: bool,
    /// Emptied buffers, to be swapped in again.
    emptied: Vec<Inbox>,
}

/// All lanes of a journal.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<State>);

/// What was taken from one lane. Dropped, it answers "stopped" to whatever is left.
pub(super) struct Taken {
    lane: Arc<LaneState>,
    inbox: Inbox,
    /// Records that were given a place, and the bytes of them.
    passed: usize,
    passed_bytes: usize,
    /// Places of records that are being written.
    drafted: Vec<(u32, Result<Position, AppendError>)>,
    pub oldest: Option<Instant>,
    doors: Arc<Doors>,
    home: Arc<Lanes>,
}

/// Buffers that have grown beyond this are not kept.
const KEPT_BYTES: usize = 4 << 20;

impl Lanes {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|p| p.into_inner())
    }

    pub(crate) fn add(&self) -> Arc<LaneState> {
        let mut state = self.lock();
        let lane = Arc::new(LaneState::new(state.is_closed));
        state.lanes.push(Arc::clone(&lane));
        lane
    }

    /// Since when the oldest record waits.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.lock().lanes.iter().filter_map(|l| l.oldest()).min()
    }

    /// Takes what waits in every lane; with `close` the lanes take no more.
    pub(super) fn take(self: &Arc<Self>, doors: &Arc<Doors>, close: bool) -> Vec<Taken> {
        let mut state = self.lock();
        state.is_closed |= close;
        let State {
            lanes,
            is_closed,
            emptied,
        } = &mut *state;
        let mut all = Vec::with_capacity(lanes.len());
        lanes.retain(|lane| {
            // Looked at before the swap: a lane that nobody can append to stays empty after it.
            let is_left = Arc::strong_count(lane) == 1;
            let mut inbox = emptied.pop().unwrap_or_default();
            lane.swap(&mut inbox, *is_closed);
            if inbox.records.is_empty() {
                emptied.push(inbox);
            } else {
                doors.bell.took(inbox.records.len());
                all.push(Taken::new(Arc::clone(lane), inbox, doors, self));
            }
            if is_left && lane.is_busy() {
                doors.bell.core_rests();
            }
            !is_left
        });
        all
    }

    fn give_back(&self, mut inbox: Inbox) {
        inbox.bytes.clear();
        inbox.records.clear();
        inbox.oldest = None;
        self.lock().emptied.push(inbox);
    }
}

impl Taken {
    fn new(lane: Arc<LaneState>, inbox: Inbox, doors: &Arc<Doors>, home: &Arc<Lanes>) -> Self {
        Self {
            lane,
            oldest: inbox.oldest,
            drafted: Vec::with_capacity(inbox.records.len()),
            inbox,
            passed: 0,
            passed_bytes: 0,
            doors: Arc::clone(doors),
            home: Arc::clone(home),
        }
    }

    pub(super) fn has_more(&self) -> bool {
        self.passed < self.inbox.records.len()
    }

    /// Bytes that what has no place yet will take, or a little more.
    pub(super) fn bytes_left(&self) -> usize {
        const AROUND_A_RECORD: usize = 24;
        let records = self.inbox.records.len() - self.passed;
        self.inbox.bytes.len() - self.passed_bytes + records * AROUND_A_RECORD
    }

    /// The next record without a place.
    pub(super) fn peek(&self) -> Option<Encoded<'_>> {
        let record = self.inbox.records.get(self.passed)?;
        let length = record.middle + record.texts[0] + record.texts[1];
        let bytes = &self.inbox.bytes[self.passed_bytes..self.passed_bytes + length as usize];
        Some(Encoded { record, bytes })
    }

    /// The next record is being written at `position`.
    pub(super) fn pass(&mut self, position: Position) {
        self.answer_next_with(Ok(position));
    }

    fn answer_next_with(&mut self, result: Result<Position, AppendError>) {
        let Some(next) = self.peek() else {
            return;
        };
        let (slot, length) = (next.record.slot, next.bytes.len());
        self.drafted.push((slot, result));
        self.passed += 1;
        self.passed_bytes += length;
    }

    /// What was being written is in the log.
    pub(super) fn acknowledge(&mut self) {
        self.lane.answer(&self.drafted);
        self.drafted.clear();
    }

    /// What has no place yet gets `error`.
    pub(super) fn refuse(&mut self, error: AppendError) {
        while self.has_more() {
            self.answer_next_with(Err(error));
        }
        self.acknowledge();
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        for (_, result) in &mut self.drafted {
            *result = Err(AppendError::Stopped);
        }
        self.refuse(AppendError::Stopped);
        let bytes = self.inbox.bytes.len();
        self.doors.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if self.inbox.bytes.capacity() <= KEPT_BYTES {
            self.home.give_back(std::mem::take(&mut self.inbox));
        }
    }
}
