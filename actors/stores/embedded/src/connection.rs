//! How the file is opened.
//!
//! One connection writes, with `synchronous = FULL`: a commit is on disk when it returns, because the journal
//! may drop segments that every durable cursor has passed, and a cursor that a power cut can set back would
//! not be durable. One sync every 500 ms costs nothing. All others only read, each seeing the last commit
//! (write-ahead log), so that a long report delays no commit and a commit delays no report.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// How long to wait for someone outside who holds the lock, before the caller hears of it.
const BUSY_WAIT: Duration = Duration::from_millis(500);

/// Pages of the write-ahead log (4 kB each) after which a commit copies it into the file.
const CHECKPOINT_PAGES: u32 = 4_000;

/// Opens the file to write, making it when it is missing.
pub fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "cache_size", -(64 << 10))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens the file to read only.
pub fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -(16 << 10))?;
    crate::sums::register(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
