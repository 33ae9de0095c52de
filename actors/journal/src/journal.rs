//! The handles: [`Journal`] for the process that writes, [`StoredLog`] for one that only reads its folder.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use weir_engine::click_id::ClickId;
use weir_engine::ids::UnixMs;
use weir_engine::ports::{ClickLookup, Found, LookupError, PortFuture};

use crate::bell::{ORDER_CLOSE, ORDER_SYNC, ORDER_TURN};
use crate::disk::{Disk, RealDisk};
use crate::error::OpenError;
use crate::folder::Folder;
use crate::format::FIRST_GROUP;
use crate::head::Place;
use crate::health::Health;
use crate::lane::Lane;
use crate::open::{Running, Threads, open};
use crate::reader::{ReadError, Reader, Until};
use crate::recover::survey_beside_a_writer;
use crate::segments::{Index, Segment, Segments};
use crate::{Cursors, Durability, FolderLock, Options, lookup};

/// A journal that this process writes. Clones share it; the last one dropped closes it.
#[derive(Clone)]
pub struct Journal(Arc<Owner>);

struct Owner {
    running: Running,
    shared_lane: Lane,
    folder: PathBuf,
    /// Taken by whoever closes: joins the threads, then gives the folder back.
    held: Mutex<Option<(Threads, FolderLock)>>,
}

/// The journal had stopped before what was asked could be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("journal has stopped")]
pub struct HasStopped;

impl Journal {
    /// Opens the journal below the data folder `data`, making it if there is none; takes the folder's lock.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(data: &Path, options: &Options) -> Result<Self, OpenError> {
        Self::open_on(data, options, Arc::new(RealDisk))
    }

    /// Opens the journal as [`Journal::open`] does, with the folder's lock, which the caller has taken before.
    ///
    /// # Errors
    /// See [`OpenError`]; never [`OpenError::Locked`].
    pub fn open_locked(
        data: &Path,
        options: &Options,
        lock: FolderLock,
    ) -> Result<Self, OpenError> {
        Self::run(data, options, lock, Arc::new(RealDisk))
    }

    pub(crate) fn open_on(
        data: &Path,
        options: &Options,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, OpenError> {
        std::fs::create_dir_all(data).map_err(|e| OpenError::io(data, e))?;
        Self::run(data, options, FolderLock::take(data)?, disk)
    }

    fn run(
        data: &Path,
        options: &Options,
        lock: FolderLock,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, OpenError> {
        let (running, threads) = open(data, options, disk)?;
        let shared_lane = Lane::new(running.lanes.add(), Arc::clone(&running.doors));
        Ok(Self(Arc::new(Owner {
            running,
            shared_lane,
            folder: data.to_path_buf(),
            held: Mutex::new(Some((threads, lock))),
        })))
    }

    /// A lane of its own, for one core's runtime: run its [`Lane::drain`] there.
    #[must_use]
    pub fn lane(&self) -> Lane {
        let running = &self.0.running;
        Lane::new(running.lanes.add(), Arc::clone(&running.doors))
    }

    /// The lane for everybody else; its appends are woken one by one.
    #[must_use]
    pub fn shared_lane(&self) -> Lane {
        self.0.shared_lane.clone()
    }

    /// Reads facts from `cursors` on.
    ///
    /// # Errors
    /// [`ReadError::Removed`] when retention has removed facts that were asked for.
    pub fn read_from(&self, cursors: Cursors) -> Result<Reader, ReadError> {
        let running = &self.0.running;
        let until = Until::Head(Arc::clone(&running.head));
        Reader::new(Arc::clone(&running.segments), until, cursors)
    }

    /// The next seq of each partition: everything before it is durable.
    #[must_use]
    pub fn end(&self) -> Cursors {
        self.0.running.head.durable()
    }

    /// The oldest facts that are kept.
    #[must_use]
    pub fn start(&self) -> Cursors {
        start_of(&self.0.running.segments)
    }

    /// The greatest time of a click id that is, or ever was, in the journal, in Unix milliseconds; 0 = none.
    /// Ids are minted after it.
    #[must_use]
    pub fn greatest_id_ms(&self) -> u64 {
        greatest_id_ms(&self.0.running.segments)
    }

    /// Whether it takes facts, and how much room it has.
    #[must_use]
    pub fn health(&self) -> Health {
        let running = &self.0.running;
        let is_full = running
            .doors
            .full
            .load(std::sync::atomic::Ordering::Acquire);
        running.vitals.health(is_full)
    }

    /// What an acknowledged fact survives.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.0.running.durability
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Waits until everything appended before is on disk, whatever the durability.
    ///
    /// # Errors
    /// [`HasStopped`] when a write or sync failed.
    pub fn sync_now(&self) -> Result<(), HasStopped> {
        self.order(ORDER_SYNC)
    }

    /// Finishes the open segment and begins the next, so that all facts so far lie in finished segments.
    /// Nothing happens when the open segment is empty or there is no room for another.
    ///
    /// # Errors
    /// [`HasStopped`] when a write or sync failed.
    pub fn turn(&self) -> Result<(), HasStopped> {
        self.order(ORDER_TURN)
    }

    fn order(&self, order: u8) -> Result<(), HasStopped> {
        let running = &self.0.running;
        let is_done = running.orders.ask(&running.doors.bell, order);
        if is_done { Ok(()) } else { Err(HasStopped) }
    }

    /// Takes no more facts, writes what waits, syncs, ends the threads and gives the folder's lock back.
    /// Reading and looking up go on. The last segment stays open: the next start goes on in it.
    ///
    /// # Errors
    /// [`HasStopped`] when a write or sync failed, now or before.
    pub fn close(&self) -> Result<(), HasStopped> {
        self.0.close()
    }

    pub(crate) fn running(&self) -> &Running {
        &self.0.running
    }

    /// Finds a click; reads files on the calling thread.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn find_now(&self, click_id: ClickId) -> Result<Found, ReadError> {
        let running = &self.0.running;
        lookup::find(&running.segments, click_id, &|segment| {
            running.keeper.seal(Arc::clone(segment));
        })
    }
}

