//! What kind of device a user agent belongs to.

use super::bots::BotClass;
use super::hints::Hints;
use super::version::Version;
use crate::as_text::words;

words! {
    /// The kind of a device.
    #[derive(Default)]
    DeviceType {
        /// The user agent does not say.
        #[default]
        Unknown = 0 "unknown",
        /// A computer with a large screen.
        Desktop = 1 "desktop",
        /// A phone.
        Mobile = 2 "mobile",
        /// A tablet or reader.
        Tablet = 3 "tablet",
        /// A television, or a box or stick beside one.
        Tv = 4 "tv",
        /// A games console.
        Console = 5 "console",
        /// Something known that is none of these: a watch, a car, a speaker.
        Other = 6 "other",
    }
}

/// What a user agent says about device, system and browser. Small; kept in a [`super::DeviceCache`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// Kind of the device.
    pub kind: DeviceType,
    /// Operating system by name, empty = unknown.
    pub os: String,
    /// Its version; unknown where the browser freezes it.
    pub os_version: Version,
    /// Browser by name, the same on desktop and mobile; empty = unknown.
    pub browser: String,
    /// Its version; only the first number where the browser freezes the rest.
    pub browser_version: Version,
    /// What kind of bot, if it is one.
    pub bot: Option<BotClass>,
}

const CONSOLES: [&str; 3] = ["PlayStation", "Xbox", "Nintendo"];
const TVS: [&str; 25] = [
    "SmartTV",
    "SMART-TV",
    "Smart-TV",
    "Smart TV",
    "SmartHub",
    "HbbTV",
    "AppleTV",
    "Apple TV",
    "GoogleTV",
    "Google TV",
    "Android TV",
    "AndroidTV",
    "BRAVIA",
    "Roku",
    "Web0S",
    "NetCast",
    "NETTV",
    "CrKey",
    "VIDAA",
    "Viera",
    "TV Safari",
    "DTV",
    "MiTV",
    "MIBOX",
    "; AFT",
];
const OTHERS: [&str; 4] = ["Watch OS", "WatchOS", "Watch1,", "watchOS"];
const TABLETS: [&str; 7] = [
    "iPad", "Tablet", "PlayBook", "Kindle", "; KF", "SM-T", "SM-X",
];
const PHONES: [&str; 16] = [
    "iPhone",
    "iPod",
    "Windows Phone",
    "BlackBerry",
    "BB10",
    "Opera Mini",
    "Opera Mobi",
    "KAIOS",
    "Symbian",
    "SymbOS",
    "Series60",
    "MIDP",
    "J2ME",
    "UCWEB",
    "Mobile",
    "Nokia",
];
const DESKTOPS: [&str; 8] = [
    "Windows NT",
    "Windows 9",
    "Macintosh",
    "CrOS",
    "X11",
    "Linux x86_64",
    "Linux i686",
    "Win64",
];

/// The kind of device behind `user_agent`; hints win where they speak.
pub(super) fn kind(user_agent: &str, hints: &Hints<'_>) -> DeviceType {
    let says = |words: &[&str]| words.iter().any(|w| user_agent.contains(w));
    if says(&CONSOLES) {
        return DeviceType::Console;
    }
    if says(&TVS) {
        return DeviceType::Tv;
    }
    if says(&OTHERS) {
        return DeviceType::Other;
    }
    match (hints.platform(), hints.is_mobile()) {
        (Some("Android"), Some(true)) | (Some("iOS"), _) => return DeviceType::Mobile,
        (Some("Android"), Some(false)) => return DeviceType::Tablet,
        _ => {}
    }
    let is_android = user_agent.contains("Android");
    if says(&TABLETS) && !user_agent.contains("Tablet PC") {
        return DeviceType::Tablet;
    }
    if says(&PHONES) {
        return DeviceType::Mobile;
    }
    if is_android {
        // By Google's rule an Android that does not say "Mobile" is a tablet; apps that use the system's HTTP
        // client say neither and are phones far more often.
        return if user_agent.starts_with("Mozilla/") {
            DeviceType::Tablet
        } else {
            DeviceType::Mobile
        };
    }
    if says(&DESKTOPS) {
        return DeviceType::Desktop;
    }
    DeviceType::Unknown
}
