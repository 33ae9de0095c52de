//! A group in the making: numbers, texts and checksums for records that lanes have encoded.

use weir_engine::click_id::ClickId;
use weir_engine::ids::Position;

use super::Open;
use crate::Cursors;
use crate::format::{Chaining, FOOTER_BYTES, Middle, TextOut, size_bound, write_record};
use crate::lane::Waiting;
use crate::texts::Dictionary;

/// A larger group would make its first record wait too long.
const GROUP_BYTES: usize = 4 << 20;

/// The records of a group without what came after `end`, as they are kept for readers: a buffer that was made for
/// many more is not held half empty, but left in `spare`.
pub(super) fn kept(mut group: Vec<u8>, end: usize, spare: &mut Option<Vec<u8>>) -> Vec<u8> {
    group.truncate(end);
    if group.capacity() < GROUP_BYTES || end >= GROUP_BYTES / 2 {
        return group;
    }
    let records = group.as_slice().to_vec();
    *spare = Some(group);
    records
}

/// Whether a large group can grow in a buffer of this capacity, and not much is held for it.
pub(super) fn is_spare(capacity: usize) -> bool {
    (GROUP_BYTES..=2 * GROUP_BYTES).contains(&capacity)
}

/// A record of a lane, with its bytes.
pub(super) struct Encoded<'a> {
    pub record: &'a Waiting,
    pub bytes: &'a [u8],
}

pub(super) struct Draft {
    place: (u64, u32),
    /// What is left of the segment, and of a group.
    room: usize,
    pub bytes: Vec<u8>,
    pub chaining: Chaining,
    pub facts: u32,
    pub next: Cursors,
    pub clicks: Vec<(ClickId, u32)>,
    pub newest_at: u64,
}

impl Draft {
    /// For a group that begins where `open` ends; about `waiting_bytes` will go into it.
    pub(super) fn new(open: &Open, waiting_bytes: usize) -> Self {
        let left = (open.segment.header.size - open.at) as usize;
        Self {
            place: (open.segment.number, open.at),
            room: left.saturating_sub(FOOTER_BYTES),
            bytes: Vec::with_capacity(waiting_bytes.min(GROUP_BYTES)),
            chaining: Chaining::after(&open.chain),
            facts: 0,
            next: open.next,
            clicks: Vec::new(),
            newest_at: 0,
        }
    }

    /// Prepares for more records while more of them come, in `spare` if there is one.
    pub(super) fn grow(&mut self, spare: &mut Option<Vec<u8>>) {
        self.chaining.take_in(&self.bytes);
        if self.bytes.capacity() >= GROUP_BYTES {
            return;
        }
        let mut larger = spare.take().unwrap_or_default();
        larger.clear();
        larger.reserve(GROUP_BYTES);
        larger.extend_from_slice(&self.bytes);
        self.bytes = larger;
    }

    pub(super) fn has_room_for(&self, next: &Encoded<'_>) -> bool {
        let texts = next.record.texts.map(|length| length as usize);
        let bound = size_bound(next.record.middle as usize, texts);
        let fits = bound.is_some_and(|bound| self.bytes.len() + bound <= self.room);
        fits && (self.facts == 0 || self.bytes.len() < GROUP_BYTES)
    }

    /// Adds a record; gives its place in the log.
    pub(super) fn push(&mut self, next: &Encoded<'_>, dictionary: &mut Dictionary) -> Position {
        let record = next.record;
        let (middle, texts) = next.bytes.split_at(record.middle as usize);
        let (first, second) = texts.split_at(record.texts[0] as usize);
        let texts = [first, second];
        let text_out = |i: usize| match texts[i] {
            [] => TextOut::None,
            text => match dictionary.place_of(record.text_hashes[i], text) {
                Some(place) => TextOut::Before(place),
                None => TextOut::Define(text),
            },
        };
        let middle = Middle {
            partition: record.partition,
            kind: record.kind,
            version: record.version,
            flags: record.flags,
            bytes: middle,
        };
        let seq = &mut self.next.0[usize::from(record.partition)];
        let position = Position {
            partition: record.partition,
            seq: *seq,
        };
        let place = self.place.1 + self.bytes.len() as u32;
        let out = [text_out(0), text_out(1)];
        let defined = write_record(&mut self.bytes, self.place, *seq, &middle, out);
        for i in 0..2 {
            if let Some(place) = defined[i] {
                dictionary.remember(record.text_hashes[i], texts[i], place);
            }
        }
        *seq += 1;
        self.facts += 1;
        self.newest_at = self.newest_at.max(record.at);
        self.clicks.extend(record.click_id.map(|id| (id, place)));
        position
    }
}
