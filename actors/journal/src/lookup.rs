//! Finding a click by its id: the time in the id selects segments, their indexes give the place, the record there
//! decides.

use std::fs::File;
use std::io;
use std::sync::Arc;

use weir_engine::click_id::ClickId;
use weir_engine::ids::Position;
use weir_engine::ports::Found;
use weir_engine::record::OwnedRecord;

use crate::disk::read_range;
use crate::format::{Flaw, RawRecord, TextAt, check_record, decode, length_of};
use crate::index::{Key, key_of};
use crate::reader::{ReadError, text_at};
use crate::scan::index_of;
use crate::segments::{Index, Segment, Segments};

/// Looks `click_id` up in all segments whose ids can hold it, newest first. `remade` is told of a segment whose
/// index had to be made again.
pub(crate) fn find(
    segments: &Segments,
    click_id: ClickId,
    remade: &dyn Fn(&Arc<Segment>),
) -> Result<Found, ReadError> {
    let ms = click_id.unix_ms();
    let key = key_of(&click_id);
    for segment in segments.all().iter().rev() {
        if !segment.ids().holds(ms) {
            continue;
        }
        let found = find_in(segment, &key, click_id, remade);
        match found {
            Ok(Some(record)) => return Ok(Found::Click(Box::new(record))),
            Ok(None) => {}
            // Retention may have taken the segment away meanwhile.
            Err(_) if segments.get(segment.number).is_none() => {}
            Err(error) => return Err(error),
        }
    }
    let is_before_what_is_kept = ms <= segments.horizon();
    Ok(if is_before_what_is_kept {
        Found::Expired
    } else {
        Found::Absent
    })
}

fn find_in(
    segment: &Arc<Segment>,
    key: &Key,
    click_id: ClickId,
    remade: &dyn Fn(&Arc<Segment>),
) -> Result<Option<OwnedRecord>, ReadError> {
    let Some(place) = place_in(segment, key, remade)? else {
        return Ok(None);
    };
    let io = |source| ReadError::Io {
        file: segment.path.clone(),
        source,
    };
    let file = File::open(&segment.path).map_err(io)?;
    let flaw = |what| ReadError::corrupt(segment, Flaw { place, what });
    let record = read_record(&file, segment.number, place)
        .map_err(io)?
        .ok_or_else(|| flaw("record checksum does not match"))?;
    let raw = decode(&record).map_err(|malformed| flaw(malformed.0))?;
    if raw.click_id != Some(click_id) {
        return Ok(None);
    }
    let mut texts = [String::new(), String::new()];
    for (text, out) in raw.texts.iter().zip(&mut texts) {
        match *text {
            TextAt::None => {}
            TextAt::Here(_, text) => text.clone_into(out),
            TextAt::Before(at) => {
                let text = text_at(&file, at).map_err(io)?;
                let flaw = |what| ReadError::corrupt(segment, Flaw { place: at, what });
                *out = text.map_err(flaw)?.to_string();
            }
        }
    }
    Ok(Some(owned(&raw, texts)))
}

fn place_in(
    segment: &Arc<Segment>,
    key: &Key,
    remade: &dyn Fn(&Arc<Segment>),
) -> Result<Option<u32>, ReadError> {
    match segment.index() {
        Index::Memory(index) => return Ok(index.find(key)),
        Index::File(file) => match file.find(&segment.index_path, key) {
            Ok(place) => return Ok(place),
            Err(flaw) => {
                let (segment, error) = (segment.number, &flaw as &dyn std::error::Error);
                tracing::warn!(segment, error, "click index is made again");
            }
        },
        Index::Missing => {}
    }
    let index = index_of(segment)?;
    let place = index.find(key);
    segment.set_index(Index::Memory(index));
    remade(segment);
    Ok(place)
}

/// The record at `place`, if its CRC holds: one read for all but long ones.
fn read_record(file: &File, segment: u64, place: u32) -> io::Result<Option<Vec<u8>>> {
    const MOST: usize = 1024;
    let mut bytes = read_range(file, u64::from(place), MOST)?;
    let Some(length) = length_of(&bytes) else {
        return Ok(None);
    };
    if length > bytes.len() {
        bytes = read_range(file, u64::from(place), length)?;
    }
    bytes.truncate(length);
    Ok(check_record(&bytes, segment, place)
        .is_some()
        .then_some(bytes))
}

fn owned(raw: &RawRecord<'_>, texts: [String; 2]) -> OwnedRecord {
    OwnedRecord {
        position: Position {
            partition: raw.partition,
            seq: raw.seq,
        },
        tenant: raw.tenant,
        at: raw.at,
        kind: raw.kind,
        version: raw.version,
        click_id: raw.click_id,
        open: raw.open.to_vec(),
        private_key: raw.private_key,
        private: raw.private.to_vec(),
        texts,
    }
}
