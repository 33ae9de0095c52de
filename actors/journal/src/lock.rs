//! One writer per data folder: a lock file that dies with its process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::OpenError;

/// The right to write in a data folder, held until dropped.
///
/// The file stays behind; only the kernel's lock on it counts, so a killed process leaves nothing to clean up.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock of `folder` at once, or says who has it.
    ///
    /// # Errors
    /// [`OpenError::Locked`] when another process (or this one) has it; [`OpenError::Io`] when the lock file
    /// cannot be made.
    pub fn take(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| OpenError::io(&path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let read = file.read_to_string(&mut text);
                return Err(OpenError::Locked {
                    folder: folder.to_path_buf(),
                    holder: read.ok().and_then(|_| text.trim().parse().ok()),
                });
            }
            Err(TryLockError::Error(e)) => return Err(OpenError::io(&path, e)),
        }
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        noted.map_err(|e| OpenError::io(&path, e))?;
        Ok(Self { _file: file })
    }
}
