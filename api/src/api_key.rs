//! API keys: how one looks, how one is made, what is kept of it.
//!
//! ```text
//! weir_live_ 8 characters id _ 43 characters secret (256 bits in base62) _ 6 check characters (CRC32C in base62)
//! ```
//! Always true: only the shown part (`weir_live_` and the id) and the SHA-256 of the whole key are kept, so the
//! store, the log and a dump hold no secret; 256 random bits need no slow hash; a typing error is refused by the
//! check characters before anything is looked up. Not here: whose key it is and what it may do (the catalog).

use hyper::HeaderMap;
use sha2::{Digest, Sha256};

const PREFIX: &str = "weir_live_";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_CHARS: usize = 8;
const SECRET_CHARS: usize = 43;
const CHECK_CHARS: usize = 6;

/// A new key. The only place that holds the secret.
pub struct NewKey {
    /// The whole key, to be shown once.
    pub key: String,
    /// What may be shown afterwards.
    pub prefix: String,
    /// SHA-256 of the whole key, in hex.
    pub sha256: String,
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewKey({}…)", self.prefix)
    }
}

impl NewKey {
    /// The key of these random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 40]) -> Self {
        let (id, secret) = bytes.split_at(8);
        let prefix = format!("{PREFIX}{}", base62(id, ID_CHARS));
        let body = format!("{prefix}_{}", base62(secret, SECRET_CHARS));
        let key = format!("{body}_{}", check(&body));
        let sha256 = hex(&Sha256::digest(&key));
        Self {
            key,
            prefix,
            sha256,
        }
    }
}

/// The SHA-256 of a key in hex, to look it up by; `None` for a key with a typing error, which needs no look-up.
#[must_use]
pub fn digest(key: &str) -> Option<String> {
    is_formed(key).then(|| hex(&Sha256::digest(key)))
}

fn is_formed(key: &str) -> bool {
    let parts = || {
        let (body, check_characters) = key.rsplit_once('_')?;
        let (id, secret) = body.strip_prefix(PREFIX)?.split_once('_')?;
        Some((body, id, secret, check_characters))
    };
    let is_base62 = |text: &str| text.bytes().all(|b| BASE62.contains(&b));
    parts().is_some_and(|(body, id, secret, check_characters)| {
        id.len() == ID_CHARS
            && secret.len() == SECRET_CHARS
            && is_base62(id)
            && is_base62(secret)
            && check(body) == check_characters
    })
}

/// The key that a request carries: `Authorization: Bearer …`, else `X-Api-Key: …`.
#[must_use]
pub fn of_headers(headers: &HeaderMap) -> Option<&str> {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let bearer = header("authorization").and_then(|text| {
        let (scheme, key) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer
        .or_else(|| header("x-api-key"))
        .filter(|key| !key.is_empty())
}

/// What of `key` may stand in a log.
#[must_use]
pub fn shown(key: &str) -> &str {
    let end = PREFIX.len() + ID_CHARS;
    key.get(..end)
        .filter(|s| s.starts_with(PREFIX))
        .unwrap_or("…")
}

fn check(body: &str) -> String {
    base62(&crc32c::crc32c(body.as_bytes()).to_be_bytes(), CHECK_CHARS)
}

/// `bytes` as a number in base62, its last `length` digits.
fn base62(bytes: &[u8], length: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = Vec::with_capacity(length);
    for _ in 0..length {
        let mut rest = 0u32;
        for byte in &mut number {
            let value = (rest << 8) | u32::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        digits.push(char::from(BASE62[rest as usize]));
    }
    digits.iter().rev().collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_key_is_read_back_to_the_hash_that_was_kept() {
        let new = NewKey::from_random([7; 40]);
        assert_eq!(new.key.len(), 10 + 8 + 1 + 43 + 1 + 6);
        assert!(new.key.starts_with(&new.prefix));
        assert_eq!(shown(&new.key), new.prefix);
        assert_eq!(digest(&new.key), Some(new.sha256.clone()));
        assert!(!format!("{new:?}").contains(&new.key));
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for text in [
            "",
            "x",
            "weir_demo_abc",
            "weir_live_",
            "weir_live_a_b_c",
            "weir_live_ключ",
        ] {
            assert_eq!(digest(text), None, "{text}");
        }
        for text in [
            "",
            "weir_live_",
            "sk_live_abcdefghijklmnopqrstuvwxyz",
            "ключ",
        ] {
            assert!(shown(text).len() < 20, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_typing_error_is_refused(first in any::<u64>(), secret in any::<[u8; 32]>(), at in 0usize..69, with in "[0-9A-Za-z]") {
            let mut bytes = [0; 40];
            bytes[..8].copy_from_slice(&first.to_be_bytes());
            bytes[8..].copy_from_slice(&secret);
            let key = NewKey::from_random(bytes).key;
            let mut typed = key.clone();
            typed.replace_range(at..=at, &with);
            prop_assert_eq!(digest(&typed).is_some(), typed == key);
        }
    }
}
