//! All ports of the store on one SQLite file: nothing to install.
//!
//! ```text
//!               commit, claim ──▶ one thread, the write connection ──▶ ┐
//!   evidence (a conversion, a verdict) ──▶ pool, on the asking thread ─┼─▶ state.db (+ -wal, -shm)
//!         reports, lists of conversions ──▶ own threads, read only ──▶ ┘
//! ```
//!
//! Always true: what a commit says is on disk when it is answered, all of it or nothing; only the latest owner
//! of a partition commits; every answer is of one snapshot; a file of a newer schema is refused.
//! Not here: what the rows mean (`weir-engine`), single clicks (the journal).

mod backup;
mod commit;
mod connection;
mod failure;
mod ledger;
pub mod migrate;
mod query;
mod readers;
mod report_threads;
mod reports;
mod snapshot;
mod store;
mod sums;
mod writer;

pub use self::backup::{BackupError, backup};
pub use self::snapshot::Snapshot;
pub use self::store::{Embedded, OpenError};
pub use weir_sql::{TableDigest, Violation};
