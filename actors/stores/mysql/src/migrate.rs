//! The schema of the database: which migrations there are, which are applied, and applying the rest.
//!
//! Always true: a database of a newer schema is refused before anything else is read from it or written to it; of
//! several processes that bring it up at the same time, one does and the others wait.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use refinery::{Migration, Runner};
use refinery_core::traits::r#async::{AsyncQuery, AsyncTransaction};
use refinery_core::{AsyncMigrate, error::Error as RefineryError};
use weir_engine::ports::StoreError;

use crate::failure::unavailable;
use crate::pool::Connections;

mod files {
    refinery::embed_migrations!("migrations");
}

/// How long bringing the schema up may take.
const MIGRATE_WITHIN: Duration = Duration::from_secs(600);
/// Seconds to wait for another process that brings it up.
const LOCK_SECONDS: u32 = 120;
/// The lock is of the database: others may have their own on the same server.
const LOCK: &str = "CONCAT('weir_migrate:', DATABASE())";

/// Why the schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database was written by a newer build: use that one, or a backup from before.
    #[error(
        "the database has schema {found}, this build knows schema {known}: it was written by a newer build"
    )]
    Newer {
        /// Version of the database.
        found: u32,
        /// The greatest version that this build knows.
        known: u32,
    },
    /// The database lacks migrations, and is only to be read: run `weir migrate up`.
    #[error(
        "the database has schema {found}, this build needs schema {known}: run `weir migrate up`"
    )]
    Older {
        /// Version of the database; 0 = none.
        found: u32,
        /// The version that this build needs.
        known: u32,
    },
    /// Another process has been bringing it up for too long.
    #[error(
        "another process has held the lock on the database's schema for {LOCK_SECONDS} s; try again when it is done"
    )]
    Locked,
    /// The server cannot be asked.
    #[error("the database cannot be reached")]
    Unavailable(#[from] StoreError),
    /// A migration could not be applied, or differs from the one that was.
    #[error("the schema cannot be migrated")]
    Migrate(#[from] RefineryError),
}

/// A migration and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// Whether the database has it.
    pub is_applied: bool,
    /// What it does.
    pub sql: String,
}

/// All migrations in order.
///
/// # Errors
/// [`SchemaError`] when the server cannot be asked, or is of a newer build.
pub async fn status(connections: &Connections) -> Result<Vec<Step>, SchemaError> {
    let applied = connections
        .with(MIGRATE_WITHIN, |c| Box::pin(applied_version(c)))
        .await?;
    refuse_newer(applied)?;
    Ok(steps(applied))
}

/// The migrations that [`up`] would apply.
///
/// # Errors
/// As [`status`].
pub async fn plan(connections: &Connections) -> Result<Vec<Step>, SchemaError> {
    let mut steps = status(connections).await?;
    steps.retain(|step| !step.is_applied);
    Ok(steps)
}

/// Applies what is missing; gives what was applied.
///
/// # Errors
/// [`SchemaError`].
pub async fn up(connections: &Connections) -> Result<Vec<Step>, SchemaError> {
    let missing = plan(connections).await?;
    if missing.is_empty() {
        return Ok(missing);
    }
    let applied = connections
        .with(MIGRATE_WITHIN, |c| {
            Box::pin(async move { Ok(apply(c).await) })
        })
        .await?;
    applied?;
    Ok(missing)
}

/// Refuses a database that is not of exactly this build's schema.
///
/// # Errors
/// [`SchemaError`].
pub async fn check(connections: &Connections) -> Result<(), SchemaError> {
    let missing = plan(connections).await?;
    match missing.first() {
        None => Ok(()),
        Some(first) => Err(SchemaError::Older {
            found: first.version - 1,
            known: known_version(),
        }),
    }
}

async fn apply(connection: &mut Conn) -> Result<(), SchemaError> {
    let lock = format!("SELECT GET_LOCK({LOCK}, {LOCK_SECONDS})");
    let got: Option<Option<u8>> = connection.query_first(lock).await.map_err(unavailable)?;
    if got.flatten() != Some(1) {
        return Err(SchemaError::Locked);
    }
    let migrated = runner().run_async(&mut Migrating(connection)).await;
    let unlock = format!("DO RELEASE_LOCK({LOCK})");
    connection.query_drop(unlock).await.map_err(unavailable)?;
    migrated?;
    Ok(())
}

async fn applied_version(connection: &mut Conn) -> Result<u32, StoreError> {
    let exists: Option<u8> = connection
        .query_first(
            "SELECT 1 FROM information_schema.tables
             WHERE table_schema = DATABASE() AND table_name = 'refinery_schema_history'",
        )
        .await
        .map_err(unavailable)?;
    if exists.is_none() {
        return Ok(0);
    }
    let sql = "SELECT CAST(COALESCE(MAX(version), 0) AS UNSIGNED) FROM refinery_schema_history";
    let version: Option<u32> = connection.query_first(sql).await.map_err(unavailable)?;
    Ok(version.unwrap_or(0))
}

fn steps(applied: u32) -> Vec<Step> {
    let step = |migration: &Migration| Step {
        version: number(migration),
        name: migration.name().to_owned(),
        is_applied: number(migration) <= applied,
        sql: migration.sql().unwrap_or_default().to_owned(),
    };
    runner().get_migrations().iter().map(step).collect()
}

fn runner() -> Runner {
    files::migrations::runner()
}

fn number(migration: &Migration) -> u32 {
    // Versions are the numbers in our own file names.
    migration.version().try_into().unwrap_or(u32::MAX)
}

fn known_version() -> u32 {
    steps(0).last().map_or(0, |step| step.version)
}

fn refuse_newer(found: u32) -> Result<(), SchemaError> {
    let known = known_version();
    if found > known {
        return Err(SchemaError::Newer { found, known });
    }
    Ok(())
}

/// A connection as the migrations' runner wants it. Definitions commit by themselves, so there is no transaction
/// round them: each statement of a migration can be run again.
struct Migrating<'c>(&'c mut Conn);

impl AsyncTransaction for Migrating<'_> {
    type Error = mysql_async::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &mut self,
        queries: T,
    ) -> Result<usize, Self::Error> {
        let mut count = 0;
        for query in queries {
            self.0.query_drop(query).await?;
            count += 1;
        }
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for Migrating<'_> {
    async fn query(&mut self, query: &str) -> Result<Vec<Migration>, mysql_async::Error> {
        let rows: Vec<(i32, String, String, String)> = self.0.query(query).await?;
        let applied = rows
            .into_iter()
            .filter_map(|(version, name, on, checksum)| {
                let on = time::OffsetDateTime::parse(
                    &on,
                    &time::format_description::well_known::Rfc3339,
                );
                Some(Migration::applied(
                    version,
                    name,
                    on.ok()?,
                    checksum.parse().ok()?,
                ))
            });
        Ok(applied.collect())
    }
}

impl AsyncMigrate for Migrating<'_> {}
