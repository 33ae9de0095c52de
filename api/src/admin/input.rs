//! Bodies that come in: JSON, read once, with the path of what is wrong.
//!
//! An [`Input`] is documented as `T` and carries the JSON itself, because whether a draft of an entity is
//! acceptable is the engine's to say (`catalog::propose`); what the engine does not read is read by serde
//! with [`Input::read_as`]. Always true: a body is an object, nests at most 32 levels, and a field that
//! nobody knows is refused by name. Not here: limits of size and time (the door).

use std::marker::PhantomData;

use poem::{FromRequest, Request, RequestBody};
use poem_openapi::payload::{Json, ParsePayload, Payload};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions, registry::MetaMediaType,
    registry::MetaRequest,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::{Code, FieldError, Problem};

/// Levels that JSON may nest.
const DEPTH_MAX: usize = 32;

/// A body of JSON, documented as `T`.
pub struct Input<T> {
    /// What came.
    pub value: Value,
    documented: PhantomData<fn() -> T>,
}

/// A merge patch (RFC 7396) of a `T`: fields that are there replace, `null` takes away.
pub struct Patch<T> {
    /// What came.
    pub value: Value,
    documented: PhantomData<fn() -> T>,
}

impl<T> Input<T> {
    /// The body as an `R`, which is what `T` documents.
    ///
    /// # Errors
    /// A problem that names the field.
    pub fn read_as<R: DeserializeOwned>(self) -> Result<R, Problem> {
        serde_path_to_error::deserialize(self.value).map_err(|error| {
            let path = error.path().to_string();
            let path = if path == "." { String::new() } else { path };
            let message = error.inner().to_string();
            Problem::fields([FieldError::new(path, code_of(&message), message)])
        })
    }
}

/// serde says in words what is wrong; the first words are its classes.
fn code_of(message: &str) -> &'static str {
    let classes = [
        ("unknown field", "unknown_field"),
        ("missing field", "required"),
        ("invalid type", "invalid_type"),
    ];
    let class = classes.iter().find(|(words, _)| message.starts_with(words));
    class.map_or("invalid_value", |(_, code)| code)
}

async fn read_object(request: &Request, body: &mut RequestBody) -> Result<Value, Problem> {
    let bytes = <Vec<u8> as FromRequest>::from_request(request, body).await;
    let bytes = bytes.map_err(|_| Problem::new(Code::BadRequest, "the body cannot be read"))?;
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|error| {
            Problem::new(Code::BadRequest, "the body is not JSON")
                .with_fields(vec![FieldError::new("", "invalid_json", error.to_string())])
        })?;
    if depth(&value) > DEPTH_MAX {
        let message = format!("JSON may nest {DEPTH_MAX} levels");
        let error = FieldError::new("", "too_deep", message);
        return Err(
            Problem::new(Code::BadRequest, "the body nests too deep").with_fields(vec![error])
        );
    }
    if !value.is_object() {
        return Err(Problem::fields([FieldError::new(
            "",
            "invalid_type",
            "must be an object",
        )]));
    }
    Ok(value)
}

/// The parser stops at 128 levels, so this does not overflow the stack.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

macro_rules! json_body {
    ($name:ident, $schema:expr, $register:expr) => {
        impl<T: Type> Payload for $name<T> {
            const CONTENT_TYPE: &'static str = "application/json";

            fn check_content_type(content_type: &str) -> bool {
                Json::<T>::check_content_type(content_type)
            }

            fn schema_ref() -> MetaSchemaRef {
                $schema(T::schema_ref())
            }

            fn register(registry: &mut Registry) {
                T::register(registry);
                $register(registry, T::schema_ref());
            }
        }

        impl<T: Type> ParsePayload for $name<T> {
            const IS_REQUIRED: bool = true;

            async fn from_request(request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
                let value = read_object(request, body).await?;
                Ok(Self {
                    value,
                    documented: PhantomData,
                })
            }
        }

        impl<'a, T: Type> ApiExtractor<'a> for $name<T> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                <Self as Payload>::register(registry);
            }

            fn request_meta() -> Option<MetaRequest> {
                Some(MetaRequest {
                    description: None,
                    content: vec![MetaMediaType {
                        content_type: <Self as Payload>::CONTENT_TYPE,
                        schema: <Self as Payload>::schema_ref(),
                    }],
                    required: true,
                })
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                let is_json = request
                    .content_type()
                    .is_some_and(<Self as Payload>::check_content_type);
                let is_encoded = request
                    .headers()
                    .contains_key(poem::http::header::CONTENT_ENCODING);
                if !is_json || is_encoded {
                    let detail = "the body must be application/json, not encoded";
                    return Err(Problem::new(Code::UnsupportedMediaType, detail).into());
                }
                <Self as ParsePayload>::from_request(request, body).await
            }
        }
    };
}

json_body!(
    Input,
    |schema| schema,
    |_: &mut Registry, _: MetaSchemaRef| ()
);
json_body!(Patch, patch_schema, register_patch);

/// The schema of a patch stands beside that of the draft: `OfferDraft`, `OfferPatch`.
fn patch_name(draft: &str) -> String {
    format!("{}Patch", draft.trim_end_matches("Draft"))
}

fn patch_schema(draft: MetaSchemaRef) -> MetaSchemaRef {
    match draft {
        MetaSchemaRef::Reference(name) => MetaSchemaRef::Reference(patch_name(&name)),
        MetaSchemaRef::Inline(schema) => MetaSchemaRef::Inline(Box::new(all_optional(*schema))),
    }
}

fn register_patch(registry: &mut Registry, draft: MetaSchemaRef) {
    let MetaSchemaRef::Reference(name) = draft else {
        return;
    };
    if let Some(schema) = registry.schemas.get(&name).cloned() {
        registry
            .schemas
            .entry(patch_name(&name))
            .or_insert(all_optional(schema));
    }
}

/// Nothing is required, and `null` takes a field away.
fn all_optional(mut schema: MetaSchema) -> MetaSchema {
    schema.rust_typename = None;
    schema.required.clear();
    for (_, property) in &mut schema.properties {
        let nullable = MetaSchema {
            nullable: true,
            ..MetaSchema::ANY
        };
        *property = property.clone().merge(nullable);
    }
    schema
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors are looked at")]
    struct Two {
        items: Vec<One>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its errors are looked at")]
    struct One {
        limit: u32,
    }

    #[test]
    fn what_serde_refuses_is_named_by_its_path() {
        let cases = [
            (
                json!({"items":[{"limit":1},{"limit":"x"}]}),
                "items[1].limit",
                "invalid_type",
            ),
            (
                json!({"items":[{"limit":1,"more":2}]}),
                "items[0].more",
                "unknown_field",
            ),
            (json!({"items":[{}]}), "items[0]", "required"),
            (json!({}), "", "required"),
        ];
        for (value, field, code) in cases {
            let input = Input::<Two> {
                value: value.clone(),
                documented: PhantomData,
            };
            let problem = input.read_as::<Two>().expect_err("it is wrong");
            let error = &problem.field_errors[0];
            assert_eq!((error.field.as_str(), error.code), (field, code), "{value}");
        }
    }

    #[test]
    fn depth_counts_levels() {
        for (text, levels) in [
            ("1", 0),
            ("[]", 1),
            (r#"{"a":[1]}"#, 2),
            (r#"[[[]],[]]"#, 3),
        ] {
            let value: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(depth(&value), levels, "{text}");
        }
    }
}
