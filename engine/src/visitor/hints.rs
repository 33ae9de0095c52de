//! Client hints that come unasked: `Sec-CH-UA`, `Sec-CH-UA-Mobile`, `Sec-CH-UA-Platform`.
//!
//! They name what the user agent hides (which Chromium it is, which platform a "desktop site" runs on). Hints
//! that must be asked for come a request later than the click, so they are not used.

use super::version::Version;

/// The hints of a request, as they stand in its headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Hints<'a> {
    /// `Sec-CH-UA`: brands with their major versions.
    pub brands: &'a str,
    /// `Sec-CH-UA-Mobile`: `?1` or `?0`.
    pub mobile: &'a str,
    /// `Sec-CH-UA-Platform`: a quoted name.
    pub platform: &'a str,
}

/// Brands that say no more than the user agent does.
const PLAIN: [&str; 3] = ["Chromium", "Google Chrome", "Android WebView"];

impl<'a> Hints<'a> {
    /// The platform by name, if the hint is there.
    pub(super) fn platform(&self) -> Option<&'a str> {
        let name = unquote(self.platform.trim())?;
        (!name.is_empty() && name != "Unknown").then_some(name)
    }

    /// Whether the browser asks for a phone's page, if the hint is there.
    pub(super) fn is_mobile(&self) -> Option<bool> {
        match self.mobile.trim() {
            "?1" => Some(true),
            "?0" => Some(false),
            _ => None,
        }
    }

    /// The brand that is neither the engine nor plain Chrome nor grease, with its version.
    pub(super) fn brand(&self) -> Option<(&'a str, Version)> {
        self.named()
            .find(|(name, _)| !PLAIN.contains(name) && !is_grease(name))
    }

    /// Every brand.
    fn named(&self) -> impl Iterator<Item = (&'a str, Version)> {
        // A grease brand may hold commas and semicolons inside its quotes, so the quotes are what is read.
        let mut rest = self.brands;
        std::iter::from_fn(move || {
            let (_, after) = rest.split_once('"')?;
            let (name, after) = after.split_once('"')?;
            let (params, next) = match after.find(',') {
                Some(comma) => after.split_at(comma),
                None => (after, ""),
            };
            rest = next;
            let version = params.split_once("v=").and_then(|(_, v)| unquote(v.trim()));
            Some((name, version.and_then(Version::read).unwrap_or_default()))
        })
    }
}

/// Grease such as `Not)A;Brand` is there so that nobody relies on the list.
fn is_grease(name: &str) -> bool {
    name.contains("Not") && name.contains("Brand")
}

fn unquote(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brand(brands: &str) -> Option<(&str, String)> {
        let hints = Hints {
            brands,
            ..Hints::default()
        };
        hints.brand().map(|(name, v)| (name, v.to_string()))
    }

    #[test]
    fn a_brand_behind_grease_is_found_and_plain_chrome_is_not_one() {
        let edge = r#""Microsoft Edge";v="125", "Chromium";v="125", "Not.A/Brand";v="24""#;
        assert_eq!(brand(edge), Some(("Microsoft Edge", "125".to_owned())));
        let greased = r#""Not(A:Brand";v="8", "Chromium";v="126", "Brave";v="126""#;
        assert_eq!(brand(greased), Some(("Brave", "126".to_owned())));
        let nasty = r#""\Not;A,Brand";v="99", "Google Chrome";v="97", "Chromium";v="97""#;
        assert_eq!(brand(nasty), None);
        for broken in ["", "\"", "Brave", "\"Brave", ";v=\"1\"", "\"\";v="] {
            let _ = brand(broken);
        }
    }
}
