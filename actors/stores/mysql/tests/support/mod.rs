//! A database of its own for each test, on the real server of `WEIR_TEST_MYSQL_URL`.

#![allow(dead_code)]

use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder};
use tokio::runtime::Runtime;
use weir_mysql::{Mysql, Place};

/// The runtime that all stores of a test crate run on.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
    })
}

/// The server; a test that finds none fails and says how to start one.
pub fn server() -> String {
    std::env::var("WEIR_TEST_MYSQL_URL").unwrap_or_else(|_| {
        panic!(
            "WEIR_TEST_MYSQL_URL is not set: eval \"$(actors/stores/services/services up mariadb)\", or run `make test`"
        )
    })
}

/// A store on a database that goes with it.
pub struct Opened {
    store: Mysql,
    pub database: String,
}

impl Deref for Opened {
    type Target = Mysql;

    fn deref(&self) -> &Mysql {
        &self.store
    }
}

impl Opened {
    pub fn url(&self) -> String {
        url_of(&self.database)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {}", self.database);
        runtime().block_on(async { at_server(&drop).await });
    }
}

/// The URL of a database on the server.
pub fn url_of(database: &str) -> String {
    format!("{}/{database}", server().trim_end_matches('/'))
}

/// Executes something on the server, in no database.
pub async fn at_server(sql: &str) {
    let options = Opts::from_url(&server()).expect("a URL");
    let options = OptsBuilder::from_opts(options).db_name(None::<String>);
    let mut connection = Conn::new(options).await.expect("connected");
    connection.query_drop(sql).await.expect("executed");
    connection.disconnect().await.expect("disconnected");
}

/// Executes something in a store's database.
pub fn execute(store: &Opened, sql: &str) {
    runtime().block_on(async {
        let mut connection = Conn::from_url(store.url()).await.expect("connected");
        connection.query_drop(sql).await.expect("executed");
        connection.disconnect().await.expect("disconnected");
    });
}

/// A name that no other test has.
pub fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("after 1970").as_nanos();
    format!(
        "t_{:x}_{:x}_{}",
        std::process::id(),
        now,
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// A store at a URL, as an installation's.
pub fn at(url: &str, installation: [u8; 16]) -> Mysql {
    let place = Place {
        url: url.to_owned(),
        ca: None,
        installation,
    };
    Mysql::at(&place, runtime().handle().clone()).expect("a URL")
}

/// An empty database without a schema.
pub fn empty() -> Opened {
    let database = fresh_name();
    let create = format!("CREATE DATABASE {database}");
    runtime().block_on(async { at_server(&create).await });
    let store = at(&url_of(&database), [7; 16]);
    Opened { store, database }
}

/// A store without any row.
pub fn open() -> Opened {
    let opened = empty();
    runtime().block_on(opened.migrate()).expect("migrated");
    opened
}
