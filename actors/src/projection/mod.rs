//! The store projection: writes what follows from the log, in order, with the offset, in one transaction.
//!
//! It owns the effects that are judged and not stored. Always true: one commit is under way at a time; a commit
//! that failed is tried again unchanged, with growing waits, while effects go on being gathered until the
//! reader's credits are used up; a fenced commit ends the fold, for somebody else owns the partition.
//! What a crash loses: nothing; the reader starts at the stored offset. Not here: what rows mean (the engine).

mod actor;
pub(crate) mod assembly;
mod key_hash;
mod pace;

pub(crate) use self::actor::{ProjectionActor, ProjectionArgs, ProjectionMsg};
