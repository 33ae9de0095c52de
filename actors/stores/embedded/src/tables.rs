//! The derived tables: everything that a replay of the log must give again, byte for byte.
//!
//! This is the one list of them. Left out are columns and rows that depend on how the log was cut into windows
//! or on who owned it, and not on what it says: epochs, reach of checkpoints, times of watermarks, sums that came to nothing, counters of
//! closed periods (of each cap the judge keeps two, so in one long window the older ones are never written), and
//! checkpoints, which are a cache.

use crate::rows::{
    cap_counter, conversion, entity, status_change, transfer, unique_block, verdict,
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
        "tenant_id, kind, owner, currency, debits, credits",
        "tenant_id, kind, owner, currency",
    ),
    Table {
        name: "rollups",
        columns: "tenant_id, basis, bucket, is_test, campaign, flow, arm, offer, affiliate, goal, country, device, \
                  currency, gross_click, invalid_click, unique_click, cost, pending_cv, approved_cv, rejected_cv, \
                  payout, revenue",
        key: "tenant_id, basis, bucket, is_test, campaign, flow, arm, offer, affiliate, goal, country, device, currency",
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

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    /// Names of columns of a table, each with its place in the primary key (0 = none).
    fn columns(connection: &Connection, table: &str) -> Vec<(String, u32)> {
        let sql = "SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn migrated() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        crate::migrate::up(&path).unwrap();
        (folder, crate::connection::open_reader(&path).unwrap())
    }

    #[test]
    fn the_list_has_every_column_of_every_table_in_the_order_of_its_key() {
        let (_folder, connection) = migrated();
        for table in &DERIVED {
            let mut all = columns(&connection, table.name);
            all.retain(|(name, _)| !["epoch", "newest_at", "refold_from"].contains(&name.as_str()));
            let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(
                table.columns.split(", ").map(str::trim).collect::<Vec<_>>(),
                names,
                "{}",
                table.name
            );
            let mut key: Vec<_> = all.iter().filter(|(_, place)| *place > 0).collect();
            key.sort_by_key(|(_, place)| *place);
            let key: Vec<_> = key.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(
                table.key.split(", ").collect::<Vec<_>>(),
                key,
                "{}",
                table.name
            );
        }
    }

    #[test]
    fn every_table_is_derived_or_a_cache_or_the_list_of_migrations() {
        let (_folder, connection) = migrated();
        let sql =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut statement = connection.prepare(sql).unwrap();
        let names = statement
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap();
        for name in names.map(Result::unwrap) {
            let is_derived = DERIVED.iter().any(|table| table.name == name);
            let is_other = ["checkpoints", "refinery_schema_history"].contains(&name.as_str());
            assert!(is_derived || is_other, "{name} is in no list");
        }
    }

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
