//! JSON into a draft, with the path of what does not fit.
//!
//! A deserializer over a JSON value whose error knows its place (`caps[0].limit`), a code and words for a person,
//! which the error of `serde_json` does not. It stops at the first thing that does not fit; the checks of values
//! behind it report all at once.

use std::fmt::{self, Display};

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, Expected, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use super::{FieldError, code};

/// Reads a draft from JSON.
///
/// # Errors
/// What does not fit, with its path; at least one.
pub fn parse_draft<T: DeserializeOwned>(value: Value) -> Result<T, Vec<FieldError>> {
    T::deserialize(Node(value)).map_err(|misfit| vec![misfit.0])
}

/// A part of the JSON that does not fit.
#[derive(Debug)]
struct Misfit(FieldError);

impl Misfit {
    fn new(code: &'static str, message: String) -> Self {
        Self(FieldError {
            field: String::new(),
            code,
            message,
        })
    }

    /// The same, seen from the object that holds it as `member`.
    fn in_member(mut self, member: &str) -> Self {
        let rest = self.0.field;
        let dot = if rest.is_empty() || rest.starts_with('[') {
            ""
        } else {
            "."
        };
        self.0.field = format!("{member}{dot}{rest}");
        self
    }

    /// The same, seen from the list that holds it.
    fn in_item(self, index: usize) -> Self {
        self.in_member(&format!("[{index}]"))
    }
}

impl Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Misfit {}

impl Error for Misfit {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(code::INVALID, message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let message = format!(
            "must be {}, not {}",
            wanted(&expected.to_string()),
            name_of(found)
        );
        Self::new(code::WRONG_TYPE, message)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Signed(_) | Unexpected::Unsigned(_) | Unexpected::Float(_) => {
                Self::new(code::OUT_OF_RANGE, "is out of range".to_owned())
            }
            _ => Self::new(code::INVALID, format!("must be {expected}")),
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let message = format!("unknown field; known are {}", expected.join(", "));
        Self::new(code::UNKNOWN_FIELD, message).in_member(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(code::REQUIRED, "is required".to_owned()).in_member(field)
    }
}

/// What a visitor expects, in words of JSON instead of Rust.
fn wanted(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" => "a whole number",
        "a sequence" => "a list",
        "a map" => "an object",
        "a boolean" => "true or false",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

fn name_of(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Unit => "null",
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a number",
        Unexpected::Float(_) => "a number with decimals",
        Unexpected::Seq => "a list",
        Unexpected::Map => "an object",
        _ => "a string",
    }
}

/// A JSON value being read.
struct Node(Value);

impl<'de> Deserializer<'de> for Node {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(Items {
                items: items.into_iter(),
                index: 0,
            }),
            Value::Object(members) => visitor.visit_map(Members {
                members: members.into_iter(),
                value: None,
            }),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => visitor.visit_u64(value),
                (None, Some(value)) => visitor.visit_i64(value),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    /// Only from an object: serde would read a list as a struct, by the order of its fields.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Array(_) => Err(Misfit::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Items {
    items: std::vec::IntoIter<Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        let index = self.index;
        self.index += 1;
        let element = seed.deserialize(Node(item));
        element.map(Some).map_err(|m| m.in_item(index))
    }
}

struct Members {
    members: <Map<String, Value> as IntoIterator>::IntoIter,
    /// The member whose name was read last.
    value: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Members {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        let Some((name, value)) = self.members.next() else {
            return Ok(None);
        };
        self.value = Some((name.clone(), value));
        seed.deserialize(Node(Value::String(name))).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let (name, value) = self.value.take().unwrap_or_default();
        seed.deserialize(Node(value))
            .map_err(|m| m.in_member(&name))
    }
}
