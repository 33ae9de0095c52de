//! Between JSON and the engine's drafts.

use serde::Serialize;
use serde_json::Value;
use weir_engine::catalog::EntityKind;
use weir_engine::catalog::propose::{Draft, FieldError};

use crate::problem::Problem;

/// The draft that `value` is.
pub(super) fn read(kind: EntityKind, value: &Value) -> Result<Draft, Vec<FieldError>> {
    let _ = (kind, value);
    Err(Vec::new())
}

/// `entity` as a draft that would leave it as it is; `owned` are the fields that no draft has.
pub(super) fn of(entity: &impl Serialize, owned: &[&str]) -> Result<Value, Problem> {
    let mut value = serde_json::to_value(entity).map_err(Problem::internal)?;
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| !owned.contains(&name.as_str()));
    }
    Ok(value)
}
