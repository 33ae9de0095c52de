//! The data folder: where everything lives that must survive.
//!
//! ```text
//! DIR/journal/    segments, indexes, cut/
//! DIR/state.db    the embedded store
//! DIR/known.json   with a store elsewhere: what was configured, for a start without it
//! DIR/secrets/    master (0600)
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
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

    /// What is wrong with who may enter: others than the owner.
    pub fn open_to_others(&self) -> std::io::Result<Option<String>> {
        let mode = fs::metadata(&self.0)?.permissions().mode() & 0o777;
        let says = || {
            format!(
                "{} is open to others (mode {mode:03o}): chmod 700 it",
                self.0.display()
            )
        };
        Ok((mode & 0o077 != 0).then(says))
    }

    /// The log.
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    /// The embedded store.
    pub fn store(&self) -> PathBuf {
        self.0.join("state.db")
    }

    /// What was configured, copied from a store elsewhere.
    pub fn known(&self) -> PathBuf {
        self.0.join("known.json")
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

/// A new file that only its owner can read, in place of an old one; what lies there, be it a link, is never opened.
pub fn private_file(path: &Path) -> std::io::Result<(PathBuf, File)> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    Ok((path.to_owned(), file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_new_and_never_what_a_link_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, path) = (folder.path().join("victim"), folder.path().join("f"));
        fs::write(&victim, "kept").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        for text in ["a", "b"] {
            let (_, mut out) = private_file(&path).unwrap();
            out.write_all(text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(out.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_to_string(&victim).unwrap(), "kept");
    }

    #[test]
    fn a_folder_that_others_may_enter_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::create(&folder.path().join("data")).unwrap();
        assert_eq!(data.open_to_others().unwrap(), None);
        for (mode, is_open) in [(0o750, true), (0o701, true), (0o700, false)] {
            fs::set_permissions(data.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(
                data.open_to_others().unwrap().is_some(),
                is_open,
                "{mode:o}"
            );
        }
    }
}
