//! The projection of live counters: keeps what nodes share equal to the books, a second behind them.
//!
//! ```text
//! store ── commits ──▶ tap ──▶ tally ──▶ SharedCounters        once a second, what has changed
//!   └───── a report of a tenant's day ──▶ tally                once a tenant and day
//! ```
//! Always true: counters are what a report of the store says at the place they stand at: the sums of a report, and
//! of every commit after it; when a commit was missed, a report is asked for again. The fold waits for nothing here.
//! Counters that may be gone are written again within seconds. Not here: whoever reads them, verdicts.

mod projection;
mod tally;
mod tap;

pub use self::projection::{LiveArgs, LiveProjection};
pub use self::tap::LiveTap;
