//! The standard mix: the clicks that every figure is measured with.
//!
//! 1,000 campaigns by Zipf 1.0, 50 affiliates, 8 countries, 3 devices, 200 real user agents, a referrer, five
//! sub-ids, a 32-character partner click id. Always true: the same seed draws the same clicks. Not here: how the
//! campaigns are configured (`product/catalog.rs`).

use std::net::Ipv4Addr;

use weir_engine::visitor::Countries;

use crate::chance::Chance;

/// Campaigns of the mix.
pub const CAMPAIGNS: usize = 1_000;
/// Affiliates of the mix.
pub const AFFILIATES: usize = 50;
/// User agents of the mix.
pub const USER_AGENTS: usize = 200;
/// Networks (/24) a country.
const NETWORKS: usize = 500;
/// Real user agents with the type of their device.
const BROWSERS: &str = include_str!("../../api/data/corpus/browsers.tsv");
/// Countries with their share of the traffic and their language.
const COUNTRIES: [([u8; 2], f64, &str); 8] = [
    (*b"US", 0.34, "en-US,en;q=0.9"),
    (*b"DE", 0.16, "de-DE,de;q=0.9"),
    (*b"GB", 0.12, "en-GB,en;q=0.9"),
    (*b"BR", 0.10, "pt-BR,pt;q=0.9"),
    (*b"IN", 0.10, "en-IN,en;q=0.9"),
    (*b"FR", 0.08, "fr-FR,fr;q=0.9"),
    (*b"JP", 0.06, "ja-JP,ja;q=0.9"),
    (*b"AU", 0.04, "en-AU,en;q=0.9"),
];
/// Devices with their share of the traffic.
const DEVICES: [(&str, f64); 3] = [("mobile", 0.6), ("desktop", 0.32), ("tablet", 0.08)];
const CREATIVES: [&str; 6] = [
    "blue",
    "green",
    "video-15s",
    "carousel-2",
    "story",
    "static-300x250",
];
const PLACEMENTS: [&str; 4] = ["feed", "story", "search", "in-article"];
const REFERRERS: [&str; 12] = [
    "https://news.example/",
    "https://blog.example/best-running-shoes-of-the-year",
    "https://search.example/?q=running+shoes",
    "https://deals.example/today",
    "https://forum.example/t/which-shoes-do-you-wear/18211",
    "https://social.example/",
    "https://video.example/watch?v=8aHd2kPqX1s",
    "https://mail.example/",
    "https://compare.example/insurance/travel",
    "https://magazine.example/lifestyle/coffee-at-home",
    "https://apps.example/photo",
    "https://weather.example/berlin",
];

/// A click of the mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    /// Index of the campaign, the most popular first.
    pub campaign: usize,
    /// Index of the affiliate.
    pub affiliate: usize,
    /// The visitor's address.
    pub address: Ipv4Addr,
    /// Its browser.
    pub user_agent: &'static str,
    /// What it accepts.
    pub language: &'static str,
    /// Where it comes from.
    pub referrer: &'static str,
    /// Five sub-ids.
    pub sub: [String; 5],
    /// The partner's own click id.
    pub partner_id: String,
}

/// Draws clicks.
pub struct Mix {
    popularity: Vec<f64>,
    networks: Vec<Vec<[u8; 3]>>,
    browsers: [Vec<&'static str>; 3],
    chance: Chance,
}

impl Mix {
    /// The mix of `seed`; addresses lie in networks that are allocated to their countries.
    #[must_use]
    pub fn new(seed: u64, countries: &Countries) -> Self {
        let mut chance = Chance::new(seed);
        let networks = networks(countries, &mut chance);
        Self {
            popularity: zipf(CAMPAIGNS),
            networks,
            browsers: browsers(),
            chance,
        }
    }

    /// The next click.
    pub fn draw(&mut self) -> Click {
        let chance = &mut self.chance;
        let campaign = index_of(&self.popularity, chance.share());
        let country = drawn(&COUNTRIES.map(|(_, share, _)| share), chance.share());
        let device = drawn(&DEVICES.map(|(_, share)| share), chance.share());
        let [a, b, c] = self.networks[country][chance.below(NETWORKS)];
        let browsers = &self.browsers[device];
        Click {
            campaign,
            affiliate: chance.below(AFFILIATES),
            address: Ipv4Addr::new(a, b, c, 100 + chance.below(156) as u8),
            user_agent: browsers[chance.below(browsers.len())],
            language: COUNTRIES[country].2,
            referrer: REFERRERS[chance.below(REFERRERS.len())],
            sub: [
                CREATIVES[chance.below(CREATIVES.len())].to_owned(),
                PLACEMENTS[chance.below(PLACEMENTS.len())].to_owned(),
                format!("ag{}", chance.below(2_000)),
                format!("kw{}", chance.below(20_000)),
                format!("{:08x}", chance.next() as u32),
            ],
            partner_id: format!("{:016x}{:016x}", chance.next(), chance.next()),
        }
    }
}

/// Cumulative shares of `count` things by Zipf's law with exponent 1.
fn zipf(count: usize) -> Vec<f64> {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=count)
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    sums.iter().map(|s| s / sum).collect()
}

