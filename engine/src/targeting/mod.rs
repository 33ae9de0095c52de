//! Targeting, made ready for the click path: whether a click is one that an offer takes or a flow is for.
//!
//! A configured [`Targeting`](crate::catalog::Targeting) becomes a short list of checks, cheapest first; an empty
//! one becomes no check at all. Always true: all checks must hold; within one, what is excluded wins; what is not
//! known of a visitor matches no `include` list and no version range, and no `exclude` list either; a check costs no
//! allocation. Not here: the configured form (see [`crate::catalog`]), who asks (see [`crate::routing`]).

mod check;
mod compile;
mod pattern;

use std::net::IpAddr;

use self::check::Check;
pub use self::compile::TargetingError;
use crate::as_text::words;
use crate::ids::UnixMs;
use crate::visitor::Visitor;

words! {
    /// The property that a check is about, by its name in the configured targeting.
    Rule {
        /// The country.
        Country = 1 "country",
        /// The region.
        Region = 2 "region",
        /// The city.
        City = 3 "city",
        /// The internet provider.
        Isp = 4 "isp",
        /// The address.
        Address = 5 "address",
        /// The device type.
        Device = 6 "device",
        /// The operating system.
        Os = 7 "os",
        /// Its version.
        OsVersion = 8 "os_version",
        /// The browser.
        Browser = 9 "browser",
        /// Its version.
        BrowserVersion = 10 "browser_version",
        /// The language.
        Language = 11 "language",
        /// The affiliate.
        Affiliate = 12 "affiliate",
        /// The referrer's host.
        Referrer = 13 "referrer",
        /// The source.
        Source = 14 "source",
        /// A sub-id.
        Sub = 15 "sub",
        /// The hour of the week.
        Schedule = 16 "schedule",
        /// A condition of another build that this one cannot read.
        Unreadable = 17 "unreadable",
    }
}

/// What conditions are about, beside the time.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Who clicked.
    pub visitor: Visitor<'a>,
    /// The whole address.
    pub address: IpAddr,
    /// Who sent the click, by number; `None` = house traffic.
    pub affiliate: Option<u32>,
    /// The `Referer` header.
    pub referrer: &'a str,
    /// The `source` parameter.
    pub source: &'a str,
    /// Sub-ids 1 to 20 at index 0 to 19.
    pub sub: &'a [&'a str; 20],
}

/// A targeting made ready. An empty one matches everybody.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    checks: Box<[Check]>,
    /// Written by another build with a condition that this one cannot read: matches nobody.
    is_closed: bool,
}

impl Matcher {
    /// A matcher that nobody matches: for a targeting that cannot be made ready.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            checks: Box::default(),
            is_closed: true,
        }
    }

    /// The first property that refuses a click; `None` when it matches.
    #[must_use]
    pub fn refuses(&self, subject: &Subject<'_>, now: UnixMs) -> Option<Rule> {
        if self.is_closed {
            return Some(Rule::Unreadable);
        }
        let refusing = self.checks.iter().find(|c| !c.holds(subject, now));
        refusing.map(Check::rule)
    }

    /// Every check with whether it holds: for explanations.
    pub fn rules<'a>(
        &'a self,
        subject: &'a Subject<'_>,
        now: UnixMs,
    ) -> impl Iterator<Item = (Rule, bool)> + 'a {
        let closed = self.is_closed.then_some((Rule::Unreadable, false));
        let checks = self.checks.iter();
        closed
            .into_iter()
            .chain(checks.map(move |check| (check.rule(), check.holds(subject, now))))
    }
}

#[cfg(test)]
mod tests;
