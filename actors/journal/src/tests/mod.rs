//! What the journal promises, tried on real files.

mod faulty;
mod support;

mod round_trip;
