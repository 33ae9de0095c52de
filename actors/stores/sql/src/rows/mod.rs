//! One file a table: which values a row has, and how they are read.
//!
//! Always true: what is written is read back as the same value; a row that this build cannot read is an error
//! that names its table, never a default. Not here: transactions, which rows are asked for.

pub mod balance;
pub mod cap_counter;
pub mod checkpoint;
pub mod conversion;
pub mod entity;
pub mod partition;
pub mod rollup;
pub mod status_change;
pub mod transfer;
pub mod unique_block;
pub mod verdict;

pub use crate::fields::{conversion_id, id_bytes};
