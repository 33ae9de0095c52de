//! Names of indices, aliases and templates.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use weir_engine::ids::UnixMs;
use weir_engine::ports::Generation;
use weir_engine::search::{Document, DocumentKind};

/// What all names begin with, and whose they are.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) prefix: String,
    pub(crate) owner: String,
}

/// A monthly index, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Monthly {
    pub(crate) generation: Generation,
    pub(crate) kind: DocumentKind,
    /// First moment after its month.
    pub(crate) end: UnixMs,
}

/// Last moment that the calendar has.
const LATEST_MS: u64 = 253_402_207_200_000;

impl Names {
    pub(crate) fn control(&self) -> String {
        format!("{}-control", self.prefix)
    }

    /// The alias that readers ask; the name of the template too.
    pub(crate) fn alias(&self, kind: DocumentKind) -> String {
        format!("{}-{kind}", self.prefix)
    }

    /// Names of the indices of a kind, as the template takes them.
    pub(crate) fn pattern(&self, kind: DocumentKind) -> String {
        format!("{}-{kind}-g*", self.prefix)
    }

    /// Names of all indices of all generations.
    pub(crate) fn all(&self) -> String {
        let kinds = DocumentKind::ALL.iter().map(|kind| self.pattern(*kind));
        kinds.collect::<Vec<_>>().join(",")
    }

    /// The index of a document; `None` when its time is none that a calendar has.
    pub(crate) fn index_of(&self, generation: Generation, document: &Document) -> Option<String> {
        let at = document.placed_at();
        if at.0 > LATEST_MS {
            return None;
        }
        let ms = i64::try_from(at.0).ok()?;
        let month = Timestamp::from_millisecond(ms)
            .ok()?
            .to_zoned(TimeZone::UTC);
        let kind = document.kind();
        let month = month.strftime("%Y.%m");
        Some(format!("{}-{kind}-g{}-{month}", self.prefix, generation.0))
    }

    /// What an index is, by its name; `None` when it is none of ours.
    pub(crate) fn read(&self, name: &str) -> Option<Monthly> {
        let rest = name.strip_prefix(&self.prefix)?.strip_prefix('-')?;
        let mut parts = rest.split('-');
        let kind = parts.next()?.parse().ok()?;
        let generation = parts.next()?.strip_prefix('g')?;
        let generation = Generation(generation.parse().ok()?);
        let (year, month) = parts.next()?.split_once('.')?;
        let first = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
        let end = first.checked_add(jiff::Span::new().months(1)).ok()?;
        let end = end
            .to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_millisecond();
        Some(Monthly {
            generation,
            kind,
            end: UnixMs(u64::try_from(end).ok()?),
        })
        .filter(|_| parts.next().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_generation_kind_and_month() {
        let names = Names {
            prefix: "weir".to_owned(),
            owner: String::new(),
        };
        let read = names.read("weir-clicks-g12-2026.12");
        let end = UnixMs::parse_rfc3339("2027-01-01T00:00:00Z").expect("a time");
        let expected = Monthly {
            generation: Generation(12),
            kind: DocumentKind::Clicks,
            end,
        };
        assert_eq!(read, Some(expected));
        for other in [
            "weir-control",
            "weir-clicks",
            "weir-clicks-gx-2026.12",
            "weir-clicks-g1-2026.13",
            "weir-clicks-g1-2026.12-x",
            "other-clicks-g1-2026.12",
            "weir-sales-g1-2026.12",
        ] {
            assert_eq!(names.read(other), None, "{other}");
        }
    }
}
