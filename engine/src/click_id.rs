//! The click id: 160 signed bits that a partner can shorten to no less than 32 characters.
//!
//! ```text
//!  version 4 | key number 4 | tenant 24 | ms since 2024-01-01Z 40 | node 12 | edge core 6 | counter 10 | MAC 60
//! ```
//!
//! Written as 32 characters of lower-case Crockford base32, most significant bits first, and read
//! in any case because networks lower-case and upper-case what passes through them.
//!
//! Always true: an id whose MAC does not verify under the tenant's key never becomes a
//! [`ClickId`]; the time in the id names the journal segment, so a look-up is never a scan.
//! Not here: where keys come from (they are derived from the master secret by the node).

use std::fmt;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::ids::BASE32;

/// 2024-01-01T00:00:00Z in Unix milliseconds: the zero of the time in a click id.
pub const EPOCH_MS: u64 = 1_704_067_200_000;
/// Characters in a click id.
pub const LENGTH: usize = 32;
const VERSION: u8 = 1;
const PAYLOAD_BYTES: usize = 13;

/// The key that signs one tenant's click ids: 128 bits, derived by tenant and key number.
#[derive(Clone)]
pub struct ClickKey(pub [u8; 16]);

impl fmt::Debug for ClickKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClickKey(***)")
    }
}

/// What a click id says before its MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Number of the signing key, 0-15.
    pub key_number: u8,
    /// Tenant, 24 bits.
    pub tenant: u32,
    /// Milliseconds since [`EPOCH_MS`], 40 bits.
    pub ms: u64,
    /// Node that minted it, 12 bits.
    pub node: u16,
    /// Core of the edge (6 bits) and counter within the millisecond (10 bits).
    pub sequence: u16,
}

/// A click id: 20 bytes, in the order in which they are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClickId([u8; 20]);

/// Why a text is not a click id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClickIdError {
    /// Wrong length, a character outside the alphabet, or another version.
    #[error("not a click id")]
    Malformed,
    /// The MAC does not verify under the tenant's key: forged, or another installation's.
    #[error("click id signature does not verify")]
    BadMac,
}

impl ClickId {
    /// Mints the id of `parts` under `key`.
    #[must_use]
    pub fn mint(parts: Parts, key: &ClickKey) -> Self {
        let payload = parts.to_bytes();
        let mac = mac60(&payload, key);
        let mut bytes = [0; 20];
        bytes[..PAYLOAD_BYTES - 1].copy_from_slice(&payload[..PAYLOAD_BYTES - 1]);
        // The payload is 100 bits: its last half byte shares byte 12 with the first MAC bits.
        let tail = (u64::from(payload[12]) << 56) | mac;
        bytes[12..].copy_from_slice(&tail.to_be_bytes());
        Self(bytes)
    }

    /// Reads 32 characters in any case, without checking the MAC: gives the tenant to find the key.
    ///
    /// # Errors
    /// [`ClickIdError::Malformed`] for a wrong length, alphabet or version.
    pub fn read_unverified(text: &str) -> Result<Unverified, ClickIdError> {
        let mut bytes = [0u8; 20];
        if text.len() != LENGTH {
            return Err(ClickIdError::Malformed);
        }
        for (eight, five) in text.as_bytes().chunks(8).zip(bytes.chunks_mut(5)) {
            let mut bits = 0u64;
            for &character in eight {
                bits = (bits << 5) | u64::from(digit_of(character)?);
            }
            five.copy_from_slice(&bits.to_be_bytes()[3..]);
        }
        if bytes[0] >> 4 != VERSION {
            return Err(ClickIdError::Malformed);
        }
        Ok(Unverified(Self(bytes)))
    }

    /// The id stored as bytes, from a journal or an index that held a verified one.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// What the id says.
    #[must_use]
    pub fn parts(&self) -> Parts {
        Parts::from_bytes(&self.0)
    }

    /// When it was minted, in Unix milliseconds.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.parts().ms + EPOCH_MS
    }

    /// The 32 characters, without allocating.
    #[must_use]
    pub fn to_chars(&self) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        for (five, eight) in self.0.chunks(5).zip(out.chunks_mut(8)) {
            let mut bits = five.iter().fold(0u64, |acc, &b| (acc << 8) | u64::from(b));
            for character in eight.iter_mut().rev() {
                *character = BASE32[(bits & 31) as usize];
                bits >>= 5;
            }
        }
        out
    }
}

/// A well-formed click id whose MAC has not been checked yet.
#[derive(Debug, Clone, Copy)]
pub struct Unverified(ClickId);

impl Unverified {
    /// What the id claims.
    #[must_use]
    pub fn parts(&self) -> Parts {
        self.0.parts()
    }

