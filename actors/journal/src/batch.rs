//! A batch: facts that a reader got at once, in physical order, still as the bytes of their groups.

use std::collections::HashMap;
use std::sync::Arc;

use weir_engine::ids::Position;
use weir_engine::record::{Logged, Record};

use crate::Cursors;
use crate::format::{RawRecord, TextAt, decoded};
use crate::head::Group;

/// A stretch of a group.
#[derive(Clone)]
pub(crate) struct Part {
    pub group: Arc<Group>,
    pub from: usize,
    pub to: usize,
}

/// Texts by segment and place of their definition.
pub(crate) type Texts = HashMap<(u64, u32), Arc<str>>;

/// Facts in physical order, those before the reader's cursors left out.
pub struct Batch {
    pub(crate) parts: Vec<Part>,
    pub(crate) before: Cursors,
    pub(crate) after: Cursors,
    pub(crate) texts: Option<Texts>,
}

impl Batch {
    /// The facts, one by one, without allocating. Their texts are empty unless the reader was asked for them
    /// ([`crate::Reader::with_texts`]).
    pub fn iter(&self) -> impl Iterator<Item = Logged<'_>> {
        self.parts.iter().flat_map(move |part| {
            let start = part.group.start.offset + part.from as u32;
            let segment = part.group.start.segment;
            decoded(&part.group.records[part.from..part.to], start)
                .map(move |(_, raw)| self.logged(segment, raw))
                .filter(|logged| !self.before.are_past(logged.position))
        })
    }

    fn logged<'a>(&'a self, segment: u64, raw: RawRecord<'a>) -> Logged<'a> {
        let text = |at: TextAt<'a>| match (&self.texts, at) {
            (None, _) | (_, TextAt::None) => "",
            (Some(_), TextAt::Here(_, text)) => text,
            (Some(texts), TextAt::Before(place)) => texts
                .get(&(segment, place))
                .map(|text| &**text)
                .expect("a batch with texts has all of them"),
        };
        Logged {
            position: Position {
                partition: raw.partition,
                seq: raw.seq,
            },
            record: Record {
                tenant: raw.tenant,
                at: raw.at,
                kind: raw.kind,
                version: raw.version,
                click_id: raw.click_id,
                open: raw.open,
                private_key: raw.private_key,
                private: raw.private,
                texts: raw.texts.map(text),
            },
        }
    }

    /// The next fact wanted per partition before this batch.
    #[must_use]
    pub fn before(&self) -> Cursors {
        self.before
    }

    /// The next fact wanted per partition after this batch.
    #[must_use]
    pub fn after(&self) -> Cursors {
        self.after
    }

    /// How many facts are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        (self.after.total() - self.before.total()) as usize
    }

    /// Whether no fact is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
