//! `rollups`: sums by quarter of an hour and dimensions.

use weir_engine::ids::TenantId;
use weir_engine::rollup::{RollupDelta, RollupKey};

use crate::value::{Row, Value};

/// The columns of the key, in the order of the primary key.
pub const KEY: &str = "tenant_id, basis, bucket, is_test, campaign, flow, arm, offer, affiliate, goal, country, device, currency";

/// Sums to be added, in the order of the key, so that each page of the table is visited once.
#[must_use]
pub fn in_order(
    rows: &[(TenantId, RollupKey, RollupDelta)],
) -> Vec<&(TenantId, RollupKey, RollupDelta)> {
    let mut in_order: Vec<_> = rows.iter().collect();
    in_order.sort_unstable_by_key(|(tenant, key, _)| (*tenant, key.basis, *key));
    in_order
}

/// A key with what is added to it.
#[must_use]
pub fn row((tenant, key, delta): &(TenantId, RollupKey, RollupDelta)) -> Row {
    let mut row: Row = vec![
        tenant.0.into(),
        key.basis.code().into(),
        key.bucket.into(),
        key.is_test.into(),
        key.campaign.into(),
        key.flow.into(),
        key.arm.into(),
        key.offer.into(),
        key.affiliate.into(),
        key.goal.into(),
        key.country.into(),
        key.device.into(),
        key.currency.code().into(),
    ];
    row.extend(delta.values().map(Value::Int));
    row
}
