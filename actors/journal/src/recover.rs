//! What is in a journal's folder when it is opened.
//!
//! Sealed segments are trusted by header, seal and the header after them, without reading their records; so
//! opening takes the same time behind a million facts as behind none. A segment that was finished but not sealed,
//! and the last one, are read in full.
//! Always true: V1 only the last segment may end in a torn write; V2 nothing is changed here, what is to be cut is
//! only reported.

use std::path::Path;
use std::sync::Arc;

use crate::error::OpenError;
use crate::folder::{Folder, Listing};
use crate::format::{Chain, Flaw, Header, Seal, Unreadable};
use crate::index::read_header;
use crate::scan::{Scan, first_page, scan};
use crate::segments::{Index, Segment};
use crate::tail::Tail;
use crate::{Cursors, FIRST};

/// What was found.
pub(crate) struct Survey {
    /// All segments but the last.
    pub finished: Vec<Arc<Segment>>,
    /// The last one.
    pub last: Option<Last>,
    /// Numbers of spare files.
    pub spares: Vec<u64>,
}

/// The segment that was being written.
pub(crate) struct Last {
    pub header: Header,
    pub scan: Scan,
}

struct Page {
    header: Header,
    seal: Option<Seal>,
}

/// Looks at everything in `folder`.
pub(crate) fn survey(folder: &Folder) -> Result<Survey, OpenError> {
    let Listing { segments, spares } =
        folder.list().map_err(|e| OpenError::io(folder.path(), e))?;
    let pages = pages(folder, &segments)?;
    let mut finished = Vec::new();
    for (page, after) in pages.iter().zip(pages.iter().skip(1)) {
        finished.push(Arc::new(finished_segment(folder, page, &after.header)?));
    }
    let last = pages.last().map(|page| last_segment(folder, page));
    Ok(Survey {
        finished,
        last: last.transpose()?,
        spares,
    })
}

/// Like [`survey`] while another process may write, turn and remove segments: what looks wrong is looked at again
/// when the files are not the same any more.
pub(crate) fn survey_beside_a_writer(folder: &Folder) -> Result<Survey, OpenError> {
    beside_a_writer(folder, || survey(folder), Result::is_err)
}

/// Looks until the result is not `doubtful`, or the files stayed the same while it was made.
pub(crate) fn beside_a_writer<T>(
    folder: &Folder,
    look: impl Fn() -> Result<T, OpenError>,
    doubtful: impl Fn(&Result<T, OpenError>) -> bool,
) -> Result<T, OpenError> {
    let list = || folder.list().map_err(|e| OpenError::io(folder.path(), e));
    loop {
        let before = list()?.segments;
        let seen = look();
        if !doubtful(&seen) || list()?.segments == before {
            return seen;
        }
    }
}

fn pages(folder: &Folder, numbers: &[u64]) -> Result<Vec<Page>, OpenError> {
    if let Some(gap) = numbers.windows(2).find(|w| w[0] + 1 != w[1]) {
        let path = folder.segment(gap[0] + 1);
        return Err(OpenError::corrupt(&path, 0, "segment is missing"));
    }
    let mut pages: Vec<Page> = Vec::with_capacity(numbers.len());
    for &number in numbers {
        let path = folder.segment(number);
        let page = first_page(&path).map_err(|e| OpenError::io(&path, e))?;
        let header = Header::read(&page, number).map_err(|e| unreadable(&path, 0, e))?;
        let seal = match Seal::read(&page, number) {
            Ok(seal) => Some(seal),
            Err(Unreadable::Empty) => None,
            Err(e) => return Err(unreadable(&path, Seal::PLACE, e)),
        };
        pages.push(Page { header, seal });
    }
    if let Some(first) = pages.first()
        && first.header.segment == FIRST
        && (first.header.start != Cursors::START || first.header.chain != Chain::default())
    {
        let path = folder.segment(FIRST);
        return Err(OpenError::corrupt(
            &path,
            0,
            "first segment does not start at zero",
        ));
    }
    Ok(pages)
}

fn unreadable(path: &Path, place: u32, why: Unreadable) -> OpenError {
    match why {
        Unreadable::Empty => OpenError::corrupt(path, place, "header is empty"),
        Unreadable::Damaged(what) => OpenError::corrupt(path, place, what),
        Unreadable::Version(version) => OpenError::OtherFormat {
            file: path.to_path_buf(),
            version,
        },
    }
}

fn finished_segment(folder: &Folder, page: &Page, after: &Header) -> Result<Segment, OpenError> {
    let number = page.header.segment;
    let path = folder.segment(number);
    let (seal, is_sealed, index) = match &page.seal {
        Some(seal) => (seal.clone(), true, stored_index(folder, number, seal)),
        None => {
            let scan =
                scan(&path, &page.header, |_, _, _| {}).map_err(|e| OpenError::io(&path, e))?;
            let seal = scan.seal(&page.header);
            if let Some(flaw) = unfinished(&scan, &seal, after) {
                return Err(OpenError::corrupt(&path, flaw.place, flaw.what));
            }
            (seal, false, Index::Memory(scan.index))
        }
    };
    if (seal.chain, seal.next) != (after.chain, after.start) {
        let what = "segment does not go on where the one before it ended";
        return Err(OpenError::corrupt(&folder.segment(number + 1), 0, what));
    }
    let header = page.header.clone();
    Ok(Segment::finished(folder, header, seal, is_sealed, index))
}

/// Why a segment without a seal is not whole although another follows it.
fn unfinished(scan: &Scan, seal: &Seal, after: &Header) -> Option<Flaw> {
    match scan.tail {
        Tail::Damaged(flaw) => Some(flaw),
        Tail::Clean if (seal.chain, seal.next) == (after.chain, after.start) => None,
        Tail::Clean | Tail::Torn(_) => Some(Flaw {
            place: scan.end,
            what: "segment ends before the next one begins",
        }),
    }
}

fn stored_index(folder: &Folder, number: u64, seal: &Seal) -> Index {
    match read_header(&folder.index(number), number, (seal.end, &seal.chain)) {
        Ok(index) => Index::File(index),
        Err(flaw) => {
            tracing::warn!(
                segment = number,
                error = &flaw as &dyn std::error::Error,
                "click index is made again"
            );
            Index::Missing
        }
    }
}

fn last_segment(folder: &Folder, page: &Page) -> Result<Last, OpenError> {
    let path = folder.segment(page.header.segment);
    if page.seal.is_some() {
        let path = folder.segment(page.header.segment + 1);
        return Err(OpenError::corrupt(&path, 0, "segment is missing"));
    }
    let scan = scan(&path, &page.header, |_, _, _| {}).map_err(|e| OpenError::io(&path, e))?;
    if let Tail::Damaged(flaw) = scan.tail {
        return Err(OpenError::corrupt(&path, flaw.place, flaw.what));
    }
    Ok(Last {
        header: page.header.clone(),
        scan,
    })
}
