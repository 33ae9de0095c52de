//! The store: its threads and connections on one file.

use std::path::{Path, PathBuf};

use crate::connection::open_writer;
use crate::migrate::{self, SchemaError};
use crate::readers::Readers;
use crate::report_threads::ReportThreads;
use crate::writer::Writer;

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// No thread could be started.
    #[error("no thread for the store")]
    Thread(#[source] std::io::Error),
}

/// All ports of the store on one file.
#[derive(Debug)]
pub struct Embedded {
    path: PathBuf,
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
    pub(crate) reports: ReportThreads,
}

impl Embedded {
    /// Opens the store at `path`, making it or bringing its schema up when that is needed.
    ///
    /// # Errors
    /// [`OpenError`]; a file of a newer schema is left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        migrate::up(&path)?;
        let connection = open_writer(&path).map_err(SchemaError::from)?;
        let writer = Writer::start(connection).map_err(OpenError::Thread)?;
        Ok(Self {
            readers: Readers::new(path.clone()),
            reports: ReportThreads::start(&path)?,
            writer,
            path,
        })
    }

    /// The file, for [`crate::Snapshot::open`] and [`crate::backup`].
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
