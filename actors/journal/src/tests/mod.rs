//! What the journal promises, tried on real files.

mod faulty;
mod support;

mod clicks;
mod damage;
mod failures;
mod lanes;
mod retention;
mod round_trip;
mod torn;
