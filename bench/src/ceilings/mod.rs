//! Ceilings: what this machine gives to a program that does only the part that no program can leave out.
//!
//! C1 answers ([`http`]); C2 answers once 200 bytes are on disk ([`commit`]). Both stand as the product does: one
//! `current_thread` runtime a core, each with its own listener. Always true: no options; the product is measured
//! against them in the same run, never against a figure of another day.

pub mod commit;
pub mod http;
pub mod segments;
