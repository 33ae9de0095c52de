//! One record: written in two steps (the caller's thread encodes the middle, the writer adds seq, texts, CRC),
//! read in one.

use weir_engine::click_id::ClickId;
use weir_engine::fact::{Decoder, Encoder, Malformed};
use weir_engine::ids::{PARTITIONS, TenantId, UnixMs};
use weir_engine::record::Record;

use super::{seed, u32_at};

/// Mark and length, CRC.
const HEAD_BYTES: usize = 8;
const MARK: u8 = 0xD2;
/// What three bytes of length can say.
const LONGEST: usize = 0x00ff_ffff;

mod flag {
    pub const CLICK_ID: u8 = 1;
    pub const PRIVATE_KEY: u8 = 2;
    /// Shift of the two bits of each text.
    pub const TEXT_SHIFT: [u8; 2] = [2, 4];
    pub const DEFINED_HERE: u8 = 1;
    pub const DEFINED_BEFORE: u8 = 2;
}

/// The part of a record between its seq and its texts, encoded, with what the writer puts around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Middle<'a> {
    pub partition: u16,
    pub kind: u8,
    pub version: u8,
    /// See [`write_middle`].
    pub flags: u8,
    pub bytes: &'a [u8],
}

/// How a text goes into a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextOut<'a> {
    /// There is none.
    None,
    /// For the first time in this segment, or not remembered.
    Define(&'a [u8]),
    /// As defined at this place.
    Before(u32),
}

/// How a text stands in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextAt<'a> {
    /// There is none.
    None,
    /// The record defines it, this far from its own start.
    Here(u32, &'a str),
    /// It was defined at this place of the segment.
    Before(u32),
}

/// A record as it lies in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawRecord<'a> {
    pub partition: u16,
    pub seq: u64,
    pub tenant: TenantId,
    pub at: UnixMs,
    pub kind: u8,
    pub version: u8,
    pub click_id: Option<ClickId>,
    pub open: &'a [u8],
    pub private_key: u8,
    pub private: &'a [u8],
    pub texts: [TextAt<'a>; 2],
}

/// Appends the middle of `record` to `out`; gives its flags, without those of the texts.
pub(crate) fn write_middle(record: &Record<'_>, out: &mut Vec<u8>) -> u8 {
    let mut flags = 0;
    let mut e = Encoder(out);
    e.varint(u64::from(record.tenant.0));
    e.varint(record.at.0);
    if let Some(click_id) = record.click_id {
        flags |= flag::CLICK_ID;
        e.raw(click_id.as_bytes());
    }
    if record.private_key != 0 {
        flags |= flag::PRIVATE_KEY;
        e.raw(&[record.private_key]);
    }
    e.bytes(record.open);
    e.bytes(record.private);
    flags
}

/// No record with these parts is longer; `None` when it could be longer than a record may be.
pub(crate) fn size_bound(middle: usize, texts: [usize; 2]) -> Option<usize> {
    let bound = HEAD_BYTES + 4 + 10 + middle + texts[0] + texts[1] + 2 * (5 + 4);
    (bound <= LONGEST).then_some(bound)
}

