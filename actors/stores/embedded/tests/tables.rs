//! The schema has what the list of derived tables says, and nothing that no list knows.

mod support;

use rusqlite::Connection;
use support::open;
use weir_sql::DERIVED;

/// Names of columns of a table, each with its place in the primary key (0 = none).
fn columns(connection: &Connection, table: &str) -> Vec<(String, u32)> {
    let sql = "SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid";
    let mut statement = connection.prepare(sql).expect("prepared");
    let rows = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.expect("read").collect::<Result<_, _>>().expect("read")
}

#[test]
fn the_list_has_every_column_of_every_table_in_the_order_of_its_key() {
    let store = open();
    let connection = Connection::open(store.path()).expect("opened");
    for table in &DERIVED {
        let mut all = columns(&connection, table.name);
        all.retain(|(name, _)| !["epoch", "newest_at", "refold_from"].contains(&name.as_str()));
        let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
        let listed: Vec<_> = table.columns.split(", ").map(str::trim).collect();
        assert_eq!(listed, names, "{}", table.name);
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
    let store = open();
    let connection = Connection::open(store.path()).expect("opened");
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut statement = connection.prepare(sql).expect("prepared");
    let names = statement.query_map([], |row| row.get::<_, String>(0));
    for name in names.expect("read").map(Result::unwrap) {
        let is_derived = DERIVED.iter().any(|table| table.name == name);
        let is_other = ["checkpoints", "refinery_schema_history"].contains(&name.as_str());
        assert!(is_derived || is_other, "{name} is in no list");
    }
}
