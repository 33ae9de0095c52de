//! Which user agents are no person's.
//!
//! First the list of known crawlers (data, see `api/data`), then what automation says of itself. Always true: a
//! bot gets the same answer as a person; the class only says what the click counts for.

use serde::Deserialize;
use ua_parser::user_agent::{Builder, Extractor, Parser};

use super::agents::AgentDataError;
use super::hints::Hints;
use crate::as_text::words;

words! {
    /// What kind of bot a click is of.
    BotClass {
        /// Reads pages for a search engine, an archive or a marketing tool.
        Crawler = 1 "crawler",
        /// Fetches a preview of a shared link.
        Preview = 2 "preview",
        /// Watches whether a site is up.
        Monitor = 3 "monitor",
        /// A script or a client library.
        Script = 4 "script",
        /// A browser driven by a program.
        Headless = 5 "headless",
        /// No user agent at all.
        Empty = 6 "empty",
        /// Looks for holes.
        Scanner = 7 "scanner",
        /// Gathers text for language models, or acts for one.
        Ai = 8 "ai",
        /// Reads feeds.
        Feed = 9 "feed",
    }
}

/// A row of `crawlers.json`.
#[derive(Deserialize)]
struct Crawler {
    pattern: String,
    tags: Vec<String>,
}

impl BotClass {
    /// The class of a crawler by the tags of its row.
    fn of_tags(tags: &[String]) -> Self {
        const BY_TAG: [(&str, BotClass); 7] = [
            ("social-preview", BotClass::Preview),
            ("monitoring", BotClass::Monitor),
            ("browser-automation", BotClass::Headless),
            ("http-library", BotClass::Script),
            ("scanner", BotClass::Scanner),
            ("ai-crawler", BotClass::Ai),
            ("feed-reader", BotClass::Feed),
        ];
        let tagged = BY_TAG.iter().find(|(tag, _)| tags.iter().any(|t| t == tag));
        tagged.map_or(Self::Crawler, |(_, class)| *class)
    }
}

/// The list of known crawlers, made ready.
pub(super) struct Bots {
    // The matcher of ua-parser: it looks for literals first and runs only the expressions that can match. What it
    // calls the family is the word of the class here.
    known: Extractor<'static>,
}

impl Bots {
    pub(super) fn load(crawlers: &str) -> Result<Self, AgentDataError> {
        let crawlers: Vec<Crawler> = serde_json::from_str(crawlers)?;
        let mut known = Builder::new();
        for crawler in crawlers {
            known = known.push(Parser {
                regex: crawler.pattern.into(),
                family_replacement: Some(BotClass::of_tags(&crawler.tags).as_str().into()),
                ..Parser::default()
            })?;
        }
        Ok(Self {
            known: known.build().map_err(ua_parser::Error::from)?,
        })
    }

    /// The class of `user_agent`, if it is a bot's.
    pub(super) fn class(&self, user_agent: &str, hints: &Hints<'_>) -> Option<BotClass> {
        if user_agent.trim().is_empty() {
            return Some(BotClass::Empty);
        }
        if hints.brands.contains("HeadlessChrome") {
            return Some(BotClass::Headless);
        }
        self.known
            .extract(user_agent)
            .and_then(|known| known.family.parse().ok())
            .or_else(|| by_its_own_word(user_agent))
    }
}

/// Words by which automation names itself, each with what must not stand before it (phones called Cubot).
const OWN_WORDS: [(&str, BotClass); 8] = [
    ("headless", BotClass::Headless),
    ("phantomjs", BotClass::Headless),
    ("crawler", BotClass::Crawler),
    ("spider", BotClass::Crawler),
    ("scraper", BotClass::Crawler),
    ("preview", BotClass::Preview),
    ("monitor", BotClass::Monitor),
    ("scanner", BotClass::Scanner),
];

/// What an unlisted program says of itself. Words only count in the comment or product that is not a browser's
/// usual: a person's user agent with an add-on named "preview" would be a false alarm, so the general words
/// need an address to complain to (`+http`) beside them.
fn by_its_own_word(user_agent: &str) -> Option<BotClass> {
    let lower = user_agent.to_ascii_lowercase();
    let has_address = ["+http", "http://", "https://", "@"]
        .iter()
        .any(|a| lower.contains(a));
    let word = OWN_WORDS.iter().find(|(word, class)| {
        lower.contains(word) && (has_address || *class == BotClass::Headless)
    });
    if let Some((_, class)) = word {
        return Some(*class);
    }
    (names_a_bot(&lower) || lower.contains("(+http")).then_some(BotClass::Crawler)
}

/// Whether a word ends in "bot": `examplebot/1.0`, `my-bot)`; not the phone maker Cubot.
fn names_a_bot(lower: &str) -> bool {
    lower.match_indices("bot").any(|(at, _)| {
        let before = &lower[..at];
        let after = lower[at + 3..].bytes().next();
        let ends = after.is_none_or(|b| !b.is_ascii_alphanumeric());
        ends && !before.ends_with("cu")
    })
}
