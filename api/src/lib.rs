//! The doors: the public edge (clicks, postbacks), the admin API, the ops listener.

pub mod admin;
pub mod api_key;
pub mod edge;
pub mod ops;
mod peers;
pub mod problem;
pub mod serve;
