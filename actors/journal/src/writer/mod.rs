//! The writer: one thread that takes what waits in the lanes, gives it numbers, writes it as groups and answers.
//!
//! Always true: W1 a seq is given only to a record that is written in the same group, so seqs have no gaps; W2 an
//! append is answered with a place only after its group is on disk (durability `fsync`) or handed to the operating
//! system (`os`), is in the click index and is visible to readers; W3 after the first failed write or sync nothing
//! is acknowledged any more: Linux may drop the page that could not be written, and a second sync would lie;
//! W4 what was taken from a lane is answered, even if this thread panics ([`Taken`] answers what is left).

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_engine::ports::AppendError;

use crate::bell::{ENOUGH, LONGEST_PACE, ORDER_CLOSE, ORDER_SYNC, ORDER_TURN};
use crate::disk::{Disk, DiskFile, write_all};
use crate::format::{Chain, FIRST_GROUP, Footer, Header, Seal};
use crate::head::{Group, Place};
use crate::index::MemoryIndex;
use crate::keeper::Spare;
use crate::open::Running;
use crate::segments::{Segment, Segments};
use crate::texts::Dictionary;
use crate::{Cursors, Durability};

mod batch;
mod lanes;
mod orders;

use batch::Draft;
pub(crate) use lanes::Lanes;
use lanes::Taken;
pub(crate) use orders::Orders;

/// The segment that is being written.
pub(crate) struct Open {
    pub file: Box<dyn DiskFile>,
    pub segment: Arc<Segment>,
    pub index: Arc<MemoryIndex>,
    /// Where the next group begins.
    pub at: u32,
    pub chain: Chain,
    pub next: Cursors,
    pub newest_at: u64,
}

pub(crate) struct Writer {
    around: Running,
    open: Open,
    dictionary: Dictionary,
    /// A buffer for the next large group: its pages have been touched.
    spare: Option<Vec<u8>>,
    /// How long the last sync took.
    last_sync: Duration,
    meters: Meters,
}

/// What is measured of each group, looked up once.
struct Meters {
    fsync_seconds: metrics::Histogram,
    append_seconds: metrics::Histogram,
    batch_facts: metrics::Histogram,
}

/// Why a group could not be written.
enum Failure {
    /// No room for another segment.
    Full,
    /// A write or sync failed.
    Stopped(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Stopped(error)
    }
}

/// Ends the journal for everybody when the writer ends, by whatever way.
struct Last<'a>(&'a Running);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        let around = self.0;
        if std::thread::panicking() {
            around.vitals.stop("the writer panicked".to_owned());
        }
        // What is taken here is answered "stopped" as it is dropped.
        drop(around.lanes.take(&around.doors, true));
        around.head.end();
        around.orders.end();
    }
}

impl Writer {
    pub(crate) fn new(around: Running, open: Open) -> Self {
        Self {
            around,
            open,
            dictionary: Dictionary::default(),
            spare: None,
            last_sync: Duration::ZERO,
            meters: Meters {
                fsync_seconds: metrics::histogram!("weir_journal_fsync_seconds"),
                append_seconds: metrics::histogram!("weir_journal_append_seconds"),
                batch_facts: metrics::histogram!("weir_journal_batch_facts"),
            },
        }
    }

    /// The thread's work, until it is ordered to close or a write fails.
    pub(crate) fn run(mut self) {
        let Self {
            around,
            open,
            dictionary,
            spare,
            last_sync,
            meters,
        } = &mut self;
        let last = Last(around);
        let mut work = Work {
            around: last.0,
            open,
            dictionary,
            spare,
            last_sync,
            meters,
        };
        around.doors.bell.answered_by(std::thread::current());
        loop {
            around
                .doors
                .bell
                .sleep(work.pace(), || around.lanes.oldest());
            let (orders, ticket) = around.orders.take(&around.doors.bell);
            let is_closing = orders & ORDER_CLOSE != 0;
            let mut taken = around.lanes.take(&around.doors, is_closing);
            if let Err(error) = work.obey(&mut taken, orders) {
                tracing::error!(%error, "journal write failed: nothing is acknowledged any more");
                // Before what is left in `taken` is answered: who is told "stopped" can ask why.
                around.vitals.stop(error.to_string());
                return;
            }
            around.orders.done(ticket);
            if is_closing {
                return;
            }
        }
    }
}

/// The writer at work.
struct Work<'a> {
    around: &'a Running,
    open: &'a mut Open,
    dictionary: &'a mut Dictionary,
    spare: &'a mut Option<Vec<u8>>,
    last_sync: &'a mut Duration,
    meters: &'a Meters,
}

