//! The derived tables: everything that a replay of the log must give again, byte for byte.
//!
//! This is the one list of them. Left out are columns and rows that depend on how the log was cut into windows
//! or on who owned it, and not on what it says: epochs, reach of checkpoints, times of watermarks, sums that came to nothing, counters of
//! closed periods (of each cap the judge keeps two, so in one long window the older ones are never written), and
//! checkpoints, which are a cache.

use crate::rows::{
    balance, cap_counter, conversion, entity, rollup, status_change, transfer, unique_block,
    verdict,
};

/// A derived table.
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Columns that count.
    pub columns: &'static str,
    /// The primary key, in order.
    pub key: &'static str,
    /// Rows that count; empty = all.
    pub only: &'static str,
}

const PLACE: &str = "tenant_id, partition_id, seq";

const fn whole(name: &'static str, columns: &'static str, key: &'static str) -> Table {
    Table {
        name,
        columns,
        key,
        only: "",
    }
}

/// All derived tables, in the order in which they are shown.
pub const DERIVED: [Table; 10] = [
    whole(
        "partition_state",
        "partition_id, next_offset",
        "partition_id",
    ),
    whole(
        "entities",
        entity::COLUMNS,
        "tenant_id, kind, number, second",
    ),
    whole("conversions", conversion::COLUMNS, PLACE),
    whole("verdicts", verdict::COLUMNS, PLACE),
    whole("status_changes", status_change::COLUMNS, PLACE),
    whole(
        "transfers",
        transfer::COLUMNS,
        "tenant_id, partition_id, seq, transfer_id",
    ),
    whole(
        "balances",
        balance::COLUMNS,
        "tenant_id, kind, owner, currency",
    ),
    Table {
        name: "rollups",
        columns: "tenant_id, basis, bucket, is_test, campaign, flow, arm, offer, affiliate, goal, country, device, \
                  currency, gross_click, invalid_click, unique_click, cost, pending_cv, approved_cv, rejected_cv, \
                  payout, revenue",
        key: rollup::KEY,
        only: "gross_click <> 0 OR invalid_click <> 0 OR unique_click <> 0 OR cost <> 0 OR pending_cv <> 0 \
               OR approved_cv <> 0 OR rejected_cv <> 0 OR payout <> 0 OR revenue <> 0",
    },
    Table {
        name: "cap_counters",
        columns: cap_counter::COLUMNS,
        key: "tenant_id, cap, period_from",
        only: "(SELECT count(*) FROM cap_counters AS later WHERE later.tenant_id = cap_counters.tenant_id \
               AND later.cap = cap_counters.cap AND later.period_from > cap_counters.period_from) < 2",
    },
    whole(
        "unique_blocks",
        unique_block::COLUMNS,
        "partition_id, block",
    ),
];

/// Asks for the columns that count of the rows that count, in order of the primary key.
#[must_use]
pub fn digest_query(table: &Table) -> String {
    let only = if table.only.is_empty() {
        "1 = 1"
    } else {
        table.only
    };
    format!(
        "SELECT {} FROM {} WHERE {only} ORDER BY {}",
        table.columns, table.name, table.key
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_begin_with_the_tenant_except_where_a_row_is_a_partitions() {
        for table in &DERIVED {
            let expect = match table.name {
                "partition_state" | "unique_blocks" => "partition_id",
                _ => "tenant_id",
            };
            assert!(table.key.starts_with(expect), "{}", table.name);
        }
    }
}
