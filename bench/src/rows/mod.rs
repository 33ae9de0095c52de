//! What is measured, row by row.

pub mod alone;
pub mod clicks;
pub mod fold;
pub mod journal;
pub mod mysql;

use serde::{Deserialize, Serialize};

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
}

impl Target {
    /// Whether a figure is what it should be.
    #[must_use]
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {least}"),
            Self::AtMost(most) => write!(f, "≤ {most}"),
        }
    }
}

/// Why a figure says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doubt {
    /// The ceiling moved too much to be one.
    CeilingInvalid,
    /// The reader fell behind.
    NotKeepingUp,
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::CeilingInvalid => "ceiling invalid",
            Self::NotKeepingUp => "not keeping up",
        })
    }
}

/// A figure with its target, and what it was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// What was measured.
    pub name: String,
    /// The figure: the median of the rounds.
    pub value: f64,
    /// What it should be.
    pub target: Target,
    /// Why it says nothing, if so.
    pub doubt: Option<Doubt>,
    /// Absolute figures.
    pub beside: String,
    /// Median milliseconds of a small write with fdatasync, in the same minute.
    pub sync_ms: f64,
}

impl Measure {
    /// `met`, `missed`, or why it says neither.
    #[must_use]
    pub fn verdict(&self) -> String {
        match (self.doubt, self.target.is_met(self.value)) {
            (Some(doubt), _) => doubt.to_string(),
            (None, true) => "met".to_owned(),
            (None, false) => "missed".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_in_doubt_is_neither_met_nor_missed() {
        let verdict = |value, target, doubt| {
            let (name, beside) = (String::new(), String::new());
            let measure = Measure {
                name,
                value,
                target,
                doubt,
                beside,
                sync_ms: 0.1,
            };
            measure.verdict()
        };
        assert_eq!(verdict(0.5, Target::AtLeast(0.5), None), "met");
        assert_eq!(verdict(0.49, Target::AtLeast(0.5), None), "missed");
        assert_eq!(verdict(2.1, Target::AtMost(2.0), None), "missed");
        assert_eq!(verdict(f64::NAN, Target::AtMost(2.0), None), "missed");
        let doubt = Some(Doubt::CeilingInvalid);
        assert_eq!(verdict(0.5, Target::AtLeast(0.5), doubt), "ceiling invalid");
    }
}
