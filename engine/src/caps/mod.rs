//! Caps: how much an offer, an affiliate or a campaign may take in a period.
//!
//! Three sides of one thing: [`CapRule`] is what was configured, made ready for counting; [`CapBook`] is what
//! has been used, folded from the log; [`CapGate`] is what the click path reads.

mod book;
mod gate;
mod rule;

pub use self::book::{CapBook, Place};
pub use self::gate::{CapGate, Gates, Period, Permit};
pub use self::rule::{CapKey, CapRule, CapSubject, UnknownZone, rules_of, zone};
