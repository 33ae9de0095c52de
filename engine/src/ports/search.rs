//! The index of single clicks and conversions: written by a reader of the log, asked by people.
//!
//! ```text
//! generation 1  ◀─ readers, the writer              live
//! generation 2  ◀─ a rebuild, then published        becomes live, whole, in one step; 1 is forgotten
//! ```
//! Always true: how far a generation has come is kept in the index itself, so that an index that was deleted, whole or in
//! part, has come nowhere; a document is there once, in its newest version, however often it is written; every
//! question takes the tenant. Nothing here is a record: all of it follows from the log and the store.

use std::sync::Arc;
use std::time::Duration;

use super::{PortFuture, Watermark};
use crate::ids::{TenantId, UnixMs};
use crate::search::{
    ClickDocument, ConversionDocument, Document, Drilldown, DrilldownPage, SearchPage, SearchQuery,
};

/// A build of the index: all documents of it follow from one walk over the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u32);

/// Why the index did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Try the same again later.
    #[error("the search index is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It has more to do than it can: try the same again after a while.
    #[error("the search index has too much to do")]
    Overloaded {
        /// After how long, when it said so.
        retry_after: Option<Duration>,
    },
    /// The generation is not what was written any more: parts of it are gone, or another is live. Ask which is live
    /// and how far it has come, and go on from there.
    #[error("the search index is another than before")]
    Lost,
    /// Sorting by a measure needs all rows, and there are too many: group by less, or ask for less.
    #[error("more rows than may be sorted")]
    TooManyRows,
    /// It refuses the question, or this build does not suit it: asking again does not help.
    #[error("the search index refuses: {0}")]
    Refused(String),
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is in the index now.
    Stored,
    /// The index has this version of it, or a newer one.
    AlreadyThere,
    /// The index will never take it. Everything else goes on.
    Poison {
        /// What it says is wrong with it.
        reason: String,
    },
}

/// What the index holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStats {
    /// Name and version of the product.
    pub product: String,
    /// The generation that readers see.
    pub live: Option<Generation>,
    /// Clicks in it.
    pub clicks: u64,
    /// Conversions in it.
    pub conversions: u64,
    /// Bytes on disk, of all generations.
    pub bytes: u64,
    /// How far the live generation has come.
    pub cursor: Option<Watermark>,
}

/// An index of documents.
pub trait SearchIndex: Send + Sync + 'static {
    /// The generation that readers see and the writer goes on with; made if there is none.
    fn live(&self) -> PortFuture<'_, Result<Generation, SearchError>>;

    /// A fresh generation that readers do not see; one that was begun before and never published is forgotten.
    fn begin(&self) -> PortFuture<'_, Result<Generation, SearchError>>;

    /// Writes documents; answers in their order. On an error any of them may have been written: write all again.
    fn write(
        &self,
        generation: Generation,
        documents: Arc<[Document]>,
    ) -> PortFuture<'_, Result<Vec<Written>, SearchError>>;

    /// How far a generation has come; `None` = it has to be built from the first fact.
    fn cursor(
        &self,
        generation: Generation,
    ) -> PortFuture<'_, Result<Option<Watermark>, SearchError>>;

    /// Has everything written so far found by the next question, then keeps how far it has come.
    /// [`SearchError::Lost`] when parts of it went meanwhile, or it is neither live nor begun.
    fn set_cursor(
        &self,
        generation: Generation,
        cursor: Watermark,
    ) -> PortFuture<'_, Result<(), SearchError>>;

    /// Lets readers see a generation, in one step, and forgets the others.
    fn publish(&self, generation: Generation) -> PortFuture<'_, Result<(), SearchError>>;

    /// Forgets documents whose click lies before `before`, as far as whole stretches of time can be dropped; tells
    /// the names of what was dropped.
    fn forget(&self, before: UnixMs) -> PortFuture<'_, Result<Vec<String>, SearchError>>;

    /// Lists clicks.
    fn clicks(
        &self,
        tenant: TenantId,
        query: SearchQuery,
    ) -> PortFuture<'_, Result<SearchPage<ClickDocument>, SearchError>>;

    /// Lists conversions.
    fn conversions(
        &self,
        tenant: TenantId,
        query: SearchQuery,
    ) -> PortFuture<'_, Result<SearchPage<ConversionDocument>, SearchError>>;

    /// Counts and sums.
    fn drilldown(
        &self,
        tenant: TenantId,
        question: Drilldown,
    ) -> PortFuture<'_, Result<DrilldownPage, SearchError>>;

    /// What it holds.
    fn stats(&self) -> PortFuture<'_, Result<IndexStats, SearchError>>;
}
