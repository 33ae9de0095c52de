//! The demo's visitors: real user agents, addresses from ranges that are really allocated to their countries.

use std::net::{IpAddr, Ipv4Addr};

use weir_engine::visitor::Countries;

use super::chance::Chance;

/// Real user agents with the type of their device.
const BROWSERS: &str = include_str!("../../../data/corpus/browsers.tsv");
/// User agents of crawlers.
const CRAWLERS: &str = include_str!("../../../data/corpus/crawlers.txt");
/// Countries of the demo, by share of the traffic.
pub const COUNTRIES: [([u8; 2], f64, &str); 8] = [
    (*b"US", 0.34, "en-US"),
    (*b"DE", 0.16, "de-DE"),
    (*b"GB", 0.12, "en-GB"),
    (*b"BR", 0.10, "pt-BR"),
    (*b"IN", 0.10, "en-IN"),
    (*b"FR", 0.08, "fr-FR"),
    (*b"JP", 0.06, "ja-JP"),
    (*b"AU", 0.04, "en-AU"),
];
/// Addresses a country.
const ADDRESSES: usize = 2_000;
/// Neighbours in a list of addresses have browsers this far apart.
const STRIDE: usize = 7_919;
/// Share of clicks by crawlers.
const BOTS: f64 = 0.02;

/// A visitor of the demo.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    pub address: IpAddr,
    pub user_agent: &'static str,
    pub language: &'static str,
}

/// All of them.
pub struct People {
    browsers: Vec<&'static str>,
    crawlers: Vec<&'static str>,
    addresses: Vec<Vec<IpAddr>>,
}

impl People {
    /// The people of `seed`.
    pub fn new(seed: u64, countries: &Countries) -> Self {
        let mut chance = Chance::new(seed, 1);
        let mut addresses = vec![Vec::new(); COUNTRIES.len()];
        // Nearly every unicast address is allocated to some country, so each list fills.
        for _ in 0..4_000_000 {
            let address = IpAddr::from(Ipv4Addr::from(chance.next() as u32));
            let country = countries.lookup(address).country;
            if let Some(index) = COUNTRIES.iter().position(|(c, ..)| *c == country)
                && addresses[index].len() < ADDRESSES
            {
                addresses[index].push(address);
            }
            if addresses.iter().all(|a| a.len() >= ADDRESSES) {
                break;
            }
        }
        Self {
            browsers: BROWSERS
                .lines()
                .filter_map(|l| l.split_once('\t'))
                .map(|(_, ua)| ua)
                .collect(),
            crawlers: CRAWLERS.lines().filter(|l| !l.is_empty()).collect(),
            addresses,
        }
    }

    /// Somebody.
    pub fn draw(&self, chance: &mut Chance) -> Person {
        let country = chance.weighted(&COUNTRIES.map(|(_, share, _)| share));
        let addresses = &self.addresses[country];
        let who = chance.below(addresses.len());
        // Whoever comes again comes with the same browser, so that clicks are unique or not.
        let user_agent = match chance.happens(BOTS) {
            true => self.crawlers[chance.below(self.crawlers.len())],
            false => self.browsers[who * STRIDE % self.browsers.len()],
        };
        Person {
            address: addresses[who],
            user_agent,
            language: COUNTRIES[country].2,
        }
    }
}
