//! Whether the journal takes facts, and how much room it has.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use crate::segments::Segments;

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
    segments: Arc<Segments>,
    /// What is left of the open segment.
    left_bytes: AtomicU32,
    has_warned: AtomicBool,
    max_bytes: u64,
}

impl Vitals {
    pub(crate) fn new(max_bytes: u64, segments: Arc<Segments>) -> Self {
        Self {
            why_stopped: OnceLock::new(),
            is_closed: AtomicBool::new(false),
            segments,
            left_bytes: AtomicU32::new(0),
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

    pub(crate) fn set_left(&self, bytes: u32) {
        self.left_bytes.store(bytes, Ordering::Relaxed);
    }

    fn used_bytes(&self) -> u64 {
        let left = self.left_bytes.load(Ordering::Relaxed);
        self.segments.bytes().saturating_sub(u64::from(left))
    }

    fn is_nearly_full(&self, used: u64) -> bool {
        used >= self.max_bytes / 5 * 4
    }

    /// Segments came or went: says so on the metrics, and once in the log when little room is left.
    pub(crate) fn report_room(&self) {
        let used = self.used_bytes();
        metrics::gauge!("weir_journal_bytes").set(used as f64);
        let is_nearly_full = self.is_nearly_full(used);
        if self.has_warned.swap(is_nearly_full, Ordering::Relaxed) || !is_nearly_full {
            return;
        }
        let max = self.max_bytes;
        tracing::warn!(used, max, "journal has used 80 % of its room");
    }

    pub(crate) fn health(&self, is_full: bool) -> Health {
        let used_bytes = self.used_bytes();
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
