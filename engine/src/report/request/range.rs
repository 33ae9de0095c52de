//! The stretch of time that a question is about.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::Reader;
use crate::ids::UnixMs;
use crate::report::DAYS_MAX;
use crate::rollup::BUCKET_MS;

/// No report begins before this: 2000-01-01T00:00:00Z. Offsets of zones were odd long ago.
const EARLIEST_MS: u64 = 946_684_800_000;
/// Or ends after this: 2100-01-01T00:00:00Z.
const LATEST_MS: u64 = 4_102_444_800_000;

impl Reader<'_> {
    pub(super) fn range(&mut self, zone: &TimeZone) -> Option<(UnixMs, UnixMs)> {
        let (from, to) = (self.bound("from", zone), self.bound("to", zone));
        let (from, to) = (from?, to?);
        if from >= to {
            let message = "must be after from: to is exclusive, a whole day ends at the next date";
            self.refuse("to", "range_empty", message);
            return None;
        }
        // A day more for the hour of a change of clocks.
        if to.since(from) > u64::from(DAYS_MAX) * 86_400_000 + 3_600_000 {
            let message = format!("at most {DAYS_MAX} days after from");
            self.refuse("to", "range_too_long", message);
            return None;
        }
        Some((from, to))
    }

    /// A moment: RFC 3339 with its offset, or a date of the zone.
    fn bound(&mut self, name: &str, zone: &TimeZone) -> Option<UnixMs> {
        if self.given(name).is_none() {
            self.refuse(name, "required", "is required");
        }
        let text = self.text(name)?;
        let moment = match text.parse::<Timestamp>() {
            Ok(moment) => Some(moment),
            Err(_) if text.len() == "2026-03-01".len() => {
                let date = text.parse::<Date>().ok();
                date.and_then(|d| d.to_zoned(zone.clone()).ok())
                    .map(|z: Zoned| z.timestamp())
            }
            Err(_) => None,
        };
        let Some(moment) = moment else {
            let message =
                "must be a date (2026-03-01) or a time with its offset (2026-03-01T12:00:00Z)";
            self.refuse(name, "invalid_value", message);
            return None;
        };
        self.on_quarter_hour(name, moment)
    }

    fn on_quarter_hour(&mut self, name: &str, moment: Timestamp) -> Option<UnixMs> {
        let ms = u64::try_from(moment.as_millisecond()).unwrap_or(0);
        if !(EARLIEST_MS..=LATEST_MS).contains(&ms) {
            self.refuse(
                name,
                "out_of_range",
                "must lie between the years 2000 and 2100",
            );
            return None;
        }
        let is_exact = ms.is_multiple_of(BUCKET_MS) && moment.subsec_nanosecond() == 0;
        if !is_exact {
            let (before, after) = (
                UnixMs(ms - ms % BUCKET_MS),
                UnixMs(ms - ms % BUCKET_MS + BUCKET_MS),
            );
            let message = format!("must lie on a quarter of an hour, as {before} or {after}");
            self.refuse(name, "not_on_quarter_hour", message);
        }
        is_exact.then_some(UnixMs(ms))
    }
}
