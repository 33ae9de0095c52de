//! The log as the domain sees it: facts go in, clicks are found again.

use std::future::Future;

use super::PortFuture;
use crate::click_id::ClickId;
use crate::ids::{Position, UnixMs};
use crate::record::{OwnedRecord, Record};

/// Why a fact is not in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The space given to the journal is used up: free some, then it goes on by itself.
    #[error("journal is full")]
    Full,
    /// A write or a sync failed, or the process is ending: nothing is acknowledged any more.
    #[error("journal has stopped")]
    Stopped,
    /// More waits to be written than may wait: try again shortly.
    #[error("journal is overloaded")]
    Overloaded,
    /// The record is larger than a segment may hold.
    #[error("record is too large")]
    TooLarge,
}

/// A way into the log.
pub trait Append: Send + Sync + 'static {
    /// Resolves when the record is in the log at the configured durability, with its place.
    type Appending: Future<Output = Result<Position, AppendError>> + Send + Unpin + 'static;

    /// Hands a record to the log. Dropping the future takes nothing back.
    fn append(&self, record: &Record<'_>) -> Self::Appending;
}

/// What a look-up of a click found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The click's record.
    Click(Box<OwnedRecord>),
    /// The time in the id lies before what is kept.
    Expired,
    /// No click of that id is in the log.
    Absent,
}

/// The log could not be read.
#[derive(Debug, thiserror::Error)]
#[error("click cannot be looked up now")]
pub struct LookupError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Finds the record of a click by its id.
pub trait ClickLookup: Send + Sync + 'static {
    /// Finds a click that is in the log (durably). The caller checks tenant and place.
    fn find(&self, click_id: ClickId) -> PortFuture<'_, Result<Found, LookupError>>;

    /// Clicks of this time or before may have been given up already; later ones are found if they ever were there.
    fn kept_after(&self) -> UnixMs;
}
