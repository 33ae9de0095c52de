//! One name for one thing: the patterns name a browser by platform ("Chrome Mobile iOS"), people do not.

/// Browsers: a name of the patterns or a brand of the hints, and ours.
const BROWSERS: [(&str, &str); 24] = [
    ("Chrome Mobile", "Chrome"),
    ("Chrome Mobile iOS", "Chrome"),
    ("Chrome Mobile WebView", "Android WebView"),
    ("Mobile Safari", "Safari"),
    ("Mobile Safari UI/WKWebView", "iOS WebView"),
    ("Firefox Mobile", "Firefox"),
    ("Firefox iOS", "Firefox"),
    ("Firefox Alpha", "Firefox"),
    ("Firefox Beta", "Firefox"),
    ("Edge Mobile", "Edge"),
    ("Microsoft Edge", "Edge"),
    ("Microsoft Edge WebView2", "Edge WebView"),
    ("Opera Mobile", "Opera"),
    ("OperaMobile", "Opera"),
    ("Opera GX", "Opera"),
    ("IE Mobile", "IE"),
    ("YaBrowser", "Yandex Browser"),
    ("Yandex", "Yandex Browser"),
    ("DuckDuckGo Mobile", "DuckDuckGo"),
    ("UC Browser Mobile", "UC Browser"),
    ("Samsung Internet Browser", "Samsung Internet"),
    ("QQ Browser Mobile", "QQ Browser"),
    ("Vivaldi Mobile", "Vivaldi"),
    ("Other", ""),
];

/// Systems: a name of the patterns or a platform of the hints, and ours.
const SYSTEMS: [(&str, &str); 6] = [
    ("Mac OS X", "macOS"),
    ("Mac OS", "macOS"),
    ("Chrome OS", "ChromeOS"),
    ("Chromium OS", "ChromeOS"),
    ("ATV OS X", "tvOS"),
    ("Other", ""),
];

/// Our name of a browser.
pub(super) fn browser(name: &str) -> &str {
    ours(&BROWSERS, name)
}

/// Our name of an operating system.
pub(super) fn system(name: &str) -> &str {
    ours(&SYSTEMS, name)
}

fn ours<'a>(table: &[(&str, &'static str)], name: &'a str) -> &'a str {
    table
        .iter()
        .find(|(theirs, _)| *theirs == name)
        .map_or(name, |(_, ours)| ours)
}
