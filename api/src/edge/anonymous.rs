//! How often an address may send what proves nothing: postbacks that are not believed, and conversions that are taken
//! without proof (pixels, advertisers that ask for none).
//!
//! Always true: whoever shows an advertiser's token is never held up; loopback and trusted proxies are exempt, as
//! they are from the limit on connections; an IPv6 address counts as its /64; memory is bounded, whoever comes.
//! Not here: connections an address holds (the accept loop), clicks: a visitor is never turned away.

use std::net::IpAddr;
use std::sync::Arc;

use weir_engine::catalog::AddressRange;
use weir_engine::ids::UnixMs;
use weir_engine::limits::{Allowance, LimitKey, LimitScope};
use weir_engine::ports::LocalLimits;

use super::address::is_trusted;
use crate::peers::network_of;

/// Addresses that are kept count of.
const COUNTED_MAX: usize = 65_536;

/// See the module. Shared by all cores.
#[derive(Debug, Clone)]
pub struct Anonymous(Option<(Allowance, Arc<LocalLimits>)>);

impl Anonymous {
    /// What is allowed unless the operator says otherwise: more than a carrier's whole network of visitors sends
    /// through one address.
    pub const USUAL: Allowance = Allowance {
        per_second: 200,
        burst: 2_000,
    };

    /// A limit; `None` = none.
    #[must_use]
    pub fn new(allowance: Option<Allowance>) -> Self {
        Self(allowance.map(|allowance| (allowance, Arc::new(LocalLimits::new(COUNTED_MAX)))))
    }

    /// Seconds that the address has to wait before it is heard again; `None` = it is heard.
    pub(super) fn is_spent(&self, of: Sender<'_>) -> Option<u64> {
        self.take(of, 0)
    }

    /// Counts something that proves nothing; seconds to wait when it was one too many.
    pub(super) fn count(&self, of: Sender<'_>) -> Option<u64> {
        self.take(of, 1)
    }

    fn take(&self, of: Sender<'_>, cost: u32) -> Option<u64> {
        let (allowance, limits) = self.0.as_ref()?;
        if of.address.is_loopback() || is_trusted(of.address, of.trusted) {
            return None;
        }
        let number = match network_of(of.address) {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
        };
        let key = LimitKey {
            scope: LimitScope::Address,
            number,
        };
        let standing = limits.take_now(key, cost, *allowance, of.now);
        let is_heard = standing.is_allowed && (cost > 0 || standing.remaining > 0);
        (!is_heard).then_some(standing.seconds.max(1))
    }
}

/// Who sends, and when.
#[derive(Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) address: IpAddr,
    pub(super) trusted: &'a [AddressRange],
    pub(super) now: UnixMs,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_772_323_200_000);

    fn of<'a>(address: &str, trusted: &'a [AddressRange]) -> Sender<'a> {
        Sender {
            address: address.parse().expect("an address"),
            trusted,
            now: NOW,
        }
    }

    fn few() -> Anonymous {
        Anonymous::new(Some(Allowance {
            per_second: 1,
            burst: 2,
        }))
    }

    #[test]
    fn an_address_is_heard_until_it_has_sent_too_much_that_proves_nothing() {
        let limit = few();
        let bad = of("203.0.113.9", &[]);
        assert_eq!(limit.is_spent(bad), None, "looking costs nothing");
        assert_eq!([limit.count(bad), limit.count(bad)], [None, None]);
        assert_eq!(limit.is_spent(bad), Some(2));
        assert_eq!(limit.count(bad), Some(1));
        assert_eq!(limit.count(of("203.0.113.10", &[])), None, "another");
        let later = Sender {
            now: UnixMs(NOW.0 + 1_000),
            ..bad
        };
        assert_eq!(limit.is_spent(later), None);
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_and_an_ipv4_address_as_itself_however_written() {
        let limit = few();
        for address in ["2001:db8:1:2::1", "2001:db8:1:2::2"] {
            assert_eq!(limit.count(of(address, &[])), None);
        }
        assert!(limit.count(of("2001:db8:1:2:ffff::3", &[])).is_some());
        assert_eq!(limit.count(of("2001:db8:1:3::1", &[])), None);
        for address in ["203.0.113.1", "::ffff:203.0.113.1"] {
            assert_eq!(limit.count(of(address, &[])), None);
        }
        assert!(limit.count(of("203.0.113.1", &[])).is_some());
    }

    #[test]
    fn loopback_trusted_proxies_and_everybody_without_a_limit_are_exempt() {
        let trusted = ["10.0.0.0/8".parse().expect("a range")];
        let limit = few();
        for _ in 0..10 {
            assert_eq!(limit.count(of("127.0.0.1", &[])), None);
            assert_eq!(limit.count(of("10.1.2.3", &trusted)), None);
            assert_eq!(Anonymous::new(None).count(of("203.0.113.9", &[])), None);
        }
    }
}