impl Owner {
    fn close(&self) -> Result<(), HasStopped> {
        let mut held = self.held.lock().unwrap_or_else(|p| p.into_inner());
        let Some((threads, lock)) = held.take() else {
            return match self.running.vitals.has_failed() {
                true => Err(HasStopped),
                false => Ok(()),
            };
        };
        let is_done = self
            .running
            .orders
            .ask(&self.running.doors.bell, ORDER_CLOSE);
        self.running.vitals.close();
        self.running.keeper.close();
        let joined = threads.map(std::thread::JoinHandle::join);
        drop(lock);
        match is_done && joined.iter().all(Result::is_ok) {
            true => Ok(()),
            false => Err(HasStopped),
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if self.close().is_err() {
            tracing::warn!("journal had stopped before it was closed");
        }
    }
}

impl ClickLookup for Journal {
    fn find(&self, click_id: ClickId) -> PortFuture<'_, Result<Found, LookupError>> {
        Box::pin(async move {
            self.find_now(click_id)
                .map_err(|error| LookupError(Box::new(error)))
        })
    }

    fn kept_after(&self) -> UnixMs {
        UnixMs(self.0.running.segments.horizon())
    }
}

impl ClickLookup for StoredLog {
    fn find(&self, click_id: ClickId) -> PortFuture<'_, Result<Found, LookupError>> {
        Box::pin(async move {
            self.find_now(click_id)
                .map_err(|error| LookupError(Box::new(error)))
        })
    }

    fn kept_after(&self) -> UnixMs {
        UnixMs(self.segments.horizon())
    }
}

fn start_of(segments: &Segments) -> Cursors {
    let all = segments.all();
    all.first()
        .map_or(Cursors::START, |first| first.header.start)
}

fn greatest_id_ms(segments: &Segments) -> u64 {
    let kept = segments.all().iter().map(|s| s.ids().greatest).max();
    kept.unwrap_or(0).max(segments.horizon())
}

/// A journal's folder, opened to read: takes no lock, changes nothing, and another process may be writing there.
/// It ends where the last intact group ended when it was opened.
pub struct StoredLog {
    segments: Arc<Segments>,
    until: Place,
    end: Cursors,
}

impl StoredLog {
    /// Opens the journal below the data folder `data`.
    ///
    /// # Errors
    /// See [`OpenError`]; never [`OpenError::Locked`].
    pub fn open(data: &Path) -> Result<Self, OpenError> {
        let folder = Folder::below(data);
        let found = survey_beside_a_writer(&folder)?;
        let horizon = folder
            .horizon()
            .map_err(|e| OpenError::io(&folder.path().join("horizon"), e))?;
        let mut list = found.finished;
        let mut until = Place {
            segment: 0,
            offset: FIRST_GROUP,
        };
        let mut end = Cursors::START;
        if let Some(last) = found.last {
            let scan = last.scan;
            let seal = scan.seal(&last.header);
            until = Place {
                segment: last.header.segment,
                offset: scan.end,
            };
            end = scan.next;
            let index = Index::Memory(scan.index);
            let segment = Segment::finished(&folder, last.header, seal, false, index);
            list.push(Arc::new(segment));
        }
        let segments = Arc::new(Segments::new(folder, list, horizon.unwrap_or(0)));
        Ok(Self {
            segments,
            until,
            end,
        })
    }

    /// Reads facts from `cursors` on, up to [`Self::end`].
    ///
    /// # Errors
    /// [`ReadError::Removed`] when retention has removed facts that were asked for.
    pub fn read_from(&self, cursors: Cursors) -> Result<Reader, ReadError> {
        let until = Until::Place(self.until);
        Reader::new(Arc::clone(&self.segments), until, cursors)
    }

    /// The oldest facts that are kept.
    #[must_use]
    pub fn start(&self) -> Cursors {
        start_of(&self.segments)
    }

    /// The next seq of each partition after the last intact group.
    #[must_use]
    pub fn end(&self) -> Cursors {
        self.end
    }

    /// See [`Journal::greatest_id_ms`].
    #[must_use]
    pub fn greatest_id_ms(&self) -> u64 {
        greatest_id_ms(&self.segments)
    }

    /// Finds a click among what was there when the folder was opened.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn find_now(&self, click_id: ClickId) -> Result<Found, ReadError> {
        lookup::find(&self.segments, click_id, &|_| {})
    }
}
