//! Rollups: counts and amounts per quarter of an hour and dimensions, summed from judged facts.
//!
//! A conversion counts three times, once on each [`Basis`]: at its click's time, at its own time, and by
//! posting (each booking at the time it was booked; a rejection takes away at the time of the rejection).
//! Clicks count by click time only. Always true: a sum is order-free, so a rollup does not depend on batches;
//! a change of status edits the same rows that the booking made.

use crate::as_text::words;
use crate::fact::{ClickCore, ConversionStatus, Paid};
use crate::ids::UnixMs;
use crate::judge::Conversion;
use crate::money::{Currency, Micros};

/// Milliseconds of a bucket: a quarter of an hour divides every zone's offset.
pub const BUCKET_MS: u64 = 900_000;

words! {
    /// By which time a row is cut.
    Basis {
        /// The click's.
        Click = 0 "click",
        /// The conversion's.
        Conversion = 1 "conversion",
        /// The booking's.
        Posting = 2 "posting",
    }
}

/// What a row is about. Entities are numbers within the tenant; 0 = none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RollupKey {
    /// Quarter of an hour since 1970, UTC.
    pub bucket: u32,
    /// By which time it is cut.
    pub basis: Basis,
    /// Whether it counts tests.
    pub is_test: bool,
    /// Campaign.
    pub campaign: u32,
    /// Flow; 0 = the default flow.
    pub flow: u32,
    /// Arm.
    pub arm: u32,
    /// Offer.
    pub offer: u32,
    /// Affiliate.
    pub affiliate: u32,
    /// Goal; 0 = clicks and the base goal.
    pub goal: u32,
    /// Country of the click.
    pub country: [u8; 2],
    /// Device type of the click.
    pub device: u8,
    /// Currency of the amounts.
    pub currency: Currency,
}

macro_rules! rollup_columns {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a row counts. Amounts are micros.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct RollupDelta { $($(#[$doc])* pub $name: i64,)* }

        impl RollupDelta {
            /// Names of the columns, in the order of [`Self::values`].
            pub const COLUMNS: &'static [&'static str] = &[$(stringify!($name)),*];

            /// The columns in order.
            #[must_use]
            pub fn values(&self) -> [i64; Self::COLUMNS.len()] {
                [$(self.$name),*]
            }

            /// Adds each column; a sum that leaves 64 bits stays at their end.
            pub fn add(&mut self, other: &Self) {
                $(self.$name = self.$name.saturating_add(other.$name);)*
            }
        }
    };
}

rollup_columns! {
    /// Every recorded click.
    gross_click,
    /// Bots, and clicks sent neither to an offer nor to a lander.
    invalid_click,
    /// Valid clicks of a visitor not seen on the offer in the 24 hours before.
    unique_click,
    /// Cost of the clicks.
    cost,
    /// Conversions now pending.
    pending_cv,
    /// Conversions now approved.
    approved_cv,
    /// Conversions now rejected.
    rejected_cv,
    /// Owed to affiliates for conversions pending or approved.
    payout,
    /// Owed by advertisers for conversions pending or approved.
    revenue,
}

/// The bucket of a time.
#[must_use]
pub fn bucket_of(at: UnixMs) -> u32 {
    u32::try_from(at.0 / BUCKET_MS).unwrap_or(u32::MAX)
}

/// What a click adds: its counts in `currency`, and its cost in the cost's own.
pub fn of_click(
    click: &ClickCore,
    currency: Currency,
    is_unique: bool,
) -> impl Iterator<Item = (RollupKey, RollupDelta)> {
    let key = RollupKey {
        bucket: bucket_of(click.at),
        basis: Basis::Click,
        is_test: click.is_test,
        campaign: click.campaign,
        flow: click.flow.unwrap_or(0),
        arm: click.sent.map_or(0, |s| s.arm),
        offer: click.sent.map_or(0, |s| s.offer),
        affiliate: click.affiliate.unwrap_or(0),
        goal: 0,
        country: click.country,
        device: click.device,
        currency,
    };
    let counts = RollupDelta {
        gross_click: 1,
        invalid_click: i64::from(!click.is_valid()),
        unique_click: i64::from(is_unique),
        ..RollupDelta::default()
    };
    let of = |paid: Paid| {
        let delta = RollupDelta {
            cost: paid.amount.0,
            ..RollupDelta::default()
        };
        (
            RollupKey {
                currency: paid.currency,
                ..key
            },
            delta,
        )
    };
    std::iter::once((key, counts)).chain(click.cost.map(of))
}

/// What a conversion adds or takes when it goes from one status to another (`None` = is booked first) by a
/// fact at `posted_at`.
#[must_use]
pub fn of_conversion(
    conversion: &Conversion,
    from: Option<ConversionStatus>,
    to: ConversionStatus,
    posted_at: UnixMs,
) -> [(RollupKey, RollupDelta); 3] {
    let mut delta = from.map_or_else(RollupDelta::default, |from| standing(conversion, from, -1));
    delta.add(&standing(conversion, to, 1));
    let key = |basis, at| RollupKey {
        bucket: bucket_of(at),
        basis,
        is_test: conversion.is_test,
        campaign: conversion.campaign,
        flow: conversion.flow.unwrap_or(0),
        arm: conversion.arm,
        offer: conversion.offer,
        affiliate: conversion.affiliate.unwrap_or(0),
        goal: conversion.goal.unwrap_or(0),
        country: conversion.country,
        device: conversion.device,
        currency: conversion.currency,
    };
    [
        (key(Basis::Click, conversion.clicked_at), delta),
        (key(Basis::Conversion, conversion.converted_at), delta),
        (key(Basis::Posting, posted_at), delta),
    ]
}

/// What a conversion counts while it stands at `status`, times `sign`.
fn standing(conversion: &Conversion, status: ConversionStatus, sign: i64) -> RollupDelta {
    let is = |wanted| if status == wanted { sign } else { 0 };
    let counts = i64::from(status != ConversionStatus::Rejected) * sign;
    let Micros(payout) = conversion.payout;
    let Micros(revenue) = conversion.revenue;
    RollupDelta {
        pending_cv: is(ConversionStatus::Pending),
        approved_cv: is(ConversionStatus::Approved),
        rejected_cv: is(ConversionStatus::Rejected),
        payout: payout.saturating_mul(counts),
        revenue: revenue.saturating_mul(counts),
        ..RollupDelta::default()
    }
}
