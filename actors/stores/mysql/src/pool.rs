//! Connections: how they are opened, how long anything may take, and what happens to those that hang.
//!
//! Always true: a caller waits a bounded time. A connection that did not answer in time may hang for as long as
//! the kernel goes on sending into a silent network, so the pool that it came from is given up with it, and new
//! connections are made.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use mysql_async::{Conn, Opts, OptsBuilder, Pool, PoolConstraints, PoolOpts, SslOpts, UrlError};
use tokio::sync::Semaphore;
use weir_engine::ports::{PortFuture, StoreError};

use crate::failure::{TimedOut, unavailable};

/// How long opening a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// Connections at most: commits take one, evidence and reports the others.
const CONNECTIONS: usize = 16;
/// Statements that a connection keeps prepared: writes of ten tables in four sizes, and the questions.
const STATEMENTS: usize = 128;

/// How long a connection is kept that nobody uses.
const KEPT_FOR: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What each connection is told first: errors instead of cut values, UTC, short waits for locks; a
/// transaction whose client went without a word is ended after two minutes and not after hours.
const SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
     innodb_lock_wait_timeout = 5, wait_timeout = 120";

/// The connections.
pub struct Connections {
    options: Opts,
    pool: ArcSwap<Pool>,
    /// As many as there may be connections: whoever waits for one waits here, so that a pool that is only full is not
    /// taken for one that hangs.
    free: Semaphore,
}

impl Connections {
    /// Connections to the server of a URL such as `mysql://user:password@host:3306/database`; none is opened yet.
    ///
    /// # Errors
    /// The URL is not one, or names no database.
    pub fn new(url: &str, tls: Option<SslOpts>) -> Result<Self, UrlError> {
        let given = Opts::from_url(url)?;
        if given.db_name().is_none_or(str::is_empty) {
            return Err(UrlError::Invalid);
        }
        let constraints = PoolConstraints::new(0, CONNECTIONS).unwrap_or_default();
        let tls = tls.or_else(|| given.ssl_opts().cloned());
        let options: Opts = OptsBuilder::from_opts(given)
            .pool_opts(
                PoolOpts::new()
                    .with_constraints(constraints)
                    // Without a time a pool keeps its least number, which is none.
                    .with_inactive_connection_ttl(KEPT_FOR)
                    .with_ttl_check_interval(LOOK_EVERY)
                    // A reset forgets what was prepared; nobody changes the session, and open transactions are rolled back.
                    .with_reset_connection(false),
            )
            // A row that is matched counts, also when nothing of it changes: a step in place must count as one.
            .client_found_rows(true)
            .stmt_cache_size(STATEMENTS)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .tcp_nodelay(true)
            .prefer_socket(false)
            .setup(vec![SESSION])
            .ssl_opts(tls)
            .into();
        Ok(Self {
            pool: ArcSwap::from_pointee(Pool::new(options.clone())),
            free: Semaphore::new(CONNECTIONS),
            options,
        })
    }

    /// Does something with a connection, within a time.
    ///
    /// # Errors
    /// [`StoreError`]; also when it took too long.
    pub async fn with<T>(
        &self,
        within: Duration,
        work: impl for<'c> FnOnce(&'c mut Conn) -> PortFuture<'c, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let free = tokio::time::timeout(CONNECT_WITHIN, self.free.acquire());
        let _one = free
            .await
            .map_err(|_| StoreError::Unavailable(Box::new(TimedOut(CONNECT_WITHIN))))?;
        let pool = self.pool.load_full();
        let opening = tokio::time::timeout(CONNECT_WITHIN, pool.get_conn());
        let mut connection = match opening.await {
            Ok(connection) => connection.map_err(unavailable)?,
            Err(_) => return Err(self.give_up(&pool, CONNECT_WITHIN)),
        };
        match tokio::time::timeout(within, work(&mut connection)).await {
            Ok(result) => result,
            Err(_) => Err(self.give_up(&pool, within)),
        }
    }

    /// Replaces a pool of which a connection hangs.
    fn give_up(&self, pool: &Arc<Pool>, waited: Duration) -> StoreError {
        let current = self.pool.load();
        if Arc::ptr_eq(&current, pool) {
            self.pool
                .compare_and_swap(&*current, Arc::new(Pool::new(self.options.clone())));
        }
        StoreError::Unavailable(Box::new(TimedOut(waited)))
    }

    /// Host, port and database, for people; never the password.
    #[must_use]
    pub fn place(&self) -> String {
        format!(
            "{}:{}/{}",
            self.options.ip_or_hostname(),
            self.options.tcp_port(),
            self.options.db_name().unwrap_or_default()
        )
    }
}
