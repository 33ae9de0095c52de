//! Segment files as the journal has them: zero-written to their full size before their first use, so that a sync
//! writes no metadata of the file system.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

const SEGMENT: u64 = 64 << 20;

/// The open segment, and the next one in the making.
pub struct Segments {
    folder: PathBuf,
    open: File,
    at: u64,
    next: Option<JoinHandle<io::Result<File>>>,
    count: u64,
}

impl Segments {
    /// The first segment in `folder`.
    ///
    /// # Errors
    /// The disk fails.
    pub fn new(folder: &Path) -> io::Result<Self> {
        let mut segments = Self {
            folder: folder.to_owned(),
            open: zeroed(&folder.join("raw-0"), SEGMENT)?,
            at: 0,
            next: None,
            count: 0,
        };
        segments.make_next();
        Ok(segments)
    }

    fn make_next(&mut self) {
        self.count += 1;
        let path = self.folder.join(format!("raw-{}", self.count));
        self.next = Some(std::thread::spawn(move || zeroed(&path, SEGMENT)));
    }

    /// Room for so many bytes: a file and a place in it.
    ///
    /// # Errors
    /// The disk fails.
    pub fn place_of(&mut self, bytes: u64) -> io::Result<(&File, u64)> {
        if self.at + bytes > SEGMENT {
            let next = self.next.take().and_then(|next| next.join().ok());
            self.open = next.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))?;
            self.at = 0;
            self.make_next();
        }
        let at = self.at;
        self.at += bytes;
        Ok((&self.open, at))
    }
}

/// A file of zeros, all of them on disk.
///
/// # Errors
/// The disk fails.
pub fn zeroed(path: &Path, bytes: u64) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)?;
    let zeros = vec![0; 1 << 20];
    for place in (0..bytes).step_by(zeros.len()) {
        file.write_all_at(&zeros[..zeros.len().min((bytes - place) as usize)], place)?;
        file.sync_data()?;
    }
    Ok(file)
}
