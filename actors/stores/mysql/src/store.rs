//! The store: its connections and the runtime that its tasks run on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::{Conn, SslOpts, UrlError};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use weir_engine::ports::{PortFuture, StoreError};

use crate::commit;
use crate::failure::Stopped;
use crate::migrate::{self, SchemaError};
use crate::pool::Connections;

/// Reports at a time.
const REPORTS: usize = 4;

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one, or names no database.
    #[error("not a URL such as mysql://user:password@host:3306/database: {0}")]
    Url(#[from] UrlError),
    /// The server or its schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// All transactional ports on one database.
#[derive(Clone)]
pub struct Mysql {
    pub(crate) connections: Arc<Connections>,
    pub(crate) installation: [u8; 16],
    /// Turns of reports.
    pub(crate) reports: Arc<Semaphore>,
    runtime: Handle,
}

/// Which database, and whose books.
#[derive(Debug, Clone)]
pub struct Place {
    /// `mysql://user:password@host:3306/database`.
    pub url: String,
    /// A file of certificates in PEM, one of which the server's must be signed by: then the connection is encrypted.
    pub ca: Option<PathBuf>,
    /// What tells this installation from others, so that two never keep their books in one database.
    pub installation: [u8; 16],
}

impl Mysql {
    /// A store at `place`. Nothing is asked of the server yet: it may be away.
    ///
    /// # Errors
    /// [`OpenError::Url`].
    pub fn at(place: &Place, runtime: Handle) -> Result<Self, OpenError> {
        let tls = place.ca.clone().map(|ca| {
            SslOpts::default()
                .with_root_certs(vec![ca.into()])
                .with_disable_built_in_roots(true)
        });
        Ok(Self {
            connections: Arc::new(Connections::new(&place.url, tls)?),
            installation: place.installation,
            reports: Arc::new(Semaphore::new(REPORTS)),
            runtime,
        })
    }

    /// Whether the server answers, knows the user, and holds no other installation's books.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_there(&self) -> Result<(), StoreError> {
        let installation = self.installation;
        self.connections
            .with(Duration::from_secs(5), move |c| {
                Box::pin(async move { commit::is_of(c, installation).await })
            })
            .await
    }

    /// Brings the schema up; refuses one of a newer build.
    ///
    /// # Errors
    /// [`SchemaError`].
    pub async fn migrate(&self) -> Result<Vec<migrate::Step>, SchemaError> {
        migrate::up(&self.connections).await
    }

    /// Host, port and database; never the password.
    #[must_use]
    pub fn place(&self) -> String {
        self.connections.place()
    }

    /// The connections, for [`crate::migrate`] and [`crate::examine`].
    #[must_use]
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Does work with a connection in a task of its own: it is finished also when its caller has gone, so that
    /// no transaction is left half-way, and whoever waits needs no runtime.
    pub(crate) fn task<T: Send + 'static>(
        &self,
        within: Duration,
        work: impl for<'c> FnOnce(&'c mut Conn) -> PortFuture<'c, Result<T, StoreError>>
        + Send
        + 'static,
    ) -> PortFuture<'static, Result<T, StoreError>> {
        let connections = Arc::clone(&self.connections);
        self.spawn(async move { connections.with(within, work).await })
    }

    /// Runs a future in a task of its own.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> PortFuture<'static, Result<T, StoreError>> {
        let task = self.runtime.spawn(work);
        Box::pin(async move {
            let stopped = |_| StoreError::Unavailable(Box::new(Stopped));
            task.await.map_err(stopped)?
        })
    }
}
