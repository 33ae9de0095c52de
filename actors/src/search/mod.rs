//! The search projection: follows the log behind the store and keeps the index of single clicks and conversions.
//!
//! ```text
//! log ─▶ reader of its own ─▶ facts below the store's offset ─▶ documents ─▶ bulk ─▶ index
//!                                   ▲                                                  └─ cursor, kept in the index
//! store ─ what was judged of them ──┘
//! ```
//! It owns nothing that lasts: how far it has come is in the index itself. Always true: a fact is indexed only when the
//! store has judged it, so that the index never says what the books do not; one batch is in memory at a time, however
//! far behind it is; an index that is away, full or deleted is waited for, or filled again from the first fact that is
//! kept, for as long as it takes, and nothing else waits for that; a document that the index will never take goes to
//! the dead letters with its reason. What a crash loses: nothing; documents since the last kept cursor are written
//! again and are there already. Not here: what documents say (the engine), which product keeps them.

mod documents;
mod follow;
mod indexer;
mod judgements;
mod pace;
mod rebuild;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use weir_engine::ports::{ClickLookup, LedgerStore, SearchIndex};
use weir_engine::search::DocumentKind;

pub use self::follow::{SearchFollower, SearchStatus};
pub use self::judgements::unique_clicks;
pub use self::rebuild::{RebuildError, RebuildNews, RebuildOptions, Rebuilt, rebuild};

/// A document that the index will never take.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// What it is.
    pub kind: DocumentKind,
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u64,
    /// What the index says is wrong with it.
    pub reason: String,
    /// The document.
    pub document: Value,
}

/// Where dead letters go.
pub type DeadLetters = Arc<dyn Fn(&DeadLetter) + Send + Sync>;

/// What the projection needs of the world, beside the log.
#[derive(Clone)]
pub struct SearchPorts {
    /// What was judged.
    pub ledger: Arc<dyn LedgerStore>,
    /// Clicks of conversions.
    pub clicks: Arc<dyn ClickLookup>,
    /// The index.
    pub index: Arc<dyn SearchIndex>,
    /// Where dead letters go.
    pub dead_letters: DeadLetters,
}

/// How the projection behaves.
#[derive(Debug, Clone)]
pub struct SearchOptions {
    /// Facts read at a time.
    pub batch: usize,
    /// How long it waits at the head of the log for more.
    pub at_head: Duration,
    /// How often it keeps its cursor while it catches up.
    pub keep_every: Duration,
    /// The share of the time that it works while it catches up: the index, and the disk that it may share with the
    /// journal, have the rest for themselves.
    pub catch_up_percent: u8,
    /// Months of clicks older than this are dropped from the index; `None` = never.
    pub retention: Option<Duration>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            batch: 4_096,
            at_head: Duration::from_secs(1),
            keep_every: Duration::from_secs(5),
            catch_up_percent: 70,
            retention: None,
        }
    }
}
