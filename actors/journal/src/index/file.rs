//! The index file of a sealed segment, `segment-N.idx`.
//!
//! ```text
//! block 0                                     block 1..
//!   0   8  "WEIRIDX1"                           0  16  entry: key 12 (click id bytes 1..13), place 4
//!   8   8  segment number                      16  16  entry …          255 entries, sorted by key bytes;
//!  16   8  entries                              …      the last block's rest is zero
//!  24   4  end of the segment's last group   4080   4  entries in this block
//!  28  32  chain after it                    4084   4  CRC32C of 0..4084 at place (block number)
//! 4084  4  CRC32C of 0..4084 at place 0      4088   8  zeros
//! ```
//! The segment's chain in block 0 ties the index to the bytes it was made from. A block that does not verify
//! makes the whole index worthless; it is made again from its segment.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::Key;
use crate::disk::read_range;
use crate::format::{Chain, bytes_at, seed, u32_at, u64_at};

const MAGIC: &[u8; 8] = b"WEIRIDX1";
const BLOCK: usize = 4096;
const ENTRY: usize = 16;
const PER_BLOCK: usize = 255;
const CRC_AT: usize = 4084;
const COUNT_AT: usize = 4080;

/// An index file that is there and belongs to its segment; its blocks are verified as they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IndexFile {
    segment: u64,
    /// How many clicks it knows.
    pub entries: u64,
}

/// Why an index file is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexFlaw {
    #[error("it is missing")]
    Missing,
    #[error("it is damaged at {place}: {what}")]
    Damaged { place: u64, what: &'static str },
    #[error("it cannot be read")]
    Io(#[source] io::Error),
}

impl From<io::Error> for IndexFlaw {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Io(error),
        }
    }
}

fn close_block(block: &mut [u8], segment: u64, number: usize) {
    let crc = crc32c::crc32c_append(seed(segment, number as u32), &block[..CRC_AT]);
    block[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_le_bytes());
}

