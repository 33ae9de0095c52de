//! The answer, and how it is written as JSON.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::dimension::{Dimension, DimensionValue};
use super::metric::{Metric, MetricValue};
use crate::money::Currency;
use crate::ports::Watermark;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// Values of the dimensions, in the order of the question.
    pub dimensions: Vec<DimensionValue>,
    /// Currency of its amounts.
    pub currency: Currency,
    /// Metrics, in the order of the question.
    pub metrics: Vec<MetricValue>,
}

/// Metrics of all rows of one currency, on this page or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportTotal {
    /// The currency.
    pub currency: Currency,
    /// Metrics, in the order of the question.
    pub metrics: Vec<MetricValue>,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportPage {
    /// Dimensions of the rows.
    pub group_by: Vec<Dimension>,
    /// Metrics of the rows.
    pub metrics: Vec<Metric>,
    /// Rows of this page.
    pub rows: Vec<ReportRow>,
    /// Over the whole answer, one a currency, in order.
    pub totals: Vec<ReportTotal>,
    /// How far it is complete.
    pub watermark: Watermark,
    /// Whether rows come after this page.
    pub is_truncated: bool,
    /// What to ask with for the next page.
    pub cursor: Option<String>,
}

impl Serialize for ReportPage {
    /// `{rows, totals, watermark, truncated, cursor}`; a row is an object of its dimensions, `currency` and its
    /// metrics, in the order of the question.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("rows", &Rows(self))?;
        map.serialize_entry("totals", &Totals(self))?;
        map.serialize_entry("watermark", &self.watermark)?;
        map.serialize_entry("truncated", &self.is_truncated)?;
        map.serialize_entry("cursor", &self.cursor)?;
        map.end()
    }
}

struct Rows<'a>(&'a ReportPage);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let page = self.0;
        let mut rows = serializer.serialize_seq(Some(page.rows.len()))?;
        for row in &page.rows {
            rows.serialize_element(&Fields {
                page,
                dimensions: &row.dimensions,
                currency: row.currency,
                metrics: &row.metrics,
            })?;
        }
        rows.end()
    }
}

struct Totals<'a>(&'a ReportPage);

impl Serialize for Totals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let page = self.0;
        let mut totals = serializer.serialize_seq(Some(page.totals.len()))?;
        for total in &page.totals {
            totals.serialize_element(&Fields {
                page,
                dimensions: &[],
                currency: total.currency,
                metrics: &total.metrics,
            })?;
        }
        totals.end()
    }
}

/// A row or a total as an object.
struct Fields<'a> {
    page: &'a ReportPage,
    dimensions: &'a [DimensionValue],
    currency: Currency,
    metrics: &'a [MetricValue],
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (dimension, value) in self.page.group_by.iter().zip(self.dimensions) {
            map.serialize_entry(dimension.as_str(), value)?;
        }
        map.serialize_entry("currency", &self.currency)?;
        for (metric, value) in self.page.metrics.iter().zip(self.metrics) {
            map.serialize_entry(metric.as_str(), value)?;
        }
        map.end()
    }
}
