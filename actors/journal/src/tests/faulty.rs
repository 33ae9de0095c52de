//! A disk on which chosen operations fail.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use crate::disk::{Disk, DiskFile, RealDisk};

/// What goes wrong.
#[derive(Default)]
pub(super) struct Faults {
    /// Every sync fails with EIO.
    pub sync_fails: AtomicBool,
    /// Every write fails with EIO.
    pub write_fails: AtomicBool,
    /// Writes take so many bytes at a time; 0 = all.
    pub short_writes: AtomicUsize,
    /// Nothing can be allocated.
    pub no_space: AtomicBool,
    /// Syncs that were tried.
    pub syncs: AtomicUsize,
    /// Syncs of segments wait at a gate, and go through one a permit.
    pub is_gated: AtomicBool,
    /// Syncs that may go through the gate.
    pub permits: AtomicUsize,
    /// Syncs that have come to the gate.
    pub at_gate: AtomicUsize,
}

impl Faults {
    fn pass_gate(&self) {
        self.at_gate.fetch_add(1, SeqCst);
        let take = |permits: usize| permits.checked_sub(1);
        while self.is_gated.load(SeqCst) && self.permits.fetch_update(SeqCst, SeqCst, take).is_err()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The real file system with faults.
pub(super) struct FaultyDisk(pub Arc<Faults>);

struct FaultyFile {
    real: Box<dyn DiskFile>,
    is_segment: bool,
    faults: Arc<Faults>,
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

impl Disk for FaultyDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FaultyFile {
            real: RealDisk.open(path)?,
            is_segment: path.to_string_lossy().contains("segment-"),
            faults: Arc::clone(&self.0),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.sync_folder(folder)
    }
}

impl DiskFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], place: u64) -> io::Result<usize> {
        if self.faults.write_fails.load(SeqCst) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let most = match self.faults.short_writes.load(SeqCst) {
            0 => bytes.len(),
            most => most.min(bytes.len()),
        };
        self.real.write_at(&bytes[..most], place)
    }

    fn sync(&self) -> io::Result<()> {
        self.faults.syncs.fetch_add(1, SeqCst);
        if self.is_segment {
            self.faults.pass_gate();
        }
        if self.faults.sync_fails.load(SeqCst) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        self.real.sync()
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        if self.faults.no_space.load(SeqCst) {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        self.real.allocate(bytes)
    }
}
