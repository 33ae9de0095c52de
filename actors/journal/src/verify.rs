//! Checking a journal's folder from end to end, and telling what is in it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::Cursors;
use crate::error::OpenError;
use crate::folder::Folder;
use crate::format::{FIRST_GROUP, Header, RawRecord, Seal, TextAt, Unreadable, definition};
use crate::index::{IndexFlaw, entries_of, read_header};
use crate::recover::{Survey, beside_a_writer, survey_beside_a_writer};
use crate::scan::{Scan, first_page, scan};
use crate::segments::Index;
use crate::tail::Tail;

/// The first wrong thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In which file.
    pub file: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// What is wrong.
    pub what: &'static str,
}

/// What [`verify`] has walked through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments read.
    pub segments: u64,
    /// Groups that hold.
    pub groups: u64,
    /// Facts that hold.
    pub facts: u64,
    /// Bytes of groups that hold.
    pub bytes: u64,
    /// The next seq of each partition after the last intact group.
    pub end: Cursors,
    /// Bytes of an unfinished write after it; a running writer may be at it.
    pub unfinished_bytes: u64,
    /// Click indexes that are missing; they are made again by the writer.
    pub missing_indexes: u64,
    /// The first wrong thing; `None` = the journal is sound.
    pub problem: Option<Problem>,
}

/// Reads every byte of the journal below the data folder `data`: checksums, lengths, footers, hash chain,
/// sequence, dictionary references, seals, indexes. Takes no lock; stops at the first wrong thing.
///
/// # Errors
/// [`OpenError::Io`] when files cannot be read, [`OpenError::OtherFormat`] for another build's files. Damage is in
/// the report.
pub fn verify(data: &Path) -> Result<Report, OpenError> {
    let folder = Folder::below(data);
    let walk = || walk(&folder);
    beside_a_writer(&folder, walk, |seen| {
        seen.as_ref()
            .map_or(true, |report| report.problem.is_some())
    })
}

fn walk(folder: &Folder) -> Result<Report, OpenError> {
    let mut report = Report::default();
    let listing = folder.list().map_err(|e| OpenError::io(folder.path(), e))?;
    let mut before: Option<(Header, Scan)> = None;
    for (i, &number) in listing.segments.iter().enumerate() {
        let is_last = i + 1 == listing.segments.len();
        match check_segment(folder, number, is_last, before.as_ref(), &mut report)? {
            Ok(after) => before = Some(after),
            Err(problem) => {
                report.problem = Some(problem);
                return Ok(report);
            }
        }
    }
    Ok(report)
}

type Checked<T> = Result<Result<T, Problem>, OpenError>;

fn check_segment(
    folder: &Folder,
    number: u64,
    is_last: bool,
    before: Option<&(Header, Scan)>,
    report: &mut Report,
) -> Checked<(Header, Scan)> {
    let path = folder.segment(number);
    let page = first_page(&path).map_err(|e| OpenError::io(&path, e))?;
    let header = match check_header(&path, number, &page, before)? {
        Ok(header) => header,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut dangling = None;
    let mut defined = HashSet::new();
    let scan = scan(&path, &header, |place, record, bytes| {
        if !texts_hold(place, record, bytes, &mut defined) {
            dangling.get_or_insert(place);
        }
    })
    .map_err(|e| OpenError::io(&path, e))?;
    count(report, &scan, &header);
    if let Some(place) = dangling {
        let what = "text is not defined where the record says";
        return Ok(Err(Problem::at(&path, place, what)));
    }
    match scan.tail {
        Tail::Damaged(flaw) => return Ok(Err(Problem::at(&path, flaw.place, flaw.what))),
        Tail::Torn(_) if !is_last => {
            let what = "segment ends before the next one begins";
            return Ok(Err(Problem::at(&path, scan.end, what)));
        }
        Tail::Torn(upto) => report.unfinished_bytes += u64::from(upto - scan.end),
        Tail::Clean => {}
    }
    let seal = check_seal(&path, &page, &header, &scan);
    let checked = seal.and_then(|is_sealed| match is_sealed {
        true => check_index(folder, number, &scan, report),
        false => Ok(()),
    });
    Ok(checked.map(|()| (header, scan)))
}

fn check_header(
    path: &Path,
    number: u64,
    page: &[u8],
    before: Option<&(Header, Scan)>,
) -> Checked<Header> {
    let what = match Header::read(page, number) {
        Ok(header) => match discontinuity(&header, before) {
            None => return Ok(Ok(header)),
            Some(what) => what,
        },
        Err(Unreadable::Damaged(what)) => what,
        Err(Unreadable::Empty) => "header is empty",
        Err(Unreadable::Version(version)) => {
            let file = path.to_path_buf();
            return Err(OpenError::OtherFormat { file, version });
        }
    };
    Ok(Err(Problem::at(path, 0, what)))
}

/// Whether the segment is sealed, if its seal holds.
fn check_seal(path: &Path, page: &[u8], header: &Header, scan: &Scan) -> Result<bool, Problem> {
    let what = match Seal::read(page, header.segment) {
        Err(Unreadable::Empty) => return Ok(false),
        Ok(seal) if seal == scan.seal(header) => return Ok(true),
        Ok(_) => "seal does not fit the segment",
        Err(_) => "seal checksum does not match",
    };
    Err(Problem::at(path, Seal::PLACE, what))
}

impl Problem {
    fn at(file: &Path, place: u32, what: &'static str) -> Self {
        Self {
            file: file.to_path_buf(),
            offset: u64::from(place),
            what,
        }
    }
}

fn count(report: &mut Report, scan: &Scan, header: &Header) {
    report.segments += 1;
    report.groups += scan.groups;
    report.facts += scan.next.total() - header.start.total();
    report.bytes += u64::from(scan.end - FIRST_GROUP);
    report.end = scan.next;
}

fn discontinuity(header: &Header, before: Option<&(Header, Scan)>) -> Option<&'static str> {
    let (last, scan) = before?;
    if last.segment + 1 != header.segment {
        return Some("segment before it is missing");
    }
    let goes_on = scan.chain == header.chain && scan.next == header.start;
    (!goes_on).then_some("segment does not go on where the one before it ended")
}

