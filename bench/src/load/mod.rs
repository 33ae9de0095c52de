//! The load generator: keep-alive connections in a closed loop, on cores of its own.
//!
//! Each thread has one epoll and its share of the connections; a connection sends its next request when its
//! answer is there. Always true: a request takes about as little work here as in wrk (one read, one write, no
//! allocation), and no two requests have the same visitor and partner click id. Not here: open loops (`loadtest`).

mod client;
mod request;
mod response;

pub use self::client::{Burst, Load, burst};
pub use self::request::Requests;
