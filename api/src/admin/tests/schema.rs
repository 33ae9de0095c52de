//! Whether a JSON value is what a schema of the OpenAPI document says; stricter than the standard: a field that the
//! schema does not name is wrong.

use serde_json::{Map, Value};

/// The document, for looking up schemas.
pub struct Schemas<'a>(pub &'a Value);

impl Schemas<'_> {
    /// What is wrong with `value`, with its path.
    pub fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        self.at("$", schema, value)
    }

    /// The fields that an object of `schema` may have; `None` = any.
    pub fn fields(&self, schema: &Value) -> Option<Map<String, Value>> {
        let schema = self.resolve(schema);
        let mut fields = schema["properties"].as_object().cloned();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            fields.get_or_insert_default().extend(self.fields(part)?);
        }
        fields
    }

    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        match schema["$ref"].as_str().and_then(|r| r.strip_prefix('#')) {
            Some(pointer) => self.0.pointer(pointer).unwrap_or(&Value::Null),
            None => schema,
        }
    }

    fn at(&self, path: &str, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = self.resolve(schema);
        let wrong = |what: &str| Err(format!("{path} {what}: {value}"));
        if value.is_null() && schema["nullable"] == true {
            return Ok(());
        }
        if let Some(variants) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            let fits = variants
                .iter()
                .any(|variant| self.at(path, variant, value).is_ok());
            return if fits {
                Ok(())
            } else {
                wrong("fits no variant")
            };
        }
        if let Some(words) = schema["enum"].as_array() {
            return if words.contains(value) {
                Ok(())
            } else {
                wrong("is no word of its list")
            };
        }
        let is_type = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            _ => true,
        };
        if !is_type {
            return wrong("is of another type");
        }
        self.object(path, schema, value)?;
        for (i, item) in value.as_array().into_iter().flatten().enumerate() {
            self.at(&format!("{path}[{i}]"), &schema["items"], item)?;
        }
        Ok(())
    }

    fn object(&self, path: &str, schema: &Value, value: &Value) -> Result<(), String> {
        let (Some(fields), Some(known)) = (value.as_object(), self.fields(schema)) else {
            return Ok(());
        };
        for required in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !fields.contains_key(required) {
                return Err(format!("{path}.{required} is missing"));
            }
        }
        for (name, field) in fields {
            match (known.get(name), &schema["additionalProperties"]) {
                (Some(schema), _) => self.at(&format!("{path}.{name}"), schema, field)?,
                (None, Value::Object(_)) => {
                    self.at(
                        &format!("{path}.{name}"),
                        &schema["additionalProperties"],
                        field,
                    )?;
                }
                (None, _) => return Err(format!("{path}.{name} is not in the document")),
            }
        }
        Ok(())
    }
}

#[test]
fn what_does_not_fit_is_found() {
    let document = serde_json::json!({"components": {"schemas": {"A": {
        "type": "object", "required": ["n"],
        "properties": {"n": {"type": "integer"}, "w": {"type": "string", "enum": ["x"]},
                       "l": {"type": "array", "items": {"$ref": "#/components/schemas/A"}}},
    }}}});
    let schemas = Schemas(&document);
    let a = serde_json::json!({"$ref": "#/components/schemas/A"});
    let check = |text: &str| schemas.check(&a, &serde_json::from_str(text).expect("JSON"));
    assert_eq!(check(r#"{"n":1,"w":"x","l":[{"n":2}]}"#), Ok(()));
    for text in [
        "1",
        "{}",
        r#"{"n":"1"}"#,
        r#"{"n":1,"w":"y"}"#,
        r#"{"n":1,"l":[{}]}"#,
        r#"{"n":1,"more":1}"#,
    ] {
        assert!(check(text).is_err(), "{text}");
    }
}
