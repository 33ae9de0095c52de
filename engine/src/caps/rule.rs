//! A cap made ready for counting: its key, its zone, its periods.

use std::hash::Hasher;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use siphasher::sip::SipHasher24;

use super::gate::Period;
use crate::catalog::{Cap, CapLevel, CapMetric, CapPeriod, Catalog, OnCap, OverCap};
use crate::ids::UnixMs;

/// Identifies one counter: a cap of an offer (or of an affiliate's terms) for one subject. A changed limit
/// keeps the counter, a changed metric, period, zone, goal or level is another cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CapKey(pub u64);

/// Whose traffic a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapSubject {
    /// The offer.
    pub offer: u32,
    /// The affiliate, if any.
    pub affiliate: Option<u32>,
    /// The campaign.
    pub campaign: u32,
}

/// A cap made ready for counting.
#[derive(Debug, Clone)]
pub struct CapRule {
    /// What is counted.
    pub metric: CapMetric,
    /// What is counted together.
    pub level: CapLevel,
    /// Which goal: `None` = the base goal for conversions, all goals for amounts.
    pub goal: Option<u32>,
    /// Units of the metric: a count or micros.
    pub limit: i64,
    /// Whether it stops anything.
    pub is_hard: bool,
    /// What later clicks get.
    pub on_cap: OnCap,
    /// What conversions of clicks sent before get.
    pub over_cap: OverCap,
    period: CapPeriod,
    zone: TimeZone,
    seed: u64,
}

/// The zone of a cap is not in the time-zone data of this build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone {0}")]
pub struct UnknownZone(pub String);

/// The IANA zone of that name, from the bundled data alone.
///
/// # Errors
/// [`UnknownZone`].
pub fn zone(name: &str) -> Result<TimeZone, UnknownZone> {
    jiff::tz::TimeZone::get(name).map_err(|_| UnknownZone(name.to_owned()))
}

impl CapRule {
    /// Makes `cap` ready. `owner` is the affiliate whose terms it stands in, if any; `goal_number` the
    /// number of the goal it names.
    ///
    /// # Errors
    /// [`UnknownZone`] when its zone, or the tenant's, is not known.
    pub fn compile(
        cap: &Cap,
        owner: Option<u32>,
        goal_number: Option<u32>,
        tenant_zone: &str,
    ) -> Result<Self, UnknownZone> {
        let zone_name = cap.timezone.as_deref().unwrap_or(tenant_zone);
        let mut seed = SipHasher24::new_with_keys(0x6361_7073, 1);
        seed.write_u32(owner.map_or(0, |o| o + 1));
        seed.write(&[cap.metric.code(), cap.period.code(), cap.level.code()]);
        seed.write_u32(goal_number.map_or(0, |g| g + 1));
        seed.write(zone_name.as_bytes());
        Ok(Self {
            metric: cap.metric,
            level: if owner.is_some() {
                CapLevel::Affiliate
            } else {
                cap.level
            },
            goal: goal_number,
            limit: cap.limit.units(),
            is_hard: cap.hard,
            on_cap: cap.on_cap,
            over_cap: cap.over_cap,
            period: cap.period,
            zone: zone(zone_name)?,
            seed: seed.finish(),
        })
    }

    /// The counter of `subject`; `None` for house traffic under a cap of affiliates.
    #[must_use]
    pub fn key(&self, subject: CapSubject) -> Option<CapKey> {
        let who = match self.level {
            CapLevel::Offer => 0,
            CapLevel::Affiliate => subject.affiliate?,
            CapLevel::Campaign => subject.campaign,
        };
        let mut hasher = SipHasher24::new_with_keys(self.seed, 2);
        hasher.write_u32(subject.offer);
        hasher.write_u32(who);
        Some(CapKey(hasher.finish()))
    }

    /// The period that `at` lies in. A total never ends.
    #[must_use]
    pub fn period_at(&self, at: UnixMs) -> Period {
        let whole = Period {
            from: UnixMs(0),
            until: UnixMs(u64::MAX),
        };
        if self.period == CapPeriod::Total {
            return whole;
        }
        let bounds = timestamp(at).and_then(|t| {
            let today = t.to_zoned(self.zone.clone()).date();
            let (first, next) = self.dates(today)?;
            Some(Period {
                from: self.start_of(first)?,
                until: self.start_of(next)?,
            })
        });
        bounds.unwrap_or(whole)
    }

