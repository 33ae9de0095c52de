//! Whether the journal takes facts, and how much room it has.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Whether the journal takes facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It does.
    Running,
    /// It does; 80 % of its room is used.
    NearlyFull,
    /// No room; it goes on by itself when there is some.
    Full,
    /// It does not, until the process is started again.
    Stopped {
        /// Why, for an operator; `None` when it was closed.
        why: Option<String>,
    },
}

/// How a journal fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether it takes facts.
    pub state: State,
    /// Bytes of segments in use.
    pub used_bytes: u64,
    /// Bytes it may use.
    pub max_bytes: u64,
}

/// What the writer reports.
pub(crate) struct Vitals {
    why_stopped: OnceLock<String>,
    is_closed: AtomicBool,
    used_bytes: AtomicU64,
    has_warned: AtomicBool,
    max_bytes: u64,
}

impl Vitals {
    pub(crate) fn new(max_bytes: u64, used_bytes: u64) -> Self {
        Self {
            why_stopped: OnceLock::new(),
            is_closed: AtomicBool::new(false),
            used_bytes: AtomicU64::new(used_bytes),
            has_warned: AtomicBool::new(false),
            max_bytes,
        }
    }

    pub(crate) fn stop(&self, why: String) {
        let _ = self.why_stopped.set(why);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.why_stopped.get().is_some()
    }

    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    pub(crate) fn set_used(&self, bytes: u64) {
        self.used_bytes.store(bytes, Ordering::Relaxed);
    }

    fn is_nearly_full(&self, used: u64) -> bool {
        used >= self.max_bytes / 5 * 4
    }

    pub(crate) fn warn_when_nearly_full(&self, used: u64) {
        let is_nearly_full = self.is_nearly_full(used);
        if self.has_warned.swap(is_nearly_full, Ordering::Relaxed) || !is_nearly_full {
            return;
        }
        let max = self.max_bytes;
        tracing::warn!(used, max, "journal has used 80 % of its room");
    }

    pub(crate) fn health(&self, is_full: bool) -> Health {
        let used_bytes = self.used_bytes.load(Ordering::Relaxed);
        let state = match self.why_stopped.get() {
            Some(why) => State::Stopped {
                why: Some(why.clone()),
            },
            None if self.is_closed.load(Ordering::Acquire) => State::Stopped { why: None },
            None if is_full => State::Full,
            None if self.is_nearly_full(used_bytes) => State::NearlyFull,
            None => State::Running,
        };
        Health {
            state,
            used_bytes,
            max_bytes: self.max_bytes,
        }
    }
}
