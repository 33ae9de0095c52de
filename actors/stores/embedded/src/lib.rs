//! Under construction: see the crate description.
