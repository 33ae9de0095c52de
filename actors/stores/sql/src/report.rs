//! A report: the rows of the rollups that a question needs, handed to the fold.
//!
//! The key begins with tenant, basis and bucket, so a question reads two stretches of the tree: clicks by click
//! time and conversions by its own basis (one stretch where those are the same), and of each only the columns
//! that it groups by or filters on.

use weir_engine::catalog::EntityKind;
use weir_engine::ids::{AdvertiserId, TenantId};
use weir_engine::ports::StoreError;
use weir_engine::report::{Dimension, Filters, ReportQuery, Tests};
use weir_engine::rollup::{Basis, RollupDelta, RollupKey};

use crate::fields::Fields;
use crate::questions::list;
use crate::value::{Query, Value};

const CLICK_SUMS: &str = "gross_click, invalid_click, unique_click, cost";
const CONVERSION_SUMS: &str = "pending_cv, approved_cv, rejected_cv, payout, revenue";

/// Whether the fold needs [`advertisers`].
#[must_use]
pub fn needs_advertisers(query: &ReportQuery) -> bool {
    query.dimensions().contains(&Dimension::Advertiser)
}

/// Asks for the offers of a tenant as configured now; [`advertiser_of`] reads a row.
#[must_use]
pub fn advertisers(tenant: TenantId) -> Query {
    Query::new(
        "SELECT number, body FROM entities WHERE tenant_id = ? AND kind = ?",
        [tenant.0.into(), EntityKind::Offer.code().into()],
    )
}

/// An offer and its advertiser.
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn advertiser_of(mut f: Fields<'_>) -> Result<(u32, u32), StoreError> {
    let offer = f.take()?;
    let advertiser = f.make("an offer of an advertiser", |body: String| {
        let body: serde_json::Value = serde_json::from_str(&body).ok()?;
        body.get("advertiser_id")?
            .as_str()?
            .parse::<AdvertiserId>()
            .ok()
    })?;
    Ok((offer, advertiser.number()))
}

/// The stretches that a report reads.
#[must_use]
pub fn scans(tenant: TenantId, query: &ReportQuery) -> Vec<Scan> {
    let mut bases = vec![Basis::Click, query.basis];
    bases.dedup();
    bases
        .into_iter()
        .map(|basis| Scan::new(tenant, basis, query))
        .collect()
}

/// One stretch of the tree: which columns are read of it, and which rows.
pub struct Scan {
    /// What to ask.
    pub query: Query,
    basis: Basis,
    dimensions: Vec<Dimension>,
    has_clicks: bool,
    has_conversions: bool,
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
            "SELECT {} FROM rollups WHERE tenant_id = ? AND basis = ? AND bucket >= ? AND bucket < ?{}",
            read.join(", "),
            conditions(&query.filters)
        );
        let buckets = query.buckets();
        let values: [Value; 4] = [
            tenant.0.into(),
            basis.code().into(),
            buckets.start.into(),
            buckets.end.into(),
        ];
        Self {
            query: Query::new(sql, values),
            basis,
            dimensions: columns
                .into_iter()
                .map(|(dimension, _)| dimension)
                .collect(),
            has_clicks,
            has_conversions,
        }
    }

    /// Reads a row, for the fold.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`].
    pub fn read(&self, mut f: Fields<'_>) -> Result<(RollupKey, RollupDelta), StoreError> {
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

/// Filters that the store can apply as well, so that fewer rows come up; the fold applies all of them anyway.
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
