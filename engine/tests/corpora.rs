//! The vendored data against the vendored corpora: which user agents are bots, and what real ones are.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use weir_engine::visitor::{
    BotClass, Countries, Device, DeviceCache, DeviceType, Hints, PlaceCache, UserAgents,
};

fn data(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../api/data")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn text(name: &str) -> String {
    String::from_utf8(data(name)).unwrap()
}

fn agents() -> UserAgents {
    UserAgents::load(&text("agents.json"), &text("crawlers.json")).unwrap()
}

fn plain(agents: &UserAgents, user_agent: &str) -> Device {
    agents.parse(user_agent, Hints::default())
}

#[test]
fn at_least_99_percent_of_known_crawlers_are_flagged() {
    let (agents, corpus) = (agents(), text("corpus/crawlers.txt"));
    let all = corpus.lines().count();
    let missed: Vec<&str> = corpus
        .lines()
        .filter(|ua| plain(&agents, ua).bot.is_none())
        .collect();
    for user_agent in &missed {
        println!("not flagged: {user_agent}");
    }
    assert!(all > 2_000, "{all}");
    assert!(missed.len() * 100 <= all, "{} of {all}", missed.len());
}

#[test]
fn at_most_1_in_1000_real_browsers_is_flagged_and_its_device_type_is_right() {
    let (agents, corpus) = (agents(), text("corpus/browsers.tsv"));
    let (mut all, mut flagged, mut other_type, mut nameless) = (0, 0, 0, 0);
    for (kind, user_agent) in corpus.lines().filter_map(|line| line.split_once('\t')) {
        let device = plain(&agents, user_agent);
        all += 1;
        if let Some(class) = device.bot {
            flagged += 1;
            println!("flagged as {class}: {user_agent}");
        }
        if device.kind.as_str() != kind {
            other_type += 1;
            println!("{} instead of {kind}: {user_agent}", device.kind);
        }
        if device.os.is_empty() || device.browser.is_empty() || device.browser_version.is_unknown()
        {
            nameless += 1;
            println!("{device:?}: {user_agent}");
        }
    }
    assert!(all > 900, "{all}");
    assert!(flagged * 1000 <= all, "{flagged} of {all} flagged");
    assert!(
        other_type * 100 <= all,
        "{other_type} of {all} of another type"
    );
    assert!(nameless * 100 <= all, "{nameless} of {all} without a name");
}

#[test]
fn a_bot_has_the_class_of_its_trade() {
    let agents = agents();
    let cases = [
        ("", BotClass::Empty),
        ("  ", BotClass::Empty),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            BotClass::Crawler,
        ),
        (
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            BotClass::Preview,
        ),
        ("WhatsApp/2.23.20.0", BotClass::Preview),
        ("curl/8.5.0", BotClass::Script),
        ("python-requests/2.31.0", BotClass::Script),
        ("Go-http-client/2.0", BotClass::Script),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36",
            BotClass::Headless,
        ),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.0; +https://openai.com/gptbot)",
            BotClass::Ai,
        ),
        ("an-unlisted-bot/0.1", BotClass::Crawler),
        (
            "Mozilla/5.0 (compatible; Unlisted/1.0; +https://unlisted.example/)",
            BotClass::Crawler,
        ),
    ];
    for (user_agent, class) in cases {
        assert_eq!(plain(&agents, user_agent).bot, Some(class), "{user_agent}");
    }
    let headless = Hints {
        brands: r#""HeadlessChrome";v="120", "Chromium";v="120""#,
        ..Hints::default()
    };
    let disguised = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
    assert_eq!(
        agents.parse(disguised, headless).bot,
        Some(BotClass::Headless)
    );
    let phone = "Mozilla/5.0 (Linux; Android 9; CUBOT) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0.4430.91 Mobile Safari/537.36";
    assert_eq!(plain(&agents, phone).bot, None);
}

/// kind, system, its version, browser, its version.
type Expected = [&'static str; 5];

#[test]
fn a_user_agent_is_read_and_a_frozen_version_is_unknown() {
    let agents = agents();
    let cases: [(&str, Expected); 12] = [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36",
            ["desktop", "Windows", "", "Chrome", "124"],
        ),
        (
            "Mozilla/5.0 (Windows NT 6.1; Win64; x64; rv:115.0) Gecko/20100101 Firefox/115.3",
            ["desktop", "Windows", "7", "Firefox", "115.3"],
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Safari/605.1.15",
            ["desktop", "macOS", "", "Safari", "17.4.1"],
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36",
            ["mobile", "Android", "", "Chrome", "124"],
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; SM-S911B Build/TP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/124.0.6367.82 Mobile Safari/537.36",
            ["mobile", "Android", "13", "Android WebView", "124.0.6367"],
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Mobile/15E148 Safari/604.1",
            ["mobile", "iOS", "17.4.1", "Safari", "17.4.1"],
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
            ["mobile", "iOS", "", "Safari", "26.0"],
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/123.0.6312.52 Mobile/15E148 Safari/604.1",
            ["tablet", "iOS", "16.6", "Chrome", "123.0.6312"],
        ),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
            ["desktop", "ChromeOS", "", "Chrome", "126"],
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Safari/537.36",
            ["tablet", "Android", "14", "Samsung Internet", "25"],
        ),
        (
            "Mozilla/5.0 (PlayStation; PlayStation 5/8.20) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15",
            ["console", "", "", "Safari", "17.0"],
        ),
        (
            "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0.4606.128 Safari/537.36 DMOST/2.0.0",
            ["tv", "webOS", "", "Chrome", "94.0.4606"],
        ),
    ];
    for (user_agent, expect) in cases {
        let d = plain(&agents, user_agent);
        let (os, browser) = (d.os_version.to_string(), d.browser_version.to_string());
        assert_eq!(
            [d.kind.as_str(), &d.os, &os, &d.browser, &browser],
            expect,
            "{user_agent}"
        );
        assert_eq!(d.bot, None, "{user_agent}");
    }
}

