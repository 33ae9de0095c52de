//! A report: the rows of the rollups that a question needs, handed to the fold.
//!
//! The key begins with tenant, basis and bucket, so a question reads two stretches of the tree: clicks by click
//! time and conversions by its own basis (one stretch where those are the same), and of each only the columns
//! that it groups by or filters on.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use rusqlite::{Connection, Row};
use weir_engine::catalog::EntityKind;
use weir_engine::ids::{AdvertiserId, TenantId};
use weir_engine::ports::StoreError;
use weir_engine::report::{Dimension, Filters, Fold, ReportPage, ReportQuery, Tests, TooManyRows};
use weir_engine::rollup::{Basis, RollupDelta, RollupKey};

use super::list;
use crate::query::{all, each};
use crate::rows::{Fields, partition};

const CLICK_SUMS: &str = "gross_click, invalid_click, unique_click, cost";
const CONVERSION_SUMS: &str = "pending_cv, approved_cv, rejected_cv, payout, revenue";

/// Answers a question, or says that the answer has too many rows.
pub fn report(
    connection: &Connection,
    tenant: TenantId,
    query: ReportQuery,
) -> Result<Result<ReportPage, TooManyRows>, StoreError> {
    let watermark = partition::watermark(connection)?;
    let advertisers = if query.dimensions().contains(&Dimension::Advertiser) {
        advertisers(connection, tenant)?
    } else {
        BTreeMap::new()
    };
    let mut bases = vec![Basis::Click, query.basis];
    bases.dedup();
    let scans: Vec<Scan> = bases
        .into_iter()
        .map(|basis| Scan::new(tenant, basis, &query))
        .collect();
    let mut fold = Fold::new(tenant, query, advertisers);
    for scan in scans {
        if let ControlFlow::Break(too_many) = scan.add_to(connection, &mut fold)? {
            return Ok(Err(too_many));
        }
    }
    Ok(Ok(fold.finish(watermark)))
}

/// Advertiser of each offer, as configured now.
fn advertisers(
    connection: &Connection,
    tenant: TenantId,
) -> Result<BTreeMap<u32, u32>, StoreError> {
    let sql = "SELECT number, json_extract(body, '$.advertiser_id') FROM entities
               WHERE tenant_id = ?1 AND kind = ?2";
    let offers = (tenant.0, EntityKind::Offer.code());
    let pairs = all(connection, sql, offers, |row| {
        let mut fields = Fields::of("entities", row);
        let offer = fields.take()?;
        let id = fields.make("an advertiser's id", |text: String| {
            text.parse::<AdvertiserId>().ok()
        })?;
        Ok((offer, id.number()))
    })?;
    Ok(pairs.into_iter().collect())
}

/// One stretch of the tree: which columns are read of it, and which rows.
struct Scan {
    basis: Basis,
    dimensions: Vec<Dimension>,
    has_clicks: bool,
    has_conversions: bool,
    sql: String,
    stretch: (u32, u8, u32, u32),
}

impl Scan {
    fn new(tenant: TenantId, basis: Basis, query: &ReportQuery) -> Self {
        let (has_clicks, has_conversions) = (basis == Basis::Click, query.basis == basis);
        let mut columns: Vec<_> = query.dimensions().into_iter().filter_map(column).collect();
        columns.dedup();
        let mut read = vec!["bucket", "is_test", "goal", "currency"];
        read.extend(columns.iter().map(|(_, name)| *name));
        read.extend(has_clicks.then_some(CLICK_SUMS));
        read.extend(has_conversions.then_some(CONVERSION_SUMS));
        let sql = format!(
            "SELECT {} FROM rollups WHERE tenant_id = ?1 AND basis = ?2 AND bucket >= ?3 AND bucket < ?4{}",
            read.join(", "),
            conditions(&query.filters)
        );
        let buckets = query.buckets();
        Self {
            basis,
            dimensions: columns
                .into_iter()
                .map(|(dimension, _)| dimension)
                .collect(),
            has_clicks,
            has_conversions,
            sql,
            stretch: (tenant.0, basis.code(), buckets.start, buckets.end),
        }
    }

