//! Reading a whole segment: every checksum, footer, sequence number and the hash chain.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::Cursors;
use crate::disk::read_range;
use crate::format::{
    Chain, FIRST_GROUP, Flaw, Header, RawRecord, SECTOR, Seal, check_group, decoded,
};
use crate::index::MemoryIndex;
use crate::reader::ReadError;
use crate::segments::Segment;
use crate::tail::{self, Tail};

/// What a segment holds, as far as it is intact.
pub(crate) struct Scan {
    /// Where the last intact group ends.
    pub end: u32,
    pub chain: Chain,
    pub next: Cursors,
    pub newest_at: u64,
    pub groups: u64,
    pub index: Arc<MemoryIndex>,
    /// What follows.
    pub tail: Tail,
    /// The bytes that follow, when a write was interrupted.
    pub cut: Vec<u8>,
    /// The file is shorter than its segment.
    pub is_short: bool,
}

impl Scan {
    /// The seal of the segment, if it ends here.
    pub(crate) fn seal(&self, header: &Header) -> Seal {
        Seal {
            end: self.end,
            facts: self.next.total() - header.start.total(),
            chain: self.chain,
            next: self.next,
            ids: self.index.ids(),
            newest_at: self.newest_at,
        }
    }
}

/// Scans the file of the segment with `header`; `visit` gets each record of an intact group with its place, and the
/// segment's bytes.
pub(crate) fn scan(
    path: &Path,
    header: &Header,
    mut visit: impl FnMut(u32, &RawRecord<'_>, &[u8]),
) -> io::Result<Scan> {
    let file = File::open(path)?;
    let size = header.size as usize;
    let mut bytes = read_range(&file, 0, size)?;
    let is_short = bytes.len() < size;
    bytes.resize(size, 0);
    let mut scan = Scan {
        end: FIRST_GROUP,
        chain: header.chain,
        next: header.start,
        newest_at: 0,
        groups: 0,
        index: Arc::new(MemoryIndex::new()),
        tail: Tail::Clean,
        cut: Vec::new(),
        is_short,
    };
    loop {
        let flaw = scan.take_groups(&bytes, header.segment, &mut visit);
        scan.tail = tail::judge(&bytes, header.segment, scan.end, flaw);
        if !matches!(scan.tail, Tail::Damaged(_)) || !read_again(&file, scan.end, &mut bytes)? {
            break;
        }
    }
    if let Tail::Torn(upto) = scan.tail {
        scan.cut = bytes[scan.end as usize..upto as usize].to_vec();
    }
    Ok(scan)
}

/// Reads what follows `end` again; true when it is not the same any more. Beside a writer at work the first reading
/// may have met later groups without earlier ones.
fn read_again(file: &File, end: u32, bytes: &mut [u8]) -> io::Result<bool> {
    let tail = &mut bytes[end as usize..];
    let mut again = read_range(file, u64::from(end), tail.len())?;
    again.resize(tail.len(), 0);
    let is_other = again != tail;
    tail.copy_from_slice(&again);
    Ok(is_other)
}

impl Scan {
    /// Takes intact groups from `end` on; gives why there are no more.
    fn take_groups(
        &mut self,
        bytes: &[u8],
        segment: u64,
        visit: &mut impl FnMut(u32, &RawRecord<'_>, &[u8]),
    ) -> Flaw {
        loop {
            let chain = self.chain;
            let checked = check_group(bytes, (segment, 0), self.end, &mut self.next, Some(&chain));
            let group = match checked {
                Ok(group) => group,
                Err(flaw) => return flaw,
            };
            let records = &bytes[self.end as usize..group.records_end as usize];
            for (place, record) in decoded(records, self.end) {
                if let Some(click_id) = &record.click_id {
                    self.index.insert(click_id, place);
                }
                self.newest_at = self.newest_at.max(record.at.0);
                visit(place, &record, bytes);
            }
            self.chain = group.footer.chain;
            self.end = group.end;
            self.groups += 1;
        }
    }
}

/// The click index of a segment, made from its records.
pub(crate) fn index_of(segment: &Segment) -> Result<Arc<MemoryIndex>, ReadError> {
    let io = |source| ReadError::Io {
        file: segment.path.clone(),
        source,
    };
    let scan = scan(&segment.path, &segment.header, |_, _, _| {}).map_err(io)?;
    match segment.seal() {
        Some(seal) if (scan.end, scan.chain) != (seal.end, seal.chain) => {
            let what = "segment does not reach its seal";
            let flaw = match scan.tail {
                Tail::Damaged(flaw) => flaw,
                Tail::Clean | Tail::Torn(_) => Flaw {
                    place: scan.end,
                    what,
                },
            };
            Err(ReadError::corrupt(segment, flaw))
        }
        _ => Ok(scan.index),
    }
}

/// The first page of a segment file, with header and seal.
pub(crate) fn first_page(path: &Path) -> io::Result<Vec<u8>> {
    read_range(&File::open(path)?, 0, 2 * SECTOR as usize)
}
