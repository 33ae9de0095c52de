//! The reader: takes durable facts from the log, reads each once and hands windows to the tenants.
//!
//! It owns the cursor. Always true: each fact is handed out once a run, in the order of its partition; no more
//! windows are under way than credits allow (64 MB of effects), so a store that is down stops the reader and
//! not the memory. What a crash loses: nothing; the next run starts where the store says.

mod actor;
mod batch;

pub(crate) use self::actor::{ReaderActor, ReaderArgs, ReaderMsg};
pub(crate) use self::batch::{CREDITS, WindowInMaking};