#[test]
fn hints_name_what_the_user_agent_hides() {
    let agents = agents();
    let desktop_site = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36";
    let hints = Hints {
        brands: r#""Brave";v="124", "Chromium";v="124", "Not-A.Brand";v="99""#,
        mobile: "?0",
        platform: r#""Android""#,
    };
    let device = agents.parse(desktop_site, hints);
    assert_eq!(
        (device.os.as_str(), device.browser.as_str()),
        ("Android", "Brave")
    );
    assert_eq!(device.kind, DeviceType::Tablet);
    assert_eq!(device.browser_version.to_string(), "124");
    let linux = Hints {
        platform: r#""Linux""#,
        ..Hints::default()
    };
    let ubuntu = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0";
    assert_eq!(agents.parse(ubuntu, linux).os, "Ubuntu");
}

#[test]
fn hostile_user_agents_are_read_in_bounded_time_without_a_panic() {
    let agents = agents();
    let hostile = [
        "ü".repeat(40_000),
        "Mozilla/".repeat(8_000),
        "(((((".repeat(9_000),
        "\0\n\r".repeat(100),
    ];
    let begun = std::time::Instant::now();
    for user_agent in &hostile {
        let _ = plain(&agents, user_agent);
    }
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}

#[test]
fn a_cache_gives_what_reading_gives_and_stays_bounded() {
    let (agents, corpus) = (agents(), text("corpus/browsers.tsv"));
    let mut cache = DeviceCache::with_entries(64, [5; 16]);
    let user_agents: Vec<&str> = corpus
        .lines()
        .filter_map(|l| l.split('\t').nth(1))
        .take(300)
        .collect();
    for user_agent in &user_agents {
        let device = cache.get(&agents, user_agent, Hints::default());
        assert_eq!(*device, plain(&agents, user_agent));
    }
    assert_eq!(cache.misses(), 300);
    let last = user_agents[299];
    let _ = cache.get(&agents, last, Hints::default());
    assert_eq!(cache.misses(), 300, "the last one is kept");
    let mobile = Hints {
        mobile: "?1",
        ..Hints::default()
    };
    let _ = cache.get(&agents, last, mobile);
    assert_eq!(cache.misses(), 301, "other hints, another entry");
}

#[test]
fn an_address_has_a_country_and_an_unknown_one_is_in_zz() {
    let mut file = Vec::new();
    let packed = data("countries.mmdb.xz");
    lzma_rust2::XzReader::new(packed.as_slice(), false)
        .read_to_end(&mut file)
        .unwrap();
    let countries = Countries::load(file).unwrap();
    let cases = [
        ("8.8.8.8", "US"),
        ("::ffff:8.8.8.8", "US"),
        ("133.11.0.1", "JP"),
        ("193.99.144.80", "DE"),
        ("2001:4860:4860::8888", "US"),
        ("127.0.0.1", "ZZ"),
        ("192.168.1.1", "ZZ"),
        ("::1", "ZZ"),
        ("2001:db8::1", "ZZ"),
    ];
    for (address, country) in cases {
        let address: IpAddr = address.parse().unwrap();
        let place = countries.lookup(address);
        assert_eq!(place.country_code(), country, "{address}");
        assert_eq!((place.region, place.city, place.isp), ("", "", ""));
    }
    let mut cache = PlaceCache::default();
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..60_000u32 {
        // Neighbours, far networks, both kinds; each is asked for twice, often with others in between.
        let v4 = Ipv4Addr::from((n / 2 % 20_000).wrapping_mul(0x9e37_79b9));
        let v6 = Ipv6Addr::from(u128::from(0x2a00_0000 + n / 2 % 900) << 96 | u128::from(n));
        for address in [IpAddr::from(v4), v6.into()] {
            let place = countries.lookup(address);
            assert_eq!(cache.get(&countries, address), place, "{address}");
            seen.insert(place.country);
        }
    }
    assert!(seen.len() > 100, "{}", seen.len());
    assert!(Countries::load(b"not a database".to_vec()).is_err());
    assert!(countries.built_at() > 1_700_000_000);
}
