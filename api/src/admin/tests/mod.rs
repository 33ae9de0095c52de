//! The admin API over a real journal, a real store and real actors, in one process.

mod auth;
mod boundary;
mod conversions;
mod document;
mod entities;
mod faults;
mod idempotency;
mod live;
mod schema;
mod search;
mod seed;
mod world;
