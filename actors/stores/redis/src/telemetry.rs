//! Names of what the cache measures.

/// What the cache said, by `part` and `outcome`.
pub const ANSWERS_TOTAL: &str = "weir_cache_answers_total";
/// How the breaker of a `part` stands: 0 = admitting, 1 = probing, 2 = resting.
pub const BREAKER: &str = "weir_cache_breaker";

/// Every `part` that asks the cache.
pub const PARTS: [&str; 3] = ["clicks", "counters", "limits"];
/// Every `outcome`: it had it; it had it not; what it had was not ours; it failed or was too slow; it was not asked.
pub const OUTCOMES: [&str; 5] = ["hit", "miss", "forged", "error", "resting"];
