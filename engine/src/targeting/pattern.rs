//! Words with `*`: equal, beginning, ending, containing; compared without the case of ASCII letters.

/// A word in which `*` stands for any text, also none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// What stands between the stars; one piece = no star.
    pieces: Box<[Box<str>]>,
}

impl Pattern {
    /// A pattern with stars.
    pub(super) fn with_stars(word: &str) -> Self {
        let mut pieces: Vec<Box<str>> = word.split('*').map(Box::from).collect();
        // Two stars say no more than one.
        let last = pieces.len() - 1;
        let mut place = 0;
        pieces.retain(|piece| {
            let is_edge = place == 0 || place == last;
            place += 1;
            is_edge || !piece.is_empty()
        });
        Self {
            pieces: pieces.into(),
        }
    }

    /// A word as it stands.
    pub(super) fn exact(word: &str) -> Self {
        Self {
            pieces: Box::new([Box::from(word)]),
        }
    }

    /// Whether `text` is of this pattern.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text = text.as_bytes();
        match &*self.pieces {
            [] => text.is_empty(),
            [only] => text.eq_ignore_ascii_case(only.as_bytes()),
            [first, between @ .., last] => {
                let Some(rest) = without_prefix(text, first.as_bytes()) else {
                    return false;
                };
                let Some(mut rest) = without_suffix(rest, last.as_bytes()) else {
                    return false;
                };
                between
                    .iter()
                    .all(|piece| match find(rest, piece.as_bytes()) {
                        Some(at) => {
                            rest = &rest[at + piece.len()..];
                            true
                        }
                        None => false,
                    })
            }
        }
    }
}

fn without_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn without_suffix<'a>(text: &'a [u8], suffix: &[u8]) -> Option<&'a [u8]> {
    let (rest, tail) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    tail.eq_ignore_ascii_case(suffix).then_some(rest)
}

fn find(text: &[u8], piece: &[u8]) -> Option<usize> {
    text.windows(piece.len())
        .position(|window| window.eq_ignore_ascii_case(piece))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_stand_for_any_text() {
        let cases = [
            ("abc", "ABC", true),
            ("abc", "abcd", false),
            ("abc*", "abcdef", true),
            ("abc*", "ab", false),
            ("*.example.com", "shop.Example.com", true),
            ("*.example.com", "example.com", false),
            ("*mid*", "a MID b", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "ac", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("**", "anything", true),
            ("", "", true),
            ("", "x", false),
            ("münchen", "MüNCHEN", true),
        ];
        for (pattern, text, expect) in cases {
            let got = Pattern::with_stars(pattern).matches(text);
            assert_eq!(got, expect, "{pattern} {text}");
        }
        assert!(!Pattern::exact("a*").matches("ab"));
    }

    /// The definition: a star takes nothing, or one more byte.
    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => {
                by_definition(rest, text)
                    || (!text.is_empty() && by_definition(pattern, &text[1..]))
            }
            ([p, rest @ ..], [t, tail @ ..]) => {
                p.eq_ignore_ascii_case(t) && by_definition(rest, tail)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_is_what_the_stars_say(pattern in "[aAb*]{0,7}", text in "[aAbB]{0,9}") {
            let expect = by_definition(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(Pattern::with_stars(&pattern).matches(&text), expect);
        }
    }
}
