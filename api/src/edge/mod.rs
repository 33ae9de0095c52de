//! The public edge: clicks, postbacks, pixels, the tracking API.
//!
//! ```text
//! listener (SO_REUSEPORT, one a core) ─▶ connection ─▶ request ─▶ click ─┐
//!                                                            └─▶ postback ├─▶ journal ─▶ answer
//! ```
//! One `current_thread` runtime a core, each with its own listener, minter, journal lane and caches: a request
//! stays on its core. Always true: a 302 or 2xx is sent only after the fact is in the log at the configured
//! durability; a core reads no file and no table: a click awaits nothing but the journal's acknowledgement, a
//! postback also its verdict, up to a deadline, and what is looked up for it (whose a click is, the verdict of an
//! earlier postback) is read on the actors' runtime; what is refused is counted by reason. Not here: TLS, the admin API, what facts mean.

mod address;
mod anonymous;
mod body;
mod click;
mod connection;
mod core;
mod elsewhere;
mod inbound;
mod minter;
mod params;
mod postback;
mod respond;
mod serve;
mod service;
pub mod telemetry;
mod track;

pub use self::anonymous::Anonymous;
pub use self::core::{Edge, EdgeOptions, OnUnavailable};
pub use self::minter::Minter;
pub use self::serve::{EdgeHandle, ServeError, bind, serve};
