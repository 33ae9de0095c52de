//! The keeper: a thread that does for the writer what must not make it wait. It keeps one spare segment ready,
//! zeroed and allocated, and seals finished segments (click index, then seal).
//!
//! Always true: P1 a spare is handed out once, zero and on disk; P2 the journal's files never take more than
//! `max_bytes`; P3 a seal is written only after the records before it and the index are on disk.
//! A spare that cannot be made (no space) is tried again every [`RETRY`], and at once when space was given up.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::disk::{Disk, DiskFile, fill_with_zeros, write_all};
use crate::format::Seal;
use crate::index::{read_header, write_index};
use crate::lane::Doors;
use crate::scan::index_of;
use crate::segments::{Index, Segment, Segments};

const RETRY: Duration = Duration::from_millis(500);

/// A zeroed file, to become a segment.
pub(crate) struct Spare {
    pub file: Box<dyn DiskFile>,
    pub path: PathBuf,
}

enum Stock {
    /// Being made, or about to be.
    Wanted,
    Ready(Spare),
    /// Given to the writer, which has not made it a segment yet.
    HandedOut,
    /// Could not be made; will be tried again.
    Lacking,
}

struct State {
    stock: Stock,
    /// A file of the right size that was given up: the next spare is made of it.
    given_up: Option<PathBuf>,
    next_spare: u64,
    to_seal: VecDeque<Arc<Segment>>,
    is_closing: bool,
}

/// What to do next.
enum Job {
    MakeSpare(Option<PathBuf>, u64),
    Seal(Arc<Segment>),
    End,
}

struct CloseAtEnd<'a>(&'a Keeper);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

pub(crate) struct Keeper {
    state: Mutex<State>,
    changed: Condvar,
    disk: Arc<dyn Disk>,
    segments: Arc<Segments>,
    doors: Arc<Doors>,
    segment_bytes: u32,
    max_bytes: u64,
}

