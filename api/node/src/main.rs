//! Under construction: see the crate description.
fn main() {}
