//! Errors of the framework as problems, and problems in the OpenAPI document.

use poem::error::{NotFoundError, ReadBodyError};
use poem::http::StatusCode;
use poem_openapi::error::{ContentTypeError, ParseParamError, ParsePathError};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};

use crate::problem::{self, Code, Problem};

/// The problem that `error` is; errors of the framework become the problem that a client can act on.
pub(super) fn problem_of(error: &poem::Error) -> Problem {
    if let Some(problem) = error.data::<Problem>() {
        return problem.clone();
    }
    if let Some(error) = error.downcast_ref::<ParseParamError>() {
        return Problem::parameter(error.name, "invalid_value", &error.reason);
    }
    if error.is::<ContentTypeError>() {
        return Problem::new(
            Code::UnsupportedMediaType,
            "the body must be application/json",
        );
    }
    // An id that cannot be read names nothing.
    if error.is::<ParsePathError>() || error.is::<NotFoundError>() {
        return Problem::new(Code::NotFound, "there is nothing at this path");
    }
    if let Some(ReadBodyError::PayloadTooLarge) = error.downcast_ref::<ReadBodyError>() {
        return Problem::new(Code::PayloadTooLarge, "a body may have 1 MB");
    }
    match error.status() {
        status if status.is_client_error() => problem_of_status(status),
        _ => Problem::internal(error),
    }
}

/// The problem that an answer of the framework is which says no more than its status.
pub(super) fn problem_of_status(status: StatusCode) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::new(Code::NotFound, "there is nothing at this path"),
        status if status.is_client_error() => {
            Problem::new(Code::BadRequest, "the request cannot be read")
        }
        status => Problem::internal(status),
    }
}

/// One wrong field of a request.
#[derive(Debug, Object)]
#[oai(rename = "FieldError")]
struct FieldErrorSchema {
    /// Path of the field, as `caps[0].limit`, or name of the parameter or header.
    field: String,
    /// A word for programs.
    code: String,
    /// A sentence for people.
    message: String,
}

/// An error answer (RFC 9457).
#[derive(Debug, Object)]
#[oai(rename = "Problem")]
struct ProblemSchema {
    /// URI reference of the page that explains the code.
    r#type: String,
    /// The same for every occurrence of the code.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What went wrong this time.
    detail: String,
    /// The path that was asked for.
    instance: String,
    /// A word for programs.
    code: String,
    /// The id under which the log knows this request.
    request_id: String,
    /// The page that explains the code.
    doc_url: String,
    /// Which fields are wrong.
    field_errors: Option<Vec<FieldErrorSchema>>,
}

/// Schema of a problem.
pub(super) fn schema() -> MetaSchemaRef {
    ProblemSchema::schema_ref()
}

impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        let mut statuses: Vec<u16> = Code::ALL.iter().map(|c| c.status().as_u16()).collect();
        statuses.sort_unstable();
        statuses.dedup();
        let response = |status: u16| MetaResponse {
            description: description(status),
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: problem::CONTENT_TYPE,
                schema: schema(),
            }],
            headers: Vec::new(),
        };
        MetaResponses {
            responses: statuses.into_iter().map(response).collect(),
        }
    }

    fn register(registry: &mut Registry) {
        ProblemSchema::register(registry);
    }
}

fn description(status: u16) -> &'static str {
    let of_status = |code: &&Code| code.status().as_u16() == status;
    Code::ALL
        .iter()
        .find(of_status)
        .map_or("", |code| code.title())
}
