//! The entities of a tenant, as they lie in the log: serde JSON, money as decimal strings, ids as text.

mod access;
mod campaign;
mod cap;
mod offer;
mod people;

pub use self::access::{ApiKey, Domain};
pub use self::campaign::*;
pub use self::cap::*;
pub use self::offer::*;
pub use self::people::*;

/// The default of what is on unless it is switched off.
fn yes() -> bool {
    true
}
