//! The doors: the public edge (clicks, postbacks), the admin API, the ops listener.

pub mod edge;
