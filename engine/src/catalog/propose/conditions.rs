//! The check of a targeting: every word of it could match somebody.

use super::code;
use super::review::{Review, path};
use crate::catalog::{Condition, Targeting, VersionRange};
use crate::ids::AffiliateId;
use crate::template::SUB_IDS;

/// Most words in one list.
const WORDS_MAX: usize = 1_000;
/// Longest word, in bytes.
const WORD_MAX: usize = 256;

/// Checks `targeting`, which stands at `at`.
pub(super) fn check(review: &mut Review<'_>, at: &str, targeting: &Targeting) {
    let lists = [
        ("country", &targeting.country),
        ("device", &targeting.device),
        ("os", &targeting.os),
        ("browser", &targeting.browser),
        ("language", &targeting.language),
        ("affiliate", &targeting.affiliate),
        ("source", &targeting.source),
    ];
    for (name, condition) in lists {
        if let Some(condition) = condition {
            let field = path(at, name);
            check_words(
                review,
                &field,
                condition,
                |review, field, word| match name {
                    "country" => check_country(review, field, word),
                    "affiliate" => check_affiliate(review, field, word),
                    _ => {}
                },
            );
        }
    }
    check_subs(review, at, targeting);
    for (name, range) in [
        ("os_version", &targeting.os_version),
        ("browser_version", &targeting.browser_version),
    ] {
        if let Some(range) = range {
            check_range(review, &path(at, name), range);
        }
    }
}

fn check_subs(review: &mut Review<'_>, at: &str, targeting: &Targeting) {
    for (number, condition) in &targeting.sub {
        let field = path(at, &format!("sub.{number}"));
        let is_known = (1..=SUB_IDS).any(|n| n.to_string() == *number);
        if !is_known {
            let message = format!("sub-ids are numbered 1 to {SUB_IDS}");
            review.error(field.clone(), code::UNKNOWN_FIELD, message);
        }
        check_words(review, &field, condition, |_, _, _| {});
    }
}

fn check_words(
    review: &mut Review<'_>,
    at: &str,
    condition: &Condition,
    check: impl Fn(&mut Review<'_>, String, &str),
) {
    for (name, words) in [
        ("include", &condition.include),
        ("exclude", &condition.exclude),
    ] {
        review.at_most(path(at, name), words.len(), WORDS_MAX);
        for (index, word) in words.iter().enumerate() {
            let field = format!("{at}.{name}[{index}]");
            if word.trim().is_empty() || word.len() > WORD_MAX {
                let message = format!("must have 1 to {WORD_MAX} bytes");
                review.error(field, code::OUT_OF_RANGE, message);
            } else {
                check(review, field, word);
            }
        }
    }
}

fn check_country(review: &mut Review<'_>, field: String, word: &str) {
    if word.len() != 2 || !word.bytes().all(|b| b.is_ascii_alphabetic()) {
        let message = "must be an ISO 3166 code of two letters";
        review.error(field, code::INVALID, message);
    }
}

fn check_affiliate(review: &mut Review<'_>, field: String, word: &str) {
    match word.parse::<AffiliateId>() {
        Ok(id) => {
            let is_known = id.tenant() == review.tenant
                && review.catalog.affiliates.contains_key(&id.number());
            review.reference(field, id, is_known);
        }
        Err(error) => review.error(field, code::INVALID, error),
    }
}

fn check_range(review: &mut Review<'_>, at: &str, range: &VersionRange) {
    let is_version = |text: &str| {
        let mut parts = text.split('.');
        text.len() <= 64 && parts.all(|part| part.parse::<u32>().is_ok())
    };
    for (name, bound) in [("min", &range.min), ("max", &range.max)] {
        if bound.as_deref().is_some_and(|text| !is_version(text)) {
            let message = "must be numbers with dots such as 12.1";
            review.error(path(at, name), code::INVALID, message);
        }
    }
}
