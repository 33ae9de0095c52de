//! Lanes: how facts come in. One per edge core, one for everybody else.
//!
//! A caller encodes its record into its lane's buffer and gets an [`Appending`]. The writer takes whole buffers,
//! and later fills in the results of a whole batch. A lane that is drained ([`Lane::drain`]) is then woken once a
//! batch: the drain runs on the lane's own runtime and wakes the appends there, which costs nothing across
//! threads. A lane without a drain has each append woken by the writer.
//!
//! Always true: L1 every append is answered, also when the journal stops; L2 a result is stored before its waker
//! is woken, under the lock that a poll takes, so a poll sees the one or leaves the waker for the other; L3 a
//! dropped append frees its slot, its record is written all the same.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use weir_engine::click_id::ClickId;
use weir_engine::ids::{Position, partition_of};
use weir_engine::ports::{Append, AppendError};
use weir_engine::record::Record;

use crate::Options;
use crate::bell::Bell;
use crate::format::{size_bound, write_middle};
use crate::texts::TextHasher;

/// What lanes and writer share.
pub(crate) struct Doors {
    pub bell: Bell,
    /// No room for another segment: set and cleared by the keeper of spares.
    pub full: AtomicBool,
    /// Encoded bytes that wait or are being written, over all lanes.
    pub waiting_bytes: AtomicUsize,
    pub waiting_bytes_max: usize,
    pub record_bytes_max: usize,
    pub text_hasher: TextHasher,
}

impl Doors {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            bell: Bell::default(),
            full: AtomicBool::new(false),
            waiting_bytes: AtomicUsize::new(0),
            waiting_bytes_max: options.waiting_bytes,
            record_bytes_max: options.record_bytes_max(),
            text_hasher: TextHasher::default(),
        }
    }
}

/// A record in a lane's buffer.
pub(crate) struct Waiting {
    pub slot: u32,
    pub partition: u16,
    pub kind: u8,
    pub version: u8,
    pub flags: u8,
    /// Lengths of the middle and the two texts; they follow one another in the buffer.
    pub middle: u32,
    pub texts: [u32; 2],
    pub text_hashes: [u64; 2],
    pub at: u64,
    pub click_id: Option<ClickId>,
}

/// What waits in a lane.
#[derive(Default)]
pub(crate) struct Inbox {
    pub bytes: Vec<u8>,
    pub records: Vec<Waiting>,
    /// Since when the first of them waits.
    pub oldest: Option<Instant>,
    /// Set once the journal has stopped.
    pub closed: bool,
}

enum Slot {
    Free,
    Waiting(Option<Waker>),
    Done(Result<Position, AppendError>, Option<Waker>),
    /// The append was dropped before its result came.
    Dropped,
}

#[derive(Default)]
enum DrainState {
    /// Nobody drains this lane.
    #[default]
    Absent,
    /// The drain sleeps.
    Asleep(Waker),
    /// The drain has been woken, or is about to look by itself.
    Awake,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots whose appends the drain has to wake.
    ready: Vec<u32>,
    drain: DrainState,
}

/// A lane as the writer sees it.
pub(crate) struct LaneState {
    inbox: Mutex<Inbox>,
    slots: Mutex<Slots>,
    busy: AtomicBool,
}

/// A way into the journal.
#[derive(Clone)]
pub struct Lane {
    state: Arc<LaneState>,
    doors: Arc<Doors>,
}