    /// First day of the period of `today`, and of the one after it.
    fn dates(&self, today: Date) -> Option<(Date, Date)> {
        let (first, span) = match self.period {
            CapPeriod::Day => (today, 1.day()),
            CapPeriod::Week => {
                let since_monday = i64::from(today.weekday().to_monday_zero_offset());
                (today.checked_sub(since_monday.days()).ok()?, 1.week())
            }
            CapPeriod::Month => (today.first_of_month(), 1.month()),
            CapPeriod::Total => return None,
        };
        Some((first, first.checked_add(span).ok()?))
    }

    fn start_of(&self, date: Date) -> Option<UnixMs> {
        let start = date.to_zoned(self.zone.clone()).ok()?.timestamp();
        u64::try_from(start.as_millisecond()).ok().map(UnixMs)
    }
}

/// The caps of an offer (owner `None`) or of an affiliate's terms on it, made ready.
#[must_use]
pub fn rules_of(catalog: &Catalog, offer: u32, owner: Option<u32>) -> Vec<CapRule> {
    let zone = catalog.tenant.as_ref();
    let zone = zone.map_or("UTC", |t| t.body.timezone.as_str());
    let Some(of) = catalog.offers.get(&offer) else {
        return Vec::new();
    };
    let caps = match owner {
        None => Some(&of.body.caps),
        Some(affiliate) => catalog.terms.get(&(offer, affiliate)).map(|t| &t.body.caps),
    };
    let goal_number = |name: &Option<String>| {
        let goal = name.as_deref().and_then(|n| of.body.goal(n));
        goal.map(|g| g.id.number())
    };
    let rule = |cap: &Cap| CapRule::compile(cap, owner, goal_number(&cap.goal), zone);
    // The zone was checked before the fact was written; a zone that a later build dropped caps nothing.
    caps.into_iter()
        .flatten()
        .filter_map(|cap| rule(cap).ok())
        .collect()
}

fn timestamp(at: UnixMs) -> Option<Timestamp> {
    i64::try_from(at.0)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::CapLimit;

    fn rule(period: CapPeriod, zone: &str) -> CapRule {
        let cap = Cap {
            metric: CapMetric::Conversions,
            period,
            limit: CapLimit::Count(7),
            level: CapLevel::Offer,
            goal: None,
            timezone: Some(zone.to_owned()),
            hard: true,
            on_cap: OnCap::Fallback,
            over_cap: OverCap::Reject,
        };
        CapRule::compile(&cap, None, None, "UTC").unwrap()
    }

    fn ms(text: &str) -> UnixMs {
        UnixMs(text.parse::<Timestamp>().unwrap().as_millisecond() as u64)
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_caps_zone() {
        let cases = [
            (
                CapPeriod::Day,
                "UTC",
                "2026-03-29T12:00:00Z",
                "2026-03-29T00:00:00Z",
                24,
            ),
            (
                CapPeriod::Day,
                "Europe/Berlin",
                "2026-03-29T12:00:00Z",
                "2026-03-28T23:00:00Z",
                23,
            ),
            (
                CapPeriod::Day,
                "Europe/Berlin",
                "2026-10-25T12:00:00Z",
                "2026-10-24T22:00:00Z",
                25,
            ),
            (
                CapPeriod::Day,
                "Asia/Kolkata",
                "2026-01-01T18:30:00Z",
                "2026-01-01T18:30:00Z",
                24,
            ),
            (
                CapPeriod::Week,
                "UTC",
                "2026-11-24T16:00:00Z",
                "2026-11-23T00:00:00Z",
                168,
            ),
            (
                CapPeriod::Month,
                "UTC",
                "2026-02-10T00:00:00Z",
                "2026-02-01T00:00:00Z",
                672,
            ),
        ];
        for (period, zone, at, from, hours) in cases {
            let got = rule(period, zone).period_at(ms(at));
            assert_eq!(got.from, ms(from), "{zone} {at}");
            assert_eq!(got.until.since(got.from), hours * 3_600_000, "{zone} {at}");
        }
        assert!(
            rule(CapPeriod::Total, "UTC")
                .period_at(ms(cases[0].2))
                .contains(UnixMs(0))
        );
    }

    #[test]
    fn subjects_of_another_level_share_a_counter() {
        let offer_wide = rule(CapPeriod::Day, "UTC");
        let a = CapSubject {
            offer: 1,
            affiliate: Some(2),
            campaign: 3,
        };
        let b = CapSubject {
            offer: 1,
            affiliate: None,
            campaign: 4,
        };
        assert_eq!(offer_wide.key(a), offer_wide.key(b));
        let by_affiliate = CapRule {
            level: CapLevel::Affiliate,
            ..offer_wide
        };
        assert_eq!(by_affiliate.key(b), None);
        assert!(by_affiliate.key(a).is_some());
    }
}
