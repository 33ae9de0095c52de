//! The review of one draft: what is known beforehand, and what was found wrong.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::{FieldError, Refusal, code};
use crate::caps;
use crate::catalog::{Catalog, EntityKey};
use crate::ids::TenantId;
use crate::template::Template;

/// Longest name, in characters.
pub const NAME_MAX: usize = 200;

/// Builders of entities put what they find here and go on, so that a client learns of every mistake at once.
/// What they build counts only when nothing was found.
#[derive(Debug)]
pub(super) struct Review<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) tenant: TenantId,
    /// The entity that the draft is about.
    pub(super) key: EntityKey,
    draw: u64,
    last_number: u32,
    errors: Vec<FieldError>,
    conflict: Option<Refusal>,
}

impl<'a> Review<'a> {
    /// A review of a draft for the entity `key`, whose number may be a new one.
    pub(super) fn new(catalog: &'a Catalog, tenant: TenantId, key: EntityKey, draw: u64) -> Self {
        Self {
            catalog,
            tenant,
            key,
            draw,
            last_number: catalog.last_number.max(key.number),
            errors: Vec::new(),
            conflict: None,
        }
    }

    pub(super) fn error(
        &mut self,
        field: impl Into<String>,
        code: &'static str,
        message: impl Display,
    ) {
        self.errors.push(FieldError {
            field: field.into(),
            code,
            message: message.to_string(),
        });
    }

    /// Something else has the name already. Reported only when nothing else is wrong.
    pub(super) fn conflict(&mut self, field: &'static str, message: String) {
        let conflict = Refusal::Conflict { field, message };
        self.conflict.get_or_insert(conflict);
    }

    /// Whether the draft may be taken.
    pub(super) fn verdict(self) -> Result<(), Refusal> {
        if !self.errors.is_empty() {
            return Err(Refusal::Invalid(self.errors));
        }
        self.conflict.map_or(Ok(()), Err)
    }

    /// A number that nothing in this tenant has had.
    pub(super) fn next_number(&mut self) -> u32 {
        match self.last_number.checked_add(1) {
            Some(number) => self.last_number = number,
            None => self.error("", code::EXHAUSTED, "this tenant has used up its numbers"),
        }
        self.last_number
    }

    /// The next random number of this review.
    pub(super) fn next_draw(&mut self) -> u64 {
        // SplitMix64: one draw from outside becomes as many as are needed.
        self.draw = self.draw.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.draw ^ (self.draw >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A name for people, without blanks around it.
    pub(super) fn name(&mut self, field: impl Into<String>, name: &str) -> String {
        let trimmed = name.trim();
        let length = trimmed.chars().count();
        if length == 0 {
            self.error(field, code::REQUIRED, "must not be blank");
        } else if length > NAME_MAX {
            let message = format!("must have at most {NAME_MAX} characters");
            self.error(field, code::OUT_OF_RANGE, message);
        } else if trimmed.chars().any(char::is_control) {
            self.error(field, code::INVALID, "must not hold control characters");
        }
        trimmed.to_owned()
    }

    /// A destination template, normalised.
    pub(super) fn template(&mut self, field: impl Into<String>, text: &str) -> String {
        match Template::parse_destination(text) {
            Ok(template) => template.source().to_owned(),
            Err(error) => {
                self.error(field, code::INVALID, error);
                text.to_owned()
            }
        }
    }

    /// A destination template that may be absent.
    pub(super) fn optional_template(
        &mut self,
        field: impl Into<String>,
        text: Option<&String>,
    ) -> Option<String> {
        text.map(|text| self.template(field, text))
    }

    pub(super) fn zone(&mut self, field: impl Into<String>, name: &str) {
        if let Err(error) = caps::zone(name) {
            self.error(field, code::INVALID, error);
        }
    }

    /// An id of this tenant whose entity exists.
    pub(super) fn reference(&mut self, field: impl Into<String>, id: impl Display, is_known: bool) {
        if !is_known {
            self.error(field, code::UNKNOWN_REFERENCE, format!("there is no {id}"));
        }
    }

    pub(super) fn range(
        &mut self,
        field: impl Into<String>,
        value: u32,
        allowed: std::ops::RangeInclusive<u32>,
    ) {
        if !allowed.contains(&value) {
            let (min, max) = (allowed.start(), allowed.end());
            self.error(
                field,
                code::OUT_OF_RANGE,
                format!("must be from {min} to {max}"),
            );
        }
    }

    pub(super) fn at_most(&mut self, field: impl Into<String>, count: usize, max: usize) {
        if count > max {
            self.error(field, code::OUT_OF_RANGE, format!("at most {max}"));
        }
    }
}

/// The path of `name` inside `at`.
pub(super) fn path(at: &str, name: &str) -> String {
    if at.is_empty() {
        name.to_owned()
    } else {
        format!("{at}.{name}")
    }
}

/// The parts of one kind that an entity has now, by number, and which of them the draft has taken up.
///
/// A part that names its id keeps it. One that names none takes the number of a part that looks the same and was
/// not named, else a new one. So what was learned and counted survives an edit by a client that sends no ids.
#[derive(Debug, Default)]
pub(super) struct Parts {
    present: BTreeSet<u32>,
    taken: BTreeSet<u32>,
}

impl Parts {
    pub(super) fn new(present: impl IntoIterator<Item = u32>) -> Self {
        Self {
            present: present.into_iter().collect(),
            taken: BTreeSet::new(),
        }
    }

    /// Takes up the part that is named by its id. Ids are taken up before parts without ids are matched.
    pub(super) fn name(
        &mut self,
        review: &mut Review<'_>,
        at: &str,
        id: impl Display,
        owner: TenantId,
        number: u32,
    ) {
        let is_known = owner == review.tenant && self.present.contains(&number);
        review.reference(path(at, "id"), &id, is_known);
        if is_known && !self.taken.insert(number) {
            review.error(path(at, "id"), code::DUPLICATE, format!("{id} is twice"));
        }
    }

    /// The first of the parts `alike` that is not taken up yet.
    pub(super) fn take(&mut self, alike: impl IntoIterator<Item = u32>) -> Option<u32> {
        let free = alike.into_iter().find(|n| !self.taken.contains(n))?;
        self.taken.insert(free);
        Some(free)
    }
}