/// The index whose stretch of cumulative shares holds `at`.
fn index_of(cumulative: &[f64], at: f64) -> usize {
    cumulative
        .partition_point(|&sum| sum <= at)
        .min(cumulative.len() - 1)
}

fn drawn(shares: &[f64], at: f64) -> usize {
    let mut left = at;
    let beyond = shares.iter().position(|share| {
        left -= share;
        left < 0.0
    });
    beyond.unwrap_or(shares.len() - 1)
}

fn networks(countries: &Countries, chance: &mut Chance) -> Vec<Vec<[u8; 3]>> {
    let mut networks = vec![Vec::new(); COUNTRIES.len()];
    while networks.iter().any(|n| n.len() < NETWORKS) {
        let [a, b, c, _] = (chance.next() as u32).to_be_bytes();
        let country = countries.lookup(Ipv4Addr::new(a, b, c, 100).into()).country;
        let index = COUNTRIES.iter().position(|(code, ..)| *code == country);
        if let Some(index) = index.filter(|&i| networks[i].len() < NETWORKS) {
            networks[index].push([a, b, c]);
        }
    }
    networks
}

/// The user agents of each device, as evenly as the corpus allows.
fn browsers() -> [Vec<&'static str>; 3] {
    let of = |device: &str| {
        let lines = BROWSERS.lines().filter_map(|line| line.split_once('\t'));
        lines
            .filter(|(kind, _)| *kind == device)
            .map(|(_, text)| text)
            .collect::<Vec<_>>()
    };
    let mut all = DEVICES.map(|(device, _)| of(device));
    let mut take = [0; 3];
    while take.iter().sum::<usize>() < USER_AGENTS {
        for (count, agents) in take.iter_mut().zip(&all) {
            *count = (*count + 1).min(agents.len());
        }
    }
    take[0] -= take.iter().sum::<usize>() - USER_AGENTS;
    for (agents, count) in all.iter_mut().zip(take) {
        agents.truncate(count);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::visitors;
    use std::collections::BTreeSet;

    #[test]
    fn the_first_campaign_of_a_zipf_mix_has_twice_the_share_of_the_second() {
        let sums = zipf(CAMPAIGNS);
        let share = |i: usize| sums[i] - if i == 0 { 0.0 } else { sums[i - 1] };
        assert!((share(0) / share(1) - 2.0).abs() < 1e-9);
        assert!((share(0) / share(999) - 1_000.0).abs() < 1e-6);
        assert!((sums[999] - 1.0).abs() < 1e-9);
        let ends = [
            (0.0, 0),
            (share(0) + 1e-9, 1),
            (0.999_999_999, 999),
            (1.0, 999),
        ];
        for (at, expect) in ends {
            assert_eq!(index_of(&sums, at), expect, "{at}");
        }
    }

    #[test]
    fn user_agents_are_two_hundred_different_ones_of_three_devices() {
        let all = browsers();
        assert!(all.iter().all(|agents| !agents.is_empty()));
        let distinct: BTreeSet<_> = all.iter().flatten().collect();
        assert_eq!(distinct.len(), USER_AGENTS);
    }

    #[test]
    fn the_mix_is_the_same_for_a_seed_and_as_wide_as_it_says() {
        let countries = visitors::countries().unwrap();
        let draw = |seed| {
            let mut mix = Mix::new(seed, &countries);
            (0..20_000).map(|_| mix.draw()).collect::<Vec<_>>()
        };
        let clicks = draw(1);
        assert_eq!(clicks, draw(1));
        assert_ne!(clicks[0], draw(2)[0]);
        let first = clicks.iter().filter(|c| c.campaign == 0).count();
        assert!((2_400..2_950).contains(&first), "13.4 % of 20,000: {first}");
        let affiliates: BTreeSet<_> = clicks.iter().map(|c| c.affiliate).collect();
        assert_eq!(affiliates.len(), AFFILIATES);
        let partners: BTreeSet<_> = clicks.iter().map(|c| &c.partner_id).collect();
        assert_eq!(partners.len(), clicks.len());
        assert!(clicks.iter().all(|c| c.partner_id.len() == 32));
        // A network of the mix may have a part elsewhere.
        let country = |c: &Click| countries.lookup(c.address.into()).country;
        let is_ours = |c: &&Click| COUNTRIES.iter().any(|(code, ..)| *code == country(c));
        assert!(clicks.iter().filter(is_ours).count() > 19_900);
        for (code, ..) in COUNTRIES {
            assert!(clicks.iter().any(|c| country(c) == code), "{code:?}");
        }
    }
}
