//! What the domain needs from the world, by role and not by product.
//!
//! ```text
//! Append        facts in            the log
//! ClickLookup   clicks by id        the log's index (a cache may stand before it)
//! CatalogStore  entities at start   the store
//! LedgerStore   the transaction     the store: what follows from facts, and how far it has come
//! ReportStore   questions           the store, read-only
//! SearchIndex   single documents    the index: may be lost at any time, and is built again
//! SharedCounters, RateLimits        what may be lost: the process, or a cache that nodes share
//! ```
//! Always true: every method that reads or writes a tenant's rows takes the tenant; a port has one contract
//! suite that each implementation passes. Not here: any product, any runtime: a future is all that is asked.

use std::future::Future;
use std::pin::Pin;

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod counters;
mod ledger;
mod log;
mod reports;
mod search;

pub use self::counters::{CacheError, LocalCounters, LocalLimits, RateLimits, SharedCounters};
pub use self::ledger::{
    ActorKey, Advance, CapCounter, CatalogStore, Checkpoint, Commit, EntityRow, JudgedRange,
    LedgerStore, PartitionState, StatusRow, StoreError, UNIQUE_BLOCK, UniqueBlock, UniqueClicks,
    VerdictRow,
};
pub use self::log::{Append, AppendError, ClickLookup, Found, LookupError};
pub use self::reports::{
    Balance, ConversionFilter, ConversionHistory, ReportError, ReportStore, StatusEvent, Watermark,
};
pub use self::search::{Generation, IndexStats, SearchError, SearchIndex, Written};

/// What a port's method gives: a boxed future, so that a port is used as `dyn`.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