impl Keeper {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        segments: Arc<Segments>,
        doors: Arc<Doors>,
        (segment_bytes, max_bytes): (u32, u64),
        leftover_spares: &[u64],
    ) -> Self {
        let to_seal = segments
            .all()
            .into_iter()
            .filter(|s| s.seal().is_some())
            .filter(|s| !s.is_sealed() || matches!(s.index(), Index::Missing))
            .collect();
        let state = State {
            stock: Stock::Wanted,
            given_up: None,
            next_spare: leftover_spares.iter().max().map_or(1, |max| max + 1),
            to_seal,
            is_closing: false,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            disk,
            segments,
            doors,
            segment_bytes,
            max_bytes,
        }
    }

    /// Size of the segments that are made now.
    pub(crate) fn segment_bytes(&self) -> u32 {
        self.segment_bytes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|p| p.into_inner())
    }

    /// The spare, waiting while it is being made; `None` when there is no room for one. Then appends are refused
    /// as "full" until there is.
    pub(crate) fn take_spare(&self) -> Option<Spare> {
        let mut state = self.lock();
        loop {
            match std::mem::replace(&mut state.stock, Stock::HandedOut) {
                Stock::Ready(spare) => return Some(spare),
                Stock::Lacking => {
                    state.stock = Stock::Lacking;
                    // Set under the lock under which it is cleared, so it cannot stay when a spare has come.
                    if !self.doors.full.swap(true, Ordering::AcqRel) {
                        tracing::warn!("journal is full: appends are refused until there is room");
                    }
                    return None;
                }
                other if state.is_closing => {
                    state.stock = other;
                    return None;
                }
                other => {
                    state.stock = other;
                    state = self.changed.wait(state).unwrap_or_else(|p| p.into_inner());
                }
            }
        }
    }

    /// The spare that was handed out is a segment now, and counted as one: the next may be made.
    pub(crate) fn spare_is_used(&self) {
        self.lock().stock = Stock::Wanted;
        self.changed.notify_all();
    }

    /// Asks for a finished segment to be sealed.
    pub(crate) fn seal(&self, segment: Arc<Segment>) {
        self.lock().to_seal.push_back(segment);
        self.changed.notify_all();
    }

    /// A segment file is no longer needed; it becomes a spare or is deleted.
    pub(crate) fn give_up(&self, segment: &Segment, is_shared: bool) -> io::Result<()> {
        let mut state = self.lock();
        let is_usable = segment.header.size == self.segment_bytes && !is_shared;
        if is_usable && state.given_up.is_none() {
            let path = self.segments.folder.spare(state.next_spare);
            state.next_spare += 1;
            std::fs::rename(&segment.path, &path)?;
            state.given_up = Some(path);
        } else {
            std::fs::remove_file(&segment.path)?;
        }
        if matches!(state.stock, Stock::Lacking) {
            state.stock = Stock::Wanted;
        }
        drop(state);
        self.changed.notify_all();
        match std::fs::remove_file(&segment.index_path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => self.disk.sync_folder(self.segments.folder.path()),
        }
    }

    pub(crate) fn close(&self) {
        self.lock().is_closing = true;
        self.changed.notify_all();
    }

    /// The thread's work, until [`Self::close`].
    pub(crate) fn run(&self) {
        // However this ends, the writer must not wait for a spare that nobody makes.
        let _last = CloseAtEnd(self);
        loop {
            match self.next_job() {
                Job::MakeSpare(given_up, number) => self.restock(given_up, number),
                Job::Seal(segment) => {
                    if let Err(error) = self.write_seal(&segment) {
                        let number = segment.number;
                        tracing::warn!(segment = number, %error, "segment is not sealed yet");
                        let mut state = self.lock();
                        state.to_seal.push_back(segment);
                        drop(self.changed.wait_timeout(state, RETRY));
                    }
                }
                Job::End => return,
            }
        }
    }

    fn next_job(&self) -> Job {
        let mut state = self.lock();
        loop {
            if state.is_closing {
                return Job::End;
            }
            if matches!(state.stock, Stock::Wanted) {
                let number = state.next_spare;
                state.next_spare += 1;
                return Job::MakeSpare(state.given_up.take(), number);
            }
            if let Some(segment) = state.to_seal.pop_front() {
                return Job::Seal(segment);
            }
            if !matches!(state.stock, Stock::Lacking) {
                state = self.changed.wait(state).unwrap_or_else(|p| p.into_inner());
            } else {
                let waited = self.changed.wait_timeout(state, RETRY);
                state = waited.unwrap_or_else(|p| p.into_inner()).0;
                if matches!(state.stock, Stock::Lacking) {
                    state.stock = Stock::Wanted;
                }
            }
        }
    }

    fn restock(&self, given_up: Option<PathBuf>, number: u64) {
        let made = self.make_spare(given_up.as_deref(), number);
        let mut state = self.lock();
        match made {
            Ok(spare) => {
                state.stock = Stock::Ready(spare);
                if self.doors.full.swap(false, Ordering::AcqRel) {
                    tracing::info!("journal has room again");
                }
            }
            Err(error) => {
                if !matches!(error.kind(), io::ErrorKind::QuotaExceeded) {
                    tracing::warn!(%error, "no spare segment could be made");
                }
                state.stock = Stock::Lacking;
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    fn make_spare(&self, given_up: Option<&Path>, number: u64) -> io::Result<Spare> {
        let size = u64::from(self.segment_bytes);
        if self.segments.bytes() + size > self.max_bytes {
            if let Some(path) = given_up {
                std::fs::remove_file(path)?;
            }
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let path = match given_up {
            Some(path) => path.to_path_buf(),
            None => self.segments.folder.spare(number),
        };
        let made = self
            .disk
            .open(&path)
            .and_then(|file| fill_with_zeros(&*file, size).map(|()| file));
        match made {
            Ok(file) => Ok(Spare { file, path }),
            Err(error) => {
                // What there is of it would only take space that others need.
                let _ = std::fs::remove_file(&path);
                Err(error)
            }
        }
    }

    fn write_seal(&self, segment: &Segment) -> io::Result<()> {
        let Some(seal) = segment.seal() else {
            return Ok(());
        };
        let index = match segment.index() {
            Index::Memory(index) => index,
            Index::File(_) => return Ok(()),
            Index::Missing => index_of(segment).map_err(io::Error::other)?,
        };
        let of = (seal.end, &seal.chain);
        write_index(&segment.index_path, segment.number, of, &index.sorted())?;
        let file = self.disk.open(&segment.path)?;
        file.sync()?;
        self.disk.sync_folder(self.segments.folder.path())?;
        if !segment.is_sealed() {
            let block = seal.to_bytes(segment.number);
            write_all(&*file, &block, u64::from(Seal::PLACE))?;
            file.sync()?;
        }
        let index =
            read_header(&segment.index_path, segment.number, of).map_err(io::Error::other)?;
        segment.is_now_sealed(index);
        Ok(())
    }
}