/// Writes the index of a segment that ends at `end` with `chain`: beside it first, then in place of what was there.
pub(crate) fn write_index(
    path: &Path,
    segment: u64,
    (end, chain): (u32, &Chain),
    entries: &[(Key, u32)],
) -> io::Result<()> {
    let mut bytes = vec![0; BLOCK * (1 + entries.len().div_ceil(PER_BLOCK))];
    let (head, blocks) = bytes.split_at_mut(BLOCK);
    head[..8].copy_from_slice(MAGIC);
    head[8..16].copy_from_slice(&segment.to_le_bytes());
    head[16..24].copy_from_slice(&(entries.len() as u64).to_le_bytes());
    head[24..28].copy_from_slice(&end.to_le_bytes());
    head[28..60].copy_from_slice(chain);
    close_block(head, segment, 0);
    let filled = blocks
        .chunks_exact_mut(BLOCK)
        .zip(entries.chunks(PER_BLOCK));
    for (number, (block, entries)) in (1..).zip(filled) {
        for (slot, (key, place)) in block.chunks_exact_mut(ENTRY).zip(entries) {
            slot[..12].copy_from_slice(key);
            slot[12..].copy_from_slice(&place.to_le_bytes());
        }
        block[COUNT_AT..COUNT_AT + 4].copy_from_slice(&(entries.len() as u32).to_le_bytes());
        close_block(block, segment, number);
    }
    let beside = path.with_extension("idx-new");
    let mut file = File::create(&beside)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

fn read_block(file: &File, segment: u64, number: u64) -> Result<Vec<u8>, IndexFlaw> {
    let place = number * BLOCK as u64;
    let block = read_range(file, place, BLOCK)?;
    let flaw = |what| Err(IndexFlaw::Damaged { place, what });
    if block.len() < BLOCK {
        return flaw("index is cut short");
    }
    let crc = crc32c::crc32c_append(seed(segment, number as u32), &block[..CRC_AT]);
    if crc != u32_at(&block, CRC_AT) || block[CRC_AT + 4..].iter().any(|&b| b != 0) {
        return flaw("index block checksum does not match");
    }
    if number > 0 && u32_at(&block, COUNT_AT) as usize > PER_BLOCK {
        return flaw("index block claims too many entries");
    }
    Ok(block)
}

/// Checks that the index file of `segment` is there and was made from the bytes up to `end` with `chain`.
pub(crate) fn read_header(
    path: &Path,
    segment: u64,
    (end, chain): (u32, &Chain),
) -> Result<IndexFile, IndexFlaw> {
    let file = File::open(path)?;
    let head = read_block(&file, segment, 0)?;
    let flaw = |what| IndexFlaw::Damaged { place: 0, what };
    let belongs = head[..8] == *MAGIC
        && u64_at(&head, 8) == segment
        && u32_at(&head, 24) == end
        && bytes_at::<32>(&head, 28) == *chain;
    if !belongs {
        return Err(flaw("index of another segment"));
    }
    let entries = u64_at(&head, 16);
    let blocks = 1 + entries.div_ceil(PER_BLOCK as u64);
    if file.metadata()?.len() != blocks * BLOCK as u64 {
        return Err(flaw("index has another length than it says"));
    }
    Ok(IndexFile { segment, entries })
}

impl IndexFile {
    /// The place of `key`: a binary search over blocks, each verified.
    pub(crate) fn find(&self, path: &Path, key: &Key) -> Result<Option<u32>, IndexFlaw> {
        let file = File::open(path)?;
        let blocks = self.entries.div_ceil(PER_BLOCK as u64);
        // The first block whose last entry is not before the key holds it, if any does.
        let (mut low, mut high) = (1, blocks + 1);
        let mut holder = Vec::new();
        while low < high {
            let middle = low + (high - low) / 2;
            let entries = entries_of_block(&read_block(&file, self.segment, middle)?);
            if entries.last().is_none_or(|(last, _)| last < key) {
                low = middle + 1;
            } else {
                high = middle;
                holder = entries;
            }
        }
        let at = holder.partition_point(|(k, _)| k < key);
        Ok(holder.get(at).filter(|(k, _)| k == key).map(|e| e.1))
    }
}

fn entries_of_block(block: &[u8]) -> Vec<(Key, u32)> {
    let count = u32_at(block, COUNT_AT) as usize;
    block[..count * ENTRY]
        .chunks_exact(ENTRY)
        .map(|slot| (bytes_at(slot, 0), u32_at(slot, 12)))
        .collect()
}

/// All entries of an index, each block verified.
pub(crate) fn entries_of(path: &Path, index: &IndexFile) -> Result<Vec<(Key, u32)>, IndexFlaw> {
    let file = File::open(path)?;
    let mut entries = Vec::new();
    for number in 1..=index.entries.div_ceil(PER_BLOCK as u64) {
        entries.extend(entries_of_block(&read_block(&file, index.segment, number)?));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> Key {
        let mut key = [0; 12];
        key[4..8].copy_from_slice(&n.to_be_bytes());
        key
    }

    #[test]
    fn every_key_is_found_at_its_place_and_no_other_is_for_any_number_of_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment-0000000003.idx");
        for count in [0, 1, 254, 255, 256, 510, 511, 2000] {
            let entries: Vec<_> = (0..count).map(|n| (key(2 * n + 1), n)).collect();
            let of = (9000, &[7; 32]);
            write_index(&path, 3, of, &entries).unwrap();
            let index = read_header(&path, 3, of).unwrap();
            assert_eq!(entries_of(&path, &index).unwrap(), entries);
            for n in 0..count {
                assert_eq!(index.find(&path, &key(2 * n + 1)).unwrap(), Some(n));
            }
            for n in (0..=count).map(|n| 2 * n) {
                assert_eq!(index.find(&path, &key(n)).unwrap(), None);
            }
        }
    }

    #[test]
    fn an_index_of_other_bytes_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("segment-0000000003.idx");
        let of = (9000, &[7; 32]);
        let missing = read_header(&path, 3, of);
        assert!(matches!(missing, Err(IndexFlaw::Missing)));
        write_index(&path, 3, of, &[(key(1), 5000)]).unwrap();
        for (segment, of) in [(4, of), (3, (9001, &[7; 32])), (3, (9000, &[8; 32]))] {
            let refused = read_header(&path, segment, of);
            assert!(matches!(refused, Err(IndexFlaw::Damaged { .. })));
        }
    }
}
