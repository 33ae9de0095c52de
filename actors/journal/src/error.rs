//! Why a journal cannot be opened.

use std::io;
use std::path::{Path, PathBuf};

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes here: stop it, or use another folder.
    #[error("data folder {} is in use{}", folder.display(), holder.map_or(String::new(), |pid| format!(" by process {pid}")))]
    Locked {
        /// The data folder.
        folder: PathBuf,
        /// Its process id, when known.
        holder: Option<u32>,
    },
    /// What is on disk is not what was written: restore from a backup or a copy.
    #[error("{} is damaged at {offset}: {what}", file.display())]
    Corrupt {
        /// Which file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// Written by a build of another format: use that build.
    #[error("{} has format {version}, this build reads another", file.display())]
    OtherFormat {
        /// Which file.
        file: PathBuf,
        /// Its format.
        version: u32,
    },
    /// The store has effects of facts that are not in the journal: one of them is not the other's.
    #[error("store has come to fact {store} of partition {partition}, journal ends at {journal}")]
    BehindStore {
        /// Which partition.
        partition: u16,
        /// Next fact of the store.
        store: u64,
        /// Next fact of the journal.
        journal: u64,
    },
    /// The options contradict each other.
    #[error("journal options: {0}")]
    Options(&'static str),
    /// The file system refused.
    #[error("cannot use {}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn io(file: &Path, source: io::Error) -> Self {
        Self::Io {
            file: file.to_path_buf(),
            source,
        }
    }

    pub(crate) fn corrupt(file: &Path, place: u32, what: &'static str) -> Self {
        Self::Corrupt {
            file: file.to_path_buf(),
            offset: u64::from(place),
            what,
        }
    }
}
