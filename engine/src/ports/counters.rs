//! What nodes share beside the log and the store, and may lose at any time: live counters and allowances.
//!
//! Always true: nothing is decided by a counter; whatever is lost is written again from the store; a caller goes on
//! without an answer. The implementations of one process ([`LocalCounters`], [`LocalLimits`]) are those of an
//! installation without a shared cache. Not here: what is counted (see [`crate::live`], [`crate::limits`]).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::PortFuture;
use crate::ids::{TenantId, UnixMs};
use crate::limits::{Allowance, Buckets, LimitKey, Standing};
use crate::live::{LiveCounters, LiveKey, UtcDay};

/// What is shared cannot be reached now: go on without it.
#[derive(Debug, thiserror::Error)]
#[error("cache is not available")]
pub struct CacheError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Keeps live counters of all campaigns for all nodes.
pub trait SharedCounters: Send + Sync + 'static {
    /// Writes counters; where some are kept already that stand at the same place or a later one, those stay.
    fn put(&self, counters: Vec<LiveCounters>) -> PortFuture<'_, Result<(), CacheError>>;

    /// What is kept of these campaigns of a tenant on a day (of all, when none is named), in order of number.
    fn read(
        &self,
        tenant: TenantId,
        day: UtcDay,
        campaigns: Vec<u32>,
    ) -> PortFuture<'_, Result<Vec<LiveCounters>, CacheError>>;

    /// A text that is another one whenever counters that were put may be gone.
    fn incarnation(&self) -> PortFuture<'_, Result<String, CacheError>>;
}

/// Counts requests for all nodes.
pub trait RateLimits: Send + Sync + 'static {
    /// Takes `cost` requests from the bucket of `key`, if there are so many.
    fn take(
        &self,
        key: LimitKey,
        cost: u32,
        allowance: Allowance,
        now: UnixMs,
    ) -> PortFuture<'_, Result<Standing, CacheError>>;
}

/// Live counters of one process.
#[derive(Debug, Default)]
pub struct LocalCounters(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    today: UtcDay,
    counters: BTreeMap<LiveKey, LiveCounters>,
}

impl Kept {
    fn put(&mut self, counters: LiveCounters) {
        let day = counters.key.day;
        if day > self.today {
            self.today = day;
            self.counters.retain(|key, _| key.day.is_live(day));
        }
        if !day.is_live(self.today) {
            return;
        }
        let kept = self.counters.get(&counters.key);
        if kept.is_none_or(|kept| kept.stands_at.seq < counters.stands_at.seq) {
            self.counters.insert(counters.key, counters);
        }
    }

    fn read(&self, tenant: TenantId, day: UtcDay, campaigns: &[u32]) -> Vec<LiveCounters> {
        let key = |campaign| LiveKey {
            tenant,
            day,
            campaign,
        };
        let all = self.counters.range(key(0)..=key(u32::MAX));
        let wanted = |campaign| campaigns.is_empty() || campaigns.contains(&campaign);
        all.filter(|(key, _)| wanted(key.campaign))
            .map(|(_, counters)| counters.clone())
            .collect()
    }
}

impl LocalCounters {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedCounters for LocalCounters {
    fn put(&self, counters: Vec<LiveCounters>) -> PortFuture<'_, Result<(), CacheError>> {
        let mut kept = self.kept();
        counters.into_iter().for_each(|one| kept.put(one));
        Box::pin(std::future::ready(Ok(())))
    }

    fn read(
        &self,
        tenant: TenantId,
        day: UtcDay,
        campaigns: Vec<u32>,
    ) -> PortFuture<'_, Result<Vec<LiveCounters>, CacheError>> {
        let read = self.kept().read(tenant, day, &campaigns);
        Box::pin(std::future::ready(Ok(read)))
    }

    fn incarnation(&self) -> PortFuture<'_, Result<String, CacheError>> {
        Box::pin(std::future::ready(Ok("process".to_owned())))
    }
}

/// Allowances of one process.
#[derive(Debug)]
pub struct LocalLimits(Mutex<Buckets>);

impl LocalLimits {
    /// Buckets of `capacity` keys at most.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(Mutex::new(Buckets::new(capacity)))
    }

    /// Takes `cost` requests from the bucket of `key`, if there are so many, at once.
    pub fn take_now(
        &self,
        key: LimitKey,
        cost: u32,
        allowance: Allowance,
        now: UnixMs,
    ) -> Standing {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(key, cost, allowance, now)
    }
}

impl RateLimits for LocalLimits {
    fn take(
        &self,
        key: LimitKey,
        cost: u32,
        allowance: Allowance,
        now: UnixMs,
    ) -> PortFuture<'_, Result<Standing, CacheError>> {
        let standing = self.take_now(key, cost, allowance, now);
        Box::pin(std::future::ready(Ok(standing)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::counters_contract!(&LocalCounters::default());
    crate::limits_contract!(&LocalLimits::new(1_000));
}