    /// Checks the MAC, in time that does not depend on where it differs.
    ///
    /// # Errors
    /// [`ClickIdError::BadMac`] when the id was not minted under `key`.
    pub fn verify(self, key: &ClickKey) -> Result<ClickId, ClickIdError> {
        let genuine = ClickId::mint(self.parts(), key);
        let differing = genuine
            .0
            .iter()
            .zip(&self.0.0)
            .fold(0, |d, (a, b)| d | (a ^ b));
        if differing == 0 {
            Ok(self.0)
        } else {
            Err(ClickIdError::BadMac)
        }
    }
}

impl Parts {
    /// The 100 payload bits, left-aligned: the low half of byte 12 is zero.
    fn to_bytes(self) -> [u8; PAYLOAD_BYTES] {
        let mut bits = u128::from(VERSION);
        bits = (bits << 4) | u128::from(self.key_number & 0xf);
        bits = (bits << 24) | u128::from(self.tenant & 0xff_ffff);
        bits = (bits << 40) | u128::from(self.ms & 0xff_ffff_ffff);
        bits = (bits << 12) | u128::from(self.node & 0xfff);
        bits = (bits << 16) | u128::from(self.sequence);
        let mut bytes = [0; PAYLOAD_BYTES];
        bytes.copy_from_slice(&(bits << 28).to_be_bytes()[..PAYLOAD_BYTES]);
        bytes
    }

    fn from_bytes(bytes: &[u8; 20]) -> Self {
        let mut wide = [0; 16];
        wide.copy_from_slice(&bytes[..16]);
        let bits = u128::from_be_bytes(wide) >> 28;
        Self {
            sequence: (bits & 0xffff) as u16,
            node: ((bits >> 16) & 0xfff) as u16,
            ms: ((bits >> 28) & 0xff_ffff_ffff) as u64,
            tenant: ((bits >> 68) & 0xff_ffff) as u32,
            key_number: ((bits >> 92) & 0xf) as u8,
        }
    }
}

fn mac60(payload: &[u8; PAYLOAD_BYTES], key: &ClickKey) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&key.0);
    hasher.write(payload);
    hasher.finish128().h1 >> 4
}

fn digit_of(character: u8) -> Result<u8, ClickIdError> {
    let lower = character.to_ascii_lowercase();
    BASE32
        .iter()
        .position(|&a| a == lower)
        .map(|p| p as u8)
        .ok_or(ClickIdError::Malformed)
}

impl fmt::Display for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_chars()).unwrap_or_default())
    }
}

impl fmt::Debug for ClickId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClickId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some_parts() -> Parts {
        Parts {
            key_number: 3,
            tenant: 77,
            ms: 90_000_000_123,
            node: 5,
            sequence: 0xfc01,
        }
    }

    #[test]
    fn an_id_survives_being_upper_cased_by_a_network() {
        let key = ClickKey([7; 16]);
        let id = ClickId::mint(some_parts(), &key);
        let read = ClickId::read_unverified(&id.to_string().to_uppercase()).unwrap();
        assert_eq!(read.verify(&key), Ok(id));
        assert_eq!(id.parts(), some_parts());
        assert_eq!(id.to_string().len(), LENGTH);
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let key = ClickKey([9; 16]);
        let id = ClickId::mint(some_parts(), &key);
        for bit in 0..160 {
            let mut bytes = *id.as_bytes();
            bytes[bit / 8] ^= 0x80 >> (bit % 8);
            let forged = ClickId(bytes).to_string();
            let verdict = ClickId::read_unverified(&forged).and_then(|u| u.verify(&key));
            assert!(verdict.is_err(), "bit {bit} accepted");
        }
    }

    #[test]
    fn another_tenants_key_does_not_verify_an_id() {
        let id = ClickId::mint(some_parts(), &ClickKey([1; 16]));
        let read = ClickId::read_unverified(&id.to_string()).unwrap();
        assert_eq!(read.verify(&ClickKey([2; 16])), Err(ClickIdError::BadMac));
    }

    #[test]
    fn text_that_is_no_id_is_refused_without_a_panic() {
        for text in [
            "",
            "short",
            "ü2345678901234567890123456789012",
            &"u".repeat(32),
            &"0".repeat(32),
        ] {
            assert_eq!(
                ClickId::read_unverified(text).err(),
                Some(ClickIdError::Malformed),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_minted_is_read_back(key_number in 0u8..16, tenant in 0u32..1 << 24, ms in 0u64..1 << 40,
                                       node in 0u16..1 << 12, sequence in any::<u16>(), key in any::<[u8; 16]>()) {
            let parts = Parts { key_number, tenant, ms, node, sequence };
            let key = ClickKey(key);
            let id = ClickId::mint(parts, &key);
            prop_assert_eq!(id.parts(), parts);
            let read = ClickId::read_unverified(&id.to_string()).unwrap().verify(&key);
            prop_assert_eq!(read, Ok(id));
        }
    }
}
