//! A copy of the store while it runs.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use weir_engine::ports::{PartitionState, StoreError};

use crate::migrate::SchemaError;
use crate::snapshot::Snapshot;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file of that name already.
    #[error("{0} is there already")]
    Exists(String),
    /// The store cannot be read, or the copy not be written.
    #[error("the store cannot be copied")]
    Copy(#[from] rusqlite::Error),
    /// The copy cannot be brought to disk.
    #[error("the copy cannot be synced")]
    Sync(#[from] std::io::Error),
    /// The copy is not readable as a store.
    #[error("the copy is not a store")]
    Schema(#[from] SchemaError),
    /// The copy's offsets cannot be read.
    #[error("the copy cannot be read")]
    Read(#[from] StoreError),
}

/// Copies the store at `path` into a new file, as of one commit, and gives the offsets that the copy has come
/// to. The store may be running; commits are not held up. The copy is on disk when this returns.
///
/// # Errors
/// [`BackupError`]; an existing file is never overwritten.
pub fn backup(path: &Path, into: &Path) -> Result<Vec<PartitionState>, BackupError> {
    if into.exists() {
        return Err(BackupError::Exists(into.display().to_string()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(path, flags)?;
    source.execute("VACUUM INTO ?1", [into.to_string_lossy()])?;
    File::open(into)?.sync_all()?;
    if let Some(folder) = into.parent().filter(|f| !f.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(Snapshot::open(into)?.offsets()?)
}
