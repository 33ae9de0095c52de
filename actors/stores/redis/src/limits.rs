//! Allowances that nodes share.
//!
//! Always true: the answer is that of the engine's own arithmetic, done on the server so that nodes do not cross.
//! A bucket lives until it is full again. Not here: what is done when the server does not answer.

use std::sync::Arc;

use redis::Script;
use weir_engine::ids::UnixMs;
use weir_engine::limits::{Allowance, LimitKey, Standing, Taken};
use weir_engine::ports::{CacheError, PortFuture, RateLimits};

use crate::failure::Trouble;
use crate::link::Link;

/// See the module.
#[derive(Clone)]
pub struct Limits {
    link: Link,
    prefix: String,
    take: Arc<Script>,
}

impl Limits {
    pub(crate) fn new(link: Link, prefix: String) -> Self {
        Self {
            link,
            prefix,
            take: Arc::new(Script::new(include_str!("take.lua"))),
        }
    }
}

impl RateLimits for Limits {
    fn take(
        &self,
        key: LimitKey,
        cost: u32,
        allowance: Allowance,
        now: UnixMs,
    ) -> PortFuture<'_, Result<Standing, CacheError>> {
        let Some(admitted) = self.link.admit() else {
            return Box::pin(std::future::ready(Err(Trouble::Resting.into())));
        };
        let bucket = format!("{}{}:{:016x}", self.prefix, key.scope, key.number);
        let numbers = [
            now.0 * 1_000,
            allowance.step_us(),
            allowance.room_us(),
            u64::from(cost),
        ];
        let script = Arc::clone(&self.take);
        Box::pin(async move {
            let asking = self
                .link
                .ask_as(admitted, move |mut connection| async move {
                    let mut call = script.key(bucket);
                    call.arg(&numbers);
                    call.invoke_async::<(u8, u64, u64)>(&mut connection).await
                });
            let (is_allowed, full_at_us, wait_us) = asking.await?;
            self.link.count("hit");
            let taken = Taken {
                full_at_us,
                is_allowed: is_allowed == 1,
                wait_us,
            };
            Ok(allowance.standing(taken, now))
        })
    }
}
