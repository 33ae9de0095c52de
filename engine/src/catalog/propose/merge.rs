//! JSON merge patch, RFC 7396: what PATCH means.

use serde_json::{Map, Value};

/// Changes `target` as `patch` says: members that are null are removed, objects are merged member by member,
/// everything else (lists too) is replaced.
pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    let mut members = match target.take() {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge_patch(members.entry(name.as_str()).or_insert(Value::Null), change);
        }
    }
    *target = Value::Object(members);
}

/// Members that say which variant an object is: a payout of another type shares nothing with the one before.
const VARIANTS: [(&str, &str); 3] = [("payout", "type"), ("revenue", "type"), ("cost", "model")];

/// [`merge_patch`] on a draft. An object whose patch names another variant is replaced, so that
/// `{"payout":{"type":"cps","percent":"10"}}` does not keep the amount of the `cpa` before.
pub(super) fn merge_draft(draft: &mut Value, patch: &Value) {
    for (member, variant) in VARIANTS {
        let wanted = patch.get(member).and_then(|m| m.get(variant));
        let is_other = wanted.is_some() && draft.get(member).and_then(|m| m.get(variant)) != wanted;
        if let Some(members) = draft.as_object_mut().filter(|_| is_other) {
            members.remove(member);
        }
    }
    merge_patch(draft, patch);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_cases_of_the_rfc_hold() {
        let cases = [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (
                json!({"a":"b","b":"c"}),
                json!({"a":null}),
                json!({"b":"c"}),
            ),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (
                json!({"a":{"b":"c"}}),
                json!({"a":{"b":"d","c":null}}),
                json!({"a":{"b":"d"}}),
            ),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"a":"foo"}), json!(null), json!(null)),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (
                json!({}),
                json!({"a":{"bb":{"ccc":null}}}),
                json!({"a":{"bb":{}}}),
            ),
        ];
        for (original, patch, expect) in cases {
            let mut target = original.clone();
            merge_patch(&mut target, &patch);
            assert_eq!(target, expect, "{original} with {patch}");
        }
    }

    #[test]
    fn another_type_of_payout_replaces_the_one_before() {
        let draft =
            json!({"payout":{"type":"cpa","amount":"1"},"cost":{"model":"cpc","amount":"2"}});
        let cases = [
            (
                json!({"payout":{"type":"cps","percent":"10"}}),
                json!({"type":"cps","percent":"10"}),
            ),
            (
                json!({"payout":{"type":"cpa","amount":"3"}}),
                json!({"type":"cpa","amount":"3"}),
            ),
            (
                json!({"payout":{"amount":"3"}}),
                json!({"type":"cpa","amount":"3"}),
            ),
        ];
        for (patch, expect) in cases {
            let mut merged = draft.clone();
            merge_draft(&mut merged, &patch);
            assert_eq!(merged["payout"], expect, "{patch}");
            assert_eq!(merged["cost"], draft["cost"]);
        }
    }
}
