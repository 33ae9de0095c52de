//! The data folder: where everything lives that must survive.
//!
//! ```text
//! DIR/journal/    segments, indexes, cut/
//! DIR/state.db    the embedded store
//! DIR/secrets/    master (0600)
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Length of the master secret in bytes.
const MASTER_BYTES: usize = 32;

/// See the module.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// The folder at `path`, made if it is not there.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        for folder in [path.to_owned(), path.join("secrets")] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Self::open(path)
    }

    /// The folder at `path`, which must be there.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let path = path
            .canonicalize()
            .with_context(|| format!("no data folder at {}", path.display()))?;
        Ok(Self(path))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The log.
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// The embedded store.
    pub fn store(&self) -> PathBuf {
        self.0.join("state.db")
    }

    /// Where a running server listens.
    pub fn running(&self) -> PathBuf {
        self.0.join("running.json")
    }

    /// The secrets.
    pub fn secrets(&self) -> PathBuf {
        self.0.join("secrets")
    }

    /// The master secret; made on first use, and then said so.
    pub fn master_secret(&self) -> anyhow::Result<[u8; MASTER_BYTES]> {
        let file = self.secrets().join("master");
        if !file.exists() {
            self.make_master(&file)?;
        }
        let mut secret = [0; MASTER_BYTES];
        File::open(&file)
            .and_then(|mut f| f.read_exact(&mut secret))
            .with_context(|| format!("cannot read {}", file.display()))?;
        Ok(secret)
    }

    fn make_master(&self, file: &Path) -> anyhow::Result<()> {
        let mut secret = [0; MASTER_BYTES];
        getrandom::fill(&mut secret).context("no randomness from the system")?;
        let (temporary, mut out) = private_file(&self.secrets().join("master.new"))?;
        out.write_all(&secret)?;
        out.sync_all()?;
        fs::rename(temporary, file)?;
        File::open(self.secrets())?.sync_all()?;
        tracing::info!(file = %file.display(), "made the master secret; back it up: click ids and tokens depend on it");
        Ok(())
    }
}

/// A new file that only its owner can read, in place of an old one.
pub fn private_file(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    Ok((path.to_owned(), file))
}
