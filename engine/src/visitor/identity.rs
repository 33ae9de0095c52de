//! A visitor without a name: hashes that tell one day's visitors apart and are worthless the day after next.
//!
//! The hash is over the full address and the user agent, under a key of the tenant and the UTC day; the address
//! is truncated after. A click carries the hash under today's and under yesterday's key, so that midnight leaves
//! no hole in uniqueness. Always true: without the master secret nobody can tell whose hash it is, and with
//! the key of another day it matches nothing. Not here: where keys come from (see [`crate::secrets`]).

use std::hash::Hasher;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use siphasher::sip::SipHasher24;

/// The key of one tenant and day.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VisitorKey(pub [u8; 16]);

impl std::fmt::Debug for VisitorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VisitorKey(***)")
    }
}

impl VisitorKey {
    /// The hash of a visitor under this key.
    #[must_use]
    pub fn hash(&self, address: IpAddr, user_agent: &str) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        let wide = match address.to_canonical() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        hasher.write(&wide.octets());
        hasher.write(user_agent.as_bytes());
        hasher.finish()
    }
}

/// The two keys in use on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitorKeys {
    /// Of the day.
    pub today: VisitorKey,
    /// Of the day before.
    pub yesterday: VisitorKey,
}

impl VisitorKeys {
    /// The hashes of a visitor, as they stand in a click.
    #[must_use]
    pub fn hashes(&self, address: IpAddr, user_agent: &str) -> [u64; 2] {
        [self.today, self.yesterday].map(|key| key.hash(address, user_agent))
    }
}

/// The address without its last part: the last octet of IPv4, the last 80 bits of IPv6.
#[must_use]
pub fn truncate(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => Ipv4Addr::from(u32::from(v4) & 0xffff_ff00).into(),
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) >> 80 << 80).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_address_keeps_its_network_only() {
        let cases = [
            ("203.0.113.77", "203.0.113.0"),
            ("::ffff:203.0.113.77", "203.0.113.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ];
        for (address, network) in cases {
            let [address, network]: [IpAddr; 2] = [address, network].map(|a| a.parse().unwrap());
            assert_eq!(truncate(address), network);
        }
    }

    #[test]
    fn a_visitor_is_the_same_within_a_day_and_another_under_another_key() {
        let key = VisitorKey([3; 16]);
        let v4: IpAddr = "203.0.113.77".parse().unwrap();
        let mapped: IpAddr = "::ffff:203.0.113.77".parse().unwrap();
        assert_eq!(key.hash(v4, "a"), key.hash(mapped, "a"));
        assert_ne!(key.hash(v4, "a"), key.hash(v4, "b"));
        assert_ne!(key.hash(v4, "a"), VisitorKey([4; 16]).hash(v4, "a"));
        assert_eq!(format!("{key:?}"), "VisitorKey(***)");
        let keys = VisitorKeys {
            today: VisitorKey([4; 16]),
            yesterday: key,
        };
        assert_eq!(keys.hashes(v4, "a")[1], key.hash(v4, "a"));
    }
}
