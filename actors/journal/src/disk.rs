//! The file operations that can lose data, behind a trait so that a test can make any one of them fail.
//!
//! Reading is not here: a wrong read is caught by checksums, wherever it happens.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A folder of segment files, as their writer sees it.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Opens a file for reading and writing, creating it empty when it is missing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// A file whose writes are acknowledged to somebody.
pub(crate) trait DiskFile: Send + Sync {
    /// Writes some of `bytes` at `place`; gives how many.
    fn write_at(&self, bytes: &[u8], place: u64) -> io::Result<usize>;
    /// Waits until what was written is on disk.
    fn sync(&self) -> io::Result<()>;
    /// Takes the space of `bytes` bytes from the file system and makes the file that long.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
}

/// Writes all of `bytes` at `place`.
pub(crate) fn write_all(file: &dyn DiskFile, mut bytes: &[u8], mut place: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, place) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                place += written as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Bytes that are zeroed between two syncs: small, so that a click's sync never waits behind 64 MB of zeros.
const ZERO_CHUNK: usize = 1 << 20;

/// Makes `file` exactly `bytes` long, allocated and zero, on disk.
pub(crate) fn fill_with_zeros(file: &dyn DiskFile, bytes: u64) -> io::Result<()> {
    file.allocate(bytes)?;
    let zeros = vec![0; ZERO_CHUNK.min(bytes as usize)];
    let mut place = 0;
    while place < bytes {
        let length = zeros.len().min((bytes - place) as usize);
        write_all(file, &zeros[..length], place)?;
        file.sync()?;
        place += length as u64;
    }
    Ok(())
}

/// The real file system.
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], place: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, place)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(self, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            // A file system without it gets its space from the zeros that follow.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => self.set_len(bytes),
            Err(e) => Err(e.into()),
        }
    }
}

/// The part of `path` from `place` on that is there, at most `length` bytes.
pub(crate) fn read_range(file: &File, place: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut read = 0;
    while read < length {
        match file.read_at(&mut bytes[read..], place + read as u64) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}
