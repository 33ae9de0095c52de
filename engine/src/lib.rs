//! The domain of Weir, as pure functions and plain values.
//!
//! Always true: nothing here reads a clock, draws a random number, touches a file or a socket, or
//! spawns a task. Time, draws and look-ups come in as arguments; facts and decisions come out.

pub mod click_id;
pub mod money;
