//! How many requests a key may make, over all nodes where they share a cache, else in this process.
//!
//! Always true: a cache that is away or slow costs a few milliseconds at most; its place is taken at once by the
//! process's own buckets, which begin full. Not here: the arithmetic (the engine's), where nodes share (a store).

use std::sync::Arc;
use std::time::Duration;

use weir_engine::ids::UnixMs;
pub use weir_engine::limits::Allowance;
use weir_engine::limits::{LimitKey, LimitScope, Standing};
use weir_engine::ports::{LocalLimits, RateLimits};

/// How long what nodes share is waited for, whatever it promises itself.
const SHARED_WITHIN: Duration = Duration::from_millis(50);

/// The allowances of keys.
pub(super) struct KeyLimits {
    allowance: Allowance,
    shared: Option<Arc<dyn RateLimits>>,
    local: LocalLimits,
}

impl KeyLimits {
    pub(super) fn new(
        allowance: Allowance,
        shared: Option<Arc<dyn RateLimits>>,
        capacity: usize,
    ) -> Self {
        Self {
            allowance,
            shared,
            local: LocalLimits::new(capacity),
        }
    }

    pub(super) fn allowance(&self) -> Allowance {
        self.allowance
    }

    /// Takes one request from the bucket of the key, if there is one left.
    pub(super) async fn take(&self, number: u64, now: UnixMs) -> Standing {
        let key = LimitKey {
            scope: LimitScope::ApiKey,
            number,
        };
        if let Some(shared) = &self.shared {
            let taking = shared.take(key, 1, self.allowance, now);
            if let Ok(Ok(standing)) = tokio::time::timeout(SHARED_WITHIN, taking).await {
                return standing;
            }
        }
        self.local.take_now(key, 1, self.allowance, now)
    }
}
