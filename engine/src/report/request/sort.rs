//! The order of the rows.

use serde_json::{Map, Value};

use super::{Reader, SortBy, SortKey};
use crate::report::Dimension;

impl Reader<'_> {
    /// `"-profit"`, or `{"field":"profit","direction":"desc"}`.
    pub(super) fn sort(&mut self, group_by: &[Dimension]) -> Vec<SortKey> {
        let mut keys = Vec::new();
        for (i, value) in self.list("sort").iter().enumerate() {
            let field = format!("sort[{i}]");
            let named = match value {
                Value::Object(object) => self.sort_object(&field, object),
                Value::String(text) => Some(match text.strip_prefix('-') {
                    Some(name) => (name, true),
                    None => (text.as_str(), false),
                }),
                _ => None,
            };
            let Some((name, is_descending)) = named else {
                let message = "must be a name, -name, or {field, direction: asc or desc}";
                self.refuse(&field, "invalid_value", message);
                continue;
            };
            if let Some(by) = self.sort_by(&field, name, group_by) {
                keys.push(SortKey { by, is_descending });
            }
        }
        keys
    }

    fn sort_object<'o>(
        &mut self,
        field: &str,
        object: &'o Map<String, Value>,
    ) -> Option<(&'o str, bool)> {
        self.refuse_unknown(&format!("{field}."), object, &["field", "direction"]);
        let name = object.get("field")?.as_str()?;
        let is_descending = match object.get("direction").map(Value::as_str) {
            None | Some(Some("asc")) => false,
            Some(Some("desc")) => true,
            Some(_) => return None,
        };
        Some((name, is_descending))
    }

    fn sort_by(&mut self, field: &str, name: &str, group_by: &[Dimension]) -> Option<SortBy> {
        if name == "currency" {
            return Some(SortBy::Currency);
        }
        if let Ok(metric) = name.parse() {
            return Some(SortBy::Metric(metric));
        }
        let place = group_by.iter().position(|d| d.as_str() == name);
        if place.is_none() {
            let message =
                format!("{name} is neither a metric, a dimension of group_by, nor currency");
            self.refuse(field, "invalid_value", message);
        }
        place.map(SortBy::Dimension)
    }
}