    /// Hands every row to the fold.
    fn add_to(
        &self,
        connection: &Connection,
        fold: &mut Fold,
    ) -> Result<ControlFlow<TooManyRows>, StoreError> {
        each(connection, &self.sql, self.stretch, |row| {
            let (key, delta) = self.read(row)?;
            Ok(match fold.add(&key, &delta) {
                Ok(()) => ControlFlow::Continue(()),
                Err(too_many) => ControlFlow::Break(too_many),
            })
        })
    }

    fn read(&self, row: &Row<'_>) -> Result<(RollupKey, RollupDelta), StoreError> {
        let mut f = Fields::of("rollups", row);
        let mut key = RollupKey {
            bucket: f.take()?,
            basis: self.basis,
            is_test: f.take()?,
            campaign: 0,
            flow: 0,
            arm: 0,
            offer: 0,
            affiliate: 0,
            goal: f.take()?,
            country: [0; 2],
            device: 0,
            currency: f.currency()?,
        };
        for dimension in &self.dimensions {
            put(&mut key, *dimension, &mut f)?;
        }
        let mut delta = RollupDelta::default();
        if self.has_clicks {
            delta.gross_click = f.take()?;
            delta.invalid_click = f.take()?;
            delta.unique_click = f.take()?;
            delta.cost = f.take()?;
        }
        if self.has_conversions {
            delta.pending_cv = f.take()?;
            delta.approved_cv = f.take()?;
            delta.rejected_cv = f.take()?;
            delta.payout = f.take()?;
            delta.revenue = f.take()?;
        }
        Ok((key, delta))
    }
}

/// The column that tells a dimension, when it is not among those that are always read.
fn column(dimension: Dimension) -> Option<(Dimension, &'static str)> {
    match dimension {
        Dimension::Offer | Dimension::Advertiser => Some((Dimension::Offer, "offer")),
        Dimension::Affiliate => Some((dimension, "affiliate")),
        Dimension::Campaign => Some((dimension, "campaign")),
        Dimension::Flow => Some((dimension, "flow")),
        Dimension::Arm => Some((dimension, "arm")),
        Dimension::Country => Some((dimension, "country")),
        Dimension::DeviceType => Some((dimension, "device")),
        _ => None,
    }
}

/// Reads the column of a dimension into its place of the key.
fn put(key: &mut RollupKey, dimension: Dimension, f: &mut Fields<'_>) -> Result<(), StoreError> {
    match dimension {
        Dimension::Offer => key.offer = f.take()?,
        Dimension::Affiliate => key.affiliate = f.take()?,
        Dimension::Campaign => key.campaign = f.take()?,
        Dimension::Flow => key.flow = f.take()?,
        Dimension::Arm => key.arm = f.take()?,
        Dimension::Country => key.country = f.take()?,
        Dimension::DeviceType => key.device = f.take()?,
        _ => {}
    }
    Ok(())
}

/// Filters that SQLite can apply as well, so that fewer rows come up; the fold applies all of them anyway.
fn conditions(filters: &Filters) -> String {
    let mut sql = match filters.tests {
        Tests::Excluded => " AND is_test = 0".to_owned(),
        Tests::Only => " AND is_test = 1".to_owned(),
        Tests::Any => String::new(),
    };
    let numeric = [
        Dimension::Offer,
        Dimension::Affiliate,
        Dimension::Campaign,
        Dimension::Flow,
        Dimension::Arm,
        Dimension::DeviceType,
    ];
    for filter in &filters.dimensions {
        let name = column(filter.dimension).filter(|_| numeric.contains(&filter.dimension));
        if let Some((_, name)) = name {
            let not = if filter.is_excluding { " NOT" } else { "" };
            let values = list(filter.values.iter().copied());
            sql.push_str(&format!(" AND {name}{not} IN ({values})"));
        }
    }
    sql
}
