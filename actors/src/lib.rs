//! The actors: what is known of the past, kept up to date as the log grows.
//!
//! ```text
//! log ─▶ reader ─▶ tenant actors ─▶ campaign actors
//!                    │   judge          fold
//!                    ├─▶ routes         what the click path reads, lock-free
//!                    ├─▶ verdicts       to the postbacks that wait
//!                    └─▶ projection ─▶ store, one transaction for all that follows
//! log + store ─▶ search ─▶ index of single clicks and conversions, behind the store
//!                                        └─▶ live   counters that nodes share
//! ```
//! Always true: all state here is a cache of the log and the store; nothing durable lives in a mailbox; the
//! click path never waits for an actor. Who restarts what: see [`restart`]. Not here: HTTP, products.

mod campaign;
mod faults;
mod fold;
mod generation;
mod hosts;
mod known;
pub mod live;
mod mesh;
mod ownership;
mod ports;
mod projection;
mod reader;
mod replay;
pub mod restart;
mod routes;
mod search;
pub mod telemetry;
mod tenant;
mod verdicts;
mod window;

pub use self::campaign::{ArmSums, CampaignState};
pub use self::faults::{Faults, KINDS};
pub use self::known::Known;
pub use self::mesh::{AskError, Chance, Mesh, Options, StatusWanted};
pub use self::ports::{Clock, Journal, Lane, Ports};
pub use self::replay::{Replay, ReplayError, Replayed, replay};
pub use self::routes::{PublishedKey, PublishedTenant, Route, Routes};
pub use self::search::{
    DeadLetter, DeadLetters, RebuildError, RebuildNews, RebuildOptions, Rebuilt, SearchFollower,
    SearchOptions, SearchPorts, SearchStatus, rebuild, unique_clicks,
};
pub use self::tenant::{Accepted, SetStatusError};
pub use self::verdicts::{TooManyWaiting, Verdicts, Waiting};
pub use self::window::Progress;
