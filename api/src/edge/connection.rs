//! Connections of one core, and when they are closed.
//!
//! ```text
//!  accepted ─▶ New ─first byte─▶ Head ─request complete─▶ Busy ─answer given─▶ Idle ─first byte─▶ Head …
//!              5 s               5 s                      (the handler's)      15 s (75 s for trusted proxies)
//! ```
//! and whatever the phase, an answer that the peer does not take for 10 s closes the connection. One sweep every
//! quarter of a second looks at all connections, so that a request costs no timer.
//! Always true: a silent or slow peer is closed within its limit and a second; no more connections are held than
//! allowed. Not here: HTTP (hyper), limits of bodies (the handlers), the count per address (the peers).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::peers::Watch;

/// How often connections are looked at.
const SWEEP: Duration = Duration::from_millis(250);

/// When connections are closed. In sweeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the first byte of a connection and for a whole request head.
    pub(super) head: Duration,
    /// Between requests.
    pub(super) idle: Duration,
    /// Between requests of a trusted proxy.
    pub(super) idle_trusted: Duration,
    /// For the peer to take some of an answer.
    pub(super) write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            idle: Duration::from_secs(15),
            idle_trusted: Duration::from_secs(75),
            write: Duration::from_secs(10),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Head,
    Busy,
    Idle,
}

/// What the sweep sees of a connection.
#[derive(Debug)]
pub(super) struct Watched {
    phase: Cell<Phase>,
    since: Cell<Instant>,
    write_blocked_since: Cell<Option<Instant>>,
    is_trusted: bool,
    now: Rc<Cell<Instant>>,
    /// Of the task of the connection.
    waker: RefCell<Option<Waker>>,
}

impl Watched {
    /// The connection's task is polled: from now on it can be woken to end.
    pub(super) fn is_polled(&self, cx: &Context<'_>) {
        self.waker
            .borrow_mut()
            .get_or_insert_with(|| cx.waker().clone());
    }

    /// A request is complete and is being handled.
    pub(super) fn begin(&self) {
        self.enter(Phase::Busy);
    }

    /// The answer is given.
    pub(super) fn finish(&self) {
        self.enter(Phase::Idle);
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.now.get());
    }

    fn note_read(&self) {
        if matches!(self.phase.get(), Phase::New | Phase::Idle) {
            self.enter(Phase::Head);
        }
    }

    fn note_write(&self, is_blocked: bool) {
        let since = self.write_blocked_since.get();
        let now = is_blocked.then(|| since.unwrap_or(self.now.get()));
        self.write_blocked_since.set(now);
    }

    fn is_expired(&self, patience: &Patience) -> bool {
        let now = self.now.get();
        let is_over = |since: Instant, limit: Duration| now.duration_since(since) > limit;
        let is_stuck = self
            .write_blocked_since
            .get()
            .is_some_and(|s| is_over(s, patience.write));
        let limit = match self.phase.get() {
            Phase::New | Phase::Head => Some(patience.head),
            Phase::Idle if self.is_trusted => Some(patience.idle_trusted),
            Phase::Idle => Some(patience.idle),
            Phase::Busy => None,
        };
        is_stuck || limit.is_some_and(|limit| is_over(self.since.get(), limit))
    }
}

impl Watch for Rc<Watched> {
    fn read_some(&mut self) {
        self.note_read();
    }

    /// Never an error: the sweep closes the connection.
    fn write_went(&mut self, is_blocked: bool, _: &mut Context<'_>) -> io::Result<()> {
        self.note_write(is_blocked);
        Ok(())
    }
}

struct Held {
    watched: Rc<Watched>,
    task: AbortHandle,
}

/// The connections of one core.
pub(super) struct Connections {
    patience: Patience,
    now: Rc<Cell<Instant>>,
    held: RefCell<HashMap<u64, Held>>,
    next: Cell<u64>,
    is_ending: Cell<bool>,
}

impl Connections {
    pub(super) fn new(patience: Patience) -> Rc<Self> {
        Rc::new(Self {
            patience,
            now: Rc::new(Cell::new(Instant::now())),
            held: RefCell::new(HashMap::new()),
            next: Cell::new(0),
            is_ending: Cell::new(false),
        })
    }

    /// A connection that begins now.
    pub(super) fn watch(&self, is_trusted: bool) -> Rc<Watched> {
        Rc::new(Watched {
            phase: Cell::new(Phase::New),
            since: Cell::new(self.now.get()),
            write_blocked_since: Cell::new(None),
            is_trusted,
            now: Rc::clone(&self.now),
            waker: RefCell::default(),
        })
    }

    /// Holds the task of a connection until [`Self::ended`].
    pub(super) fn hold(&self, id: u64, watched: Rc<Watched>, task: AbortHandle) {
        self.held.borrow_mut().insert(id, Held { watched, task });
    }

    /// A number for the next connection.
    pub(super) fn next_id(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    /// A connection has ended.
    pub(super) fn ended(&self, id: u64) {
        self.held.borrow_mut().remove(&id);
    }

    /// Tells all connections to end after the answer they owe.
    pub(super) fn end(&self) {
        self.is_ending.set(true);
        let wakers = |held: &Held| held.watched.waker.borrow().clone();
        let all: Vec<Waker> = self.held.borrow().values().filter_map(wakers).collect();
        all.into_iter().for_each(Waker::wake);
    }

    /// Whether connections are to end.
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.get()
    }

    /// How many are held.
    pub(super) fn count(&self) -> usize {
        self.held.borrow().len()
    }

    /// Closes expired connections, for ever. `closed` is told how many went.
    pub(super) async fn sweep(&self, closed: impl Fn(u64)) {
        let mut ticks = tokio::time::interval(SWEEP);
        loop {
            ticks.tick().await;
            self.now.set(Instant::now());
            closed(self.close_expired());
        }
    }

    fn close_expired(&self) -> u64 {
        let mut expired = 0;
        for held in self.held.borrow().values() {
            if held.watched.is_expired(&self.patience) {
                held.task.abort();
                expired += 1;
            }
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_patience() {
        let connections = Connections::new(Patience::default());
        let plain = connections.watch(false);
        let trusted = connections.watch(true);
        let pass = async |seconds: u64| {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            connections.now.set(Instant::now());
        };
        let expired = |w: &Watched| w.is_expired(&connections.patience);
        pass(6).await;
        assert!(expired(&plain), "silent since it was accepted");
        plain.note_read();
        pass(3).await;
        assert!(!expired(&plain));
        plain.note_read();
        pass(3).await;
        assert!(
            expired(&plain),
            "more bytes do not give a slow head more time"
        );
        for watched in [&plain, &trusted] {
            watched.begin();
            pass(60).await;
            assert!(!expired(watched), "the handler has its own limits");
            watched.finish();
        }
        pass(16).await;
        assert!(expired(&plain) && !expired(&trusted), "idle");
        plain.begin();
        plain.note_write(true);
        pass(6).await;
        plain.note_write(true);
        pass(6).await;
        assert!(expired(&plain), "takes nothing of the answer");
        plain.note_write(false);
        assert!(!expired(&plain));
    }
}
