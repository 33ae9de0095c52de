//! A question as JSON, read whole: every field that is wrong is named, with what would be right.
//!
//! ```json
//! {"from":"2026-03-01","to":"2026-03-08","timezone":"Europe/Berlin","time_basis":"conversion",
//!  "group_by":["day","offer"],"metrics":["total_click","cv","profit"],
//!  "filters":[{"field":"country","op":"in","value":["DE","AT"]},{"field":"profit","op":"lt","value":0}],
//!  "sort":["-profit"],"limit":100}
//! ```
//!
//! Always true: `from` is inclusive and `to` exclusive, both on a quarter of an hour, which is what rollups can
//! answer exactly; a plain date is its first moment in the zone. Not here: who may ask what.

mod filters;
mod range;
mod sort;

use std::ops::Range;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::cursor::Place;
use super::dimension::Dimension;
use super::filter::Filters;
use super::metric::Metric;
use super::{DIMENSIONS_MAX, ROWS_DEFAULT, ROWS_MAX};
use crate::ids::{TenantId, UnixMs};
use crate::money::Currency;
use crate::rollup::{Basis, bucket_of};

/// The fields of a question.
pub(super) const FIELDS: [&str; 11] = [
    "from",
    "to",
    "timezone",
    "currency",
    "time_basis",
    "group_by",
    "metrics",
    "filters",
    "sort",
    "limit",
    "cursor",
];

/// Metrics of a question that names none.
pub(super) const METRICS_DEFAULT: [Metric; 8] = [
    Metric::GrossClick,
    Metric::TotalClick,
    Metric::UniqueClick,
    Metric::Cv,
    Metric::Cvr,
    Metric::Payout,
    Metric::Revenue,
    Metric::Profit,
];

/// A field of a question that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where it stands, as `filters[0].value`.
    pub field: String,
    /// Why it is refused, as a code.
    pub code: &'static str,
    /// Why, for a person, with what would be right.
    pub message: String,
}

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortBy {
    /// A metric; nulls last.
    Metric(Metric),
    /// The dimension at this place of `group_by`.
    Dimension(usize),
    /// The currency.
    Currency,
}

/// One key of the order; what is equal under all keys goes by dimensions and currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SortKey {
    /// By what.
    pub by: SortBy,
    /// Whether the greatest comes first.
    pub is_descending: bool,
}

/// A question, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportQuery {
    /// From inclusive, on a quarter of an hour.
    pub from: UnixMs,
    /// Until exclusive, on a quarter of an hour.
    pub to: UnixMs,
    /// Zone of time dimensions.
    pub timezone: TimeZone,
    /// By which time conversions are cut; clicks and cost always by the click's.
    pub basis: Basis,
    /// Dimensions, in order.
    pub group_by: Vec<Dimension>,
    /// Metrics, in order.
    pub metrics: Vec<Metric>,
    /// Which rows.
    pub filters: Filters,
    /// In which order.
    pub sort: Vec<SortKey>,
    /// Rows of the page at most.
    pub limit: usize,
    pub(super) after: Option<Place>,
}

impl ReportQuery {
    /// Reads a question of `tenant`, whose own zone is `own_timezone`.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(
        tenant: TenantId,
        own_timezone: &str,
        request: &Value,
    ) -> Result<Self, Vec<FieldError>> {
        let Some(fields) = request.as_object() else {
            return Err(vec![error(
                "",
                "invalid_type",
                "must be an object".to_owned(),
            )]);
        };
        let mut reader = Reader {
            tenant,
            fields,
            errors: Vec::new(),
        };
        let query = reader.query(own_timezone);
        match query {
            Some(query) if reader.errors.is_empty() => Ok(query),
            _ => Err(reader.errors),
        }
    }

    /// Buckets whose rows are asked for.
    #[must_use]
    pub fn buckets(&self) -> Range<u32> {
        bucket_of(self.from)..bucket_of(self.to)
    }

    /// Every dimension that is grouped by or filtered on, in order: other columns of a key may be anything.
    #[must_use]
    pub fn dimensions(&self) -> Vec<Dimension> {
        let filtered = self.filters.dimensions.iter().map(|f| f.dimension);
        let mut all: Vec<_> = self.group_by.iter().copied().chain(filtered).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn error(field: &str, code: &'static str, message: String) -> FieldError {
    FieldError {
        field: field.to_owned(),
        code,
        message,
    }
}

struct Reader<'a> {
    tenant: TenantId,
    fields: &'a Map<String, Value>,
    errors: Vec<FieldError>,
}

impl<'a> Reader<'a> {
    /// `None` only when something was wrong.
    fn query(&mut self, own_timezone: &str) -> Option<ReportQuery> {
        self.refuse_unknown("", self.fields, &FIELDS);
        let timezone = self.timezone(own_timezone);
        let range = timezone.as_ref().and_then(|zone| self.range(zone));
        let basis = self.word("time_basis", Basis::Conversion);
        let group_by = self.group_by();
        let metrics = self.metrics();
        let mut filters = self.filters();
        if let Some(currency) = self.given("currency") {
            let only = self.currency("currency", currency);
            filters.narrow_currencies(only.into_iter().collect());
        }
        let sort = self.sort(&group_by);
        let limit = self.limit();
        let (from, to) = range?;
        let mut query = ReportQuery {
            from,
            to,
            timezone: timezone?,
            basis,
            group_by,
            metrics,
            filters,
            sort,
            limit,
            after: None,
        };
        query.after = self.cursor(&query);
        Some(query)
    }