// Both locks guard plain bookkeeping that no panic can leave half done: each critical section only moves values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Lane {
    pub(crate) fn new(state: Arc<LaneState>, doors: Arc<Doors>) -> Self {
        Self { state, doors }
    }

    /// Says whether the lane's core works and may append more soon; call it from the runtime's hooks on unpark
    /// (true) and park (false). While a core is busy the writer lets a batch grow for a moment.
    pub fn set_busy(&self, is_busy: bool) {
        if self.state.busy.swap(is_busy, Ordering::SeqCst) != is_busy {
            if is_busy {
                self.doors.bell.core_is_busy();
            } else {
                self.doors.bell.core_rests();
            }
        }
    }

    /// Wakes the lane's appends batch by batch, for ever: run it as a task of the runtime whose tasks append here.
    #[must_use]
    pub fn drain(&self) -> Drain {
        lock(&self.state.slots).drain = DrainState::Awake;
        Drain {
            state: Arc::clone(&self.state),
        }
    }

    fn refused(&self, middle: usize, texts: [usize; 2]) -> Option<AppendError> {
        if size_bound(middle, texts).is_none_or(|bound| bound > self.doors.record_bytes_max) {
            return Some(AppendError::TooLarge);
        }
        if self.doors.full.load(Ordering::Acquire) {
            return Some(AppendError::Full);
        }
        let waiting = self.doors.waiting_bytes.load(Ordering::Relaxed);
        (waiting >= self.doors.waiting_bytes_max).then_some(AppendError::Overloaded)
    }
}

impl Append for Lane {
    type Appending = Appending;

    fn append(&self, record: &Record<'_>) -> Appending {
        let texts = record.texts.map(str::len);
        // Open and private part are the middle, but for a few bytes of numbers.
        let about = record.open.len() + record.private.len() + 64;
        if let Some(refused) = self.refused(about, texts) {
            return Appending(Answer::Refused(refused));
        }
        let text_hashes = record.texts.map(|text| self.doors.text_hasher.hash(text));
        let mut inbox = lock(&self.state.inbox);
        if inbox.closed {
            return Appending(Answer::Refused(AppendError::Stopped));
        }
        let slot = self.state.take_slot();
        let length = inbox.put(record, slot, text_hashes);
        self.doors
            .waiting_bytes
            .fetch_add(length, Ordering::Relaxed);
        // Counted before the lock is given back: the writer never takes more than was counted.
        let waiting = self.doors.bell.count_one();
        drop(inbox);
        self.doors.bell.ring(waiting);
        let state = Arc::clone(&self.state);
        Appending(Answer::Awaited(state, slot))
    }
}

impl Inbox {
    /// Encodes a record; gives its length.
    fn put(&mut self, record: &Record<'_>, slot: u32, text_hashes: [u64; 2]) -> usize {
        let start = self.bytes.len();
        let flags = write_middle(record, &mut self.bytes);
        let middle = (self.bytes.len() - start) as u32;
        for text in record.texts {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        self.records.push(Waiting {
            slot,
            partition: partition_of(record.tenant),
            kind: record.kind,
            version: record.version,
            flags,
            middle,
            texts: record.texts.map(|text| text.len() as u32),
            text_hashes,
            at: record.at.0,
            click_id: record.click_id,
        });
        self.oldest.get_or_insert_with(Instant::now);
        self.bytes.len() - start
    }
}

impl LaneState {
    pub(crate) fn new(closed: bool) -> Self {
        Self {
            inbox: Mutex::new(Inbox {
                closed,
                ..Inbox::default()
            }),
            slots: Mutex::default(),
            busy: AtomicBool::new(false),
        }
    }

    pub(crate) fn oldest(&self) -> Option<Instant> {
        lock(&self.inbox).oldest
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst)
    }

    /// Gives what waits and takes `empty` in its place; the lane takes no more once `close` is set.
    pub(crate) fn swap(&self, empty: &mut Inbox, close: bool) {
        let mut inbox = lock(&self.inbox);
        std::mem::swap(&mut *inbox, empty);
        inbox.closed = close || empty.closed;
    }

    fn take_slot(&self) -> u32 {
        let mut slots = lock(&self.slots);
        let slots = &mut *slots;
        if let Some(slot) = slots.free.pop() {
            slots.slots[slot as usize] = Slot::Waiting(None);
            return slot;
        }
        slots.slots.push(Slot::Waiting(None));
        (slots.slots.len() - 1) as u32
    }

