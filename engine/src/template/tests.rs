use std::collections::BTreeMap;

use proptest::prelude::*;
use url::Url;

use super::*;

/// Values by macro.
#[derive(Debug, Default)]
struct Values(BTreeMap<Macro, String>);

impl MacroValues for Values {
    fn write(&self, name: Macro, slot: &mut Slot<'_>) {
        if let Some(value) = self.0.get(&name) {
            slot.text(value);
        }
    }
}

fn expand(template: &str, values: &[(Macro, &str)]) -> String {
    let values = values.iter().map(|(m, v)| (*m, (*v).to_owned())).collect();
    let mut out = String::new();
    let template = Template::parse_destination(template).unwrap();
    template.expand_into(&Values(values), &mut out);
    out
}

#[test]
fn macros_are_filled_and_encoded_by_component() {
    let values = [
        (Macro::ClickId, "abc"),
        (Macro::Sub(1), "a b&c=d/é#?"),
        (Macro::Sub(2), ".."),
        (Macro::Sub(20), "{click_id}"),
    ];
    let cases = [
        (
            "https://shop.example/buy?cid={click_id}",
            "https://shop.example/buy?cid=abc",
        ),
        (
            "https://shop.example?cid={click_id}",
            "https://shop.example/?cid=abc",
        ),
        (
            "https://a.example/{sub1}/x?s={sub1}#{sub1}",
            "https://a.example/a%20b%26c%3Dd%2F%C3%A9%23%3F/x?s=a%20b%26c%3Dd%2F%C3%A9%23%3F#a%20b%26c%3Dd%2F%C3%A9%23%3F",
        ),
        (
            "https://a.example/x/{sub2}/y?v={sub2}",
            "https://a.example/x//y?v=..",
        ),
        (
            "https://a.example/?s={sub20}",
            "https://a.example/?s=%7Bclick_id%7D",
        ),
        (
            "https://a.example/?gone={sub3}&cid={click_id}",
            "https://a.example/?gone=&cid=abc",
        ),
        (
            "HTTP://Bücher.example:80/ä?q=ö&c={click_id}{click_id}",
            "http://xn--bcher-kva.example/%C3%A4?q=%C3%B6&c=abcabc",
        ),
        ("https://a.example", "https://a.example/"),
    ];
    for (template, expect) in cases {
        assert_eq!(expand(template, &values), expect, "{template}");
    }
}

#[test]
fn a_url_is_appended_to_what_is_there() {
    let template = Template::parse_destination("https://a.example/?c={click_id}").unwrap();
    let mut out = String::from("Location: ");
    template.expand_into(&Values::default(), &mut out);
    assert_eq!(out, "Location: https://a.example/?c=");
}

#[test]
fn spellings_of_other_platforms_are_converted_with_a_warning() {
    let template = Template::parse_destination(
        "https://a.example/?a=#click_id#&b=[[sub2]]&c=%7bsub3%7D&d={sub4}&e=%7B%22x%22%7D#top",
    )
    .unwrap();
    assert_eq!(
        template.source(),
        "https://a.example/?a={click_id}&b={sub2}&c={sub3}&d={sub4}&e=%7B%22x%22%7D#top"
    );
    let warnings: Vec<String> = template
        .warnings()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        warnings,
        [
            "#click_id# was converted to {click_id}",
            "[[sub2]] was converted to {sub2}",
            "%7bsub3%7D was converted to {sub3}",
        ]
    );
}

