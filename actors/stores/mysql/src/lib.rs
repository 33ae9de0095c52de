//! The system of record on MySQL 8, MariaDB 10.11 or later, or Aurora.
//!
//! ```text
//! commit, claim, evidence, reports ──▶ a task on the store's runtime ──▶ pool ──▶ server
//! ```
//! Always true: what a commit says is in the database when it is answered, all of it or nothing; only the latest
//! owner of a partition commits; an answer of several statements is of one snapshot; a schema of a newer build is
//! refused. A server that is away, frozen or behind a silent network costs the caller a bounded wait and an
//! [`Unavailable`](weir_engine::ports::StoreError::Unavailable), never more.
//! Not here: what the rows mean (`weir-engine`), what they are in SQL (`weir-sql`), single clicks (the journal).

mod commit;
mod doctor;
mod failure;
mod ledger;
pub mod migrate;
mod pool;
mod query;
mod reports;
mod snapshot;
mod store;

pub use self::doctor::{Finding, Level, examine};
pub use self::migrate::SchemaError;
pub use self::snapshot::Snapshot;
pub use self::store::{Mysql, OpenError, Place};
pub use weir_sql::{TableDigest, Violation};
