//! Answers of the index, and how they are shown.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::document::DOCUMENT_FIELDS_OF_MONEY;
use super::field::{AmountField, Period};
use super::question::{Distinct, SearchCursor};
use crate::fact::ConversionStatus;
use crate::ids::UnixMs;
use crate::money::{Currency, Micros};
use crate::ports::Watermark;

/// Documents of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchPage<T> {
    /// The documents.
    pub items: Vec<T>,
    /// How many there are in all pages, or at least so many.
    pub total: u64,
    /// Whether there are exactly so many.
    pub is_total_exact: bool,
    /// The place of the last one, when more come after it.
    pub next: Option<SearchCursor>,
    /// What the index was complete to before it was asked; `None` while it is being built from nothing.
    pub watermark: Option<Watermark>,
}

/// A sum in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrencySum {
    /// Of what.
    pub amount: AmountField,
    /// In which currency.
    pub currency: Currency,
    /// How much, exactly.
    pub sum: i128,
}

/// What is counted and summed of some documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// Documents.
    pub count: u64,
    /// Clicks: those that are unique.
    pub unique: u64,
    /// Clicks: those that count.
    pub valid: u64,
    /// Conversions: by status.
    pub statuses: Vec<(ConversionStatus, u64)>,
    /// Sums by amount and currency, in order; amounts of conversions while they are pending or approved.
    pub sums: Vec<CurrencySum>,
    /// How many different ones, roughly.
    pub distinct: Vec<(Distinct, u64)>,
}

/// A row of a drill-down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrilldownRow {
    /// What it is about, in order of the question's groups; `None` = documents without such a value.
    pub group: Vec<Option<String>>,
    /// What it says.
    pub measured: Measured,
}

/// An answer to a drill-down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrilldownPage {
    /// Rows of this page.
    pub rows: Vec<DrilldownRow>,
    /// Over all pages.
    pub total: Measured,
    /// The group of the last row, when more come after it.
    pub next: Option<Vec<Option<String>>>,
    /// What the index was complete to before it was asked; `None` while it is being built from nothing.
    pub watermark: Option<Watermark>,
}

impl Measured {
    /// The sum of an amount in a currency.
    #[must_use]
    pub fn sum(&self, amount: AmountField, currency: Currency) -> i128 {
        let of = |s: &&CurrencySum| s.amount == amount && s.currency == currency;
        self.sums.iter().find(of).map_or(0, |s| s.sum)
    }
}

/// The label of the period that begins at `start`, as reports write it.
#[must_use]
pub fn period_label(period: Period, zone: &TimeZone, start: UnixMs) -> String {
    let ms = i64::try_from(start.0).unwrap_or(i64::MAX);
    let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    let at = at.to_zoned(zone.clone());
    match period {
        Period::Hour => at.strftime("%Y-%m-%dT%H:00:00%:z").to_string(),
        Period::Day | Period::Week => at.date().to_string(),
        Period::Month => at.strftime("%Y-%m").to_string(),
    }
}

/// A document as it is shown: times as RFC 3339, amounts as decimals under their own names.
#[must_use]
pub fn shown(document: Value) -> Value {
    let Value::Object(fields) = document else {
        return document;
    };
    let mut shown = Map::new();
    for (name, value) in fields {
        let money = DOCUMENT_FIELDS_OF_MONEY
            .iter()
            .find(|(_, in_micros)| *in_micros == name);
        let is_time = name == "at" || name.ends_with("_at");
        match (money, is_time) {
            (Some((name, _)), _) => {
                let amount = value.as_i64().map(|m| Micros(m).to_string());
                shown.insert((*name).to_owned(), amount.into());
            }
            (None, true) => {
                let at = value.as_u64().map(|ms| UnixMs(ms).to_string());
                shown.insert(name, at.into());
            }
            (None, false) => drop(shown.insert(name, value)),
        }
    }
    Value::Object(shown)
}