/// Whether the texts that a record refers to are defined where it says, before it.
fn texts_hold(
    place: u32,
    record: &RawRecord<'_>,
    bytes: &[u8],
    defined: &mut HashSet<u32>,
) -> bool {
    record.texts.iter().all(|text| match *text {
        TextAt::None => true,
        TextAt::Here(from, _) => {
            defined.insert(place + from);
            true
        }
        TextAt::Before(at) => defined.contains(&at) && definition(&bytes[at as usize..]).is_ok(),
    })
}

fn check_index(
    folder: &Folder,
    number: u64,
    scan: &Scan,
    report: &mut Report,
) -> Result<(), Problem> {
    let path = folder.index(number);
    let entries = match read_header(&path, number, (scan.end, &scan.chain)) {
        Err(IndexFlaw::Missing) => {
            report.missing_indexes += 1;
            return Ok(());
        }
        header => header.and_then(|index| entries_of(&path, &index)),
    };
    let (offset, what) = match entries {
        Ok(entries) if entries == scan.index.sorted() => return Ok(()),
        Ok(_) => (0, "index does not fit its segment"),
        Err(IndexFlaw::Damaged { place, what }) => (place, what),
        Err(IndexFlaw::Missing | IndexFlaw::Io(_)) => (0, "index cannot be read"),
    };
    Err(Problem {
        file: path,
        offset,
        what,
    })
}

/// What is in a journal's folder, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Number of the first segment that is kept; 0 when there is none.
    pub first_segment: u64,
    /// Segments.
    pub segments: u64,
    /// Sealed ones among them.
    pub sealed: u64,
    /// Facts that are kept.
    pub facts: u64,
    /// Bytes of groups.
    pub bytes: u64,
    /// The oldest facts that are kept.
    pub start: Cursors,
    /// The next seq of each partition.
    pub end: Cursors,
    /// Bytes of an unfinished write.
    pub unfinished_bytes: u64,
    /// Click indexes that are missing.
    pub missing_indexes: u64,
}

/// Tells what is in the journal below the data folder `data`, by headers and seals; takes no lock.
///
/// # Errors
/// See [`OpenError`].
pub fn info(data: &Path) -> Result<Summary, OpenError> {
    let Survey { finished, last, .. } = survey_beside_a_writer(&Folder::below(data))?;
    let mut summary = Summary::default();
    let last_header = last.as_ref().map(|last| &last.header);
    let first = finished.first().map(|s| &s.header).or(last_header);
    if let Some(header) = first {
        summary.first_segment = header.segment;
        summary.start = header.start;
    }
    for segment in &finished {
        summary.segments += 1;
        summary.sealed += u64::from(segment.is_sealed());
        summary.missing_indexes += u64::from(matches!(segment.index(), Index::Missing));
        if let Some(seal) = segment.seal() {
            summary.bytes += u64::from(seal.end - FIRST_GROUP);
        }
    }
    if let Some(last) = &last {
        summary.segments += 1;
        summary.bytes += u64::from(last.scan.end - FIRST_GROUP);
        summary.end = last.scan.next;
        summary.unfinished_bytes = last.scan.cut.len() as u64;
    }
    summary.facts = summary.end.total() - summary.start.total();
    Ok(summary)
}
