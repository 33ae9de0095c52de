//! Allowances.

use super::owner::BEGIN;
use crate::ids::UnixMs;
use crate::limits::{Allowance, LimitKey, LimitScope, Standing, take};
use crate::ports::RateLimits;

const ALLOWANCE: Allowance = Allowance {
    per_second: 2,
    burst: 3,
};

fn key(number: u64) -> LimitKey {
    LimitKey {
        scope: LimitScope::ApiKey,
        number,
    }
}

async fn ask(limits: &impl RateLimits, number: u64, cost: u32, after_ms: u64) -> Standing {
    let now = UnixMs(BEGIN.0 + after_ms);
    let taking = limits.take(key(number), cost, ALLOWANCE, now);
    taking.await.expect("taken")
}

/// A burst of three, then two a second.
pub async fn a_burst_passes_then_the_rate_holds(limits: &impl RateLimits) {
    let cases = [
        (0, Some(2)),
        (0, Some(1)),
        (0, Some(0)),
        (0, None),
        (499, None),
        (500, Some(0)),
        (500, None),
        (2_000, Some(2)),
    ];
    for (at, remaining) in cases {
        let standing = ask(limits, 1, 1, at).await;
        let got = standing.is_allowed.then_some(standing.remaining);
        assert_eq!(got, remaining, "after {at} ms");
    }
    let refused = Standing {
        is_allowed: false,
        remaining: 0,
        seconds: 1,
    };
    ask(limits, 1, 2, 2_000).await;
    assert_eq!(ask(limits, 1, 1, 2_000).await, refused);
}

/// Each key, and each scope, has a bucket of its own.
pub async fn keys_and_scopes_have_buckets_of_their_own(limits: &impl RateLimits) {
    ask(limits, 1, 3, 0).await;
    assert!(!ask(limits, 1, 1, 0).await.is_allowed);
    assert!(ask(limits, u64::MAX, 1, 0).await.is_allowed);
    let other = LimitKey {
        scope: LimitScope::Address,
        number: 1,
    };
    let standing = limits.take(other, 1, ALLOWANCE, BEGIN).await;
    assert!(standing.expect("taken").is_allowed);
}

/// What costs more than is left takes nothing.
pub async fn what_is_refused_takes_nothing(limits: &impl RateLimits) {
    ask(limits, 1, 1, 0).await;
    assert!(!ask(limits, 1, 3, 0).await.is_allowed);
    assert_eq!(ask(limits, 1, 2, 0).await.remaining, 0);
}

/// Whatever comes, the answers are those of the engine's arithmetic.
pub async fn every_answer_is_that_of_one_bucket(limits: &impl RateLimits) {
    // A fixed sequence that jumps: costs of 0 to 4, steps of up to 700 ms, some of them backwards.
    let (mut full_at, mut draw, mut at) = (0, 12_345u64, 10_000u64);
    for step in 0..200 {
        draw = draw
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (cost, jump) = ((draw >> 40) as u32 % 5, (draw >> 20) % 1_000);
        at = (at + jump).saturating_sub(300);
        let now = UnixMs(BEGIN.0 + at);
        let taken = take(full_at, cost, ALLOWANCE, now);
        full_at = taken.full_at_us;
        let expect = ALLOWANCE.standing(taken, now);
        assert_eq!(ask(limits, 5, cost, at).await, expect, "step {step}");
    }
}
