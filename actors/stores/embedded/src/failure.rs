//! What goes wrong with SQLite, in the words of the ports.
//!
//! Always true: a cause is kept as the source. Another process that holds the lock, a full disk and a failing
//! one are all `Unavailable`: the caller may try the same again.

use weir_engine::ports::StoreError;

/// SQLite did not do it.
pub fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

/// The thread that should have answered is gone: the store is closing.
#[derive(Debug, thiserror::Error)]
#[error("store has stopped")]
pub struct Stopped;

/// The store is closing.
pub fn stopped() -> StoreError {
    StoreError::Unavailable(Box::new(Stopped))
}
