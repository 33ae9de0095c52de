//! One check of a matcher.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::pattern::Pattern;
use super::{Rule, Subject};
use crate::catalog::AddressCondition;
use crate::ids::UnixMs;
use crate::visitor::Version;

/// Words that must be and words that must not.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    pub(super) include: Box<[Pattern]>,
    pub(super) exclude: Box<[Pattern]>,
}

impl Words {
    fn hold(&self, text: &str) -> bool {
        let is_in = |list: &[Pattern]| list.iter().any(|pattern| pattern.matches(text));
        (self.include.is_empty() || is_in(&self.include)) && !is_in(&self.exclude)
    }
}

/// A set of two-letter codes, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Countries([u64; 11]);

impl Countries {
    pub(super) fn insert(&mut self, code: [u8; 2]) {
        let at = Self::place(code);
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn contains(&self, code: [u8; 2]) -> bool {
        let at = Self::place(code);
        self.0[at / 64] & 1 << (at % 64) != 0
    }

    fn place(code: [u8; 2]) -> usize {
        let [first, second] = code.map(|b| usize::from(b.wrapping_sub(b'A')).min(25));
        first * 26 + second
    }
}

/// Hours of the week, from Monday midnight, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Hours([u64; 3]);

impl Hours {
    pub(super) fn insert(&mut self, day: u8, hour: u8) {
        let at = usize::from(day) * 24 + usize::from(hour);
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn contains(&self, hour_of_week: usize) -> bool {
        self.0[hour_of_week / 64] & 1 << (hour_of_week % 64) != 0
    }
}

/// A check. Large ones are boxed: most matchers hold few.
#[derive(Debug, Clone)]
pub(super) enum Check {
    /// Allowed countries; exclusions are taken out when it is made.
    Country(Box<Countries>),
    /// Bits by the code of the device type.
    Device(u8),
    OsVersion(Option<Version>, Option<Version>),
    BrowserVersion(Option<Version>, Option<Version>),
    Os(Words),
    Browser(Words),
    /// Tags; `en` is `en-gb` too.
    Language {
        include: Box<[Box<str>]>,
        exclude: Box<[Box<str>]>,
    },
    /// Numbers, in order.
    Affiliate {
        include: Option<Box<[u32]>>,
        exclude: Box<[u32]>,
    },
    Address(AddressCondition),
    Region(Words),
    City(Words),
    Isp(Words),
    Referrer(Words),
    Source(Words),
    /// By index from 0.
    Sub(u8, Words),
    Schedule(Hours, TimeZone),
}

impl Check {
    pub(super) fn rule(&self) -> Rule {
        match self {
            Self::Country(_) => Rule::Country,
            Self::Device(_) => Rule::Device,
            Self::OsVersion(..) => Rule::OsVersion,
            Self::BrowserVersion(..) => Rule::BrowserVersion,
            Self::Os(_) => Rule::Os,
            Self::Browser(_) => Rule::Browser,
            Self::Language { .. } => Rule::Language,
            Self::Affiliate { .. } => Rule::Affiliate,
            Self::Address(_) => Rule::Address,
            Self::Region(_) => Rule::Region,
            Self::City(_) => Rule::City,
            Self::Isp(_) => Rule::Isp,
            Self::Referrer(_) => Rule::Referrer,
            Self::Source(_) => Rule::Source,
            Self::Sub(..) => Rule::Sub,
            Self::Schedule(..) => Rule::Schedule,
        }
    }

    pub(super) fn holds(&self, subject: &Subject<'_>, now: UnixMs) -> bool {
        let device = subject.visitor.device;
        let place = &subject.visitor.place;
        match self {
            Self::Country(countries) => countries.contains(place.country),
            Self::Device(kinds) => kinds & 1 << device.kind.code() != 0,
            Self::OsVersion(min, max) => in_range(device.os_version, *min, *max),
            Self::BrowserVersion(min, max) => in_range(device.browser_version, *min, *max),
            Self::Os(words) => words.hold(&device.os),
            Self::Browser(words) => words.hold(&device.browser),
            Self::Language { include, exclude } => {
                let language = subject.visitor.language;
                let is_in = |tags: &[Box<str>]| tags.iter().any(|t| is_of(language.as_str(), t));
                (include.is_empty() || is_in(include)) && !is_in(exclude)
            }
            Self::Affiliate { include, exclude } => holds_affiliate(subject, include, exclude),
            Self::Address(ranges) => {
                let is_in = |list: &[crate::catalog::AddressRange]| {
                    list.iter().any(|range| range.contains(subject.address))
                };
                (ranges.include.is_empty() || is_in(&ranges.include)) && !is_in(&ranges.exclude)
            }
            Self::Region(words) => words.hold(place.region),
            Self::City(words) => words.hold(place.city),
            Self::Isp(words) => words.hold(place.isp),
            Self::Referrer(words) => words.hold(host_of(subject.referrer)),
            Self::Source(words) => words.hold(subject.source),
            Self::Sub(index, words) => words.hold(subject.sub[usize::from(*index)]),
            Self::Schedule(hours, zone) => hours.contains(hour_of_week(now, zone)),
        }
    }
}

fn holds_affiliate(subject: &Subject<'_>, include: &Option<Box<[u32]>>, exclude: &[u32]) -> bool {
    let is_in = |list: &[u32]| {
        subject
            .affiliate
            .is_some_and(|number| list.binary_search(&number).is_ok())
    };
    include.as_deref().is_none_or(is_in) && !is_in(exclude)
}

fn in_range(version: Version, min: Option<Version>, max: Option<Version>) -> bool {
    !version.is_unknown()
        && min.is_none_or(|min| version.compare(min).is_ge())
        && max.is_none_or(|max| version.compare(max).is_le())
}

/// Whether `language` is `tag` or a part of it: `en-gb` is of `en`, `eng` is not.
fn is_of(language: &str, tag: &str) -> bool {
    language
        .strip_prefix(tag)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The host of a URL without user, port and what follows; empty when it is no URL with a host.
fn host_of(url: &str) -> &str {
    let Some((_, after)) = url.split_once("://") else {
        return "";
    };
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let authority = &after[..end];
    let host = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    if host.starts_with('[') {
        return host.split_inclusive(']').next().unwrap_or_default();
    }
    host.split(':').next().unwrap_or_default()
}

/// Hours since Monday midnight, by the clock on the wall in `zone`.
fn hour_of_week(at: UnixMs, zone: &TimeZone) -> usize {
    let seconds = (at.0 / 1000) as i64;
    let offset = Timestamp::from_second(seconds).map_or(0, |t| zone.to_offset(t).seconds());
    // 1970-01-01 was a Thursday: the third day of its week, counted from 0.
    let since_monday = seconds + i64::from(offset) + 3 * 86_400;
    (since_monday.rem_euclid(7 * 86_400) / 3_600) as usize
}
