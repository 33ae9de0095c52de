//! A cache of places by network (/24, /48): one a core, without a lock, of a fixed size.
//!
//! Why: finding a row takes a walk through megabytes, and the visitors of a campaign come from few networks. Always
//! true: it says what the file says; a network of which only a part is somewhere is not kept.

use std::net::IpAddr;

use super::place::{Countries, Place};

/// Networks of a cache of the usual size.
const NETWORKS: usize = 16_384;

#[derive(Debug)]
struct Kept {
    network: u64,
    country: [u8; 2],
    region: Box<str>,
    city: Box<str>,
    isp: Box<str>,
}

impl Kept {
    fn place(&self) -> Place<'_> {
        Place {
            country: self.country,
            region: &self.region,
            city: &self.city,
            isp: &self.isp,
        }
    }
}

/// Places by network; each network has one slot, which the latest one takes.
#[derive(Debug)]
pub struct PlaceCache(Box<[Option<Kept>]>);

impl Default for PlaceCache {
    fn default() -> Self {
        Self((0..NETWORKS).map(|_| None).collect())
    }
}

impl PlaceCache {
    /// Where `address` is: from the cache, else from `countries`.
    pub fn get<'a>(&'a mut self, countries: &'a Countries, address: IpAddr) -> Place<'a> {
        let network = network_of(address);
        let spread = network.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let slot = &mut self.0[spread as usize & (NETWORKS - 1)];
        if slot.as_ref().is_none_or(|kept| kept.network != network) {
            let (place, is_wide) = countries.lookup_with_network(address);
            if !is_wide {
                return place;
            }
            *slot = Some(Kept {
                network,
                country: place.country,
                region: place.region.into(),
                city: place.city.into(),
                isp: place.isp.into(),
            });
        }
        slot.as_ref().map(Kept::place).unwrap_or_default()
    }
}

/// The network of an address, told apart from those of the other kind.
fn network_of(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u64::from(u32::from(v4) >> 8),
        IpAddr::V6(v6) => 1 << 63 | (u128::from(v6) >> 80) as u64,
    }
}
