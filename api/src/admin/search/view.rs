//! How answers of the index are shown.

use poem_openapi::Object;
use serde::Serialize;
use serde_json::{Map, Value, json};
use weir_engine::fact::ConversionStatus;
use weir_engine::money::MicrosSum;
use weir_engine::ports;
use weir_engine::search::{
    AmountField, DocumentKind, DrilldownPage, DrilldownRow, Measured, SearchPage, shown,
};

use crate::admin::reports::{PartitionOffset, Watermark};
use crate::problem::Problem;

/// A page of documents.
#[derive(Debug, Object)]
#[oai(rename = "SearchPage", skip_serializing_if_is_none)]
pub(super) struct Found {
    /// The documents.
    items: Vec<Value>,
    /// How many there are on all pages, or at least so many.
    total: u64,
    /// Whether there are exactly so many.
    is_total_exact: bool,
    /// What to ask with for the next page; absent at the end.
    cursor: Option<String>,
    /// Where the answer is from: `search`.
    source: String,
    /// What the index is complete to; absent while it is being built from nothing.
    watermark: Option<Watermark>,
}

/// Counts and sums. Rows have a field for each group that was asked for; clicks have `gross_click`, `total_click`,
/// `unique_click`, `duplicate_click`, `invalid_click` and `cost`; conversions have `count`, `pending`, `approved`, `rejected`,
/// and, of those pending or approved, `payout`, `revenue` and `sale_amount`. Amounts are lists, one entry a currency.
#[derive(Debug, Object)]
#[oai(rename = "DrilldownPage", skip_serializing_if_is_none)]
pub(super) struct DrilldownAnswer {
    /// The rows of this page.
    rows: Vec<Value>,
    /// Over all pages.
    totals: Value,
    /// What to ask with for the next page; absent at the end, and where rows are sorted by a measure.
    cursor: Option<String>,
    /// Where the answer is from: `search`.
    source: String,
    /// What the index is complete to; absent while it is being built from nothing.
    watermark: Option<Watermark>,
}

const SOURCE: &str = "search";

/// A page of documents as it is shown.
pub(super) fn found<T: Serialize>(page: SearchPage<T>) -> Result<Found, Problem> {
    let items = page
        .items
        .into_iter()
        .map(|d| serde_json::to_value(d).map(shown));
    Ok(Found {
        items: items.collect::<Result<_, _>>().map_err(Problem::internal)?,
        total: page.total,
        is_total_exact: page.is_total_exact,
        cursor: page.next.map(|next| next.to_string()),
        source: SOURCE.to_owned(),
        watermark: page.watermark.map(watermark),
    })
}

/// A drill-down as it is shown.
pub(super) fn drilldown(
    of: DocumentKind,
    groups: &[&str],
    page: DrilldownPage,
) -> Result<DrilldownAnswer, Problem> {
    let row = |row: &DrilldownRow| {
        let mut fields: Map<String, Value> = groups
            .iter()
            .zip(&row.group)
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        fields.extend(measured(of, &row.measured));
        Value::Object(fields)
    };
    let cursor = page
        .next
        .map(|next| serde_json::to_string(&next))
        .transpose();
    Ok(DrilldownAnswer {
        rows: page.rows.iter().map(row).collect(),
        totals: Value::Object(measured(of, &page.total)),
        cursor: cursor.map_err(Problem::internal)?,
        source: SOURCE.to_owned(),
        watermark: page.watermark.map(watermark),
    })
}

fn measured(of: DocumentKind, measured: &Measured) -> Map<String, Value> {
    let mut fields = Map::new();
    match of {
        DocumentKind::Clicks => {
            let Measured {
                count,
                unique,
                valid,
                ..
            } = *measured;
            for (name, number) in [
                ("gross_click", count),
                ("total_click", valid),
                ("unique_click", unique),
                ("duplicate_click", valid.saturating_sub(unique)),
                ("invalid_click", count.saturating_sub(valid)),
            ] {
                fields.insert(name.to_owned(), number.into());
            }
        }
        DocumentKind::Conversions => {
            fields.insert("count".to_owned(), measured.count.into());
            for status in ConversionStatus::ALL {
                let of_status = measured.statuses.iter().find(|(s, _)| s == status);
                fields.insert(status.to_string(), of_status.map_or(0, |(_, n)| *n).into());
            }
        }
    }
    for amount in AmountField::ALL.iter().filter(|a| a.is_of(of)) {
        let sums = measured.sums.iter().filter(|s| s.amount == *amount);
        let sums =
            sums.map(|s| json!({"currency": s.currency, "amount": MicrosSum(s.sum).to_string()}));
        fields.insert(amount.to_string(), sums.collect());
    }
    for (distinct, number) in &measured.distinct {
        fields.insert(distinct.to_string(), (*number).into());
    }
    fields
}

fn watermark(watermark: ports::Watermark) -> Watermark {
    let offset = |(partition, next_offset)| PartitionOffset {
        partition,
        next_offset,
    };
    Watermark {
        at: watermark.at.into(),
        offsets: watermark.offsets.into_iter().map(offset).collect(),
    }
}
