//! T1, T7: whatever a visitor or a partner writes, a click goes where the tenant said, in one clean header.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;
use url::Url;
use weir_engine::caps::Gates;
use weir_engine::catalog::{Catalog, Change, EntityKey, EntityKind};
use weir_engine::click_id::{ClickId, ClickKey, Parts};
use weir_engine::ids::{AdvertiserId, AffiliateId, ArmId, OfferId, TenantId, UnixMs};
use weir_engine::routing::{
    CampaignSnapshot, ClickRequest, DestinationValues, Silent, Subject, TenantSnapshot, decide,
    destination,
};
use weir_engine::template::Macro;
use weir_engine::visitor::{Device, DeviceType, Language, Place, Version, Visitor};

const TENANT: TenantId = TenantId(1);
const NOW: UnixMs = UnixMs(1_800_000_000_000);
/// Where the tenant lets clicks go: (what is configured, scheme, host, port).
const PLACES: [(&str, &str, &str, u16); 4] = [
    ("https://shop.example", "https", "shop.example", 443),
    ("http://Shop.Example:8080", "http", "shop.example", 8080),
    (
        "https://bücher.example",
        "https",
        "xn--bcher-kva.example",
        443,
    ),
    ("https://[2001:db8::1]:99", "https", "[2001:db8::1]", 99),
];

/// Bytes that somebody sends, read as the edge reads them.
fn outside() -> impl Strategy<Value = String> {
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    let bytes = bytes.prop_map(|b| String::from_utf8_lossy(&b).into_owned());
    let attacks = prop::sample::select(vec![
        "\r\nLocation: https://evil.example",
        "\nSet-Cookie: a=b",
        "\0",
        "\r",
        "%0d%0a",
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "@evil.example",
        ":80@evil.example",
        "#",
        "?",
        "&x=1",
        ";",
        "..",
        "../..",
        "%2e%2e",
        ".",
        "javascript:alert(1)",
        "{click_id}",
        "{sub1}",
        "{payout}",
        "\u{202e}",
        "\u{2028}",
        "①②⑦.⓪.⓪.①",
        "。",
        "ü",
        "[::1]",
        "\u{feff}",
        "\t",
        " ",
    ]);
    prop_oneof![3 => bytes, 3 => attacks.prop_map(str::to_owned), 1 => any::<String>(), 1 => "\\PC{0,300}"]
}

/// A destination with macros wherever they may stand.
fn template() -> impl Strategy<Value = (usize, String)> {
    let known: Vec<Macro> = Macro::all().filter(|m| m.is_known_at_click()).collect();
    let name = prop::sample::select(known).prop_map(|name| format!("{{{}}}", name.as_str()));
    let some = move || prop::collection::vec(name.clone(), 0..6);
    (0..PLACES.len(), some(), some(), some()).prop_map(|(place, path, query, fragment)| {
        let (base, path) = (PLACES[place].0, path.join("/"));
        let query: String = query.iter().map(|m| format!("&k={m}")).collect();
        (
            place,
            format!("{base}/p/{path}?a=1{query}#{}", fragment.concat()),
        )
    })
}

/// Everything of a click that comes from outside.
#[derive(Debug)]
struct Sent {
    aff: String,
    texts: Vec<String>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let affs = prop_oneof![
        Just(String::new()),
        Just(AffiliateId::new(TENANT, 2).to_string()),
        outside()
    ];
    (affs, prop::collection::vec(outside(), 40)).prop_map(|(aff, texts)| Sent { aff, texts })
}

