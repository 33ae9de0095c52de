//! Targeting made ready: conditions on a visitor and a click, compared without allocating.

use std::str::FromStr;

use crate::catalog::{Condition, Targeting, VersionRange};
use crate::ids::AffiliateId;
use crate::visitor::{Version, Visitor};

/// What conditions are about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Who clicked.
    pub visitor: Visitor<'a>,
    /// Who sent the click, by number.
    pub affiliate: Option<u32>,
    /// The `source` parameter.
    pub source: &'a str,
    /// Sub-ids 1 to 20 at index 0 to 19.
    pub sub: &'a [&'a str; 20],
}

/// A targeting made ready. An empty one matches everybody.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    checks: Box<[Check]>,
}

#[derive(Debug, Clone)]
struct Check {
    property: Property,
    rule: Rule,
}

/// What a check looks at; its name is the key of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Property {
    Country,
    Device,
    Os,
    OsVersion,
    Browser,
    BrowserVersion,
    Language,
    Affiliate,
    Source,
    Sub(u8),
}

#[derive(Debug, Clone)]
enum Rule {
    Words {
        include: Box<[Box<str>]>,
        exclude: Box<[Box<str>]>,
    },
    Numbers {
        include: Box<[u32]>,
        exclude: Box<[u32]>,
    },
    Versions {
        min: Option<Version>,
        max: Option<Version>,
    },
}

impl Matcher {
    /// Makes a targeting ready.
    #[must_use]
    pub fn new(targeting: &Targeting) -> Self {
        let words = [
            (Property::Country, &targeting.country),
            (Property::Device, &targeting.device),
            (Property::Os, &targeting.os),
            (Property::Browser, &targeting.browser),
            (Property::Language, &targeting.language),
            (Property::Source, &targeting.source),
        ];
        let versions = [
            (Property::OsVersion, &targeting.os_version),
            (Property::BrowserVersion, &targeting.browser_version),
        ];
        let subs = targeting.sub.iter().filter_map(|(number, condition)| {
            let number = number.parse().ok().filter(|n| (1..=20).contains(n))?;
            Some((Property::Sub(number), words_of(condition)))
        });
        let given = words
            .into_iter()
            .filter_map(|(p, c)| Some((p, words_of(c.as_ref()?))));
        let ranges = versions
            .into_iter()
            .filter_map(|(p, r)| Some((p, versions_of(r.as_ref()?))));
        let affiliates = targeting
            .affiliate
            .iter()
            .map(|c| (Property::Affiliate, numbers_of(c)));
        let all = given.chain(ranges).chain(affiliates).chain(subs);
        Self {
            checks: all
                .map(|(property, rule)| Check { property, rule })
                .collect(),
        }
    }

    /// The first property that does not match, by its name; `None` when all do.
    #[must_use]
    pub fn refuses(&self, subject: &Subject<'_>) -> Option<&'static str> {
        let refusing = self.checks.iter().find(|check| !check.holds(subject));
        refusing.map(|check| check.property.name())
    }
}

impl Check {
    fn holds(&self, subject: &Subject<'_>) -> bool {
        match &self.rule {
            Rule::Words { include, exclude } => {
                let value = self.property.text(subject);
                let is_prefix = self.property == Property::Language;
                let has = |words: &[Box<str>]| words.iter().any(|w| is_word(w, value, is_prefix));
                !has(exclude) && (include.is_empty() || has(include))
            }
            Rule::Numbers { include, exclude } => {
                let has = |numbers: &[u32]| subject.affiliate.is_some_and(|a| numbers.contains(&a));
                !has(exclude) && (include.is_empty() || has(include))
            }
            Rule::Versions { min, max } => {
                let version = self.property.version(subject);
                let is_above = min.is_none_or(|min| version.compare(min).is_ge());
                let is_below = max.is_none_or(|max| version.compare(max).is_le());
                !version.is_unknown() && is_above && is_below
            }
        }
    }
}

/// Whether a value is the word, without case; for languages also when it is a region of it.
fn is_word(word: &str, value: &str, is_prefix: bool) -> bool {
    if value.eq_ignore_ascii_case(word) {
        return true;
    }
    let longer = value.as_bytes().get(word.len()) == Some(&b'-');
    is_prefix && longer && value.as_bytes()[..word.len()].eq_ignore_ascii_case(word.as_bytes())
}

impl Property {
    fn name(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Device => "device",
            Self::Os => "os",
            Self::OsVersion => "os_version",
            Self::Browser => "browser",
            Self::BrowserVersion => "browser_version",
            Self::Language => "language",
            Self::Affiliate => "affiliate",
            Self::Source => "source",
            Self::Sub(_) => "sub",
        }
    }

