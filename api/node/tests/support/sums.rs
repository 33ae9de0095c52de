//! The books recomputed: an export in a throw-away SQLite database, and the questions that are asked of it.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use serde_json::Value;

/// What is counted, by the names of the reports, in the order of the SQL.
pub const METRICS: [&str; 13] = [
    "gross_click",
    "invalid_click",
    "total_click",
    "unique_click",
    "cv",
    "pending_cv",
    "approved_cv",
    "rejected_cv",
    "event",
    "payout",
    "revenue",
    "cost",
    "profit",
];

/// Sums by what they are grouped by, with the currency last; sums are counts or micros.
pub type Sums = BTreeMap<Vec<String>, Vec<i64>>;

/// A stretch of a tenant's reports.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    pub tenant: &'a str,
    pub basis: &'a str,
    pub zone: &'a str,
    pub from: &'a str,
    pub to: &'a str,
}

/// An export, recomputed.
pub struct Recomputed(Connection);

impl Recomputed {
    /// Loads the lines of an export and judges them again.
    pub fn new(export: &str) -> Self {
        let started = std::time::Instant::now();
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(include_str!("../sql/lines.sql")).unwrap();
        db.execute_batch("BEGIN").unwrap();
        let mut insert = db.prepare("INSERT INTO line (fact) VALUES (?1)").unwrap();
        for line in export.lines() {
            insert.execute([line]).unwrap();
        }
        drop(insert);
        for steps in [
            include_str!("../sql/facts.sql"),
            include_str!("../sql/uniques.sql"),
            include_str!("../sql/verdicts.sql"),
            include_str!("../sql/entries.sql"),
        ] {
            db.execute_batch(steps).unwrap();
        }
        db.execute_batch("COMMIT").unwrap();
        let (lines, took) = (export.lines().count(), started.elapsed());
        println!("{lines} lines recomputed in {took:.2?}");
        Self(db)
    }

    /// Makes the product's own store readable beside, as `store`.
    pub fn attach(&self, store: &std::path::Path) {
        let sql = "ATTACH DATABASE ?1 AS store";
        self.0.execute(sql, [store.to_str().unwrap()]).unwrap();
    }

    /// The first rows of a question that should have none.
    pub fn first_of(&self, sql: &str) -> Vec<String> {
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| Ok(texts(row, 3).join("  |  ")));
        rows.unwrap().take(5).map(Result::unwrap).collect()
    }

    /// Answers a question about a stretch.
    pub fn sums(&self, sql: &str, of: &Stretch<'_>) -> Sums {
        let mut statement = self.0.prepare(sql).unwrap();
        let named = [
            (":tenant", of.tenant),
            (":basis", of.basis),
            (":zone", of.zone),
            (":from", of.from),
            (":to", of.to),
        ];
        let rows = statement.query_map(&named, |row| Ok(read(row, METRICS.len())));
        let rows = rows.unwrap().map(Result::unwrap);
        // A report leaves out what counts nothing.
        rows.filter(|(_, sums)| sums.iter().any(|s| *s != 0))
            .collect()
    }

    /// Answers a question about a tenant; the last `count` columns are numbers.
    pub fn of_tenant(&self, sql: &str, tenant: &str, count: usize) -> Sums {
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map(&[(":tenant", tenant)], |row| Ok(read(row, count)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The same of the store, which knows a tenant by its number.
    pub fn of_store(&self, sql: &str, tenant: u32) -> Sums {
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map(params![tenant], |row| Ok(read(row, 1)));
        rows.unwrap().map(Result::unwrap).collect()
    }
}

fn texts(row: &Row<'_>, columns: usize) -> Vec<String> {
    let text = |column| match row.get_ref(column).unwrap() {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
    };
    (0..columns).map(text).collect()
}

/// A row: texts, then `count` numbers.
fn read(row: &Row<'_>, count: usize) -> (Vec<String>, Vec<i64>) {
    let texts_count = row.as_ref().column_count() - count;
    let numbers = (0..count).map(|n| row.get(texts_count + n).unwrap());
    (texts(row, texts_count), numbers.collect())
}

/// A count or a decimal string as a number: micros for money.
pub fn number(value: &Value) -> i64 {
    if let Some(count) = value.as_i64() {
        return count;
    }
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("a number: {value}"));
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let micros: i64 = format!("{whole}{rest:0<6}").parse().unwrap();
    sign * micros
}

/// The rows of a report as sums.
pub fn reported(rows: &[Value], group_by: &[&str]) -> Sums {
    let key = |row: &Value| {
        let names = group_by.iter().chain(&["currency"]);
        names
            .map(|name| row[*name].as_str().unwrap_or("-").to_owned())
            .collect()
    };
    let sums = |row: &Value| METRICS.iter().map(|m| number(&row[*m])).collect();
    rows.iter().map(|row| (key(row), sums(row))).collect()
}

/// Fails with the first difference.
pub fn compare(what: &str, recomputed: &Sums, theirs: &Sums, columns: &[&str]) {
    let keys = recomputed.keys().chain(theirs.keys());
    for key in keys.collect::<std::collections::BTreeSet<_>>() {
        let (ours, theirs) = (recomputed.get(key), theirs.get(key));
        if ours == theirs {
            continue;
        }
        let shown = |sums: Option<&Vec<i64>>| match sums {
            Some(sums) => {
                let pairs = columns.iter().zip(sums);
                pairs
                    .map(|(c, s)| format!("{c} {s}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            }
            None => "no such row".to_owned(),
        };
        panic!(
            "{what}: {key:?}\n  recomputed: {}\n  product:    {}",
            shown(ours),
            shown(theirs)
        );
    }
}