#[test]
fn a_mistake_is_named_when_it_is_saved() {
    let cases = [
        (
            "https://a.example/?c={clickid}",
            "unknown macro {clickid}; did you mean {click_id}?",
        ),
        (
            "https://a.example/?c={lorem_ipsum}",
            "unknown macro {lorem_ipsum}",
        ),
        (
            "https://a.example/?c=#reqid#",
            "unknown macro {reqid}; did you mean {click_id}?",
        ),
        (
            "https://a.example/?c=[[subid]]",
            "unknown macro {subid}; did you mean {click_id}?",
        ),
        ("https://a.example/?c={}", "unknown macro {}"),
        (
            "https://a.example/?p={payout}",
            "{payout} is not known yet when the click is sent on",
        ),
        (
            "https://a.example/?c={click_id",
            "a single brace at byte 21; write %7B or %7D for a literal brace",
        ),
        (
            "https://a.example/?c=click_id}",
            "a single brace at byte 29; write %7B or %7D for a literal brace",
        ),
        (
            "https://a.exa\tmple/",
            "a space or control character at byte 13; percent-encode it",
        ),
        (
            "https://a.example/\r\n",
            "a space or control character at byte 18; percent-encode it",
        ),
        (
            " https://a.example/",
            "a space or control character at byte 0; percent-encode it",
        ),
        (
            "https://a.example/a b",
            "a space or control character at byte 19; percent-encode it",
        ),
        (
            "https://a.example/\u{2028}",
            "a space or control character at byte 18; percent-encode it",
        ),
        (
            "https://{sub1}.example/",
            "{sub1} stands before the path: scheme, host and port must be fixed",
        ),
        (
            "https://a.example{sub1}",
            "{sub1} stands before the path: scheme, host and port must be fixed",
        ),
        (
            "https://a.example:{sub1}/",
            "{sub1} stands before the path: scheme, host and port must be fixed",
        ),
        (
            "https://{sub1}@a.example/",
            "{sub1} stands before the path: scheme, host and port must be fixed",
        ),
        (
            "https:\\\\{sub1}\\",
            "{sub1} stands before the path: scheme, host and port must be fixed",
        ),
        (
            "https:{sub1}",
            "{sub1} stands before the path: scheme, host and port must be fixed",
        ),
        (
            "{referrer}",
            "{referrer} stands before the path: scheme, host and port must be fixed",
        ),
        (
            "#sub1#s://a.example/",
            "{sub1} stands before the path: scheme, host and port must be fixed",
        ),
        (
            "https://u:p@a.example/",
            "must not hold a user name or password",
        ),
        (
            "https://:p@a.example/",
            "must not hold a user name or password",
        ),
        ("ftp://a.example/", "must begin with http:// or https://"),
        ("javascript:alert(1)", "must begin with http:// or https://"),
        ("//a.example/", "must begin with http:// or https://"),
        ("a.example/x", "must begin with http:// or https://"),
        ("", "must begin with http:// or https://"),
        ("https://", "not an absolute URL"),
        ("https://a.example:99999/", "not an absolute URL"),
        (
            "https://a.example/x/{sub1}/../y",
            "{sub1} stands in a path segment with dots or before one",
        ),
        (
            "https://a.example/x/..{sub1}",
            "{sub1} stands in a path segment with dots or before one",
        ),
        (
            "https://a.example/{sub1}%2e{sub2}?x",
            "{sub1} stands in a path segment with dots or before one",
        ),
        (
            "https://a.example/?x=%{sub1}",
            "{sub1} stands inside a percent escape",
        ),
        (
            "https://a.example/?x=%4{sub1}",
            "{sub1} stands inside a percent escape",
        ),
    ];
    for (text, expect) in cases {
        let error = Template::parse_destination(text).expect_err(text);
        assert_eq!(error.to_string(), expect, "{text:?}");
    }
}

#[test]
fn a_template_has_at_most_2048_bytes_and_64_macros() {
    let of_length = |n: usize| format!("https://a.example/{}", "x".repeat(n - 18));
    assert!(Template::parse_destination(&of_length(MAX_TEMPLATE)).is_ok());
    let too_long = Template::parse_destination(&of_length(MAX_TEMPLATE + 1));
    assert_eq!(too_long, Err(TemplateError::TooLong));
    // 1,000 letters of two bytes are six bytes each once normalised.
    let grows = format!("https://a.example/{}", "ä".repeat(1_000));
    assert_eq!(
        Template::parse_destination(&grows),
        Err(TemplateError::TooLong)
    );
    let with_macros = |n: usize| format!("https://a.example/?{}", "{sub1}".repeat(n));
    assert!(Template::parse_destination(&with_macros(MAX_MACROS)).is_ok());
    assert_eq!(
        Template::parse_destination(&with_macros(MAX_MACROS + 1)),
        Err(TemplateError::TooManyMacros)
    );
}

#[test]
fn a_url_that_would_be_too_long_cuts_long_values_and_keeps_ids() {
    let long = "é".repeat(5_000);
    let click_id = "0123456789abcdefghjkmnpqrstvwxyz";
    let values = [
        (Macro::Referrer, long.as_str()),
        (Macro::Sub(1), "short"),
        (Macro::ClickId, click_id),
    ];
    let text = "https://a.example/?r={referrer}&s={sub1}&c={click_id}";
    let url = Url::parse(&expand(text, &values)).unwrap();
    assert!(url.as_str().len() <= MAX_EXPANDED);
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    // Half of what the literals and the click id leave, in whole letters of six bytes.
    assert_eq!(query[0].1, "é".repeat(4_050 / 6));
    assert_eq!(query[1].1, "short");
    assert_eq!(query[2].1, click_id);
}

