//! Reports: questions to the rollups.

use std::sync::Arc;

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;
use weir_engine::ports::ReportError;
use weir_engine::report::{self, ReportQuery};

use super::auth::{May, Reports};
use super::context::AdminContext;
use super::dto::{self, CurrencyCode, Time, Zone};
use super::input::Input;
use super::stores::not_readable;
use super::tags::Tag;
use crate::problem::{FieldError, Problem};

/// A question.
#[derive(Debug, Object)]
#[oai(rename = "ReportQuery")]
struct Question {
    /// Inclusive: a date (its first moment in the zone), or RFC 3339, on a quarter of an hour.
    from: String,
    /// Exclusive: as `from`.
    to: String,
    /// Zone of days and of plain dates; without it the tenant's.
    timezone: Option<Zone>,
    /// Only amounts in this currency.
    currency: Option<CurrencyCode>,
    /// `click`, `conversion` (default) or `posting`.
    time_basis: Option<String>,
    /// Dimensions of the rows.
    group_by: Option<Vec<String>>,
    /// Metrics of the rows.
    metrics: Option<Vec<String>>,
    /// Which rows.
    filters: Option<Vec<Filter>>,
    /// Metrics or dimensions; `-` before one puts the greatest first.
    sort: Option<Vec<Value>>,
    /// Rows of the page, at most 10,000.
    limit: Option<u32>,
    /// `cursor` of the page before.
    cursor: Option<String>,
}

/// A condition on a dimension or a metric.
#[derive(Debug, Object)]
#[oai(rename = "ReportFilter")]
struct Filter {
    /// The dimension or metric.
    field: String,
    /// How it is compared.
    op: String,
    /// With what.
    value: Value,
}

/// An answer. Rows have a field for each dimension and metric that was asked for, and `currency`.
#[derive(Debug, Object)]
#[oai(rename = "ReportPage")]
struct Answer {
    /// The rows of this page.
    rows: Vec<Value>,
    /// Over all pages, one a currency.
    totals: Vec<Value>,
    /// How far the answer is complete.
    watermark: Watermark,
    /// The store that it is from: `embedded` or `mysql`.
    source: String,
    /// Whether rows come after this page.
    truncated: bool,
    /// What to ask with for the next page.
    #[oai(skip_serializing_if_is_none)]
    cursor: Option<String>,
}

/// How far an answer is complete.
#[derive(Debug, Object)]
pub(super) struct Watermark {
    /// Time of the newest fact that is in it.
    pub(super) at: Time,
    /// The next fact of each partition that is not in it.
    pub(super) offsets: Vec<PartitionOffset>,
}

/// A place in a partition of the log.
#[derive(Debug, Object)]
pub(super) struct PartitionOffset {
    /// The partition.
    pub(super) partition: u16,
    /// Number of the next fact.
    pub(super) next_offset: u64,
}

/// The store gave no report.
pub(super) fn not_answered(error: ReportError) -> Problem {
    match error {
        ReportError::TooManyRows(error) => {
            let message = error.to_string();
            Problem::fields([FieldError::new("group_by", "too_many_rows", message)])
        }
        ReportError::Store(error) => not_readable(error),
    }
}

/// Operations on reports.
pub(super) struct ReportsApi(pub(super) Arc<AdminContext>);

#[OpenApi(prefix_path = "/v1/reports", tag = "Tag::Reports")]
impl ReportsApi {
    /// Answers a question
    #[oai(path = "/query", method = "post", operation_id = "queryReport")]
    async fn query(
        &self,
        caller: May<Reports>,
        question: Input<Question>,
    ) -> Result<Json<Answer>, Problem> {
        let catalog = self.0.catalog(caller.tenant)?;
        let zone = catalog
            .tenant
            .as_ref()
            .map_or("UTC", |t| t.body.timezone.as_str());
        let query =
            ReportQuery::read(caller.tenant, zone, &question.value).map_err(Problem::fields)?;
        self.0.actors.settled(caller.tenant).await;
        let asking = self.0.reports.report(caller.tenant, query);
        let page = asking.await.map_err(not_answered)?;
        let mut page = serde_json::to_value(page).map_err(Problem::internal)?;
        page["source"] = self.0.source.into();
        dto::shaped(page).map(Json)
    }

    /// Says what may be asked
    ///
    /// Dimensions, metrics with their formulas, operators, limits.
    #[oai(path = "/schema", method = "get", operation_id = "getReportSchema")]
    async fn schema(&self, _caller: May<Reports>) -> Result<Json<Value>, Problem> {
        Ok(Json(report::schema()))
    }
}
