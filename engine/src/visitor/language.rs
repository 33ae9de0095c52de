//! The language that a browser prefers: the first tag of `Accept-Language`.
//!
//! Written in lower case with hyphens, `en-us`, so that tags compare as bytes; at most 16 bytes, cut at a
//! hyphen. `*` and text that is no tag are unknown.

use std::fmt;

const LONGEST: usize = 16;

/// A language tag; empty = unknown.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Language {
    bytes: [u8; LONGEST],
    length: u8,
}

impl Language {
    /// The language of an `Accept-Language` header: its first tag, whatever the weights say, because browsers
    /// write the list in order.
    #[must_use]
    pub fn of_header(header: &str) -> Self {
        let first = header.split([',', ';']).next().unwrap_or_default();
        Self::read(first.trim())
    }

    /// Reads one tag.
    #[must_use]
    pub fn read(tag: &str) -> Self {
        let mut language = Self::default();
        for (i, part) in tag.split(['-', '_']).enumerate() {
            let is_subtag =
                (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
            let is_language =
                i > 0 || (part.len() >= 2 && !part.bytes().any(|b| b.is_ascii_digit()));
            if !(is_subtag && is_language) {
                return if i > 0 { language } else { Self::default() };
            }
            if !language.push(part, i > 0) {
                break;
            }
        }
        language
    }

    fn push(&mut self, part: &str, is_joined: bool) -> bool {
        let start = usize::from(self.length) + usize::from(is_joined);
        let Some(place) = self.bytes.get_mut(start..start + part.len()) else {
            return false;
        };
        place.copy_from_slice(part.as_bytes());
        place.make_ascii_lowercase();
        if is_joined {
            self.bytes[start - 1] = b'-';
        }
        self.length = (start + part.len()) as u8;
        true
    }

    /// The tag, empty = unknown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_tag_counts_in_lower_case() {
        let cases = [
            ("en-US,en;q=0.9,de;q=0.8", "en-us"),
            ("de", "de"),
            (" pt-BR ;q=1", "pt-br"),
            ("zh_Hant_TW", "zh-hant-tw"),
            ("ca-ES-valencia-x-long", "ca-es-valencia-x"),
            ("sl-rozaj-biske-1994-x", "sl-rozaj-biske"),
            ("*", ""),
            ("", ""),
            ("e", ""),
            ("12-de", ""),
            ("en-<script>", "en"),
            ("<script>", ""),
        ];
        for (header, tag) in cases {
            assert_eq!(Language::of_header(header).as_str(), tag, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_header_gives_a_short_tag_or_none(header in ".{0,60}") {
            let language = Language::of_header(&header);
            let is_plain = |b: u8| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit();
            prop_assert!(language.as_str().bytes().all(is_plain));
            prop_assert_eq!(Language::read(language.as_str()), language);
        }
    }
}
