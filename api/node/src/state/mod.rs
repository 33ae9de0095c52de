//! The system of record: which store the settings name, and what the node asks of it beside its ports.
//!
//! ```text
//! [stores] state = ""            ─▶ Embedded   DIR/state.db
//!          state = "mysql://…"   ─▶ Mysql      a database; what is configured is copied to DIR/known.json
//! ```
//! Always true: a store that is away is no reason not to start, once what was configured is known here; a store of a
//! newer build, or of another installation, is. Not here: what the ports mean.

pub mod known;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Handle;
use weir_actors::Known;
use weir_embedded::{Embedded, Snapshot};
use weir_engine::ports::{CatalogStore, LedgerStore, PartitionState, ReportStore, StoreError};
use weir_engine::secrets::MasterSecret;
use weir_journal::Cursors;
use weir_mysql::{Mysql, Place, SchemaError};
use weir_sql::{TableDigest, Violation};

use crate::data_folder::DataFolder;
use crate::settings::Settings;

/// How long a start waits for a store before it goes on without.
const START_PATIENCE: Duration = Duration::from_secs(5);
/// How often a store that was away at the start is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long reading all of the books may take.
const BOOKS_WITHIN: Duration = Duration::from_secs(4 * 3600);

/// See the module.
#[derive(Clone)]
pub enum State {
    /// SQLite in the data folder.
    Embedded(Arc<Embedded>),
    /// MySQL, MariaDB or Aurora.
    Mysql(Arc<Mysql>),
}

/// A store to start with.
pub struct Opened {
    /// The store.
    pub state: State,
    /// What was configured, where that is known without it.
    pub known: Option<Known>,
    /// How far it is, or was when it was last seen: the log must reach there.
    pub cursors: Cursors,
}

/// Books that were read as of one commit.
pub struct Books<T> {
    /// How far each partition has come.
    pub offsets: Vec<PartitionState>,
    /// What was read.
    pub read: T,
}

/// What is wrong with the books: by how many micros they are off, and each invariant that is broken.
pub struct Checked {
    pub drift_micros: i64,
    pub violations: Vec<Violation>,
}

impl State {
    /// The store that the settings name, with this build's schema. A MySQL that is away is waited for in the background
    /// if the node knows what was configured, so that it can begin: how far it was then is given beside it.
    ///
    /// # Errors
    /// The store cannot be used, or is away and nothing is known.
    pub async fn open(settings: &Settings, folder: &DataFolder) -> anyhow::Result<Opened> {
        let state = Self::at(settings, folder).await?;
        let Self::Mysql(mysql) = &state else {
            let known = None;
            return Ok(Opened {
                cursors: state.cursors().await?,
                known,
                state,
            });
        };
        let known = known::read(folder);
        let reached = tokio::time::timeout(START_PATIENCE, mysql.is_there()).await;
        let cursors = match reached {
            Err(_) => {
                let why = anyhow::anyhow!("no answer in {START_PATIENCE:?}");
                wait_behind(mysql, known.as_ref(), why)?
            }
            Ok(Err(error @ StoreError::Unavailable(_))) => {
                wait_behind(mysql, known.as_ref(), error.into())?
            }
            Ok(Err(error)) => {
                return Err(error).with_context(|| format!("the store at {}", mysql.place()));
            }
            // It answers: a migration, or another process that is at one, may take its time.
            Ok(Ok(())) => match mysql.migrate().await {
                Ok(_) => state.cursors().await?,
                Err(SchemaError::Unavailable(error)) => {
                    wait_behind(mysql, known.as_ref(), error.into())?
                }
                Err(error) => return Err(unusable(error, &mysql.place())),
            },
        };
        Ok(Opened {
            state,
            known,
            cursors,
        })
    }

    /// The store that the settings name, for commands: its schema is not touched, and must be this build's.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn of_this_build(settings: &Settings, folder: &DataFolder) -> anyhow::Result<Self> {
        let missing = schema::plan(settings).await?;
        anyhow::ensure!(
            missing.is_empty(),
            "the store is not of this build: run `weir migrate up`"
        );
        Self::at(settings, folder).await
    }

    async fn at(settings: &Settings, folder: &DataFolder) -> anyhow::Result<Self> {
        match settings.stores.state.as_str() {
            "" => Self::file(folder.store()).await,
            url => {
                let secrets = MasterSecret::new(folder.master_secret()?);
                let installation = secrets.internal_key("installation");
                Ok(Self::Mysql(Arc::new(mysql(url, settings, installation)?)))
            }
        }
    }

    /// The embedded store in a file, brought to this build's schema.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn file(file: PathBuf) -> anyhow::Result<Self> {
        // On a thread of the runtime, from which the store's own thread takes its place behind the clicks.
        let store = tokio::task::spawn_blocking(move || Embedded::open(file)).await?;
        Ok(Self::Embedded(Arc::new(store.context("store")?)))
    }

    /// The transaction.
    pub fn ledger(&self) -> Arc<dyn LedgerStore> {
        match self {
            Self::Embedded(store) => Arc::clone(store) as _,
            Self::Mysql(store) => Arc::clone(store) as _,
        }
    }

    /// What is configured.
    pub fn catalog(&self) -> Arc<dyn CatalogStore> {
        match self {
            Self::Embedded(store) => Arc::clone(store) as _,
            Self::Mysql(store) => Arc::clone(store) as _,
        }
    }

    /// Questions.
    pub fn reports(&self) -> Arc<dyn ReportStore> {
        match self {
            Self::Embedded(store) => Arc::clone(store) as _,
            Self::Mysql(store) => Arc::clone(store) as _,
        }
    }

    /// Its word in the ready file and in reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Mysql(_) => "mysql",
        }
    }

    /// How far it is, in each partition.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cursors(&self) -> Result<Cursors, StoreError> {
        Ok(cursors(&self.ledger().offsets().await?))
    }

    /// A digest of every derived table.
    ///
    /// # Errors
    /// [`StoreError`], or a file that is not a store.
    pub async fn digests(&self) -> anyhow::Result<Books<Vec<TableDigest>>> {
        match self {
            Self::Embedded(store) => of_file(store.path(), Snapshot::digests),
            Self::Mysql(store) => Ok(store
                .connections()
                .with(BOOKS_WITHIN, |c| {
                    Box::pin(async move {
                        let mut snapshot = weir_mysql::Snapshot::begin(c).await?;
                        let offsets = snapshot.offsets().await?;
                        let read = snapshot.digests().await?;
                        snapshot.end().await?;
                        Ok(Books { offsets, read })
                    })
                })
                .await?),
        }
    }

    /// Checks the books by their invariants.
    ///
    /// # Errors
    /// [`StoreError`], or a file that is not a store.
    pub async fn checked(&self) -> anyhow::Result<Books<Checked>> {
        match self {
            Self::Embedded(store) => of_file(store.path(), check),
            Self::Mysql(store) => Ok(store
                .connections()
                .with(BOOKS_WITHIN, |c| {
                    Box::pin(async move {
                        let mut snapshot = weir_mysql::Snapshot::begin(c).await?;
                        let offsets = snapshot.offsets().await?;
                        let read = Checked {
                            drift_micros: snapshot.drift_micros().await?,
                            violations: snapshot.violations().await?,
                        };
                        snapshot.end().await?;
                        Ok(Books { offsets, read })
                    })
                })
                .await?),
        }
    }
}

