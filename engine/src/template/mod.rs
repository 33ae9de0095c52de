//! Destination URLs with macros: `https://shop.example/buy?cid={click_id}`.
//!
//! A template is checked and compiled once, when it is saved, so that a mistake is seen by the person who made it
//! and never by a visitor. On the click path filling it costs one pass over the output and no allocation but that.
//! Always true: U1 whatever the values are, the result parses to the scheme, host and port of the template (no open
//! redirect) and has its path segments; U2 it is visible ASCII of at most [`MAX_EXPANDED`] bytes, so it is a
//! valid header; U3 a value reads back as it was from the query parameter it fills, and is never itself expanded;
//! U4 [`Template::source`] parses to the same template.
//! Not here: what the values are (see [`MacroValues`]), whose URL it is, templates of postbacks.
//!
//! ```text
//!   https://shop.example/{offer_id}/buy?cid={click_id}&ref=#sub1#
//!   └──────┬───────────┘ └───────────┬──────────────────────────┘
//!   no macro here        path, query, fragment: each value percent-encoded
//! ```

mod compile;
mod expand;
mod macros;
mod scan;

pub use self::expand::{MacroValues, Slot};
pub use self::macros::{Macro, SUB_IDS, UnknownMacro};

/// Longest template, in bytes, as given and as normalised.
pub const MAX_TEMPLATE: usize = 2_048;
/// Longest URL that a template expands to, in bytes.
pub const MAX_EXPANDED: usize = 8_192;
/// Most macros in one template.
pub const MAX_MACROS: usize = 64;
/// Room for each value that is never cut, percent-encoded.
const SHORT_VALUE: usize = 64;

/// A destination with macros, checked and compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: Box<str>,
    /// The normalised URL without its macros.
    literals: Box<str>,
    /// In order of their places.
    holes: Box<[Hole]>,
    /// Room for each value that may be cut, when all together would be too long.
    share: usize,
    warnings: Box<[TemplateWarning]>,
}

/// The place of a macro.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hole {
    /// Offset in the literals.
    at: u32,
    name: Macro,
    part: Part,
}

/// A component of a URL that may hold macros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Query,
    Fragment,
}

impl Template {
    /// The normalised text: the URL as it is sent, macros in braces.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What was understood otherwise than it was written.
    #[must_use]
    pub fn warnings(&self) -> &[TemplateWarning] {
        &self.warnings
    }

    /// The macros in order of their places.
    pub fn macros(&self) -> impl Iterator<Item = Macro> {
        self.holes.iter().map(|hole| hole.name)
    }
}

/// Something that a person who saves the template should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateWarning {
    /// Another platform's spelling was converted.
    Converted {
        /// As it was written.
        written: String,
        /// As it is kept.
        meant: Macro,
    },
}

impl std::fmt::Display for TemplateWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Converted { written, meant } => {
                write!(f, "{written} was converted to {{{meant}}}")
            }
        }
    }
}

/// Why a text is not a destination template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// More than [`MAX_TEMPLATE`] bytes.
    #[error("longer than {MAX_TEMPLATE} bytes")]
    TooLong,
    /// A space or a control character; the URL parser would drop some of them in silence.
    #[error("a space or control character at byte {at}; percent-encode it")]
    Blank {
        /// Where.
        at: usize,
    },
    /// A brace without its partner.
    #[error("a single brace at byte {at}; write %7B or %7D for a literal brace")]
    StrayBrace {
        /// Where.
        at: usize,
    },
    /// No such macro.
    #[error("unknown macro {{{name}}}{}", suggestion(*nearest))]
    UnknownMacro {
        /// The name as it was written.
        name: String,
        /// What was probably meant.
        nearest: Option<Macro>,
    },
    /// A macro of conversions in the destination of a click.
    #[error("{{{0}}} is not known yet when the click is sent on")]
    NotKnownAtClick(Macro),
    /// A macro in scheme, user, host or port.
    #[error("{{{0}}} stands before the path: scheme, host and port must be fixed")]
    BeforePath(Macro),
    /// A macro in a segment of dots, which leads out of its folder.
    #[error("{{{0}}} stands in a path segment with dots or before one")]
    DotSegment(Macro),
    /// A macro right behind `%` or `%4`.
    #[error("{{{0}}} stands inside a percent escape")]
    InsideEscape(Macro),
    /// More than [`MAX_MACROS`].
    #[error("more than {MAX_MACROS} macros")]
    TooManyMacros,
    /// Not http or https.
    #[error("must begin with http:// or https://")]
    Scheme,
    /// A user name or a password.
    #[error("must not hold a user name or password")]
    Userinfo,
    /// Not a URL.
    #[error("not an absolute URL")]
    NotUrl(#[source] url::ParseError),
}

fn suggestion(nearest: Option<Macro>) -> String {
    nearest.map_or_else(String::new, |m| format!("; did you mean {{{m}}}?"))
}

#[cfg(test)]
mod tests;
