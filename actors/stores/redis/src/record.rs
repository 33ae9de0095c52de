//! A record of the log as bytes, to be kept in the cache.
//!
//! ```text
//! format 1 | partition 2 | seq 8 | tenant 4 | at 8 | kind 1 | version 1 | key number 1 | click id 20 |
//!   open: length 4, bytes | private: length 4, bytes | user agent: length 4, bytes | referrer: length 4, bytes
//! ```
//! Always true: only clicks are written; what is not exactly so long, or of another format, is not read.

use weir_engine::click_id::ClickId;
use weir_engine::ids::{Position, TenantId, UnixMs};
use weir_engine::record::OwnedRecord;

const FORMAT: u8 = 1;

/// The bytes of a click's record; `None` for another record.
pub fn write(record: &OwnedRecord) -> Option<Vec<u8>> {
    let click_id = record.click_id?;
    let texts = record.texts.each_ref().map(|text| text.as_bytes());
    let parts = [&record.open, &record.private, texts[0], texts[1]];
    let length: usize = parts.iter().map(|part| part.len() + 4).sum();
    let mut bytes = Vec::with_capacity(46 + length);
    bytes.push(FORMAT);
    bytes.extend(record.position.partition.to_be_bytes());
    bytes.extend(record.position.seq.to_be_bytes());
    bytes.extend(record.tenant.0.to_be_bytes());
    bytes.extend(record.at.0.to_be_bytes());
    bytes.extend([record.kind, record.version, record.private_key]);
    bytes.extend(click_id.as_bytes());
    for part in parts {
        bytes.extend(u32::try_from(part.len()).ok()?.to_be_bytes());
        bytes.extend(part);
    }
    Some(bytes)
}

/// The record that these bytes are.
pub fn read(bytes: &[u8]) -> Option<OwnedRecord> {
    let mut rest = Rest(bytes);
    (rest.array::<1>()? == [FORMAT]).then_some(())?;
    let record = OwnedRecord {
        position: Position {
            partition: u16::from_be_bytes(rest.array()?),
            seq: u64::from_be_bytes(rest.array()?),
        },
        tenant: TenantId(u32::from_be_bytes(rest.array()?)),
        at: UnixMs(u64::from_be_bytes(rest.array()?)),
        kind: rest.array::<1>()?[0],
        version: rest.array::<1>()?[0],
        private_key: rest.array::<1>()?[0],
        click_id: Some(ClickId::from_bytes(rest.array()?)),
        open: rest.part()?.to_vec(),
        private: rest.part()?.to_vec(),
        texts: [rest.text()?, rest.text()?],
    };
    rest.0.is_empty().then_some(record)
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn part(&mut self) -> Option<&'a [u8]> {
        let length = u32::from_be_bytes(self.array()?);
        let (part, rest) = self.0.split_at_checked(length as usize)?;
        self.0 = rest;
        Some(part)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.part()?.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn click() -> OwnedRecord {
        OwnedRecord {
            position: Position {
                partition: 11,
                seq: u64::MAX - 1,
            },
            tenant: TenantId(0xab_cdef),
            at: UnixMs(1_772_323_200_123),
            kind: 1,
            version: 3,
            click_id: Some(ClickId::from_bytes([0x1f; 20])),
            open: vec![1, 2, 3],
            private_key: 9,
            private: vec![],
            texts: ["Mozilla/5.0 (\u{1f980})".to_owned(), String::new()],
        }
    }

    #[test]
    fn every_field_is_read_back() {
        assert_eq!(read(&write(&click()).unwrap()), Some(click()));
        let no_click = OwnedRecord {
            click_id: None,
            ..click()
        };
        assert_eq!(write(&no_click), None);
    }

    #[test]
    fn bytes_of_another_length_or_format_are_not_read() {
        let bytes = write(&click()).unwrap();
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), None, "{length}");
        }
        assert_eq!(read(&[bytes.clone(), vec![0]].concat()), None);
        assert_eq!(read(&[vec![2], bytes[1..].to_vec()].concat()), None);
    }
}
