//! Lists: newest first, in pages, with cursors that stay right while entities are added.
//!
//! `{items, next?, previous?}`. A cursor names the last entity that was seen, so a page is never shifted by what
//! was made meanwhile. Always true: the order is by number, which is the order of making; a filter `a,b` keeps
//! these words, `-a` keeps all but these.

use poem_openapi::Object;
use poem_openapi::types::{ParseFromJSON, ToJSON};

use crate::problem::Problem;

/// Entries of a page when the request names no limit.
pub const LIMIT_DEFAULT: u32 = 50;
/// Entries that a page may have.
pub const LIMIT_MAX: u32 = 500;

/// A page of a list.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Page<T: ParseFromJSON + ToJSON + Send + Sync> {
    /// The entries, newest first.
    pub items: Vec<T>,
    /// Ask with `after=` this for the entries that follow; absent at the end.
    pub next: Option<String>,
    /// Ask with `before=` this for the entries that come before; absent at the start.
    pub previous: Option<String>,
}

/// Which page is asked for.
#[derive(Debug, Clone, Default)]
pub struct Paging {
    /// See [`LIMIT_DEFAULT`], [`LIMIT_MAX`].
    pub limit: Option<u32>,
    /// Only what follows this cursor.
    pub after: Option<String>,
    /// Only what comes before this cursor.
    pub before: Option<String>,
}

/// The same, checked. A place is (high, low), greater = newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// At most so many.
    pub limit: usize,
    /// Only older than this.
    pub after: Option<Place>,
    /// Only newer than this.
    pub before: Option<Place>,
}

/// Place of an entry in the order of its list.
pub type Place = (u16, u64);

impl Paging {
    /// Checks it.
    ///
    /// # Errors
    /// A problem that names the parameter.
    pub fn read(&self) -> Result<Wanted, Problem> {
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT);
        if limit == 0 || limit > LIMIT_MAX {
            let message = format!("must be between 1 and {LIMIT_MAX}");
            return Err(Problem::parameter("limit", "out_of_range", message));
        }
        if self.after.is_some() && self.before.is_some() {
            let message = "a page is asked for by after or by before";
            return Err(Problem::parameter("before", "contradiction", message));
        }
        Ok(Wanted {
            limit: limit as usize,
            after: place("after", self.after.as_deref())?,
            before: place("before", self.before.as_deref())?,
        })
    }
}

fn place(name: &str, cursor: Option<&str>) -> Result<Option<Place>, Problem> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let read = || {
        let (high, low) = cursor.strip_prefix('c')?.split_once('g')?;
        let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
        (is_hex(high) && is_hex(low)).then_some(())?;
        Some((
            u16::from_str_radix(high, 16).ok()?,
            u64::from_str_radix(low, 16).ok()?,
        ))
    };
    let place = read().ok_or_else(|| {
        Problem::parameter(
            name,
            "invalid_cursor",
            "must be a cursor of an earlier answer",
        )
    })?;
    Ok(Some(place))
}

fn cursor((high, low): Place) -> String {
    format!("c{high:x}g{low:x}")
}

impl Wanted {
    /// The page out of all entries, which come newest first; `view` is called for those of the page only.
    pub fn page<E, T>(
        self,
        entries: impl DoubleEndedIterator<Item = (Place, E)>,
        mut view: impl FnMut(E) -> Result<T, Problem>,
    ) -> Result<Page<T>, Problem>
    where
        T: ParseFromJSON + ToJSON + Send + Sync,
    {
        let within = |(place, _): &(Place, E)| {
            self.after.is_none_or(|after| *place < after)
                && self.before.is_none_or(|before| *place > before)
        };
        let entries = entries.filter(within);
        // One more than asked for tells whether there are more.
        let found: Vec<_> = match self.before {
            None => entries.take(self.limit + 1).collect(),
            Some(_) => {
                let mut nearest: Vec<_> = entries.rev().take(self.limit + 1).collect();
                nearest.reverse();
                nearest
            }
        };
        let (found, edges) = self.cut(found);
        let items = found.into_iter().map(|(_, entry)| view(entry));
        let items = items.collect::<Result<Vec<T>, _>>()?;
        Ok(Page {
            items,
            next: edges.next.map(cursor),
            previous: edges.previous.map(cursor),
        })
    }

    /// Takes off the entry that is too many, and tells the cursors.
    pub fn cut<E>(self, mut found: Vec<(Place, E)>) -> (Vec<(Place, E)>, Edges) {
        let is_more = found.len() > self.limit;
        if is_more && self.before.is_some() {
            found.remove(0);
        } else {
            found.truncate(self.limit);
        }
        let has_older = if self.before.is_some() { true } else { is_more };
        let has_newer = if self.before.is_some() {
            is_more
        } else {
            self.after.is_some()
        };
        let edges = Edges {
            next: found.last().filter(|_| has_older).map(|(place, _)| *place),
            previous: found.first().filter(|_| has_newer).map(|(place, _)| *place),
        };
        (found, edges)
    }
}

