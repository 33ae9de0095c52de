//! Everything secret, derived from one master secret.
//!
//! ```text
//! master ─HMAC-SHA256(purpose, parts)─▶ click key (tenant, number)      signs click ids
//!                                       visitor key (tenant, day)       tells visitors apart for a day
//!                                       postback token (advertiser, v)  proves that a postback is the advertiser's
//!                                       HMAC secret (advertiser, v)     the same, by signature
//!                                       pixel key (advertiser, v)       names the advertiser in a page; proves nothing
//!                                       operator key (v)                the installation itself
//! ```
//! Always true: the log and the store hold version numbers, never a secret; a token says whose it is, so that
//! it is checked by deriving it again, in a time that does not depend on where it differs; nothing here is
//! printed by `Debug`. Not here: API keys (random, stored as a hash).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::click_id::ClickKey;
use crate::ids::{AdvertiserId, BASE32, TenantId};
use crate::visitor::{VisitorKey, VisitorKeys};

/// Characters of a derived token: 160 bits.
const TOKEN_CHARS: usize = 32;
const DAY_MS: u64 = 86_400_000;

/// What a token is for; its text begins with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// `token=` of postbacks.
    Postback,
    /// The key of signatures of postbacks.
    Hmac,
    /// `key=` of pixels.
    Pixel,
}

impl TokenKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Postback => "pbt",
            Self::Hmac => "pbs",
            Self::Pixel => "pxk",
        }
    }
}

/// The master secret of an installation.
#[derive(Clone)]
pub struct MasterSecret([u8; 32]);

impl std::fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterSecret(***)")
    }
}

