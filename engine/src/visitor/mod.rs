//! Who clicked, as far as a click tells: place, device, system, browser, language; whether it is a bot.
//!
//! Offers are targeted by it, reports are cut by it, unique clicks are told by its hash. Everything is read
//! from what the browser sends unasked (user agent, client hints, `Accept-Language`) and from the address.
//! Always true: the same input and the same data give the same visitor; what cannot be known is *unknown*, not
//! guessed (a browser that freezes the version of its system has none); a bot is marked, never turned away.
//! Not here: where the data lies and how it is unpacked (the node), who the visitor is as a person (nobody
//! knows), what a tenant does with bots (reports and the judge).

mod agents;
mod bots;
mod cache;
mod device;
mod hints;
mod identity;
mod language;
mod names;
mod place;
mod places;
mod version;

pub use self::agents::{AgentDataError, UserAgents};
pub use self::bots::BotClass;
pub use self::cache::DeviceCache;
pub use self::device::{Device, DeviceType};
pub use self::hints::Hints;
pub use self::identity::{VisitorKey, VisitorKeys, truncate};
pub use self::language::Language;
pub use self::place::{Countries, Place, PlaceDataError};
pub use self::places::PlaceCache;
pub use self::version::Version;

/// What is known of who clicked.
#[derive(Debug, Clone, Copy)]
pub struct Visitor<'a> {
    /// Where the address is.
    pub place: Place<'a>,
    /// What the user agent says.
    pub device: &'a Device,
    /// The language that the browser prefers.
    pub language: Language,
}