/// The digests of the books that the settings name, for commands: a file is only read.
///
/// # Errors
/// The store cannot be used.
pub async fn digests(
    settings: &Settings,
    folder: &DataFolder,
) -> anyhow::Result<Books<Vec<TableDigest>>> {
    match settings.stores.state.as_str() {
        "" => of_file(&folder.store(), Snapshot::digests),
        _ => {
            State::of_this_build(settings, folder)
                .await?
                .digests()
                .await
        }
    }
}

/// The books that the settings name, checked, for commands: a file is only read.
///
/// # Errors
/// The store cannot be used.
pub async fn checked(settings: &Settings, folder: &DataFolder) -> anyhow::Result<Books<Checked>> {
    match settings.stores.state.as_str() {
        "" => of_file(&folder.store(), check),
        _ => {
            State::of_this_build(settings, folder)
                .await?
                .checked()
                .await
        }
    }
}

fn check(snapshot: &Snapshot) -> Result<Checked, StoreError> {
    Ok(Checked {
        drift_micros: snapshot.drift_micros()?,
        violations: snapshot.violations()?,
    })
}

fn of_file<T>(
    file: &Path,
    read: impl FnOnce(&Snapshot) -> Result<T, StoreError>,
) -> anyhow::Result<Books<T>> {
    let snapshot = Snapshot::open(file)?;
    Ok(Books {
        offsets: snapshot.offsets()?,
        read: read(&snapshot)?,
    })
}

/// The database at `url`, as an installation's.
///
/// # Errors
/// Not a URL.
pub fn mysql(url: &str, settings: &Settings, installation: [u8; 16]) -> anyhow::Result<Mysql> {
    let ca = &settings.stores.ca;
    let place = Place {
        // One product, two names.
        url: url.replacen("mariadb://", "mysql://", 1),
        ca: (!ca.as_os_str().is_empty()).then(|| ca.clone()),
        installation,
    };
    Ok(Mysql::at(&place, Handle::current())?)
}

/// The database at `url`, for those who claim nothing.
///
/// # Errors
/// Not a URL.
pub fn nobodys_mysql(url: &str, settings: &Settings) -> anyhow::Result<Mysql> {
    mysql(url, settings, [0; 16])
}

/// Why the schema cannot be used, and what to do.
fn unusable(error: SchemaError, place: &str) -> anyhow::Error {
    let hint = match &error {
        SchemaError::Newer { .. } => "start the newer build, or bring back a backup from before it",
        SchemaError::Locked => "look whether it is at work still",
        _ => "run `weir migrate up` as a user who may change the schema",
    };
    anyhow::Error::new(error).context(format!("the store at {place} cannot be used: {hint}"))
}

/// Goes on without the store, from what is known, and brings its schema up once it is there: until then nothing is
/// claimed. Gives how far it was.
fn wait_behind(
    mysql: &Arc<Mysql>,
    known: Option<&Known>,
    why: anyhow::Error,
) -> anyhow::Result<Cursors> {
    let place = mysql.place();
    let Some(known) = known else {
        return Err(why).with_context(|| {
            format!(
                "the store at {place} cannot be reached, and nothing is known yet that clicks could be answered by: \
                 start it, or look at [stores] state"
            )
        });
    };
    let why = format!("{why:#}");
    tracing::warn!(%place, why, "the store is away; clicks are taken, and judged once it is back");
    let mysql = Arc::clone(mysql);
    tokio::spawn(async move {
        while let Err(error) = mysql.migrate().await {
            if !matches!(error, SchemaError::Unavailable(_)) {
                let error = unusable(error, &mysql.place());
                tracing::error!("{error:#}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    Ok(known.offsets)
}

/// The next fact wanted of each partition.
pub fn cursors(partitions: &[PartitionState]) -> Cursors {
    let offsets = partitions.iter().map(|p| (p.partition, p.next_offset));
    offsets.collect()
}
