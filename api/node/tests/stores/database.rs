//! Databases, asked in plain SQL.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, Row, from_value};
use tokio::runtime::Runtime;

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"))
}

/// The answer of the database at `url`; an error when it cannot be asked.
pub fn try_rows(url: &str, sql: &str) -> Result<Vec<Row>, mysql_async::Error> {
    runtime().block_on(async {
        let mut connection = Conn::new(Opts::from_url(url)?).await?;
        let rows = connection.query(sql).await?;
        connection.disconnect().await?;
        Ok(rows)
    })
}

/// Rows of numbers.
pub fn numbers(url: &str, sql: &str) -> Vec<Vec<i64>> {
    let rows = try_rows(url, sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    let number = |value| from_value::<Option<i64>>(value).unwrap_or(0);
    rows.into_iter()
        .map(|row| row.unwrap().into_iter().map(number).collect())
        .collect()
}

/// One number.
pub fn number(url: &str, sql: &str) -> i64 {
    numbers(url, sql)[0][0]
}

/// Does something.
pub fn execute(url: &str, sql: &str) {
    try_rows(url, sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// A database of its own on the server that all tests share; it goes with it.
pub struct Database {
    pub url: String,
    name: String,
}

impl Database {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("n_{}_{next}", std::process::id());
        execute(&server(), &format!("DROP DATABASE IF EXISTS {name}"));
        execute(&server(), &format!("CREATE DATABASE {name}"));
        let url = format!("{}/{name}", server());
        Self { url, name }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        execute(&server(), &format!("DROP DATABASE {}", self.name));
    }
}

/// The server; a test that finds none fails and says how to start one.
fn server() -> String {
    let url = std::env::var("WEIR_TEST_MYSQL_URL").unwrap_or_else(|_| {
        panic!("WEIR_TEST_MYSQL_URL is not set: run `make test`, or see actors/stores/services/services")
    });
    url.trim_end_matches('/').to_owned()
}
