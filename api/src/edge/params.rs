//! What a click link says in its query.
//!
//! Always true: the first of repeated parameters counts; a value is cut at [`MAX_VALUE`] bytes at a whole
//! character; more than [`MAX_PARAMETERS`] parameters are refused. Unknown parameters are passed over.

use std::borrow::Cow;

use weir_engine::fact::{AD_ID_NAMES, UTM_NAMES};

/// Most parameters of a request.
pub(super) const MAX_PARAMETERS: usize = 64;
/// Longest value kept, in bytes.
pub(super) const MAX_VALUE: usize = 255;
/// Sub-ids of a click.
pub(super) const SUB_IDS: usize = 20;

/// More parameters than a request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooManyParameters;

/// The parameters of a click; empty = not given.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ClickParams<'a> {
    pub(super) aff: Cow<'a, str>,
    pub(super) sub: [Cow<'a, str>; SUB_IDS],
    pub(super) source: Cow<'a, str>,
    pub(super) aff_click_id: Cow<'a, str>,
    pub(super) cost: Cow<'a, str>,
    pub(super) is_test: bool,
    pub(super) ad_ids: [Cow<'a, str>; 6],
    pub(super) utm: [Cow<'a, str>; 5],
}

impl<'a> ClickParams<'a> {
    /// Reads a query.
    ///
    /// # Errors
    /// [`TooManyParameters`].
    pub(super) fn read(query: &'a str) -> Result<Self, TooManyParameters> {
        let mut params = Self::default();
        let mut alias = Cow::default();
        for (count, (name, value)) in pairs(query).enumerate() {
            if count == MAX_PARAMETERS {
                return Err(TooManyParameters);
            }
            let field = match &*name {
                "test" => {
                    params.is_test = matches!(&*value, "1" | "true");
                    continue;
                }
                "click_id" => &mut alias,
                name => match params.field(name) {
                    Some(field) => field,
                    None => continue,
                },
            };
            if field.is_empty() {
                *field = cut(value);
            }
        }
        if params.aff_click_id.is_empty() {
            params.aff_click_id = alias;
        }
        Ok(params)
    }

    fn field(&mut self, name: &str) -> Option<&mut Cow<'a, str>> {
        match name {
            "aff" => return Some(&mut self.aff),
            "source" => return Some(&mut self.source),
            "aff_click_id" => return Some(&mut self.aff_click_id),
            "cost" => return Some(&mut self.cost),
            _ => {}
        }
        if let Some(number) = name.strip_prefix("sub") {
            let index = number.parse::<usize>().ok()?.checked_sub(1)?;
            return self.sub.get_mut(index);
        }
        if let Some(index) = UTM_NAMES.iter().position(|n| *n == name) {
            return Some(&mut self.utm[index]);
        }
        let index = AD_ID_NAMES.iter().position(|n| *n == name)?;
        Some(&mut self.ad_ids[index])
    }
}

/// The pairs of a query. What is not escaped is borrowed as it stands, which nearly every part of a link is.
fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (plain(name), plain(value))
    })
}

fn plain(part: &str) -> Cow<'_, str> {
    if !part.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return part.into();
    }
    let spaced = part.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy();
    decoded.into_owned().into()
}

/// At most [`MAX_VALUE`] bytes of a value, whole characters.
pub(super) fn cut(value: Cow<'_, str>) -> Cow<'_, str> {
    if value.len() <= MAX_VALUE {
        return value;
    }
    let end = value.floor_char_boundary(MAX_VALUE);
    match value {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_query_means_what_a_form_means(query in "[a-c=&%+0-9A-F\u{e9}\u{20ac}]{0,40}") {
            let form = form_urlencoded::parse(query.as_bytes());
            prop_assert_eq!(pairs(&query).collect::<Vec<_>>(), form.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_click_link_is_read_by_its_names() {
        let params = ClickParams::read(
            "aff=aff_1&sub1=a%20b&sub20=z&sub21=no&sub0=no&source=s&click_id=theirs&test=1&gclid=g&utm_term=t&x=y",
        )
        .unwrap();
        assert_eq!(
            (&*params.aff, &*params.sub[0], &*params.sub[19]),
            ("aff_1", "a b", "z")
        );
        assert_eq!((&*params.source, &*params.aff_click_id), ("s", "theirs"));
        assert_eq!((&*params.ad_ids[0], &*params.utm[3]), ("g", "t"));
        assert!(params.is_test);
    }

    #[test]
    fn the_canonical_name_and_the_first_value_win() {
        let params = ClickParams::read("click_id=alias&aff_click_id=own&sub1=a&sub1=b").unwrap();
        assert_eq!((&*params.aff_click_id, &*params.sub[0]), ("own", "a"));
    }

    #[test]
    fn long_values_are_cut_at_a_whole_character_and_many_parameters_refused() {
        let long = format!("sub1={}", "ü".repeat(200));
        assert_eq!(ClickParams::read(&long).unwrap().sub[0].len(), 254);
        let many = "a=1&".repeat(65);
        assert_eq!(ClickParams::read(&many), Err(TooManyParameters));
        assert!(ClickParams::read(&"a=1&".repeat(64)).is_ok());
    }
}
