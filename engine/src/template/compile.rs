//! From text to a template.
//!
//! Macros become placeholder words, the URL parser reads and re-serialises the whole, and the placeholders are
//! looked up in its components: so the component of a macro is the parser's own view, not a guess.

use url::{Position, Url};

use super::scan::{Token, scan};
use super::{
    Hole, MAX_EXPANDED, MAX_MACROS, MAX_TEMPLATE, Macro, Part, SHORT_VALUE, Template, TemplateError,
};

impl Template {
    /// Compiles the destination of a click; only macros that are known at click time are taken.
    ///
    /// # Errors
    /// [`TemplateError`], in words for the person who saves it.
    pub fn parse_destination(text: &str) -> Result<Self, TemplateError> {
        check_text(text)?;
        let (tokens, warnings) = scan(text)?;
        let names: Vec<Macro> = macros_of(&tokens);
        check_macros(&names)?;
        let words = Placeholders::absent_from(text);
        let with_words = words.substitute(&tokens);
        check_authority(&with_words, &words, &names)?;
        let url = Url::parse(&with_words).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => TemplateError::Scheme,
            other => TemplateError::NotUrl(other),
        })?;
        check_url(&url)?;
        let (literals, holes) = words.take_out(&url, &names)?;
        check_dots(&literals, &holes)?;
        check_escapes(&literals, &holes)?;
        let source = source_of(&literals, &holes);
        if source.len() > MAX_TEMPLATE {
            return Err(TemplateError::TooLong);
        }
        Ok(Self {
            source: source.into(),
            share: share_of(&literals, &holes),
            literals: literals.into(),
            holes: holes.into(),
            warnings: warnings.into(),
        })
    }
}

fn check_text(text: &str) -> Result<(), TemplateError> {
    if text.len() > MAX_TEMPLATE {
        return Err(TemplateError::TooLong);
    }
    let blank = text
        .char_indices()
        .find(|(_, c)| c.is_control() || c.is_whitespace());
    match blank {
        Some((at, _)) => Err(TemplateError::Blank { at }),
        None => Ok(()),
    }
}

fn macros_of(tokens: &[Token<'_>]) -> Vec<Macro> {
    let name = |token: &Token<'_>| match token {
        Token::Macro(name) => Some(*name),
        Token::Literal(_) => None,
    };
    tokens.iter().filter_map(name).collect()
}

fn check_macros(names: &[Macro]) -> Result<(), TemplateError> {
    if names.len() > MAX_MACROS {
        return Err(TemplateError::TooManyMacros);
    }
    match names.iter().find(|m| !m.is_known_at_click()) {
        Some(name) => Err(TemplateError::NotKnownAtClick(*name)),
        None => Ok(()),
    }
}

/// Words that stand for macros while the URL parser has the text; letters and digits pass it unchanged.
struct Placeholders {
    prefix: String,
}

impl Placeholders {
    fn absent_from(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        // Some number is absent: the text is shorter than all of them together.
        let mut prefix = String::from("zq0x");
        for number in 1.. {
            if !lower.contains(&prefix) {
                break;
            }
            prefix = format!("zq{number}x");
        }
        Self { prefix }
    }

    /// The word of a macro, by its index; all are of one length, [`MAX_MACROS`] being below 100.
    fn word(&self, index: usize) -> String {
        format!("{}{index:02}", self.prefix)
    }

