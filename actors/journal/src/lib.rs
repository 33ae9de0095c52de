//! The journal: the durable, ordered log of facts on this machine, and the spine of Weir.
//!
//! ```text
//!  edge cores            writer (one thread)                         files               readers
//!  lane ─┐  encoded      take all · number · texts · checksums   ┌─▶ segment 7 (open) ┐
//!  lane ─┼─ records ───▶ one write ─▶ fdatasync ─────────────────┤   segment 6 sealed ├─▶ behind the head
//!  lane ─┘               index · head · wake each lane once ─┐   └   segment 5 sealed ┘
//!                                                            └─▶ ring in memory ──────────▶ at the head
//!  keeper (one thread): zeroes the next segment, seals finished ones (click index)
//! ```
//!
//! Why: everything else in Weir is a reader of this log with a cursor; a click is answered once its fact is here,
//! and a store that is down costs lag, never a click. One physical log carries all partitions, so that one sync
//! serves every tenant.
//!
//! Always true:
//! - J1 an append that was answered with a place survives a crash of the machine (durability `fsync`) or of the
//!   process (`os`); it is found by readers and by its click id from then on.
//! - J2 seqs of a partition have no gaps and are in physical order.
//! - J3 the first failed write or sync stops acknowledgement until the process is started again.
//! - J4 a torn tail is cut, kept aside and logged; damage anywhere else refuses to open, with file and offset.
//! - J5 files take at most [`Options::max_bytes`] (click indexes aside); beyond it appends get `Full`, and go on when there is room.
//!
//! With durability `os` a power cut may lose and reorder what the kernel held back, and the journal may then refuse
//! to open; choose it where losing the machine means losing the data anyway.
//!
//! Where to read on: `format/` has the bytes, `tail.rs` tells a torn tail from damage, `bell.rs` says when the
//! writer wakes and why no wake-up is lost, `writer/` is the commit path, `recover.rs` the opening.
//! Not here: what facts mean, who judges them, when a segment may be removed (the caller brings the cursors).

mod batch;
mod bell;
mod cursors;
mod disk;
mod error;
mod folder;
mod format;
mod head;
mod health;
mod index;
mod journal;
mod keeper;
mod lane;
mod lock;
mod lookup;
mod open;
mod options;
mod reader;
mod recover;
mod retention;
mod scan;
mod segments;
mod tail;
mod texts;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub use self::batch::Batch;
pub use self::cursors::Cursors;
pub use self::error::OpenError;
pub use self::health::{Health, State};
pub use self::journal::{HasStopped, Journal, StoredLog};
pub use self::lane::{Appending, Drain, Lane};
pub use self::lock::FolderLock;
pub use self::options::{Durability, Options, UnknownDurability};
pub use self::reader::{ReadError, Reader};
pub use self::retention::Removed;
pub use self::verify::{Problem, Report, Summary, info, verify};

/// Number of the first segment of a journal.
pub(crate) const FIRST: u64 = 1;