impl MasterSecret {
    /// The secret of these bytes, which should be random.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    fn derive(&self, purpose: &str, parts: &[u64]) -> [u8; 32] {
        // HMAC takes a key of any length, so this cannot fail.
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("any key length");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        for part in parts {
            mac.update(&part.to_be_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    fn derive_16(&self, purpose: &str, parts: &[u64]) -> [u8; 16] {
        let mut key = [0; 16];
        key.copy_from_slice(&self.derive(purpose, parts)[..16]);
        key
    }

    /// The key that signs click ids of `tenant` under key number `number`.
    #[must_use]
    pub fn click_key(&self, tenant: TenantId, number: u8) -> ClickKey {
        let parts = [u64::from(tenant.0), u64::from(number)];
        ClickKey(self.derive_16("click id", &parts))
    }

    /// The keys of visitors of `tenant` on the UTC day of a time in milliseconds, and the day before.
    #[must_use]
    pub fn visitor_keys(&self, tenant: TenantId, unix_ms: u64) -> VisitorKeys {
        let key = |day: u64| VisitorKey(self.derive_16("visitor", &[u64::from(tenant.0), day]));
        let day = unix_ms / DAY_MS;
        VisitorKeys {
            today: key(day),
            yesterday: key(day.wrapping_sub(1)),
        }
    }

    /// A key for the process's own hash tables and caches.
    #[must_use]
    pub fn internal_key(&self, purpose: &str) -> [u8; 16] {
        self.derive_16("internal", &[crate::policy::seed_of(purpose)])
    }

    /// Bytes for a purpose of the caller's own.
    #[must_use]
    pub fn derived_bytes(&self, purpose: &str, part: u64) -> [u8; 32] {
        self.derive(&format!("text {purpose}"), &[part])
    }

    /// An advertiser's token: `pbt_{advertiser}_{32 characters}`.
    #[must_use]
    pub fn token(&self, kind: TokenKind, advertiser: AdvertiserId, version: u32) -> String {
        let purpose = format!("advertiser {}", kind.prefix());
        let mac = self.derive(&purpose, &[advertiser.0, u64::from(version)]);
        let whose = advertiser.to_string();
        let whose = whose.strip_prefix("adv_").unwrap_or(&whose);
        format!("{}_{whose}_{}", kind.prefix(), base32(&mac))
    }

    /// Whether `text` is the advertiser's token of one of these versions.
    #[must_use]
    pub fn is_token(
        &self,
        kind: TokenKind,
        advertiser: AdvertiserId,
        versions: impl IntoIterator<Item = u32>,
        text: &str,
    ) -> bool {
        let mut is_one = false;
        for version in versions {
            let genuine = self.token(kind, advertiser, version);
            is_one |= bool::from(genuine.as_bytes().ct_eq(text.as_bytes()));
        }
        is_one
    }

    /// The operator's key: `weir_operator_{32 characters}`.
    #[must_use]
    pub fn operator_key(&self, version: u32) -> String {
        let mac = self.derive("operator", &[u64::from(version)]);
        format!("weir_operator_{}", base32(&mac))
    }
}

/// Whose token it says it is, unverified.
#[must_use]
pub fn advertiser_of_token(kind: TokenKind, text: &str) -> Option<AdvertiserId> {
    let rest = text.strip_prefix(kind.prefix())?.strip_prefix('_')?;
    let (whose, mac) = rest.split_once('_')?;
    (mac.len() == TOKEN_CHARS).then_some(())?;
    format!("adv_{whose}").parse().ok()
}

/// The signature of a postback: hex HMAC-SHA256 of `base` under the advertiser's secret.
#[must_use]
pub fn is_signature(secret: &str, base: &[u8], signature: &str) -> bool {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).expect("any key length");
    mac.update(base);
    let genuine = mac.finalize().into_bytes();
    let mut hex = String::with_capacity(64);
    for byte in genuine {
        hex.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        hex.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
    }
    bool::from(hex.as_bytes().ct_eq(signature.as_bytes()))
}

/// The first 160 bits as 32 characters.
fn base32(bytes: &[u8; 32]) -> String {
    let mut out = String::with_capacity(TOKEN_CHARS);
    for five in bytes[..20].chunks(5) {
        let bits = five.iter().fold(0u64, |acc, &b| (acc << 8) | u64::from(b));
        for shift in (0..8).rev() {
            out.push(char::from(BASE32[(bits >> (5 * shift) & 31) as usize]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_whose_it_is_and_only_the_genuine_one_of_a_live_version_is_accepted() {
        let master = MasterSecret::new([7; 32]);
        let advertiser = AdvertiserId::new(TenantId(3), 9);
        let token = master.token(TokenKind::Postback, advertiser, 2);
        assert_eq!(
            advertiser_of_token(TokenKind::Postback, &token),
            Some(advertiser)
        );
        assert_eq!(advertiser_of_token(TokenKind::Pixel, &token), None);
        assert!(master.is_token(TokenKind::Postback, advertiser, [1, 2], &token));
        assert!(!master.is_token(TokenKind::Postback, advertiser, [1, 3], &token));
        let other = AdvertiserId::new(TenantId(4), 9);
        assert!(!master.is_token(TokenKind::Postback, other, [2], &token));
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] ^= 1;
            let forged = String::from_utf8(forged).unwrap();
            assert!(
                !master.is_token(TokenKind::Postback, advertiser, [2], &forged),
                "{at}"
            );
        }
    }

    #[test]
    fn keys_differ_by_purpose_tenant_and_day_and_are_never_printed() {
        let master = MasterSecret::new([7; 32]);
        assert_ne!(
            master.click_key(TenantId(1), 0).0,
            master.click_key(TenantId(2), 0).0
        );
        let today = master.visitor_keys(TenantId(1), DAY_MS * 20_000 + 5);
        let tomorrow = master.visitor_keys(TenantId(1), DAY_MS * 20_001);
        assert_eq!(today.today, tomorrow.yesterday);
        assert_ne!(today.today, tomorrow.today);
        assert_ne!(
            master.operator_key(1),
            MasterSecret::new([8; 32]).operator_key(1)
        );
        assert_eq!(format!("{master:?}"), "MasterSecret(***)");
    }

    #[test]
    fn a_signature_is_hex_hmac_sha256() {
        // RFC 4231, test case 2.
        let genuine = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(is_signature(
            "Jefe",
            b"what do ya want for nothing?",
            genuine
        ));
        assert!(!is_signature(
            "Jefe",
            b"what do ya want for nothing!",
            genuine
        ));
        assert!(!is_signature(
            "Jefe",
            b"what do ya want for nothing?",
            &genuine[1..]
        ));
    }
}
