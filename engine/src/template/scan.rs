//! Text with macros, cut into literal text and macros.
//!
//! Four spellings are recognised: `{x}`, and, converted with a warning, `#x#`, `[[x]]` and `%7Bx%7D` (what a
//! browser makes of braces when a URL is copied from it).

use super::{Macro, TemplateError, TemplateWarning};

/// Literal text or a macro.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text that stays as it is.
    Literal(&'a str),
    /// A macro.
    Macro(Macro),
}

/// Cuts `text` into tokens, and notes which spellings were converted.
pub(super) fn scan(text: &str) -> Result<(Vec<Token<'_>>, Vec<TemplateWarning>), TemplateError> {
    let (mut tokens, mut warnings) = (Vec::new(), Vec::new());
    let (mut literal_from, mut at) = (0, 0);
    while at < text.len() {
        let Some(found) = macro_at(text, at)? else {
            at += 1;
            continue;
        };
        if literal_from < at {
            tokens.push(Token::Literal(&text[literal_from..at]));
        }
        tokens.push(Token::Macro(found.name));
        let next = at + found.length;
        if !found.is_canonical {
            let written = text[at..next].to_owned();
            let meant = found.name;
            warnings.push(TemplateWarning::Converted { written, meant });
        }
        (literal_from, at) = (next, next);
    }
    if literal_from < text.len() {
        tokens.push(Token::Literal(&text[literal_from..]));
    }
    Ok((tokens, warnings))
}

struct Found {
    name: Macro,
    length: usize,
    is_canonical: bool,
}

/// The macro that begins at byte `at`, if one does.
fn macro_at(text: &str, at: usize) -> Result<Option<Found>, TemplateError> {
    let bytes = &text.as_bytes()[at..];
    match bytes {
        [b'{', ..] => {
            let inside = &text[at + 1..];
            let end = inside.find('}').ok_or(TemplateError::StrayBrace { at })?;
            let name = known(&inside[..end])?;
            Ok(Some(Found {
                name,
                length: end + 2,
                is_canonical: true,
            }))
        }
        [b'}', ..] => Err(TemplateError::StrayBrace { at }),
        [b'#', ..] => foreign(&text[at..], "#", "#"),
        [b'[', b'[', ..] => foreign(&text[at..], "[[", "]]"),
        [b'%', b'7', b'B' | b'b', ..] => Ok(pasted(&text[at..])),
        _ => Ok(None),
    }
}

/// A macro between `open` and `close`; a word between them that is no macro is an error, as in braces.
fn foreign(text: &str, open: &str, close: &str) -> Result<Option<Found>, TemplateError> {
    let inside = &text[open.len()..];
    let end = word_length(inside);
    if end == 0 || !inside[end..].starts_with(close) {
        return Ok(None);
    }
    Ok(Some(Found {
        name: known(&inside[..end])?,
        length: open.len() + end + close.len(),
        is_canonical: false,
    }))
}

/// A macro whose braces were percent-encoded; other text in encoded braces (JSON, say) is literal.
fn pasted(text: &str) -> Option<Found> {
    let inside = &text[3..];
    let end = word_length(inside);
    let close = inside.as_bytes().get(end..end + 3)?;
    let name = inside[..end].parse().ok()?;
    close.eq_ignore_ascii_case(b"%7D").then_some(Found {
        name,
        length: 3 + end + 3,
        is_canonical: false,
    })
}

fn word_length(text: &str) -> usize {
    text.bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
        .count()
}

fn known(name: &str) -> Result<Macro, TemplateError> {
    name.parse().map_err(|_| TemplateError::UnknownMacro {
        name: name.to_owned(),
        nearest: Macro::nearest(name),
    })
}
