//! Opening a journal to write: look, repair the tail, start the threads.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::disk::{Disk, fill_with_zeros, write_all};
use crate::error::OpenError;
use crate::folder::Folder;
use crate::format::{Chain, Header};
use crate::head::{Head, Place};
use crate::health::Vitals;
use crate::keeper::{Keeper, Spare};
use crate::lane::Doors;
use crate::recover::{Last, Survey, survey};
use crate::segments::{Segment, Segments};
use crate::tail::Tail;
use crate::writer::{Lanes, Open, Orders, Writer, begin_segment};
use crate::{Cursors, Durability, FIRST, Options};

/// A journal that runs: what its handles and threads share.
#[derive(Clone)]
pub(crate) struct Running {
    pub disk: Arc<dyn Disk>,
    pub durability: Durability,
    pub segments: Arc<Segments>,
    pub head: Arc<Head>,
    pub keeper: Arc<Keeper>,
    pub doors: Arc<Doors>,
    pub lanes: Arc<Lanes>,
    pub orders: Arc<Orders>,
    pub vitals: Arc<Vitals>,
}

/// Writer and keeper.
pub(crate) type Threads = [JoinHandle<()>; 2];

/// Opens the journal below `data`, whose lock the caller holds.
pub(crate) fn open(
    data: &Path,
    options: &Options,
    disk: Arc<dyn Disk>,
) -> Result<(Running, Threads), OpenError> {
    options.check()?;
    let folder = Folder::below(data);
    let make = std::fs::create_dir_all(folder.path()).and_then(|()| disk.sync_folder(data));
    make.map_err(|e| OpenError::io(folder.path(), e))?;
    let found = survey(&folder)?;
    check_reach(&found, options)?;
    let (segments, open) = take_up(&folder, &found, options, &*disk)?;
    for &spare in &found.spares {
        let path = folder.spare(spare);
        std::fs::remove_file(&path).map_err(|e| OpenError::io(&path, e))?;
    }
    start(segments, open, options, disk, &found.spares)
}

fn check_reach(found: &Survey, options: &Options) -> Result<(), OpenError> {
    let end = found.last.as_ref().map_or(Cursors::START, |l| l.scan.next);
    match end.first_behind(&options.must_reach) {
        None => Ok(()),
        Some(partition) => Err(OpenError::BehindStore {
            partition,
            store: options.must_reach.0[usize::from(partition)],
            journal: end.0[usize::from(partition)],
        }),
    }
}

/// The segments that were found, with the last one ready to be written.
fn take_up(
    folder: &Folder,
    found: &Survey,
    options: &Options,
    disk: &dyn Disk,
) -> Result<(Arc<Segments>, Open), OpenError> {
    let horizon = folder
        .horizon()
        .map_err(|e| OpenError::io(&folder.path().join("horizon"), e))?;
    let segments = |list| Arc::new(Segments::new(folder.clone(), list, horizon.unwrap_or(0)));
    match &found.last {
        Some(last) => {
            let open = reopen(folder, last, disk)?;
            let mut list = found.finished.clone();
            list.push(Arc::clone(&open.segment));
            Ok((segments(list), open))
        }
        None => {
            let segments = segments(Vec::new());
            let open = first_segment(&segments, options, disk)?;
            segments.push(Arc::clone(&open.segment));
            Ok((segments, open))
        }
    }
}

/// Makes the last segment writable again: what follows its last intact group is kept aside and zeroed.
fn reopen(folder: &Folder, last: &Last, disk: &dyn Disk) -> Result<Open, OpenError> {
    let number = last.header.segment;
    let path = folder.segment(number);
    let io = |e| OpenError::io(&path, e);
    let scan = &last.scan;
    let file = disk.open(&path).map_err(io)?;
    if let Tail::Torn(upto) = scan.tail {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_ms = now.map_or(0, |since| since.as_millis() as u64);
        let kept = folder
            .keep_cut(number, scan.end, now_ms, &scan.cut)
            .map_err(io)?;
        let (file, offset, bytes) = (path.display(), scan.end, upto - scan.end);
        tracing::warn!(%file, offset, bytes, kept = %kept.display(), "unfinished write was cut off");
    }
    if scan.is_short {
        file.allocate(u64::from(last.header.size)).map_err(io)?;
    }
    if scan.is_short || !scan.cut.is_empty() {
        let upto = if scan.is_short {
            last.header.size as usize
        } else {
            scan.end as usize + scan.cut.len()
        };
        let zeros = vec![0; upto - scan.end as usize];
        write_all(&*file, &zeros, u64::from(scan.end)).map_err(io)?;
        file.sync().map_err(io)?;
    }
    let index = Arc::clone(&scan.index);
    let segment = Segment::open(folder, last.header.clone(), Arc::clone(&index));
    Ok(Open {
        file,
        segment: Arc::new(segment),
        index,
        at: scan.end,
        chain: scan.chain,
        next: scan.next,
        newest_at: scan.newest_at,
    })
}

fn first_segment(
    segments: &Segments,
    options: &Options,
    disk: &dyn Disk,
) -> Result<Open, OpenError> {
    let path = segments.folder.spare(0);
    let io = |e| OpenError::io(&path, e);
    let file = disk.open(&path).map_err(io)?;
    fill_with_zeros(&*file, u64::from(options.segment_bytes)).map_err(io)?;
    let header = Header {
        segment: FIRST,
        size: options.segment_bytes,
        chain: Chain::default(),
        start: Cursors::START,
    };
    let spare = Spare {
        file,
        path: path.clone(),
    };
    begin_segment(disk, segments, spare, header).map_err(io)
}

fn start(
    segments: Arc<Segments>,
    open: Open,
    options: &Options,
    disk: Arc<dyn Disk>,
    spares: &[u64],
) -> Result<(Running, Threads), OpenError> {
    let doors = Arc::new(Doors::new(options));
    let end = Place {
        segment: open.segment.number,
        offset: open.at,
    };
    let head = Arc::new(Head::new(end, open.next, options.ring_bytes));
    let room = (options.segment_bytes, options.max_bytes);
    let keeper = Arc::new(Keeper::new(
        Arc::clone(&disk),
        Arc::clone(&segments),
        Arc::clone(&doors),
        room,
        spares,
    ));
    let vitals = Arc::new(Vitals::new(options.max_bytes, Arc::clone(&segments)));
    vitals.set_left(open.segment.header.size - open.at);
    vitals.report_room();
    let running = Running {
        disk,
        durability: options.durability,
        segments,
        head,
        keeper,
        doors,
        lanes: Arc::default(),
        orders: Arc::default(),
        vitals,
    };
    let writer = Writer::new(running.clone(), open);
    let keeper = Arc::clone(&running.keeper);
    let threads = [
        spawn("journal-writer", move || writer.run(), &running.segments)?,
        spawn("journal-keeper", move || keeper.run(), &running.segments)?,
    ];
    Ok((running, threads))
}

fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
    segments: &Segments,
) -> Result<JoinHandle<()>, OpenError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|e| OpenError::io(segments.folder.path(), e))
}
