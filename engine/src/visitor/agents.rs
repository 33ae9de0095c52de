//! Reading a user agent: device, system, browser, bot.
//!
//! The patterns are data (see `api/data`), so a new browser needs no new build. A user agent costs ten
//! to a hundred microseconds: ask a [`super::DeviceCache`].

use serde::Deserialize;
use ua_parser::{os, user_agent};

use super::bots::Bots;
use super::device::{self, Device};
use super::hints::Hints;
use super::names;
use super::version::Version;

/// Bytes of a user agent that are read.
const LONGEST: usize = 1_024;

/// The patterns cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AgentDataError {
    /// Not JSON of the expected shape.
    #[error("patterns of user agents cannot be read")]
    Unreadable(#[from] serde_json::Error),
    /// An expression among them is not one.
    #[error("a pattern of user agents is not a regular expression")]
    Pattern(#[from] ua_parser::Error),
}

/// `agents.json`.
#[derive(Deserialize)]
struct Patterns {
    user_agent_parsers: Vec<user_agent::Parser<'static>>,
    os_parsers: Vec<os::Parser<'static>>,
}

/// What is known about user agents, made ready for reading them.
pub struct UserAgents {
    browsers: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
    bots: Bots,
}

impl std::fmt::Debug for UserAgents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserAgents")
    }
}

impl UserAgents {
    /// Makes the patterns ready: `agents` is the text of `agents.json`, `crawlers` that of `crawlers.json`.
    ///
    /// # Errors
    /// [`AgentDataError`] when either is not what it should be.
    pub fn load(agents: &str, crawlers: &str) -> Result<Self, AgentDataError> {
        let patterns: Patterns = serde_json::from_str(agents)?;
        let browsers = user_agent::Builder::new().push_all(patterns.user_agent_parsers)?;
        let systems = os::Builder::new()
            .push_all(patterns.os_parsers)
            .map_err(ua_parser::Error::from)?;
        Ok(Self {
            browsers: browsers.build().map_err(ua_parser::Error::from)?,
            systems: systems.build().map_err(ua_parser::Error::from)?,
            bots: Bots::load(crawlers)?,
        })
    }

    /// Reads a user agent and the hints beside it.
    #[must_use]
    pub fn parse(&self, user_agent: &str, hints: Hints<'_>) -> Device {
        let user_agent = &user_agent[..user_agent.floor_char_boundary(LONGEST)];
        let (os, os_version) = self.system(user_agent, &hints);
        let (browser, browser_version) = self.browser(user_agent, &hints);
        Device {
            kind: device::kind(user_agent, &hints),
            os,
            os_version,
            browser,
            browser_version,
            bot: self.bots.class(user_agent, &hints),
        }
    }

    fn browser(&self, user_agent: &str, hints: &Hints<'_>) -> (String, Version) {
        let found = self.browsers.extract(user_agent);
        let name = found.as_ref().map_or("", |f| names::browser(&f.family));
        if let ("Chrome" | "", Some((brand, version))) = (name, hints.brand()) {
            return (names::browser(brand).to_owned(), version);
        }
        let version = found
            .as_ref()
            .and_then(|f| Version::of([f.major, f.minor, f.patch]))
            .unwrap_or_default();
        let is_frozen = user_agent.contains(".0.0.0");
        let version = if is_frozen {
            version.without_minor()
        } else {
            version
        };
        (name.to_owned(), version)
    }

    fn system(&self, user_agent: &str, hints: &Hints<'_>) -> (String, Version) {
        let found = self.systems.extract(user_agent);
        let name = found.as_ref().map_or("", |f| names::system(&f.os));
        let hinted = hints.platform().map(names::system);
        // The hint is right where a phone shows a "desktop site"; "Linux" says less than a distribution does.
        if let Some(hinted) = hinted.filter(|h| *h != name && (*h != "Linux" || name.is_empty())) {
            return (hinted.to_owned(), Version::default());
        }
        let parts = found
            .as_ref()
            .map(|f| [&f.major, &f.minor, &f.patch].map(|part| part.as_deref()));
        let version = parts.and_then(Version::of).unwrap_or_default();
        let is_frozen = is_frozen_system(user_agent, name, version);
        let version = if is_frozen {
            Version::default()
        } else {
            version
        };
        (name.to_owned(), version)
    }
}

/// Whether the browser says the same version on every newer system: Windows 10 for 11, macOS 10.15.7 since
/// 11, Android 10 with model `K`, the last 14541 of ChromeOS, iOS 18 in Safari 26 and later.
fn is_frozen_system(user_agent: &str, name: &str, version: Version) -> bool {
    let says = |word: &str| user_agent.contains(word);
    match name {
        "Windows" => says("Windows NT 10.0"),
        "macOS" => says("Mac OS X 10_15_7") || says("Mac OS X 10.15"),
        "Android" => says("Android 10; K)") || says("Android 10; K;"),
        "ChromeOS" => says("14541.0.0"),
        "iOS" => {
            let safari = user_agent
                .split_once("Version/")
                .and_then(|(_, v)| Version::read(v.split(' ').next()?));
            safari
                .and_then(Version::major)
                .is_some_and(|safari| safari >= 26 && version.major() == Some(18))
        }
        _ => false,
    }
}
