//! What every SQL store shares: what a row of each table is, which questions are asked, what must hold of the
//! books, and what is compared. No driver: a store of one product runs the statements and hands over its rows.
//!
//! ```text
//! Commit ──▶ upserts: rows of values, table by table ──▶ the store's driver
//! question ──▶ Query: text and values ──▶ the driver ──▶ Fields ──▶ what the port promises
//! ```
//! Always true: the same commit gives the same rows in every store, so that their digests can be compared; the
//! text of a statement differs between products only where [`Dialect`] says so.
//! Not here: connections, transactions, migrations, retries.

pub mod conversions;
mod dialect;
mod digest;
mod fields;
pub mod invariants;
pub mod questions;
pub mod report;
pub mod rows;
mod tables;
mod upsert;
mod value;

pub use self::dialect::Dialect;
pub use self::digest::{RowHash, TableDigest};
pub use self::fields::{Columns, Fields, Raw, Take};
pub use self::invariants::Violation;
pub use self::tables::{DERIVED, Table, digest_query};
pub use self::upsert::{Conflict, Upsert, upserts};
pub use self::value::{Query, Row, Value};
