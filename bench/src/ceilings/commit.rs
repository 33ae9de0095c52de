//! C2: C1 with a raw group commit. A request appends 200 bytes and is answered after their fdatasync.
//!
//! The file is a segment of the product's kind: 64 MB, zero-written before its first use, the next one made ready
//! meanwhile. The writer starts when the last sync has returned and (no core works, or 1,024 wait, or the oldest
//! has waited as long as the last sync took, 2 ms at most); each core is woken once a batch.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::TcpListener as StdListener;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::http;
use super::segments::Segments;

const RECORD: [u8; 200] = [0xa5; 200];
const ENOUGH: usize = 1_024;
const LONGEST_PACE: Duration = Duration::from_millis(2);

#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    count: usize,
    oldest: Option<Instant>,
    /// Number of the batch that is being gathered, from 1.
    batch: u64,
    busy: usize,
    is_writer_asleep: bool,
}

struct Log {
    pending: Mutex<Pending>,
    bell: Condvar,
    /// The last batch on disk.
    done: AtomicU64,
    cores: Vec<Notify>,
}

impl Log {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(|p| p.into_inner())
    }

    /// Appends; gives the number of its batch.
    fn append(&self) -> u64 {
        let mut pending = self.pending();
        pending.bytes.extend_from_slice(&RECORD);
        pending.count += 1;
        pending.oldest.get_or_insert_with(Instant::now);
        let is_reason = pending.count == 1 || pending.count == ENOUGH;
        if is_reason && std::mem::take(&mut pending.is_writer_asleep) {
            self.bell.notify_one();
        }
        pending.batch
    }

    fn core_works(&self, works: bool) {
        let mut pending = self.pending();
        pending.busy = pending.busy.wrapping_add_signed(if works { 1 } else { -1 });
        let is_reason = pending.busy == 0 && pending.count > 0;
        if is_reason && std::mem::take(&mut pending.is_writer_asleep) {
            self.bell.notify_one();
        }
    }

    /// Waits until a batch is due, and takes it.
    fn take(&self, last_sync: Duration, bytes: &mut Vec<u8>) -> u64 {
        let pace = last_sync.min(LONGEST_PACE);
        let mut pending = self.pending();
        loop {
            let waited = pending.oldest.map(|since| since.elapsed());
            let left = waited.map(|waited| pace.saturating_sub(waited));
            let is_due =
                pending.busy == 0 || pending.count >= ENOUGH || left == Some(Duration::ZERO);
            if pending.count > 0 && is_due {
                break;
            }
            pending.is_writer_asleep = true;
            let timer = left.unwrap_or(Duration::from_secs(3_600));
            let waited = self.bell.wait_timeout(pending, timer);
            pending = waited.unwrap_or_else(|p| p.into_inner()).0;
            pending.is_writer_asleep = false;
        }
        std::mem::swap(&mut pending.bytes, bytes);
        (pending.count, pending.oldest) = (0, None);
        pending.batch += 1;
        pending.batch - 1
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        let mut segments = Segments::new(folder)?;
        let (mut bytes, mut last_sync) = (Vec::new(), Duration::ZERO);
        loop {
            bytes.clear();
            let batch = self.take(last_sync, &mut bytes);
            let (file, at) = segments.place_of(bytes.len() as u64)?;
            file.write_all_at(&bytes, at)?;
            let began = Instant::now();
            file.sync_data()?;
            last_sync = began.elapsed();
            self.done.store(batch, Ordering::Release);
            self.cores.iter().for_each(Notify::notify_one);
        }
    }
}

/// Who waits on a core, oldest first.
type Waiters = Rc<RefCell<VecDeque<(u64, Waker)>>>;

fn run_core(log: &Arc<Log>, number: usize, listener: StdListener) -> io::Result<()> {
    let (working, resting) = (Arc::clone(log), Arc::clone(log));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .on_thread_unpark(move || working.core_works(true))
        .on_thread_park(move || resting.core_works(false))
        .build()?;
    log.core_works(true);
    let waiters = Waiters::default();
    let (drained, drain) = (Rc::clone(&waiters), Arc::clone(log));
    let tasks = tokio::task::LocalSet::new();
    tasks.spawn_local(async move {
        loop {
            drain.cores[number].notified().await;
            let done = drain.done.load(Ordering::Acquire);
            let mut waiters = drained.borrow_mut();
            while let Some((_, waker)) = waiters.pop_front_if(|(batch, _)| *batch <= done) {
                waker.wake();
            }
        }
    });
    let log = Arc::clone(log);
    let answer = move || {
        let (log, waiters, mut batch) = (Arc::clone(&log), Rc::clone(&waiters), None);
        async move {
            poll_fn(move |cx| {
                let mine = *batch.get_or_insert_with(|| log.append());
                if log.done.load(Ordering::Acquire) >= mine {
                    return Poll::Ready(());
                }
                waiters.borrow_mut().push_back((mine, cx.waker().clone()));
                Poll::Pending
            })
            .await;
            http::redirect()
        }
    };
    runtime.block_on(tasks.run_until(http::accept(listener, answer)))
}

/// Serves for ever: one thread a listener, one that writes into `folder`.
///
/// # Errors
/// The disk fails, or a thread cannot be made.
pub fn serve(listeners: Vec<StdListener>, folder: &Path) -> io::Result<()> {
    let log = Arc::new(Log {
        pending: Mutex::new(Pending {
            batch: 1,
            ..Pending::default()
        }),
        bell: Condvar::new(),
        done: AtomicU64::new(0),
        cores: listeners.iter().map(|_| Notify::new()).collect(),
    });
    for (number, listener) in listeners.into_iter().enumerate() {
        let log = Arc::clone(&log);
        std::thread::Builder::new().spawn(move || run_core(&log, number, listener))?;
    }
    log.write(folder)
}
