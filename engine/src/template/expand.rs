//! Filling a template: values are written straight into the output, percent-encoded as they go.

use std::fmt::{self, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Hole, MAX_EXPANDED, Macro, Part, SHORT_VALUE, Template};

/// What a value may not hold as it is: everything but the unreserved characters of RFC 3986. No delimiter of
/// any component, no backslash, no control character passes.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The values of one click (or one postback).
pub trait MacroValues {
    /// Writes the value of `name` into `slot`; nothing when there is none.
    fn write(&self, name: Macro, slot: &mut Slot<'_>);
}

/// The place of one macro in the output. What is written into it is percent-encoded.
#[derive(Debug)]
pub struct Slot<'a> {
    out: &'a mut String,
    /// How many more bytes fit; `None` = no limit.
    room: Option<usize>,
}

impl Slot<'_> {
    /// Writes text.
    pub fn text(&mut self, text: &str) {
        match self.room {
            None => self.out.extend(utf8_percent_encode(text, RESERVED)),
            Some(_) => self.text_while_it_fits(text),
        }
    }

    /// Writes a value by its `Display`, without a text in between.
    pub fn display(&mut self, value: impl fmt::Display) {
        // A slot takes everything, so that only the value itself could fail; then it ends there.
        let _ = write!(self, "{value}");
    }

    /// Whole characters only: a cut never leaves half an escape or half a letter.
    fn text_while_it_fits(&mut self, text: &str) {
        let mut utf8 = [0; 4];
        for character in text.chars() {
            let encoded = utf8_percent_encode(character.encode_utf8(&mut utf8), RESERVED);
            let length: usize = encoded.clone().map(str::len).sum();
            let room = self.room.unwrap_or_default();
            if length > room {
                self.room = Some(0);
                return;
            }
            self.room = Some(room - length);
            self.out.extend(encoded);
        }
    }
}

impl fmt::Write for Slot<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text);
        Ok(())
    }
}

impl Template {
    /// Appends the URL with every macro filled to `out`, at most [`MAX_EXPANDED`] bytes.
    ///
    /// A URL that would be longer is written again with its long values (sub-ids, names, referrer, user agent, …)
    /// cut to an equal share each, at a whole character; ids, times, country and address are never cut.
    pub fn expand_into(&self, values: &impl MacroValues, out: &mut String) {
        let start = out.len();
        if self.fill(values, out, start, None) {
            return;
        }
        out.truncate(start);
        let fits = self.fill(values, out, start, Some(self.share));
        assert!(fits, "shares add up to less than the longest URL");
    }

    /// Whether the result fits. With a `share`, it always does.
    fn fill(
        &self,
        values: &impl MacroValues,
        out: &mut String,
        start: usize,
        share: Option<usize>,
    ) -> bool {
        let mut from = 0;
        for hole in &self.holes {
            let at = hole.at as usize;
            out.push_str(&self.literals[from..at]);
            from = at;
            fill_hole(*hole, values, out, share);
            if out.len() - start > MAX_EXPANDED {
                return false;
            }
        }
        out.push_str(&self.literals[from..]);
        out.len() - start <= MAX_EXPANDED
    }
}

fn fill_hole(hole: Hole, values: &impl MacroValues, out: &mut String, share: Option<usize>) {
    let before = out.len();
    let room = share.map(|share| {
        if hole.name.is_short() {
            SHORT_VALUE
        } else {
            share
        }
    });
    values.write(hole.name, &mut Slot { out, room });
    // A path segment of dots alone would lead out of its folder, and no escape for a dot prevents it.
    if hole.part == Part::Path && out.as_bytes()[before..].iter().all(|b| *b == b'.') {
        out.truncate(before);
    }
}