/// Where the neighbouring pages begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edges {
    /// The page of older entries.
    pub next: Option<Place>,
    /// The page of newer entries.
    pub previous: Option<Place>,
}

impl Edges {
    /// As cursors: next, previous.
    #[must_use]
    pub fn cursors(self) -> (Option<String>, Option<String>) {
        (self.next.map(cursor), self.previous.map(cursor))
    }
}

/// A filter by words: `active,paused` keeps these, `-archived` keeps all but these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WordFilter {
    kept: Vec<String>,
    excluded: Vec<String>,
}

impl WordFilter {
    /// Reads the parameter `name`, whose words must be in `known`.
    ///
    /// # Errors
    /// A problem that names the parameter and the known words.
    pub fn read(name: &str, text: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut filter = Self::default();
        for word in text.unwrap_or_default().split(',').map(str::trim) {
            let (list, word) = match word.strip_prefix('-') {
                Some(word) => (&mut filter.excluded, word),
                None => (&mut filter.kept, word),
            };
            if text.is_none() {
                break;
            }
            if !known.contains(&word) {
                let message = format!("must be of {}, or -word to exclude", known.join(", "));
                return Err(Problem::parameter(name, "invalid_value", message));
            }
            list.push(word.to_owned());
        }
        Ok(filter)
    }

    /// Whether `word` passes.
    #[must_use]
    pub fn passes(&self, word: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|w| w == word);
        (self.kept.is_empty() || is_in(&self.kept)) && !is_in(&self.excluded)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(count: u64, paging: &Paging) -> Page<u64> {
        let wanted = paging.read().expect("a good request");
        let entries = (1..=count).rev().map(|n| ((0, n), n));
        wanted
            .page(entries.collect::<Vec<_>>().into_iter(), Ok)
            .expect("a page")
    }

    fn limited(limit: u32) -> Paging {
        Paging {
            limit: Some(limit),
            ..Paging::default()
        }
    }

    #[test]
    fn bad_pages_are_refused_by_the_name_of_the_parameter() {
        let text = |t: &str| Some(t.to_owned());
        let cases = [
            (
                Paging {
                    limit: Some(0),
                    ..Paging::default()
                },
                "limit",
            ),
            (
                Paging {
                    limit: Some(501),
                    ..Paging::default()
                },
                "limit",
            ),
            (
                Paging {
                    after: text("7"),
                    ..Paging::default()
                },
                "after",
            ),
            (
                Paging {
                    before: text("c+1g2"),
                    ..Paging::default()
                },
                "before",
            ),
            (
                Paging {
                    before: text("c1g2"),
                    after: text("c1g2"),
                    ..Paging::default()
                },
                "before",
            ),
        ];
        for (paging, name) in cases {
            let problem = paging.read().expect_err(name);
            assert_eq!(problem.field_errors[0].field, name);
        }
        assert!(
            Paging {
                limit: Some(500),
                ..Paging::default()
            }
            .read()
            .is_ok()
        );
    }

    #[test]
    fn a_filter_keeps_or_excludes_words() {
        let known = ["active", "paused", "archived"];
        let read = |text: Option<&str>| WordFilter::read("status", text, &known);
        let cases = [
            (None, "active,paused,archived"),
            (Some("active,paused"), "active,paused"),
            (Some("-archived"), "active,paused"),
            (Some("active,-active"), ""),
        ];
        for (text, expect) in cases {
            let filter = read(text).expect("known words");
            let passing: Vec<_> = known.into_iter().filter(|w| filter.passes(w)).collect();
            assert_eq!(passing.join(","), expect, "{text:?}");
        }
        assert!(read(Some("gone")).is_err());
        assert!(read(Some("")).is_err());
    }

    proptest! {
        #[test]
        fn walking_forward_and_back_shows_every_entry_once(count in 0u64..40, limit in 1u32..12) {
            let mut forward = Vec::new();
            let mut paging = limited(limit);
            let mut last = page(count, &paging);
            loop {
                prop_assert!(last.items.len() <= limit as usize);
                forward.extend(last.items.clone());
                let Some(next) = last.next.clone() else { break };
                paging.after = Some(next);
                last = page(count, &paging);
            }
            prop_assert_eq!(&forward, &(1..=count).rev().collect::<Vec<_>>());
            let mut back = last.items.clone();
            while let Some(previous) = last.previous.clone() {
                last = page(count, &Paging { before: Some(previous), ..limited(limit) });
                back.splice(0..0, last.items.clone());
            }
            prop_assert_eq!(back, forward);
        }

        #[test]
        fn cursors_are_read_back(high in any::<u16>(), low in any::<u64>()) {
            prop_assert_eq!(place("after", Some(&cursor((high, low)))).ok().flatten(), Some((high, low)));
        }
    }
}
