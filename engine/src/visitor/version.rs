//! Versions such as `17.4.1`: up to three numbers, compared part by part.

use std::fmt;

/// A version of up to three numbers; none = unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Version {
    parts: [u32; 3],
    count: u8,
}

impl Version {
    /// Reads the leading numbers of `text`; `None` when it does not begin with one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        Self::of(text.split('.').map(Some))
    }

    /// A version of parts as a pattern found them, up to the first that is missing or no number.
    pub(super) fn of<'a>(parts: impl IntoIterator<Item = Option<&'a str>>) -> Option<Self> {
        let mut version = Self::default();
        for part in parts.into_iter().take(3) {
            let Some(number) = part.and_then(|p| p.parse().ok()) else {
                break;
            };
            version.parts[usize::from(version.count)] = number;
            version.count += 1;
        }
        (version.count > 0).then_some(version)
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(self) -> bool {
        self.count == 0
    }

    /// The first number, if known.
    #[must_use]
    pub fn major(self) -> Option<u32> {
        (self.count > 0).then_some(self.parts[0])
    }

    /// The version without what follows its first number.
    #[must_use]
    pub(super) fn without_minor(self) -> Self {
        Self {
            parts: [self.parts[0], 0, 0],
            count: self.count.min(1),
        }
    }

    /// How it compares with `bound` in the parts that `bound` names; a part that is not known is 0.
    #[must_use]
    pub fn compare(self, bound: Self) -> std::cmp::Ordering {
        let named = usize::from(bound.count);
        self.parts[..named].cmp(&bound.parts[..named])
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.parts[..usize::from(self.count)].iter().enumerate() {
            let dot = if i > 0 { "." } else { "" };
            write!(f, "{dot}{part}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_compare_in_the_parts_that_the_bound_names() {
        let cases = [
            ("12.4", "12", Equal),
            ("12.4", "12.5", Less),
            ("13", "12.9", Greater),
            ("13", "13.0", Equal),
            ("9.10", "9.9", Greater),
        ];
        for (version, bound, expect) in cases {
            let [version, bound] = [version, bound].map(|v| Version::read(v).unwrap());
            assert_eq!(version.compare(bound), expect, "{version} {bound}");
        }
        assert_eq!(Version::read("10.15.7.2").unwrap().to_string(), "10.15.7");
        assert_eq!(Version::read("4b6").map(|v| v.to_string()), None);
        assert_eq!(Version::read("4.0b6").unwrap().to_string(), "4");
        assert_eq!(Version::default().to_string(), "");
    }
}
