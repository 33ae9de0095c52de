//! Time cut in an IANA zone.
//!
//! A report reads buckets of a quarter of an hour, counted in UTC; every zone's offset is a multiple of it, so
//! each bucket lies in exactly one hour, day, week and month of any zone. Always true: a day has 92 to 100
//! buckets as the clocks say; the hour that is repeated in autumn is two hours with different offsets; the hour
//! that is skipped in spring does not exist.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

use super::dimension::{Dimension, DimensionValue};
use crate::rollup::BUCKET_MS;

/// For each bucket of a range, the number of the period that it lies in.
pub(super) struct Calendar {
    first: u32,
    number_of: Vec<u32>,
    /// Labels of periods by their numbers; none for hours of the day and days of the week.
    labels: Vec<String>,
}

impl Calendar {
    /// Cuts buckets `first..end` by a dimension of time.
    pub(super) fn cut(dimension: Dimension, zone: &TimeZone, first: u32, end: u32) -> Self {
        let mut calendar = Self {
            first,
            number_of: Vec::with_capacity((end - first) as usize),
            labels: Vec::new(),
        };
        let mut known: BTreeMap<Key, u32> = BTreeMap::new();
        let mut last: Option<(Key, u32)> = None;
        for bucket in first..end {
            let at = start_of(bucket).to_zoned(zone.clone());
            if let Some(number) = part_of(dimension, &at) {
                calendar.number_of.push(number);
                continue;
            }
            let key = key_of(dimension, &at, bucket);
            let number = match last {
                Some((same, number)) if same == key => number,
                _ => *known.entry(key).or_insert_with(|| {
                    calendar.labels.push(label_of(dimension, &at));
                    calendar.labels.len() as u32 - 1
                }),
            };
            last = Some((key, number));
            calendar.number_of.push(number);
        }
        calendar
    }

    /// The number of the period of a bucket in the range.
    pub(super) fn number(&self, bucket: u32) -> u32 {
        self.number_of[(bucket - self.first) as usize]
    }

    /// How a number is shown.
    pub(super) fn show(&self, number: u32) -> DimensionValue {
        match self.labels.get(number as usize) {
            Some(label) => DimensionValue::Text(label.clone()),
            None => DimensionValue::Number(number),
        }
    }
}

/// What tells periods of one dimension apart: a day, and for hours the hour and its offset.
type Key = (i32, i32, i32);

fn start_of(bucket: u32) -> Timestamp {
    let since = SignedDuration::from_millis(i64::from(bucket) * BUCKET_MS as i64);
    // 32 bits of quarter hours reach past what the calendar holds; a query is checked against that before.
    Timestamp::UNIX_EPOCH
        .saturating_add(since)
        .unwrap_or(Timestamp::MAX)
}

/// Hour of the day or day of the week, which need no label.
fn part_of(dimension: Dimension, at: &Zoned) -> Option<u32> {
    match dimension {
        Dimension::HourOfDay => Some(at.hour() as u32),
        Dimension::DayOfWeek => Some(at.weekday().to_monday_one_offset() as u32),
        _ => None,
    }
}

fn key_of(dimension: Dimension, at: &Zoned, bucket: u32) -> Key {
    let date = at.date();
    let day = (i32::from(date.year()), i32::from(date.day_of_year()));
    match dimension {
        Dimension::Hour => {
            let hour_and_offset = i32::from(at.hour()) * 100_000 + at.offset().seconds();
            (day.0, day.1, hour_and_offset)
        }
        Dimension::Day => (day.0, day.1, 0),
        Dimension::Week => {
            let monday = monday_of(at);
            (i32::from(monday.year()), i32::from(monday.day_of_year()), 0)
        }
        Dimension::Month => (day.0, i32::from(date.month()), 0),
        _ => (bucket as i32, 0, 0),
    }
}

fn monday_of(at: &Zoned) -> jiff::civil::Date {
    let since_monday = i64::from(at.weekday().to_monday_zero_offset());
    at.date().saturating_sub(since_monday.days())
}