    fn refuse(&mut self, field: &str, code: &'static str, message: impl Into<String>) {
        self.errors.push(error(field, code, message.into()));
    }

    fn refuse_unknown(&mut self, prefix: &str, of: &Map<String, Value>, known: &[&str]) {
        for name in of.keys().filter(|name| !known.contains(&name.as_str())) {
            let message = format!("no such field; known: {}", known.join(", "));
            self.refuse(&format!("{prefix}{name}"), "unknown_field", message);
        }
    }

    /// A field that is there and not null.
    fn given(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Option<&'a str> {
        let value = self.given(name)?;
        if value.as_str().is_none() {
            self.refuse(name, "invalid_type", "must be a text");
        }
        value.as_str()
    }

    fn list(&mut self, name: &str) -> &'a [Value] {
        match self.given(name) {
            None => &[],
            Some(Value::Array(values)) => values,
            Some(value) if name == "sort" => std::slice::from_ref(value),
            Some(_) => {
                self.refuse(name, "invalid_type", "must be a list");
                &[]
            }
        }
    }

    fn word<T>(&mut self, name: &str, default: T) -> T
    where
        T: std::str::FromStr<Err = crate::UnknownWord>,
    {
        match self.text(name).map(str::parse) {
            None => default,
            Some(Ok(word)) => word,
            Some(Err(unknown)) => {
                self.refuse(name, "invalid_value", unknown.to_string());
                default
            }
        }
    }

    fn timezone(&mut self, own: &str) -> Option<TimeZone> {
        let name = self.text("timezone").unwrap_or(own);
        let zone = crate::caps::zone(name).ok();
        if zone.is_none() {
            let message = format!("{name} is not an IANA time zone such as Europe/Berlin");
            self.refuse("timezone", "unknown_timezone", message);
        }
        zone
    }

    /// A word of a list in `field`.
    fn listed<T>(&mut self, field: &str, value: &Value, code: &'static str) -> Option<T>
    where
        T: std::str::FromStr<Err = crate::UnknownWord>,
    {
        let Some(text) = value.as_str() else {
            self.refuse(field, "invalid_type", "must be a text");
            return None;
        };
        text.parse()
            .map_err(|unknown: crate::UnknownWord| self.refuse(field, code, unknown.to_string()))
            .ok()
    }

    fn group_by(&mut self) -> Vec<Dimension> {
        let mut dimensions = Vec::new();
        for (i, value) in self.list("group_by").iter().enumerate() {
            let field = format!("group_by[{i}]");
            match self.listed(&field, value, "unknown_dimension") {
                Some(dimension) if dimensions.contains(&dimension) => {
                    self.refuse(
                        &field,
                        "duplicate",
                        format!("{dimension} stands there already"),
                    );
                }
                Some(dimension) => dimensions.push(dimension),
                None => {}
            }
        }
        if dimensions.len() > DIMENSIONS_MAX {
            self.refuse(
                "group_by",
                "too_many",
                format!("at most {DIMENSIONS_MAX} dimensions"),
            );
        }
        dimensions
    }

    fn metrics(&mut self) -> Vec<Metric> {
        let mut metrics = Vec::new();
        for (i, value) in self.list("metrics").iter().enumerate() {
            let field = format!("metrics[{i}]");
            match self.listed(&field, value, "unknown_metric") {
                Some(metric) if metrics.contains(&metric) => {
                    self.refuse(
                        &field,
                        "duplicate",
                        format!("{metric} stands there already"),
                    );
                }
                Some(metric) => metrics.push(metric),
                None => {}
            }
        }
        if metrics.is_empty() {
            return METRICS_DEFAULT.to_vec();
        }
        metrics
    }

    fn currency(&mut self, field: &str, value: &Value) -> Option<Currency> {
        let currency = value.as_str().and_then(|code| code.parse().ok());
        if currency.is_none() {
            self.refuse(
                field,
                "unknown_currency",
                "must be an ISO 4217 code such as USD",
            );
        }
        currency
    }

    fn limit(&mut self) -> usize {
        let Some(value) = self.given("limit") else {
            return ROWS_DEFAULT;
        };
        let limit = value.as_u64().filter(|n| (1..=ROWS_MAX as u64).contains(n));
        if limit.is_none() {
            self.refuse(
                "limit",
                "out_of_range",
                format!("must be between 1 and {ROWS_MAX}"),
            );
        }
        limit.map_or(ROWS_DEFAULT, |n| n as usize)
    }

    fn cursor(&mut self, query: &ReportQuery) -> Option<Place> {
        let text = self.text("cursor")?;
        let place = Place::read(text, query);
        if place.is_none() {
            self.refuse(
                "cursor",
                "invalid_cursor",
                "is not the cursor of an answer to this question",
            );
        }
        place
    }
}

#[cfg(test)]
mod tests;
