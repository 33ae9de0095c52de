//! `rollups`: sums by quarter of an hour and dimensions.

use rusqlite::{Connection, params_from_iter, types::Value};
use weir_engine::ids::TenantId;
use weir_engine::rollup::{RollupDelta, RollupKey};

use super::saturating;

/// The columns of the key, in the order of the primary key.
pub const KEY_COLUMNS: &[&str] = &[
    "tenant_id",
    "basis",
    "bucket",
    "is_test",
    "campaign",
    "flow",
    "arm",
    "offer",
    "affiliate",
    "goal",
    "country",
    "device",
    "currency",
];

/// Adds sums to the rows of their keys, in the order of the tree, so that each page is visited once.
pub fn write(
    connection: &Connection,
    rows: &[(TenantId, RollupKey, RollupDelta)],
) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached(&statement())?;
    let mut in_order: Vec<_> = rows.iter().collect();
    in_order.sort_unstable_by_key(|(tenant, key, _)| (*tenant, key.basis, *key));
    for (tenant, key, delta) in in_order {
        let sums = delta.values().into_iter().map(Value::Integer);
        add.execute(params_from_iter(
            key_values(*tenant, key).into_iter().chain(sums),
        ))?;
    }
    Ok(())
}

fn statement() -> String {
    let columns = [KEY_COLUMNS, RollupDelta::COLUMNS].concat();
    let sums: Vec<_> = RollupDelta::COLUMNS
        .iter()
        .map(|column| saturating(column))
        .collect();
    format!(
        "INSERT INTO rollups ({}) VALUES ({}) ON CONFLICT DO UPDATE SET {}",
        columns.join(", "),
        vec!["?"; columns.len()].join(", "),
        sums.join(", ")
    )
}

fn key_values(tenant: TenantId, key: &RollupKey) -> [Value; KEY_COLUMNS.len()] {
    let number = |n: u32| Value::Integer(i64::from(n));
    [
        number(tenant.0),
        number(u32::from(key.basis.code())),
        number(key.bucket),
        number(u32::from(key.is_test)),
        number(key.campaign),
        number(key.flow),
        number(key.arm),
        number(key.offer),
        number(key.affiliate),
        number(key.goal),
        Value::Blob(key.country.to_vec()),
        number(u32::from(key.device)),
        Value::Blob(key.currency.code().to_vec()),
    ]
}
