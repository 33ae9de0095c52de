//! The first page of a segment: its header, and the seal that says "finished, and its index is on disk".

use weir_engine::ids::PARTITIONS;

use super::{Chain, SECTOR, bytes_at, seed, u32_at, u64_at};
use crate::Cursors;
use crate::index::IdRange;

const HEADER_MAGIC: &[u8; 8] = b"WEIRLOG1";
const SEAL_MAGIC: &[u8; 8] = b"WEIRSEAL";
const VERSION: u32 = 1;
const BLOCK: usize = SECTOR as usize;

/// What a segment says before its first group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Its number, from 1, without gaps.
    pub segment: u64,
    /// Its size in bytes.
    pub size: u32,
    /// The chain before its first group.
    pub chain: Chain,
    /// The next seq of each partition before its first group.
    pub start: Cursors,
}

/// What a finished segment says of itself once its click index is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    /// End of its last group.
    pub end: u32,
    /// Facts in it.
    pub facts: u64,
    /// The chain after its last group.
    pub chain: Chain,
    /// The next seq of each partition after its last group.
    pub next: Cursors,
    /// Least and greatest time of a click id in it.
    pub ids: IdRange,
    /// Greatest time of a record in it.
    pub newest_at: u64,
}

/// A page that is no header or seal of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Nothing was written there.
    Empty,
    /// Written by a build of another format.
    Version(u32),
    /// Damaged.
    Damaged(&'static str),
}

fn close_block(block: &mut [u8; BLOCK], segment: u64, place: u32) {
    let crc = crc32c::crc32c_append(seed(segment, place), &block[..BLOCK - 4]);
    block[BLOCK - 4..].copy_from_slice(&crc.to_le_bytes());
}

fn check_block(block: &[u8], segment: u64, place: u32) -> bool {
    crc32c::crc32c_append(seed(segment, place), &block[..BLOCK - 4]) == u32_at(block, BLOCK - 4)
}

fn put_cursors(out: &mut [u8], cursors: &Cursors) {
    for (eight, seq) in out.chunks_exact_mut(8).zip(cursors.0) {
        eight.copy_from_slice(&seq.to_le_bytes());
    }
}

fn cursors_at(bytes: &[u8], at: usize) -> Cursors {
    let mut cursors = Cursors::START;
    for (i, seq) in cursors.0.iter_mut().enumerate() {
        *seq = u64_at(bytes, at + 8 * i);
    }
    cursors
}

const CURSOR_BYTES: usize = 8 * PARTITIONS as usize;

impl Header {
    pub(crate) fn to_bytes(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[..8].copy_from_slice(HEADER_MAGIC);
        block[8..12].copy_from_slice(&VERSION.to_le_bytes());
        block[12..16].copy_from_slice(&self.size.to_le_bytes());
        block[16..24].copy_from_slice(&self.segment.to_le_bytes());
        block[24..56].copy_from_slice(&self.chain);
        put_cursors(&mut block[56..56 + CURSOR_BYTES], &self.start);
        close_block(&mut block, self.segment, 0);
        block
    }

    /// Reads the header of the segment that the file name calls `segment`.
    pub(crate) fn read(block: &[u8], segment: u64) -> Result<Self, Unreadable> {
        if block.len() < BLOCK {
            return Err(Unreadable::Damaged("header is cut short"));
        }
        let block = &block[..BLOCK];
        if block.iter().all(|&b| b == 0) {
            return Err(Unreadable::Empty);
        }
        if !check_block(block, segment, 0) {
            return Err(Unreadable::Damaged("header checksum does not match"));
        }
        if &block[..8] != HEADER_MAGIC || u64_at(block, 16) != segment {
            return Err(Unreadable::Damaged("header of another segment"));
        }
        match u32_at(block, 8) {
            VERSION => Ok(Self {
                segment,
                size: u32_at(block, 12),
                chain: bytes_at(block, 24),
                start: cursors_at(block, 56),
            }),
            other => Err(Unreadable::Version(other)),
        }
    }
}

impl Seal {
    /// Where the seal lies in its segment.
    pub(crate) const PLACE: u32 = SECTOR;

    pub(crate) fn to_bytes(&self, segment: u64) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[..8].copy_from_slice(SEAL_MAGIC);
        block[8..12].copy_from_slice(&self.end.to_le_bytes());
        block[12..20].copy_from_slice(&self.facts.to_le_bytes());
        block[20..52].copy_from_slice(&self.chain);
        put_cursors(&mut block[52..52 + CURSOR_BYTES], &self.next);
        block[180..188].copy_from_slice(&self.ids.least.to_le_bytes());
        block[188..196].copy_from_slice(&self.ids.greatest.to_le_bytes());
        block[196..204].copy_from_slice(&self.newest_at.to_le_bytes());
        close_block(&mut block, segment, Self::PLACE);
        block
    }

    /// Reads the seal from the first page of `segment`.
    pub(crate) fn read(page: &[u8], segment: u64) -> Result<Self, Unreadable> {
        if page.len() < 2 * BLOCK {
            return Err(Unreadable::Damaged("seal is cut short"));
        }
        let block = &page[BLOCK..2 * BLOCK];
        if block.iter().all(|&b| b == 0) {
            return Err(Unreadable::Empty);
        }
        if !check_block(block, segment, Self::PLACE) || &block[..8] != SEAL_MAGIC {
            return Err(Unreadable::Damaged("seal checksum does not match"));
        }
        Ok(Self {
            end: u32_at(block, 8),
            facts: u64_at(block, 12),
            chain: bytes_at(block, 20),
            next: cursors_at(block, 52),
            ids: IdRange {
                least: u64_at(block, 180),
                greatest: u64_at(block, 188),
            },
            newest_at: u64_at(block, 196),
        })
    }
}
