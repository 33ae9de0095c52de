//! Caps: how much an offer, an affiliate or a campaign may take in a period.

mod gate;

pub use self::gate::{CapGate, Period, Permit};
