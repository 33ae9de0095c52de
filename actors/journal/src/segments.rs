//! The segments that are there: which facts each holds, how far it is written, where its click index is.
//!
//! Always true: G1 the list is gap-free by number and its last is the one being written; G2 a segment that is not
//! the last is finished; G3 a sealed one has its index on disk.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use crate::Cursors;
use crate::folder::Folder;
use crate::format::{Header, Seal};
use crate::index::{IdRange, IndexFile, MemoryIndex};

/// Where a segment's click index is.
#[derive(Clone)]
pub(crate) enum Index {
    Memory(Arc<MemoryIndex>),
    File(IndexFile),
    /// Not there or not to be trusted: to be made from the segment.
    Missing,
}

struct Progress {
    finished: Option<Seal>,
    is_sealed: bool,
    index: Index,
}

/// One segment.
pub(crate) struct Segment {
    pub number: u64,
    pub path: PathBuf,
    pub index_path: PathBuf,
    pub header: Header,
    progress: Mutex<Progress>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Segment {
    /// The segment that is being written.
    pub(crate) fn open(folder: &Folder, header: Header, index: Arc<MemoryIndex>) -> Self {
        Self::with(folder, header, None, false, Index::Memory(index))
    }

    /// A segment that is finished; `is_sealed` tells whether its seal is on disk.
    pub(crate) fn finished(
        folder: &Folder,
        header: Header,
        seal: Seal,
        is_sealed: bool,
        index: Index,
    ) -> Self {
        Self::with(folder, header, Some(seal), is_sealed, index)
    }

    fn with(
        folder: &Folder,
        header: Header,
        finished: Option<Seal>,
        is_sealed: bool,
        index: Index,
    ) -> Self {
        Self {
            number: header.segment,
            path: folder.segment(header.segment),
            index_path: folder.index(header.segment),
            header,
            progress: Mutex::new(Progress {
                finished,
                is_sealed,
                index,
            }),
        }
    }

    pub(crate) fn finish(&self, seal: Seal) {
        lock(&self.progress).finished = Some(seal);
    }

    pub(crate) fn is_now_sealed(&self, index: IndexFile) {
        let mut progress = lock(&self.progress);
        progress.is_sealed = true;
        progress.index = Index::File(index);
    }

    /// What the seal says or will say, once the segment is finished.
    pub(crate) fn seal(&self) -> Option<Seal> {
        lock(&self.progress).finished.clone()
    }

    pub(crate) fn is_sealed(&self) -> bool {
        lock(&self.progress).is_sealed
    }

    pub(crate) fn index(&self) -> Index {
        lock(&self.progress).index.clone()
    }

    pub(crate) fn set_index(&self, index: Index) {
        lock(&self.progress).index = index;
    }

    /// Times of the click ids in it.
    pub(crate) fn ids(&self) -> IdRange {
        let progress = lock(&self.progress);
        match (&progress.finished, &progress.index) {
            (Some(seal), _) => seal.ids,
            (None, Index::Memory(index)) => index.ids(),
            (None, _) => IdRange::EMPTY,
        }
    }
}

/// All segments of a journal.
pub(crate) struct Segments {
    pub folder: Folder,
    list: RwLock<VecDeque<Arc<Segment>>>,
    /// Space of all segment files.
    bytes: AtomicU64,
    /// Greatest click-id time that retention removed; 0 = none.
    horizon: AtomicU64,
}

impl Segments {
    pub(crate) fn new(folder: Folder, list: Vec<Arc<Segment>>, horizon: u64) -> Self {
        assert!(
            list.windows(2).all(|w| w[0].number + 1 == w[1].number),
            "G1"
        );
        Self {
            folder,
            bytes: AtomicU64::new(list.iter().map(|s| u64::from(s.header.size)).sum()),
            list: RwLock::new(list.into()),
            horizon: AtomicU64::new(horizon),
        }
    }

    /// A view of the list.
    pub(crate) fn all(&self) -> Vec<Arc<Segment>> {
        let list = self.list.read().unwrap_or_else(|p| p.into_inner());
        list.iter().cloned().collect()
    }

    pub(crate) fn get(&self, number: u64) -> Option<Arc<Segment>> {
        let list = self.list.read().unwrap_or_else(|p| p.into_inner());
        let first = list.front()?.number;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        list.get(at).cloned()
    }

    pub(crate) fn push(&self, segment: Arc<Segment>) {
        let mut list = self.list.write().unwrap_or_else(|p| p.into_inner());
        let follows = list
            .back()
            .is_none_or(|last| last.number + 1 == segment.number && last.seal().is_some());
        assert!(follows, "G1, G2");
        let size = u64::from(segment.header.size);
        self.bytes.fetch_add(size, Ordering::AcqRel);
        list.push_back(segment);
    }

    /// Takes the first segment off the list if it is `segment`.
    pub(crate) fn pop_first(&self, segment: &Arc<Segment>) -> bool {
        let mut list = self.list.write().unwrap_or_else(|p| p.into_inner());
        let is_first = list.front().is_some_and(|f| Arc::ptr_eq(f, segment));
        if is_first && list.len() > 1 {
            let size = u64::from(segment.header.size);
            self.bytes.fetch_sub(size, Ordering::AcqRel);
            list.pop_front();
            return true;
        }
        false
    }

    pub(crate) fn horizon(&self) -> u64 {
        self.horizon.load(Ordering::Acquire)
    }

    pub(crate) fn raise_horizon(&self, unix_ms: u64) {
        self.horizon.fetch_max(unix_ms, Ordering::AcqRel);
    }

    /// Space of all segment files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// The first segment that holds a fact at or after `cursors`, or the last one.
    pub(crate) fn first_for(&self, cursors: &Cursors) -> Option<Arc<Segment>> {
        let all = self.all();
        let wanted = all.iter().position(|segment| match segment.seal() {
            Some(seal) => !cursors.reaches(&seal.next),
            None => true,
        });
        wanted.map(|at| Arc::clone(&all[at]))
    }
}
