//! Where a page ends: the place of its last row in the order of the answer.
//!
//! Always true: the next page begins after that place whatever has been booked since, so no row comes twice
//! unless it moved; a cursor of another question is refused. Opaque to clients.

use std::cmp::Ordering;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use super::request::ReportQuery;
use crate::fact::{Decoder, Encoder, Malformed};

/// The place of a row: what it is sorted by, then its dimensions and currency, which tell it from any other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Sorted values in order; `None` = null.
    pub(super) sorted: Vec<Option<i128>>,
    /// Numbers of the dimensions in order, then of the currency.
    pub(super) key: Box<[u32]>,
}

impl Place {
    /// The order of the answer; nulls come last whichever way a value is sorted.
    pub(super) fn order(&self, other: &Self, is_descending: &[bool]) -> Ordering {
        let values = self.sorted.iter().zip(&other.sorted);
        for ((mine, theirs), &is_descending) in values.zip(is_descending) {
            let order = match (mine, theirs) {
                (Some(a), Some(b)) if is_descending => b.cmp(a),
                (Some(a), Some(b)) => a.cmp(b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        self.key.cmp(&other.key)
    }

    /// As text for the client.
    pub(super) fn write(&self, query: &ReportQuery) -> String {
        let mut bytes = Vec::new();
        let mut e = Encoder(&mut bytes);
        e.raw(&fingerprint(query).to_be_bytes());
        for value in &self.sorted {
            match value {
                Some(value) => {
                    e.raw(&[1]);
                    e.raw(&value.to_be_bytes());
                }
                None => e.raw(&[0]),
            }
        }
        e.numbers(&self.key);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads what [`Self::write`] wrote for the same question; `None` for anything else.
    pub(super) fn read(text: &str, query: &ReportQuery) -> Option<Self> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|c| c.to_digit(16).map(|d| d as u8))
            .collect();
        let digits = digits.filter(|d| d.len() % 2 == 0)?;
        let bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect();
        let place = Self::decode(&bytes, query).ok()?;
        (place.key.len() == query.group_by.len() + 1).then_some(place)
    }

    fn decode(bytes: &[u8], query: &ReportQuery) -> Result<Self, Malformed> {
        let mut d = Decoder(bytes);
        if u64::from_be_bytes(d.array()?) != fingerprint(query) {
            return Err(Malformed("cursor of another question"));
        }
        let mut sorted = Vec::new();
        for _ in &query.sort {
            sorted.push(match d.byte()? {
                0 => None,
                _ => Some(i128::from_be_bytes(d.array()?)),
            });
        }
        let key = d.numbers()?.into_boxed_slice();
        Ok(Self { sorted, key })
    }
}

/// What a cursor belongs to: everything that decides which rows there are and in which order.
fn fingerprint(query: &ReportQuery) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(0x7265_706f_7274, 1);
    let words = format!(
        "{} {} {} {} {:?} {:?} {:?}",
        query.from.0,
        query.to.0,
        query.timezone.iana_name().unwrap_or_default(),
        query.basis,
        query.group_by,
        query.filters,
        query.sort,
    );
    hasher.write(words.as_bytes());
    hasher.finish()
}
