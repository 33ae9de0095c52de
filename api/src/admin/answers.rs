//! Answers that carry an entity, with its version as `ETag`.

use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;
use poem_openapi::types::{ParseFromJSON, ToJSON};

use crate::problem::Problem;

/// An entity was made.
#[derive(ApiResponse)]
pub(super) enum Created<T: ParseFromJSON + ToJSON + Send + Sync> {
    /// It was made; `Location` says where it is.
    #[oai(status = 201)]
    Created(
        Json<T>,
        #[oai(header = "Location")] String,
        #[oai(header = "ETag")] String,
    ),
}

/// An entity is shown.
#[derive(ApiResponse)]
pub(super) enum Shown<T: ParseFromJSON + ToJSON + Send + Sync> {
    /// As it is now.
    #[oai(status = 200)]
    Entity(Json<T>, #[oai(header = "ETag")] String),
    /// It still has the version that `If-None-Match` names.
    #[oai(status = 304)]
    NotModified(#[oai(header = "ETag")] String),
}

/// An entity was changed.
#[derive(ApiResponse)]
pub(super) enum Changed<T: ParseFromJSON + ToJSON + Send + Sync> {
    /// As it is now.
    #[oai(status = 200)]
    Entity(Json<T>, #[oai(header = "ETag")] String),
}

/// The `ETag` of a version.
pub(super) fn etag(version: u32) -> String {
    format!("\"{version}\"")
}

/// Versions that a header names; `None` = any (`*`).
fn versions(name: &str, header: &str) -> Result<Option<Vec<u32>>, Problem> {
    if header.trim() == "*" {
        return Ok(None);
    }
    let version = |tag: &str| {
        let tag = tag.trim();
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        let quoted = tag.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
        quoted.and_then(|digits| digits.parse::<u32>().ok())
    };
    let versions: Option<Vec<u32>> = header.split(',').map(version).collect();
    match versions {
        Some(versions) => Ok(Some(versions)),
        None => {
            let message = "must be an ETag of an earlier answer, as \"3\", or *";
            Err(Problem::parameter(name, "invalid_value", message))
        }
    }
}

/// Whether `If-None-Match` names the version that is there. One that cannot be read names none.
pub(super) fn is_unmodified(if_none_match: Option<&str>, version: u32) -> bool {
    let named = if_none_match.map(|header| versions("If-None-Match", header));
    match named {
        Some(Ok(Some(versions))) => versions.contains(&version),
        Some(Ok(None)) => true,
        Some(Err(_)) | None => false,
    }
}

/// The version that a change expects, from `If-Match`; of several, the one that is there now.
///
/// # Errors
/// A problem when the header cannot be read.
pub(super) fn expected(if_match: Option<&str>, current: u32) -> Result<Option<u32>, Problem> {
    let Some(header) = if_match else {
        return Ok(None);
    };
    let named = versions("If-Match", header)?;
    Ok(named.map(|named| {
        let there = named.iter().find(|version| **version == current);
        there.or(named.first()).copied().unwrap_or(0)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_versions() {
        let cases = [
            ("\"3\"", Some(Some(3))),
            ("W/\"3\"", Some(Some(3))),
            ("\"2\", \"3\"", Some(Some(3))),
            ("\"1\",\"2\"", Some(Some(1))),
            ("*", Some(None)),
            ("3", None),
            ("\"x\"", None),
            ("", None),
        ];
        for (header, expect) in cases {
            assert_eq!(expected(Some(header), 3).ok(), expect, "{header}");
        }
        assert_eq!(expected(None, 3).ok(), Some(None));
        assert!(is_unmodified(Some("\"2\",\"3\""), 3));
        assert!(is_unmodified(Some("*"), 3));
        assert!(!is_unmodified(Some("\"2\""), 3));
        assert!(!is_unmodified(Some("junk"), 3));
        assert!(!is_unmodified(None, 3));
    }
}
