//! What nodes share and may lose, on Redis 6.2 or later, or Valkey: hot clicks, live counters, allowances.
//!
//! ```text
//! CachedClicks ─▶ link ─ breaker ─▶ pool ─▶ server        a miss, or trouble: the log's own look-up
//! Counters     ─▶ link ─ breaker ─▶ pool ─▶ server        trouble: the store's report
//! Limits       ─▶ link ─ breaker ─▶ pool ─▶ server        trouble: the process's own buckets
//! ```
//! Always true: nothing here decides anything: what a cold, wiped, slow or lying server changes is speed. What it
//! says is believed only under a MAC of this installation, for the key that was asked, of the log as it stands now
//! (the *generation*). A caller waits a few milliseconds at most, and not at all while the breaker rests.
//! Not here: what is counted and limited (`weir-engine`), when counters are written (`weir-actors`).

mod breaker;
mod clicks;
mod counters;
mod failure;
mod limits;
mod link;
mod pool;
mod record;
mod seal;
mod server;
pub mod telemetry;

pub use self::clicks::CachedClicks;
pub use self::counters::Counters;
pub use self::limits::Limits;
pub use self::server::{OpenError, Options, Redis, Within};