impl Work<'_> {
    /// How long a busy core is waited for.
    fn pace(&self) -> Duration {
        LONGEST_PACE.min(*self.last_sync)
    }

    fn obey(&mut self, taken: &mut Vec<Taken>, orders: u8) -> io::Result<()> {
        self.write(taken)?;
        if orders & ORDER_TURN != 0 && self.open.at > FIRST_GROUP {
            match self.turn() {
                Ok(()) | Err(Failure::Full) => {}
                Err(Failure::Stopped(error)) => return Err(error),
            }
        }
        if orders & (ORDER_SYNC | ORDER_CLOSE) != 0 {
            self.open.file.sync()?;
        }
        Ok(())
    }

    /// Writes everything in `taken`, in as many groups as it needs.
    fn write(&mut self, taken: &mut Vec<Taken>) -> io::Result<()> {
        while taken.iter().any(Taken::has_more) {
            let draft = self.draft(taken);
            let written = match draft.facts {
                0 => self.turn(),
                _ => self.commit(draft, taken).map_err(Failure::from),
            };
            match written {
                Ok(()) => {}
                Err(Failure::Stopped(error)) => return Err(error),
                Err(Failure::Full) => {
                    for lane in taken.iter_mut() {
                        lane.refuse(AppendError::Full);
                    }
                }
            }
        }
        Ok(())
    }

    /// As many records as fit the segment and a group, also of those that come while it is made.
    fn draft(&mut self, taken: &mut Vec<Taken>) -> Draft {
        let waiting = taken.iter().map(Taken::bytes_left).sum();
        let mut draft = Draft::new(self.open, waiting);
        let bell = &self.around.doors.bell;
        let mut from = 0;
        while fill(&mut draft, &mut taken[from..], self.dictionary) {
            if (draft.facts as usize) < ENOUGH || !bell.brings_more(self.pace()) {
                break;
            }
            draft.grow(self.spare);
            from = taken.len();
            taken.extend(self.around.lanes.take(&self.around.doors, false));
        }
        draft
    }

    fn commit(&mut self, mut draft: Draft, taken: &mut [Taken]) -> io::Result<()> {
        let start = (self.open.segment.number, self.open.at);
        let records_end = draft.bytes.len();
        let ordinal = self.open.next.total();
        let chain = Footer::close(
            &mut draft.bytes,
            start,
            draft.facts,
            ordinal,
            draft.chaining,
        );
        write_all(&*self.open.file, &draft.bytes, u64::from(self.open.at))?;
        if self.around.durability == Durability::Fsync {
            let began = Instant::now();
            self.open.file.sync()?;
            *self.last_sync = began.elapsed();
            self.meters.fsync_seconds.record(*self.last_sync);
        }
        assert!(
            draft.next.total() == ordinal + u64::from(draft.facts),
            "W1: seqs have no gaps"
        );
        self.open.at += draft.bytes.len() as u32;
        self.open.chain = chain;
        self.open.next = draft.next;
        self.open.newest_at = self.open.newest_at.max(draft.newest_at);
        for (click_id, place) in &draft.clicks {
            self.open.index.insert(click_id, *place);
        }
        let records = batch::kept(draft.bytes, records_end, self.spare);
        self.publish(start, records);
        self.acknowledge(draft.facts, taken);
        Ok(())
    }

    /// Shows readers the group that was written from `start` on.
    fn publish(&mut self, (segment, offset): (u64, u32), records: Vec<u8>) {
        let left_over = self.around.head.publish(Arc::new(Group {
            start: Place { segment, offset },
            records,
            end: self.open.at,
            next: self.open.next,
        }));
        if let Some(buffer) = left_over.filter(|buffer| batch::is_spare(buffer.capacity())) {
            *self.spare = Some(buffer);
        }
    }

    fn acknowledge(&self, facts: u32, taken: &mut [Taken]) {
        if let Some(oldest) = taken.iter().filter_map(|lane| lane.oldest).min() {
            self.meters.append_seconds.record(oldest.elapsed());
        }
        self.meters.batch_facts.record(f64::from(facts));
        for lane in taken {
            lane.acknowledge();
        }
        let left = self.open.segment.header.size - self.open.at;
        self.around.vitals.set_left(left);
    }

    /// Finishes the open segment and begins the next.
    fn turn(&mut self) -> Result<(), Failure> {
        let spare = self.around.keeper.take_spare().ok_or(Failure::Full)?;
        if self.around.durability == Durability::Os {
            self.open.file.sync()?;
        }
        let header = Header {
            segment: self.open.segment.number + 1,
            size: self.around.keeper.segment_bytes(),
            chain: self.open.chain,
            start: self.open.next,
        };
        let opened = begin_segment(&*self.around.disk, &self.around.segments, spare, header)?;
        let finished = std::mem::replace(self.open, opened);
        finished.segment.finish(Seal {
            end: finished.at,
            facts: finished.next.total() - finished.segment.header.start.total(),
            chain: finished.chain,
            next: finished.next,
            ids: finished.index.ids(),
            newest_at: finished.newest_at,
        });
        self.around.segments.push(Arc::clone(&self.open.segment));
        self.around.keeper.spare_is_used();
        self.around.head.turn_to(Place {
            segment: self.open.segment.number,
            offset: self.open.at,
        });
        self.around.keeper.seal(finished.segment);
        self.dictionary.clear();
        let left = self.open.segment.header.size - self.open.at;
        self.around.vitals.set_left(left);
        self.around.vitals.report_room();
        Ok(())
    }
}

/// Puts what has no place yet into `draft`; false when not all of it fits.
fn fill(draft: &mut Draft, taken: &mut [Taken], dictionary: &mut Dictionary) -> bool {
    for lane in taken {
        while let Some(record) = lane.peek() {
            if !draft.has_room_for(&record) {
                return false;
            }
            let position = draft.push(&record, dictionary);
            lane.pass(position);
        }
    }
    true
}

/// Makes a spare the segment of `header`: header first, then the name, both on disk before anything is written.
pub(crate) fn begin_segment(
    disk: &dyn Disk,
    segments: &Segments,
    spare: Spare,
    header: Header,
) -> io::Result<Open> {
    let folder = &segments.folder;
    write_all(&*spare.file, &header.to_bytes(), 0)?;
    spare.file.sync()?;
    disk.rename(&spare.path, &folder.segment(header.segment))?;
    disk.sync_folder(folder.path())?;
    let index = Arc::new(MemoryIndex::new());
    let (chain, next) = (header.chain, header.start);
    let segment = Arc::new(Segment::open(folder, header, Arc::clone(&index)));
    Ok(Open {
        file: spare.file,
        segment,
        index,
        at: FIRST_GROUP,
        chain,
        next,
        newest_at: 0,
    })
}
