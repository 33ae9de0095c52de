//! The schema of the file: which migrations there are, which are applied, and applying the rest.
//!
//! Always true: a file of a newer schema is refused before anything is read from it or written to it.

use std::path::Path;

use refinery::{Migration, Runner};
use rusqlite::Connection;

use crate::connection::{open_reader, open_writer};

mod files {
    refinery::embed_migrations!("migrations");
}

/// Why the schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The file was written by a newer build: use that one, or a backup from before.
    #[error(
        "the store has schema {found}, this build knows schema {known}: it was written by a newer build"
    )]
    Newer {
        /// Version of the file.
        found: u32,
        /// The greatest version that this build knows.
        known: u32,
    },
    /// The file lacks migrations, and is only to be read: run `weir migrate up`.
    #[error("the store has schema {found}, this build needs schema {known}: run `weir migrate up`")]
    Older {
        /// Version of the file; 0 = none.
        found: u32,
        /// The version that this build needs.
        known: u32,
    },
    /// The file cannot be opened or read.
    #[error("the store cannot be opened")]
    Open(#[from] rusqlite::Error),
    /// A migration could not be applied, or differs from the one that was.
    #[error("the schema cannot be migrated")]
    Migrate(#[from] refinery::Error),
}

/// A migration and whether the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// Whether the file has it.
    pub is_applied: bool,
    /// What it does.
    pub sql: String,
}

/// All migrations in order. A missing file has none of them.
///
/// # Errors
/// [`SchemaError`] when the file cannot be read, or is of a newer build.
pub fn status(path: &Path) -> Result<Vec<Step>, SchemaError> {
    let applied = if path.exists() {
        applied_version(&open_reader(path)?)?
    } else {
        0
    };
    refuse_newer(applied)?;
    let step = |migration: &Migration| Step {
        version: number(migration),
        name: migration.name().to_owned(),
        is_applied: number(migration) <= applied,
        sql: migration.sql().unwrap_or_default().to_owned(),
    };
    Ok(runner().get_migrations().iter().map(step).collect())
}

/// The migrations that [`up`] would apply.
///
/// # Errors
/// As [`status`].
pub fn plan(path: &Path) -> Result<Vec<Step>, SchemaError> {
    Ok(status(path)?
        .into_iter()
        .filter(|s| !s.is_applied)
        .collect())
}

/// Applies what is missing, making the file when there is none; gives what was applied.
///
/// # Errors
/// [`SchemaError`]; nothing is changed then.
pub fn up(path: &Path) -> Result<Vec<Step>, SchemaError> {
    let missing = plan(path)?;
    if !missing.is_empty() {
        runner().set_grouped(true).run(&mut open_writer(path)?)?;
    }
    Ok(missing)
}

/// Refuses a file that is not of exactly this build's schema.
pub(crate) fn check(connection: &Connection) -> Result<(), SchemaError> {
    let found = applied_version(connection)?;
    refuse_newer(found)?;
    match known_version() {
        known if found < known => Err(SchemaError::Older { found, known }),
        _ => Ok(()),
    }
}

fn runner() -> Runner {
    files::migrations::runner()
}

fn number(migration: &Migration) -> u32 {
    // Versions are the numbers in our own file names.
    migration.version().try_into().unwrap_or(u32::MAX)
}

fn known_version() -> u32 {
    runner()
        .get_migrations()
        .iter()
        .map(number)
        .max()
        .unwrap_or(0)
}

fn applied_version(connection: &Connection) -> Result<u32, SchemaError> {
    if !connection.table_exists(None, "refinery_schema_history")? {
        return Ok(0);
    }
    let sql = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

fn refuse_newer(found: u32) -> Result<(), SchemaError> {
    let known = known_version();
    if found > known {
        return Err(SchemaError::Newer { found, known });
    }
    Ok(())
}