fn label_of(dimension: Dimension, at: &Zoned) -> String {
    match dimension {
        Dimension::Hour => at.strftime("%Y-%m-%dT%H:00:00%:z").to_string(),
        Dimension::Day => at.date().to_string(),
        Dimension::Week => monday_of(at).to_string(),
        Dimension::Month => at.strftime("%Y-%m").to_string(),
        _ => at.strftime("%Y-%m-%dT%H:%M:00%:z").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UnixMs;
    use crate::rollup::bucket_of;
    use proptest::prelude::*;

    fn bucket(text: &str) -> u32 {
        bucket_of(UnixMs(
            text.parse::<Timestamp>().unwrap().as_millisecond() as u64
        ))
    }

    /// Labels in order with the number of buckets of each.
    fn runs(dimension: Dimension, zone: &str, from: &str, to: &str) -> Vec<(String, usize)> {
        let (first, end) = (bucket(from), bucket(to));
        let zone = TimeZone::get(zone).unwrap();
        let calendar = Calendar::cut(dimension, &zone, first, end);
        let mut runs: Vec<(String, usize)> = Vec::new();
        for bucket in first..end {
            let label = match calendar.show(calendar.number(bucket)) {
                DimensionValue::Text(text) => text,
                DimensionValue::Number(number) => number.to_string(),
                DimensionValue::None => String::new(),
            };
            match runs.last_mut() {
                Some((last, count)) if *last == label => *count += 1,
                _ => runs.push((label, 1)),
            }
        }
        runs
    }

    fn check(dimension: Dimension, zone: &str, from: &str, to: &str, expect: &[(&str, usize)]) {
        let got = runs(dimension, zone, from, to);
        let got: Vec<_> = got.iter().map(|(l, n)| (l.as_str(), *n)).collect();
        assert_eq!(got, expect, "{dimension} in {zone}");
    }

    #[test]
    fn a_day_of_spring_has_23_hours_and_one_of_autumn_25() {
        check(
            Dimension::Day,
            "Europe/Berlin",
            "2026-03-28T23:00:00Z",
            "2026-03-30T22:00:00Z",
            &[("2026-03-29", 92), ("2026-03-30", 96)],
        );
        check(
            Dimension::Day,
            "America/New_York",
            "2026-11-01T04:00:00Z",
            "2026-11-02T05:15:00Z",
            &[("2026-11-01", 100), ("2026-11-02", 1)],
        );
    }

    #[test]
    fn the_repeated_hour_is_two_hours_and_the_skipped_one_is_none() {
        check(
            Dimension::Hour,
            "Europe/Berlin",
            "2026-10-25T00:00:00Z",
            "2026-10-25T02:30:00Z",
            &[
                ("2026-10-25T02:00:00+02:00", 4),
                ("2026-10-25T02:00:00+01:00", 4),
                ("2026-10-25T03:00:00+01:00", 2),
            ],
        );
        check(
            Dimension::Hour,
            "Europe/Berlin",
            "2026-03-29T00:30:00Z",
            "2026-03-29T02:00:00Z",
            &[
                ("2026-03-29T01:00:00+01:00", 2),
                ("2026-03-29T03:00:00+02:00", 4),
            ],
        );
    }

    #[test]
    fn zones_off_by_half_and_quarter_hours_are_cut_at_their_own_midnight() {
        check(
            Dimension::Day,
            "Asia/Kolkata",
            "2026-05-01T18:15:00Z",
            "2026-05-01T19:00:00Z",
            &[("2026-05-01", 1), ("2026-05-02", 2)],
        );
        check(
            Dimension::Hour,
            "Asia/Kathmandu",
            "2026-05-01T18:00:00Z",
            "2026-05-01T19:15:00Z",
            &[
                ("2026-05-01T23:00:00+05:45", 1),
                ("2026-05-02T00:00:00+05:45", 4),
            ],
        );
        // Half an hour of daylight saving.
        check(
            Dimension::Day,
            "Australia/Lord_Howe",
            "2026-04-04T13:00:00Z",
            "2026-04-05T13:30:00Z",
            &[("2026-04-05", 98)],
        );
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        check(
            Dimension::Week,
            "UTC",
            "2026-01-04T23:45:00Z",
            "2026-01-05T00:15:00Z",
            &[("2025-12-29", 1), ("2026-01-05", 1)],
        );
        check(
            Dimension::Month,
            "UTC",
            "2026-01-31T23:45:00Z",
            "2026-02-01T00:30:00Z",
            &[("2026-01", 1), ("2026-02", 2)],
        );
        check(
            Dimension::DayOfWeek,
            "UTC",
            "2026-01-05T00:00:00Z",
            "2026-01-05T00:15:00Z",
            &[("1", 1)],
        );
        check(
            Dimension::HourOfDay,
            "Asia/Kolkata",
            "2026-01-05T00:15:00Z",
            "2026-01-05T00:45:00Z",
            &[("5", 1), ("6", 1)],
        );
        check(
            Dimension::Quarter,
            "Asia/Kolkata",
            "2026-01-05T00:15:00Z",
            "2026-01-05T00:30:00Z",
            &[("2026-01-05T05:45:00+05:30", 1)],
        );
    }

    proptest! {
        #[test]
        fn days_in_any_zone_are_whole_and_in_order(start in 1_577_836_800i64..1_893_456_000, zone in 0usize..6) {
            let zones = ["Europe/Berlin", "America/Havana", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"];
            let zone = TimeZone::get(zones[zone]).unwrap();
            let day = Timestamp::from_second(start).unwrap().to_zoned(zone.clone()).start_of_day().unwrap();
            let next = day.checked_add(1.day()).unwrap().start_of_day().unwrap();
            let of = |z: &Zoned| bucket_of(UnixMs(z.timestamp().as_millisecond() as u64));
            let calendar = Calendar::cut(Dimension::Day, &zone, of(&day), of(&next));
            prop_assert_eq!(calendar.labels.clone(), vec![day.date().to_string()]);
        }
    }
}