/// Appends a record to `out`, whose first byte lies at `base` of `segment`; gives the places where it defines
/// its texts.
pub(crate) fn write_record(
    out: &mut Vec<u8>,
    (segment, base): (u64, u32),
    seq: u64,
    middle: &Middle<'_>,
    texts: [TextOut<'_>; 2],
) -> [Option<u32>; 2] {
    let start = out.len();
    let place_of = |at: usize| base + at as u32;
    let flags = middle.flags | text_flags(&texts);
    out.extend_from_slice(&[0; HEAD_BYTES]);
    out.extend_from_slice(&[middle.partition as u8, middle.kind, middle.version, flags]);
    Encoder(out).varint(seq);
    out.extend_from_slice(middle.bytes);
    let mut defined = [None; 2];
    for (text, defined) in texts.iter().zip(&mut defined) {
        match *text {
            TextOut::None => {}
            TextOut::Before(place) => Encoder(out).varint(u64::from(place)),
            TextOut::Define(text) => {
                *defined = Some(place_of(out.len()));
                let mut e = Encoder(out);
                e.varint(text.len() as u64);
                e.raw(&crc32c::crc32c(text).to_le_bytes());
                e.raw(text);
            }
        }
    }
    let length = out.len() - start;
    assert!(length <= LONGEST, "S1: a record is longer than its length");
    let word = ((length as u32) << 8) | u32::from(MARK);
    out[start..start + 4].copy_from_slice(&word.to_le_bytes());
    let crc = crc_of(&out[start..], segment, place_of(start));
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    defined
}

fn text_flags(texts: &[TextOut<'_>; 2]) -> u8 {
    let bits = |text: &TextOut<'_>| match text {
        TextOut::None => 0,
        TextOut::Define(_) => flag::DEFINED_HERE,
        TextOut::Before(_) => flag::DEFINED_BEFORE,
    };
    (bits(&texts[0]) << flag::TEXT_SHIFT[0]) | (bits(&texts[1]) << flag::TEXT_SHIFT[1])
}

fn crc_of(record: &[u8], segment: u64, place: u32) -> u32 {
    let head = crc32c::crc32c_append(seed(segment, place), &record[..4]);
    crc32c::crc32c_append(head, &record[HEAD_BYTES..])
}

/// The length that the record at the front of `bytes` claims, if a record begins there.
pub(crate) fn length_of(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < 4 || bytes[0] != MARK {
        return None;
    }
    let length = (u32_at(bytes, 0) >> 8) as usize;
    (length > HEAD_BYTES + 4).then_some(length)
}

/// The record at the front of `bytes`, if its CRC holds at `place`.
pub(crate) fn check_record(bytes: &[u8], segment: u64, place: u32) -> Option<&[u8]> {
    let record = bytes.get(..length_of(bytes)?)?;
    (crc_of(record, segment, place) == u32_at(record, 4)).then_some(record)
}

/// Reads a record whose CRC holds.
pub(crate) fn decode(record: &[u8]) -> Result<RawRecord<'_>, Malformed> {
    let mut d = Decoder(record);
    d.raw(HEAD_BYTES)?;
    let [partition, kind, version, flags] = d.array()?;
    if u16::from(partition) >= PARTITIONS {
        return Err(Malformed("no such partition"));
    }
    let has = |flag: u8| flags & flag != 0;
    Ok(RawRecord {
        partition: u16::from(partition),
        kind,
        version,
        seq: d.varint()?,
        tenant: TenantId(d.number()?),
        at: UnixMs(d.varint()?),
        click_id: has(flag::CLICK_ID)
            .then(|| d.array().map(ClickId::from_bytes))
            .transpose()?,
        private_key: if has(flag::PRIVATE_KEY) { d.byte()? } else { 0 },
        open: d.bytes()?,
        private: d.bytes()?,
        texts: [
            text(flags >> flag::TEXT_SHIFT[0] & 3, record, &mut d)?,
            text(flags >> flag::TEXT_SHIFT[1] & 3, record, &mut d)?,
        ],
    })
}

fn text<'a>(how: u8, record: &[u8], d: &mut Decoder<'a>) -> Result<TextAt<'a>, Malformed> {
    match how {
        0 => Ok(TextAt::None),
        flag::DEFINED_HERE => {
            let from_start = (record.len() - d.0.len()) as u32;
            let (text, rest) = definition(d.0)?;
            d.0 = rest;
            Ok(TextAt::Here(from_start, text))
        }
        flag::DEFINED_BEFORE => Ok(TextAt::Before(d.number()?)),
        _ => Err(Malformed("text flags")),
    }
}

/// The text defined at the front of `bytes`, and what follows it.
pub(crate) fn definition(bytes: &[u8]) -> Result<(&str, &[u8]), Malformed> {
    let mut d = Decoder(bytes);
    let length = d.number()? as usize;
    let crc = u32::from_le_bytes(d.array()?);
    let text = d.raw(length)?;
    if crc32c::crc32c(text) != crc {
        return Err(Malformed("text checksum does not match"));
    }
    let text = std::str::from_utf8(text).map_err(|_| Malformed("text is not UTF-8"))?;
    Ok((text, d.0))
}
