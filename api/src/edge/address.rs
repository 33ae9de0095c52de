//! Whose address a request comes from.

use std::net::IpAddr;

use hyper::HeaderMap;
use weir_engine::catalog::AddressRange;

/// The address of the visitor: the peer's, or, behind trusted proxies, the last address in `X-Forwarded-For`
/// that is not a trusted proxy's.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[AddressRange]) -> IpAddr {
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let hops = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.rsplit(','));
    let mut furthest = peer;
    for hop in hops {
        // What cannot be read ends the chain: what lies before it was not written by somebody we trust.
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        furthest = address;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    furthest.to_canonical()
}

/// Whether an address is one of the trusted proxies.
pub(super) fn is_trusted(address: IpAddr, trusted: &[AddressRange]) -> bool {
    trusted.iter().any(|range| range.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_counts_only_behind_a_trusted_proxy() {
        let trusted: Vec<AddressRange> = vec!["10.0.0.0/8".parse().unwrap()];
        let cases = [
            ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
            ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
            ("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
            ("10.0.0.1", "6.6.6.6, nonsense, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ];
        for (peer, header, expect) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", header.parse().unwrap());
            let address = client(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(
                address,
                expect.parse::<IpAddr>().unwrap(),
                "{peer} {header}"
            );
        }
    }
}