#[test]
fn the_longest_templates_stay_in_bounds_with_the_longest_values() {
    for name in [Macro::Sub(1), Macro::ClickId] {
        let macros = format!("{{{name}}}").repeat(MAX_MACROS);
        let filler = "x".repeat(MAX_TEMPLATE - 18 - macros.len());
        let text = format!("https://a.example/{filler}{macros}");
        let url = expand(&text, &[(name, &"%".repeat(10_000))]);
        assert!(url.len() <= MAX_EXPANDED, "{}", url.len());
        assert!(url.contains(&filler));
    }
}

/// Values that break careless templates, and anything else.
fn hostile_value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => any::<String>(),
        1 => "[./%2eE\\\\]{0,6}",
        1 => prop::sample::select(vec![
            "\r\nSet-Cookie: a=b", "{payout}", "{click_id}", "#sub1#", "&amp=1", "\"'<>", "@evil.example",
            "//evil.example", "\\\\evil.example", "\0", "..", ".", "%2e%2e", "%00", "?#[]@!$&'()*+,;=", "\u{202e}é漢😀",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,3000}",
    ]
}

fn values() -> impl Strategy<Value = Values> {
    let names = prop::sample::select(vec![
        Macro::ClickId,
        Macro::Sub(1),
        Macro::Sub(2),
        Macro::UserAgent,
        Macro::OfferName,
    ]);
    prop::collection::btree_map(names, hostile_value(), 0..5).prop_map(Values)
}

/// Templates as people write them, more or less.
fn template_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{click_id}",
        "{sub1}",
        "{sub2}",
        "{user_agent}",
        "{offer_name}",
        "#sub1#",
        "[[sub2]]",
        "%7Bsub1%7D",
        "/",
        "a",
        "..",
        ".",
        "%2e",
        "%",
        "%4",
        "\\",
        "&k=",
        "=",
        "ü",
        ";",
        "'",
        "\"",
        "|",
        "z",
        "zq0x00",
        "[",
        "ZQ0X",
    ]);
    let pieces = || prop::collection::vec(piece.clone(), 0..6).prop_map(|p| p.concat());
    let host = prop::sample::select(vec![
        "https://a.example",
        "http://A.example:8080",
        "https://bücher.example",
        "https://[2001:db8::1]:99",
        "https:zq0x00.example",
        "http:\\\\1.2.3.4",
    ]);
    (host, pieces(), pieces(), pieces())
        .prop_map(|(host, path, query, fragment)| format!("{host}/{path}?{query}#{fragment}"))
}

fn origin(url: &Url) -> (String, Option<String>, Option<u16>) {
    let host = url.host_str().map(str::to_owned);
    (url.scheme().to_owned(), host, url.port_or_known_default())
}

fn segments(url: &Url) -> usize {
    url.path_segments().map_or(0, Iterator::count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_the_values_the_host_stays_and_the_url_is_a_valid_header(
        text in template_text(),
        values in values(),
    ) {
        let Ok(template) = Template::parse_destination(&text) else { return Ok(()) };
        let (mut empty, mut filled) = (String::new(), String::new());
        template.expand_into(&Values::default(), &mut empty);
        template.expand_into(&values, &mut filled);
        let (empty, url) = (Url::parse(&empty).unwrap(), Url::parse(&filled).unwrap());
        prop_assert_eq!(origin(&url), origin(&empty));
        prop_assert!(url.username().is_empty() && url.password().is_none());
        prop_assert_eq!(segments(&url), segments(&empty), "{}", filled);
        prop_assert!(filled.bytes().all(|b| b.is_ascii_graphic()), "{}", filled);
        prop_assert!(filled.len() <= MAX_EXPANDED);
        prop_assert_eq!(url.as_str(), &filled, "sent as the parser would write it");
    }

    #[test]
    fn the_source_of_a_template_compiles_to_the_same_template(text in template_text()) {
        let Ok(template) = Template::parse_destination(&text) else { return Ok(()) };
        let again = Template::parse_destination(template.source()).unwrap();
        prop_assert!(again.warnings().is_empty());
        prop_assert_eq!(again.source(), template.source());
        prop_assert_eq!((again.literals, again.holes), (template.literals, template.holes));
    }

    #[test]
    fn a_value_reads_back_from_the_parameter_it_fills(value in hostile_value()) {
        prop_assume!(value.len() < 2_000);
        let url = expand("https://a.example/x?before=1&k={sub1}&after=2", &[(Macro::Sub(1), &value)]);
        let url = Url::parse(&url).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let expect = [("before", "1"), ("k", &value), ("after", "2")];
        prop_assert_eq!(pairs, expect.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn no_text_at_all_makes_the_compiler_panic(text in any::<String>()) {
        let _ = Template::parse_destination(&text);
        let _ = Template::parse_destination(&format!("https://a.example/{text}"));
    }
}
