//! The admin API over a real journal, a real store and real actors, in one process.

mod auth;
mod world;