    fn text<'a>(self, subject: &'a Subject<'_>) -> &'a str {
        let visitor = &subject.visitor;
        match self {
            Self::Country => visitor.place.country_code(),
            Self::Device => visitor.device.kind.as_str(),
            Self::Os => &visitor.device.os,
            Self::Browser => &visitor.device.browser,
            Self::Language => visitor.language.as_str(),
            Self::Source => subject.source,
            Self::Sub(number) => subject.sub[usize::from(number) - 1],
            Self::OsVersion | Self::BrowserVersion | Self::Affiliate => "",
        }
    }

    fn version(self, subject: &Subject<'_>) -> Version {
        match self {
            Self::OsVersion => subject.visitor.device.os_version,
            _ => subject.visitor.device.browser_version,
        }
    }
}

fn words_of(condition: &Condition) -> Rule {
    let boxed = |words: &[String]| words.iter().map(|w| w.as_str().into()).collect();
    Rule::Words {
        include: boxed(&condition.include),
        exclude: boxed(&condition.exclude),
    }
}

fn numbers_of(condition: &Condition) -> Rule {
    // An id that is none matches nobody; it was refused when the configuration was saved.
    let numbers = |ids: &[String]| {
        let numbers = ids.iter().filter_map(|id| AffiliateId::from_str(id).ok());
        numbers.map(AffiliateId::number).collect()
    };
    Rule::Numbers {
        include: numbers(&condition.include),
        exclude: numbers(&condition.exclude),
    }
}

fn versions_of(range: &VersionRange) -> Rule {
    let version = |text: &Option<String>| text.as_deref().and_then(Version::read);
    Rule::Versions {
        min: version(&range.min),
        max: version(&range.max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TenantId;
    use crate::visitor::{Device, Language, Place};

    fn check(targeting: serde_json::Value, expect: Option<&str>) {
        let device = Device {
            kind: crate::visitor::DeviceType::Mobile,
            os: "Android".to_owned(),
            os_version: Version::read("14.2").unwrap(),
            browser: "Chrome".to_owned(),
            browser_version: Version::default(),
            bot: None,
        };
        let mut sub = [""; 20];
        sub[1] = "blue";
        let subject = Subject {
            visitor: Visitor {
                place: Place {
                    country: *b"DE",
                    ..Place::default()
                },
                device: &device,
                language: Language::read("de-AT"),
            },
            affiliate: Some(5),
            source: "news",
            sub: &sub,
        };
        let matcher = Matcher::new(&serde_json::from_value(targeting.clone()).unwrap());
        assert_eq!(matcher.refuses(&subject), expect, "{targeting}");
    }

    #[test]
    fn each_condition_lets_in_whom_it_names() {
        let affiliate = AffiliateId::new(TenantId(1), 5).to_string();
        let cases = [
            (serde_json::json!({}), None),
            (
                serde_json::json!({"country": {"include": ["de", "AT"]}}),
                None,
            ),
            (
                serde_json::json!({"country": {"exclude": ["DE"]}}),
                Some("country"),
            ),
            (
                serde_json::json!({"country": {"include": ["DE"], "exclude": ["DE"]}}),
                Some("country"),
            ),
            (
                serde_json::json!({"device": {"include": ["desktop"]}}),
                Some("device"),
            ),
            (
                serde_json::json!({"os": {"include": ["android"]}, "os_version": {"min": "14"}}),
                None,
            ),
            (serde_json::json!({"os_version": {"max": "14"}}), None),
            (
                serde_json::json!({"os_version": {"min": "14.3"}}),
                Some("os_version"),
            ),
            (
                serde_json::json!({"browser_version": {"min": "1"}}),
                Some("browser_version"),
            ),
            (serde_json::json!({"language": {"include": ["de"]}}), None),
            (
                serde_json::json!({"language": {"include": ["d", "de-ch"]}}),
                Some("language"),
            ),
            (
                serde_json::json!({"affiliate": {"include": [affiliate]}}),
                None,
            ),
            (
                serde_json::json!({"affiliate": {"include": ["aff_1"]}}),
                Some("affiliate"),
            ),
            (
                serde_json::json!({"source": {"exclude": ["news"]}}),
                Some("source"),
            ),
            (
                serde_json::json!({"sub": {"2": {"include": ["blue"]}}}),
                None,
            ),
            (
                serde_json::json!({"sub": {"1": {"include": ["blue"]}}}),
                Some("sub"),
            ),
        ];
        for (targeting, expect) in cases {
            check(targeting, expect);
        }
    }
}
