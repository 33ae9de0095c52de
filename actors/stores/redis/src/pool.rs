//! Connections, and what happens to those that hang.
//!
//! Always true: a connection that did not answer in time, or failed, is not used again: it may hang for as long as
//! the kernel goes on sending into a silent network. When several failed, those that were opened before are all given
//! up, for they lead to the same place. Opening goes on when its caller has given up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bb8_redis::bb8::{self, ErrorSink, ManageConnection};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult};

use crate::failure::{ConnectError, Trouble};

/// How long opening a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// Connections at most.
const CONNECTIONS: u32 = 16;
/// Connections that nobody needed for so long are closed.
const IDLE: Duration = Duration::from_secs(120);

/// The connections to one server.
#[derive(Clone)]
pub struct Connections {
    pool: bb8::Pool<Opener>,
    renewals: Arc<AtomicU64>,
    last_error: LastError,
}

impl Connections {
    /// Connections to the server of `client`. Must be called on a runtime; nothing is opened yet.
    pub fn new(client: Client) -> Self {
        let last_error = LastError::default();
        let renewals = Arc::new(AtomicU64::new(0));
        let opener = Opener {
            client,
            renewals: Arc::clone(&renewals),
        };
        let pool = bb8::Pool::builder()
            .max_size(CONNECTIONS)
            .min_idle(None)
            .idle_timeout(IDLE)
            .connection_timeout(CONNECT_WITHIN)
            .test_on_check_out(true)
            .retry_connection(false)
            .error_sink(Box::new(last_error.clone()))
            .build_unchecked(opener);
        Self {
            pool,
            renewals,
            last_error,
        }
    }

    /// Does something with a connection, within a time that includes getting it.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn with<T, F: Future<Output = RedisResult<T>>>(
        &self,
        within: Duration,
        work: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, Trouble> {
        let working = async {
            let mut connection = match self.pool.get().await {
                Ok(connection) => connection,
                Err(bb8::RunError::User(error)) => return Err(Trouble::Failed(error)),
                Err(bb8::RunError::TimedOut) => return Err(self.timed_out(CONNECT_WITHIN)),
            };
            // Until the answer is there: this future may be dropped at any time.
            connection.is_suspect = true;
            let result = work(connection.connection.clone()).await;
            connection.is_suspect = result.is_err();
            Ok(result?)
        };
        match tokio::time::timeout(within, working).await {
            Ok(result) => result,
            Err(_) => Err(self.timed_out(within)),
        }
    }

    /// Gives up all connections that are open now.
    pub fn renew(&self) {
        self.renewals.fetch_add(1, Ordering::AcqRel);
    }

    fn timed_out(&self, waited: Duration) -> Trouble {
        Trouble::TimedOut(waited, self.last_error.take())
    }
}

/// A connection, and whether it is to be thrown away.
struct Connection {
    connection: MultiplexedConnection,
    is_suspect: bool,
    /// How many renewals there were before it was opened.
    renewals: u64,
}

/// Opens connections.
struct Opener {
    client: Client,
    renewals: Arc<AtomicU64>,
}

impl ManageConnection for Opener {
    type Connection = Connection;
    type Error = RedisError;

    async fn connect(&self) -> RedisResult<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(CONNECT_WITHIN));
        let renewals = self.renewals.load(Ordering::Acquire);
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        Ok(Connection {
            connection: connecting.await?,
            is_suspect: false,
            renewals,
        })
    }

    /// Asks nothing of the server: a connection that does not work is found out by its use.
    async fn is_valid(&self, connection: &mut Connection) -> RedisResult<()> {
        if connection.renewals == self.renewals.load(Ordering::Acquire) {
            return Ok(());
        }
        Err((ErrorKind::Client, "given up with those that failed").into())
    }

    fn has_broken(&self, connection: &mut Connection) -> bool {
        connection.is_suspect
    }
}

/// What went wrong with a connection last: a caller that waits in vain only sees that it waited.
#[derive(Debug, Clone, Default)]
struct LastError(Arc<Mutex<Option<ConnectError>>>);

impl LastError {
    fn take(&self) -> Option<ConnectError> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.take()
    }
}

impl ErrorSink<RedisError> for LastError {
    fn sink(&self, error: RedisError) {
        // A connection that was given up is no news.
        if error.kind() == ErrorKind::Client {
            return;
        }
        let error = ConnectError(Arc::new(error));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<RedisError>> {
        Box::new(self.clone())
    }
}
