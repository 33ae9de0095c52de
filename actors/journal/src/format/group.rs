//! A group: the records of one write, closed by a footer.

use sha2::{Digest, Sha256};

use super::record::{check_record, decode, length_of};
use super::{Chain, RawRecord, bytes_at, seed, u32_at, u64_at};
use crate::Cursors;

/// Length of a footer.
pub(crate) const FOOTER_BYTES: usize = 60;
/// What a footer ends with: each byte has four bits set, so a cut footer differs from it by more than a flip.
pub(crate) const FOOTER_END: [u8; 4] = [0xA7, b'W', b'U', 0xA5];
const MARK: u8 = 0xC6;

/// What closes a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footer {
    /// Place of the group's first record.
    pub start: u32,
    /// Records in the group.
    pub facts: u32,
    /// Facts in the log before the group.
    pub ordinal: u64,
    /// Chain after the group.
    pub chain: Chain,
}

/// Why a group does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Where.
    pub place: u32,
    /// What is wrong there.
    pub what: &'static str,
}

/// A group that verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckedGroup {
    /// Where its footer begins.
    pub records_end: u32,
    /// Where the next group begins.
    pub end: u32,
    /// What its footer says.
    pub footer: Footer,
}

/// The chain over a group in the making: its records can be taken in while it grows.
pub(crate) struct Chaining {
    hash: Sha256,
    taken_in: usize,
}

impl Chaining {
    /// Of the group after the one that ended with `before`.
    pub(crate) fn after(before: &Chain) -> Self {
        Self {
            hash: Sha256::new_with_prefix(before),
            taken_in: 0,
        }
    }

    /// Takes in what `records`, all records so far, has beyond the last time.
    pub(crate) fn take_in(&mut self, records: &[u8]) {
        self.hash.update(&records[self.taken_in..]);
        self.taken_in = records.len();
    }

    fn end(mut self, records: &[u8], fields: &[u8]) -> Chain {
        self.take_in(records);
        self.hash.update(fields);
        self.hash.finalize().into()
    }
}

impl Footer {
    /// Closes `group`, the records from `start` on: ends the chain and appends the footer.
    pub(crate) fn close(
        group: &mut Vec<u8>,
        (segment, start): (u64, u32),
        facts: u32,
        ordinal: u64,
        chaining: Chaining,
    ) -> Chain {
        let place = start + group.len() as u32;
        let mut footer = [0; FOOTER_BYTES];
        let word = ((FOOTER_BYTES as u32) << 8) | u32::from(MARK);
        footer[..4].copy_from_slice(&word.to_le_bytes());
        footer[8..12].copy_from_slice(&start.to_le_bytes());
        footer[12..16].copy_from_slice(&facts.to_le_bytes());
        footer[16..24].copy_from_slice(&ordinal.to_le_bytes());
        let chain = chaining.end(group, &footer[8..24]);
        footer[24..56].copy_from_slice(&chain);
        footer[56..].copy_from_slice(&FOOTER_END);
        let crc = crc_of(&footer, segment, place);
        footer[4..8].copy_from_slice(&crc.to_le_bytes());
        group.extend_from_slice(&footer);
        chain
    }
}

fn chain_over(before: &Chain, records: &[u8], fields: &[u8]) -> Chain {
    Chaining::after(before).end(records, fields)
}

fn crc_of(footer: &[u8], segment: u64, place: u32) -> u32 {
    let head = crc32c::crc32c_append(seed(segment, place), &footer[..4]);
    crc32c::crc32c_append(head, &footer[8..FOOTER_BYTES])
}

/// The footer at the front of `bytes`, if it holds at `place`.
pub(crate) fn footer_at(bytes: &[u8], segment: u64, place: u32) -> Option<Footer> {
    let footer = bytes.get(..FOOTER_BYTES)?;
    let word = ((FOOTER_BYTES as u32) << 8) | u32::from(MARK);
    let holds = u32_at(footer, 0) == word
        && footer[56..] == FOOTER_END
        && u32_at(footer, 4) == crc_of(footer, segment, place);
    holds.then(|| Footer {
        start: u32_at(footer, 8),
        facts: u32_at(footer, 12),
        ordinal: u64_at(footer, 16),
        chain: bytes_at(footer, 24),
    })
}

/// Verifies the group that begins at `start`, where `bytes` is the segment from `base` on: every CRC, the
/// footer, gap-free seqs after `next`, and the chain when `chain` is the one before the group.
/// On success `next` stands after the group.
pub(crate) fn check_group(
    bytes: &[u8],
    (segment, base): (u64, u32),
    start: u32,
    next: &mut Cursors,
    chain: Option<&Chain>,
) -> Result<CheckedGroup, Flaw> {
    let from = (start - base) as usize;
    let mut at = from;
    let mut facts = 0u32;
    while length_of(&bytes[at..]).is_some() {
        let place = base + at as u32;
        let record = check_record(&bytes[at..], segment, place).ok_or(Flaw {
            place,
            what: "record checksum does not match",
        })?;
        at += record.len();
        facts += 1;
    }
    let place = base + at as u32;
    let flaw = |what| Flaw { place, what };
    let footer = footer_at(&bytes[at..], segment, place)
        .ok_or_else(|| flaw("neither a record nor a footer"))?;
    if footer.start != start || footer.facts != facts || facts == 0 {
        return Err(flaw("footer does not fit its records"));
    }
    if footer.ordinal != next.total() {
        return Err(flaw("footer counts other facts before it"));
    }
    let fields = &bytes[at + 8..at + 24];
    if chain.is_some_and(|before| chain_over(before, &bytes[from..at], fields) != footer.chain) {
        return Err(flaw("hash chain does not continue"));
    }
    let mut after = *next;
    check_sequence(&bytes[from..at], start, &mut after)?;
    *next = after;
    Ok(CheckedGroup {
        records_end: place,
        end: place + FOOTER_BYTES as u32,
        footer,
    })
}

fn check_sequence(records: &[u8], start: u32, next: &mut Cursors) -> Result<(), Flaw> {
    let mut place = start;
    for record in records_of(records) {
        let flaw = |what| Flaw { place, what };
        let raw = decode(record).map_err(|malformed| flaw(malformed.0))?;
        let expected = &mut next.0[usize::from(raw.partition)];
        if raw.seq != *expected {
            return Err(flaw("sequence has a gap"));
        }
        *expected += 1;
        place += record.len() as u32;
    }
    Ok(())
}

/// The records of a group that verified, one after the other.
pub(crate) fn records_of(records: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let length = length_of(rest)?;
        let (record, after) = rest.split_at_checked(length)?;
        rest = after;
        Some(record)
    })
}

/// Decodes the records of a group that verified, with the place of each.
pub(crate) fn decoded<'a>(
    records: &'a [u8],
    start: u32,
) -> impl Iterator<Item = (u32, RawRecord<'a>)> {
    let mut place = start;
    records_of(records).map(move |record| {
        let here = place;
        place += record.len() as u32;
        let raw = decode(record).expect("S5: a record of a verified group decodes");
        (here, raw)
    })
}