    fn substitute(&self, tokens: &[Token<'_>]) -> String {
        let mut text = String::new();
        let mut index = 0;
        for token in tokens {
            match token {
                Token::Literal(literal) => text.push_str(literal),
                Token::Macro(_) => {
                    text.push_str(&self.word(index));
                    index += 1;
                }
            }
        }
        text
    }

    /// The URL without its placeholders, and where each was.
    fn take_out(&self, url: &Url, names: &[Macro]) -> Result<(String, Vec<Hole>), TemplateError> {
        let text = url.as_str();
        // From the path on: a host in punycode could spell anything.
        let mut from = url[..Position::BeforePath].len();
        let path_end = url[..Position::AfterPath].len();
        let query_end = url[..Position::AfterQuery].len();
        let (mut literals, mut holes) = (text[..from].to_owned(), Vec::new());
        for (index, &name) in names.iter().enumerate() {
            let word = self.word(index);
            // A word that is gone stood in a segment that `..` removed.
            let offset = text[from..].find(&word);
            let at = from + offset.ok_or(TemplateError::DotSegment(name))?;
            literals.push_str(&text[from..at]);
            from = at + word.len();
            holes.push(Hole {
                at: literals.len() as u32,
                name,
                part: match at {
                    at if at < path_end => Part::Path,
                    at if at < query_end => Part::Query,
                    _ => Part::Fragment,
                },
            });
        }
        literals.push_str(&text[from..]);
        Ok((literals, holes))
    }
}

/// No placeholder before the end of the authority.
fn check_authority(text: &str, words: &Placeholders, names: &[Macro]) -> Result<(), TemplateError> {
    let slashes = |c: char| c == '/' || c == '\\';
    let after_scheme = text.find(':').map_or(0, |colon| colon + 1);
    let rest = text[after_scheme..].trim_start_matches(slashes);
    let authority_end = rest
        .find(|c| slashes(c) || c == '?' || c == '#')
        .unwrap_or(rest.len());
    let path_from = text.len() - rest.len() + authority_end;
    match names.first() {
        Some(first) if text[..path_from].contains(&words.prefix) => {
            Err(TemplateError::BeforePath(*first))
        }
        _ => Ok(()),
    }
}

fn check_url(url: &Url) -> Result<(), TemplateError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(TemplateError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TemplateError::Userinfo);
    }
    assert!(url.has_host(), "an http URL has a host");
    Ok(())
}

/// A segment of dots and macros would become `..` by an empty value.
fn check_dots(literals: &str, holes: &[Hole]) -> Result<(), TemplateError> {
    for hole in holes.iter().filter(|hole| hole.part == Part::Path) {
        let (before, after) = literals.split_at(hole.at as usize);
        let head = before.rsplit('/').next().unwrap_or_default();
        let tail = after.split(['/', '?', '#']).next().unwrap_or_default();
        let segment = format!("{head}{tail}").to_ascii_lowercase();
        let is_dots = segment.replace("%2e", ".").bytes().all(|b| b == b'.');
        if is_dots && !segment.is_empty() {
            return Err(TemplateError::DotSegment(hole.name));
        }
    }
    Ok(())
}

/// A value behind `%` or `%4` would complete an escape.
fn check_escapes(literals: &str, holes: &[Hole]) -> Result<(), TemplateError> {
    for hole in holes {
        let before = &literals.as_bytes()[..hole.at as usize];
        if matches!(before, [.., b'%'] | [.., b'%', _]) {
            return Err(TemplateError::InsideEscape(hole.name));
        }
    }
    Ok(())
}

fn source_of(literals: &str, holes: &[Hole]) -> String {
    let mut source = String::new();
    let mut from = 0;
    for hole in holes {
        let at = hole.at as usize;
        source.push_str(&literals[from..at]);
        source.push_str(&format!("{{{}}}", hole.name));
        from = at;
    }
    source.push_str(&literals[from..]);
    source
}

/// What is left of [`MAX_EXPANDED`] for each value that may be cut.
fn share_of(literals: &str, holes: &[Hole]) -> usize {
    let short = holes.iter().filter(|hole| hole.name.is_short()).count();
    let long = holes.len() - short;
    let taken = literals.len() + short * SHORT_VALUE;
    assert!(taken < MAX_EXPANDED, "64 short values and 2,048 bytes fit");
    (MAX_EXPANDED - taken) / long.max(1)
}