    /// Answers appends; wakes the drain once, or each append where nobody drains.
    pub(crate) fn answer(&self, results: &[(u32, Result<Position, AppendError>)]) {
        let mut wakers = Vec::new();
        let mut guard = lock(&self.slots);
        let slots = &mut *guard;
        let is_drained = !matches!(slots.drain, DrainState::Absent);
        for &(number, result) in results {
            let slot = &mut slots.slots[number as usize];
            match std::mem::replace(slot, Slot::Free) {
                Slot::Waiting(waker) if is_drained => {
                    *slot = Slot::Done(result, waker);
                    slots.ready.push(number);
                }
                Slot::Waiting(waker) => {
                    *slot = Slot::Done(result, None);
                    wakers.extend(waker);
                }
                Slot::Dropped => slots.free.push(number),
                Slot::Free | Slot::Done(..) => unreachable!("L1: an append is answered once"),
            }
        }
        if !slots.ready.is_empty()
            && let DrainState::Asleep(waker) =
                std::mem::replace(&mut slots.drain, DrainState::Awake)
        {
            wakers.push(waker);
        }
        drop(guard);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// The future that a drained lane's runtime runs; see [`Lane::drain`]. Never ends.
pub struct Drain {
    state: Arc<LaneState>,
}

impl Future for Drain {
    type Output = std::convert::Infallible;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut wakers = Vec::new();
        let mut guard = lock(&self.state.slots);
        let slots = &mut *guard;
        for number in slots.ready.drain(..) {
            // The slot may have been read and given to a later append already: then there is nothing to wake.
            if let Slot::Done(_, waker) = &mut slots.slots[number as usize] {
                wakers.extend(waker.take());
            }
        }
        slots.drain = DrainState::Asleep(cx.waker().clone());
        drop(guard);
        wakers.into_iter().for_each(Waker::wake);
        Poll::Pending
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        let mut wakers = Vec::new();
        let mut guard = lock(&self.state.slots);
        let slots = &mut *guard;
        slots.drain = DrainState::Absent;
        for number in std::mem::take(&mut slots.ready) {
            if let Slot::Done(_, waker) = &mut slots.slots[number as usize] {
                wakers.extend(waker.take());
            }
        }
        drop(guard);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// An append under way. Dropping it takes nothing back.
#[must_use = "the record is in the log only when this has resolved"]
pub struct Appending(Answer);

enum Answer {
    Awaited(Arc<LaneState>, u32),
    Refused(AppendError),
    Given,
}

impl Future for Appending {
    type Output = Result<Position, AppendError>;

    /// # Panics
    /// When polled again after it has resolved.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &self.0 {
            Answer::Refused(why) => Err(*why),
            Answer::Awaited(state, number) => match state.poll(*number, cx) {
                Poll::Ready(result) => result,
                Poll::Pending => return Poll::Pending,
            },
            Answer::Given => panic!("an append was polled after it resolved"),
        };
        self.0 = Answer::Given;
        Poll::Ready(result)
    }
}

impl LaneState {
    fn poll(&self, number: u32, cx: &mut Context<'_>) -> Poll<Result<Position, AppendError>> {
        let mut slots = lock(&self.slots);
        let slots = &mut *slots;
        let slot = &mut slots.slots[number as usize];
        match slot {
            Slot::Waiting(Some(waker)) => waker.clone_from(cx.waker()),
            Slot::Waiting(none) => *none = Some(cx.waker().clone()),
            Slot::Done(result, _) => {
                let result = *result;
                *slot = Slot::Free;
                slots.free.push(number);
                return Poll::Ready(result);
            }
            Slot::Free | Slot::Dropped => unreachable!("L3: a slot belongs to one append"),
        }
        Poll::Pending
    }

    fn leave(&self, number: u32) {
        let mut slots = lock(&self.slots);
        let slots = &mut *slots;
        let slot = &mut slots.slots[number as usize];
        *slot = match slot {
            Slot::Waiting(_) => Slot::Dropped,
            _ => {
                slots.free.push(number);
                Slot::Free
            }
        };
    }
}

impl Drop for Appending {
    fn drop(&mut self) {
        if let Answer::Awaited(state, number) = &self.0 {
            state.leave(*number);
        }
    }
}
