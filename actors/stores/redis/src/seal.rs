//! A MAC on what is put into the cache, so that what others put there is not believed.
//!
//! Always true: the MAC covers where a value stands, so that a genuine value in another's place is as bad as a forged
//! one. The name of a place holds the generation, so that so is a genuine value of a log that was cut.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use weir_engine::secrets::MasterSecret;

/// Bytes of a MAC.
pub const MAC_BYTES: usize = 16;

/// See the module.
#[derive(Clone)]
pub struct Seal([u8; 32]);

impl Seal {
    /// The seal of an installation.
    pub fn new(secrets: &MasterSecret) -> Self {
        Self(secrets.derived_bytes("shared cache", 1))
    }

    /// The MAC of these parts, in this order and with these lengths.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        // HMAC takes a key of any length, so this cannot fail.
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("any key length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let mut cut = [0; MAC_BYTES];
        cut.copy_from_slice(&mac.finalize().into_bytes()[..MAC_BYTES]);
        cut
    }

    /// Whether `mac` is that of these parts.
    pub fn is_mac(&self, mac: &[u8], parts: &[&[u8]]) -> bool {
        self.mac(parts).as_slice().ct_eq(mac).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_of_its_installation_its_parts_and_where_they_end() {
        let seal = Seal::new(&MasterSecret::new([7; 32]));
        let other = Seal::new(&MasterSecret::new([8; 32]));
        let mac = seal.mac(&[b"ab", b"c"]);
        assert!(seal.is_mac(&mac, &[b"ab", b"c"]));
        assert!(!other.is_mac(&mac, &[b"ab", b"c"]));
        assert!(!seal.is_mac(&mac, &[b"a", b"bc"]));
        assert!(!seal.is_mac(&mac[..15], &[b"ab", b"c"]));
        assert!(!seal.is_mac(b"", &[b"ab", b"c"]));
    }
}
