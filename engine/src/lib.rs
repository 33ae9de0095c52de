//! The pure domain of Weir. No clock, no source of chance, no runtime, no I/O: time, random draws and
//! look-ups come in as arguments; facts and decisions come out.

mod as_text;
pub use as_text::UnknownWord;

pub mod caps;
pub mod catalog;
pub mod click_id;
pub mod fact;
pub mod ids;
pub mod judge;
pub mod ledger;
pub mod limits;
pub mod live;
pub mod money;
pub mod policy;
pub mod ports;
pub mod record;
pub mod report;
pub mod rollup;
pub mod routing;
pub mod search;
pub mod secrets;
pub mod targeting;
pub mod template;
pub mod visitor;
