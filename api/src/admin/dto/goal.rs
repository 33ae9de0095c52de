//! Steps after the base conversion.

use poem_openapi::Object;

use super::{GoalId, Payout, Repeat, Revenue};

/// A named step after the base conversion, as it is wanted.
#[derive(Debug, Object)]
pub struct GoalDraft {
    /// The goal to keep; without it the name decides.
    id: Option<GoalId>,
    /// What `event=` names.
    #[oai(validator(min_length = 1, max_length = 200))]
    name: String,
    /// What the affiliate earns; nothing when absent.
    payout: Option<Payout>,
    /// What the tenant earns; nothing when absent.
    revenue: Option<Revenue>,
    /// Own rule for repeats, else the offer's.
    repeat: Option<Repeat>,
    /// Own look-back, else the offer's.
    #[oai(validator(minimum(value = "1"), maximum(value = "2160")))]
    lookback_hours: Option<u32>,
}

/// A named step after the base conversion.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Goal {
    /// Survives edits.
    id: GoalId,
    /// What `event=` names.
    name: String,
    /// What the affiliate earns; nothing when absent.
    payout: Option<Payout>,
    /// What the tenant earns; nothing when absent.
    revenue: Option<Revenue>,
    /// Own rule for repeats, else the offer's.
    repeat: Option<Repeat>,
    /// Own look-back, else the offer's.
    lookback_hours: Option<u32>,
}
