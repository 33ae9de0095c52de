//! Shapes of what goes in and out, for the OpenAPI document; shared by several resources.
//!
//! Always true: an answer is made by reading the entity into its shape, so that a field that the shape does not
//! have never leaves the process. Not here: what is acceptable (the engine says), shapes of one resource (they
//! stand with it).

mod cap;
mod distribution;
mod goal;
mod money;
mod targeting;
mod text;
mod words;

pub(super) use self::cap::{Cap, CapDraft};
pub(super) use self::distribution::{Arm, ArmDraft, Cost, Distribution, Flow, FlowDraft};
pub(super) use self::goal::{Goal, GoalDraft};
pub(super) use self::money::{Payout, Revenue};
pub(super) use self::targeting::Targeting;
pub(super) use self::text::*;
pub(super) use self::words::*;

use poem_openapi::types::ParseFromJSON;
use serde_json::Value;

use crate::problem::Problem;

/// `value` in the shape `T`; fields that the shape does not have are left out.
pub(super) fn shaped<T: ParseFromJSON>(value: Value) -> Result<T, Problem> {
    T::parse_from_json(Some(value)).map_err(|error| Problem::internal(error.into_message()))
}