fn catalog(url: &str, fallback: &str, is_paused: bool) -> Catalog {
    let mut catalog = Catalog::default();
    let mut put = |kind, number, body| {
        let change = Change {
            key: EntityKey::one(kind, number),
            version: 1,
            by: String::new(),
            body,
        };
        catalog.apply(&change, NOW).unwrap();
    };
    put(
        EntityKind::Tenant,
        0,
        json!({"name": "T", "currency": "USD", "timezone": "UTC"}),
    );
    put(
        EntityKind::Affiliate,
        2,
        json!({"name": "P", "status": "approved"}),
    );
    let status = if is_paused { "paused" } else { "active" };
    put(
        EntityKind::Offer,
        10,
        json!({"name": "O\r\n //evil.example", "advertiser_id": AdvertiserId::new(TENANT, 1),
        "url": url, "fallback_url": fallback, "currency": "USD", "status": status, "visibility": "public",
        "lookback_hours": 24, "repeat": "by_txid", "link_campaign": 0}),
    );
    let arm = json!({"id": ArmId::new(TENANT, 110), "offer_id": OfferId::new(TENANT, 10)});
    put(
        EntityKind::Campaign,
        50,
        json!({"name": "C", "kind": "offer", "link": "x", "distribution": {"mode": "fixed"},
        "arms": [arm], "fallback_url": fallback}),
    );
    catalog
}

/// Where the click goes.
fn url_of(catalog: &Catalog, sent: &Sent) -> String {
    let gates = Arc::new(Gates::default());
    gates.open([]);
    let tenant = TenantSnapshot::compile(TENANT, Arc::new(catalog.clone()), gates, None);
    let campaign = CampaignSnapshot::compile(TENANT, catalog, 50).unwrap();
    let text = |n: usize| sent.texts[n].as_str();
    let sub: [&str; 20] = std::array::from_fn(text);
    let ad_ids: [&str; 6] = std::array::from_fn(|n| text(20 + n));
    let device = Device {
        kind: DeviceType::Mobile,
        os: text(26).to_owned(),
        os_version: Version::default(),
        browser: text(27).to_owned(),
        browser_version: Version::default(),
        bot: None,
    };
    // A country file is somebody else's too.
    let place = Place {
        country: *b"DE",
        region: text(28),
        city: text(29),
        isp: text(30),
    };
    let visitor = Visitor {
        place,
        device: &device,
        language: Language::of_header(text(31)),
    };
    let address = "203.0.113.7".parse().unwrap();
    let request = ClickRequest {
        now: NOW,
        aff: &sent.aff,
        subject: Subject {
            visitor,
            address,
            affiliate: None,
            referrer: text(32),
            source: text(33),
            sub: &sub,
        },
        draw: 0,
        is_test: false,
    };
    let decision = decide(&request, &tenant, &campaign, &mut Silent);
    let parts = Parts {
        key_number: 0,
        tenant: 1,
        ms: 5,
        node: 0,
        sequence: 0,
    };
    let values = DestinationValues {
        tenant: TENANT,
        click_id: Some(ClickId::mint(parts, &ClickKey([1; 16]))),
        now: NOW,
        campaign: 50,
        visitor,
        ip: Some(address),
        user_agent: text(34),
        referrer: text(32),
        aff_click_id: text(35),
        source: text(33),
        sub: &sub,
        ad_ids: &ad_ids,
        rand: 7,
    };
    let mut url = String::new();
    destination(&decision, &values, &mut url);
    url
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_click_goes_where_the_tenant_said_whatever_comes_from_outside(
        (place, offer) in template(),
        (other, fallback) in template(),
        sent in sent(),
        is_paused in any::<bool>(),
    ) {
        let url = url_of(&catalog(&offer, &fallback, is_paused), &sent);
        let parsed = Url::parse(&url).unwrap();
        let is_ours = sent.aff.is_empty() || sent.aff == AffiliateId::new(TENANT, 2).to_string();
        let (_, scheme, host, port) = PLACES[if is_paused || !is_ours { other } else { place }];
        prop_assert_eq!((parsed.scheme(), parsed.host_str()), (scheme, Some(host)), "{}", url);
        prop_assert_eq!(parsed.port_or_known_default(), Some(port), "{}", url);
        prop_assert!(
            parsed.username().is_empty() && parsed.password().is_none(),
            "{}",
            url
        );
        // Visible ASCII: no CR, LF, NUL, blank or letter of another alphabet reaches the header.
        prop_assert!(url.bytes().all(|b| b.is_ascii_graphic()), "{}", url);
        prop_assert_eq!(parsed.as_str(), &url, "a browser reads it as it is written");
        prop_assert!(parsed.path().starts_with("/p/"), "{}", url);
    }
}
