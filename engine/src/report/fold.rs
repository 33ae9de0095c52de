//! From rows of the rollups to an answer.
//!
//! A store hands over the rows of [`ReportQuery::buckets`] on the click basis and on the question's own; the fold
//! filters, groups, sorts and pages. Always true: the answer depends on the rows, not on their order or on how
//! a store summed them before; a row that counts nothing is left out.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::GROUPS_MAX;
use super::cursor::Place;
use super::dimension::{Dimension, DimensionValue};
use super::filter::DimensionFilter;
use super::measures::Measures;
use super::metric::{Metric, MetricValue};
use super::page::{ReportPage, ReportRow, ReportTotal};
use super::period::Calendar;
use super::request::{ReportQuery, SortBy};
use crate::ids::TenantId;
use crate::money::Currency;
use crate::ports::Watermark;
use crate::rollup::{Basis, RollupDelta, RollupKey};

/// The answer would have more rows than [`GROUPS_MAX`]: ask for fewer dimensions or a shorter range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer would have more than {GROUPS_MAX} rows")]
pub struct TooManyRows;

/// A report that is being summed.
pub struct Fold {
    tenant: TenantId,
    query: ReportQuery,
    advertisers: BTreeMap<u32, u32>,
    calendars: BTreeMap<Dimension, Calendar>,
    /// Never read in its own order: [`Self::finish`] sorts.
    groups: HashMap<Box<[u32]>, Measures>,
    key: Vec<u32>,
}

impl Fold {
    /// Begins a report; `advertisers` gives the advertiser of each offer, by number.
    #[must_use]
    pub fn new(tenant: TenantId, query: ReportQuery, advertisers: BTreeMap<u32, u32>) -> Self {
        let Range { start, end } = query.buckets();
        let calendars = query
            .dimensions()
            .into_iter()
            .filter(|dimension| dimension.is_of_time())
            .map(|d| (d, Calendar::cut(d, &query.timezone, start, end)))
            .collect();
        Self {
            tenant,
            query,
            advertisers,
            calendars,
            groups: HashMap::new(),
            key: Vec::new(),
        }
    }

    /// Adds a row. Rows of other buckets or of another basis than was asked for add nothing.
    ///
    /// # Errors
    /// [`TooManyRows`].
    pub fn add(&mut self, row: &RollupKey, delta: &RollupDelta) -> Result<(), TooManyRows> {
        let (is_click, is_conversion) = (row.basis == Basis::Click, row.basis == self.query.basis);
        if !(is_click || is_conversion) || !self.keeps(row) {
            return Ok(());
        }
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        key.extend(self.query.group_by.iter().map(|d| self.number(*d, row)));
        key.push(currency_number(row.currency));
        if !self.groups.contains_key(key.as_slice()) {
            if self.groups.len() == GROUPS_MAX {
                return Err(TooManyRows);
            }
            self.groups
                .insert(key.as_slice().into(), Measures::default());
        }
        if let Some(measures) = self.groups.get_mut(key.as_slice()) {
            if is_click {
                measures.add_clicks(delta);
            }
            if is_conversion {
                measures.add_conversions(row.goal, delta);
            }
        }
        self.key = key;
        Ok(())
    }

    fn number(&self, dimension: Dimension, row: &RollupKey) -> u32 {
        match self.calendars.get(&dimension) {
            Some(calendar) => calendar.number(row.bucket),
            None => dimension.of(row, &self.advertisers),
        }
    }

    fn keeps(&self, row: &RollupKey) -> bool {
        let filters = &self.query.filters;
        let keeps = |f: &DimensionFilter| f.keeps(self.number(f.dimension, row));
        self.query.buckets().contains(&row.bucket)
            && filters.keeps_test(row.is_test)
            && filters.keeps_currency(row.currency)
            && filters.dimensions.iter().all(keeps)
    }

    /// The answer as of `watermark`.
    #[must_use]
    pub fn finish(mut self, watermark: Watermark) -> ReportPage {
        let mut rows: Vec<(Place, Measures)> = std::mem::take(&mut self.groups)
            .into_iter()
            .filter(|(_, measures)| self.shows(measures))
            .map(|(key, measures)| (self.place(key, &measures), measures))
            .collect();
        let is_descending: Vec<bool> = self.query.sort.iter().map(|k| k.is_descending).collect();
        rows.sort_unstable_by(|(a, _), (b, _)| a.order(b, &is_descending));
        let totals = self.totals(&rows);
        let begin = self.query.after.as_ref().map_or(0, |after| {
            rows.partition_point(|(place, _)| place.order(after, &is_descending).is_le())
        });
        let end = rows.len().min(begin + self.query.limit);
        let is_truncated = end < rows.len();
        let last = rows[begin..end].last().filter(|_| is_truncated);
        ReportPage {
            rows: rows[begin..end].iter().map(|row| self.row(row)).collect(),
            totals,
            watermark,
            is_truncated,
            cursor: last.map(|(place, _)| place.write(&self.query)),
            group_by: self.query.group_by,
            metrics: self.query.metrics,
        }
    }

    fn shows(&self, measures: &Measures) -> bool {
        let filters = &self.query.filters.metrics;
        *measures != Measures::default() && filters.iter().all(|f| f.keeps(measures))
    }

    fn place(&self, key: Box<[u32]>, measures: &Measures) -> Place {
        let number = |i: usize| key.get(i).map(|n| i128::from(*n));
        let sorted = self.query.sort.iter().map(|sort| match sort.by {
            SortBy::Metric(metric) => metric.of(measures).millionths(),
            SortBy::Dimension(i) => number(i),
            SortBy::Currency => number(key.len() - 1),
        });
        let sorted = sorted.collect();
        Place { sorted, key }
    }

    fn totals(&self, rows: &[(Place, Measures)]) -> Vec<ReportTotal> {
        let mut sums: BTreeMap<u32, Measures> = BTreeMap::new();
        for (place, measures) in rows {
            let currency = place.key.last().copied().unwrap_or_default();
            sums.entry(currency).or_default().add(measures);
        }
        let total = |(currency, measures): (u32, Measures)| ReportTotal {
            currency: currency_of(currency),
            metrics: self.metrics(&measures),
        };
        sums.into_iter().map(total).collect()
    }

    fn metrics(&self, measures: &Measures) -> Vec<MetricValue> {
        let of = |metric: &Metric| metric.of(measures);
        self.query.metrics.iter().map(of).collect()
    }

    fn row(&self, (place, measures): &(Place, Measures)) -> ReportRow {
        let show = |(dimension, number): (&Dimension, &u32)| -> DimensionValue {
            match self.calendars.get(dimension) {
                Some(calendar) => calendar.show(*number),
                None => dimension.show(self.tenant, *number),
            }
        };
        ReportRow {
            dimensions: self
                .query
                .group_by
                .iter()
                .zip(&place.key)
                .map(show)
                .collect(),
            currency: currency_of(place.key.last().copied().unwrap_or_default()),
            metrics: self.metrics(measures),
        }
    }
}

/// The three letters as one number, so that numbers order as the codes do.
fn currency_number(currency: Currency) -> u32 {
    let [a, b, c] = currency.code();
    u32::from_be_bytes([0, a, b, c])
}

fn currency_of(number: u32) -> Currency {
    let [_, a, b, c] = number.to_be_bytes();
    Currency::from_stored([a, b, c]).expect("the number was made from a currency")
}

#[cfg(test)]
mod tests;
