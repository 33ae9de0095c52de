//! The public edge: clicks, postbacks, pixels, the tracking API.
//!
//! ```text
//! listener (SO_REUSEPORT, one a core) ─▶ connection ─▶ request ─▶ click ─┐
//!                                                            └─▶ postback ├─▶ journal ─▶ answer
//! ```
//! One `current_thread` runtime a core, each with its own listener, minter, journal lane and caches: a request
//! stays on its core. Always true: a 302 or 2xx is sent only after the fact is in the log at the configured
//! durability; nothing is awaited but the journal's acknowledgement (a postback: the verdict, up to a deadline);
//! what is refused is counted by reason. Not here: TLS, the admin API, what facts mean.

mod address;
mod body;
mod click;
mod connection;
mod core;
mod inbound;
mod minter;
mod params;
mod postback;
mod respond;
mod serve;
mod service;
pub mod telemetry;
mod track;

pub use self::core::{Edge, EdgeOptions, OnUnavailable};
pub use self::minter::Minter;
pub use self::serve::{EdgeHandle, ServeError, bind, serve};
