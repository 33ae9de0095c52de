//! Problems: every error answer of the APIs, as RFC 9457 `application/problem+json`.
//!
//! ```json
//! {"type":"/docs/errors/not_found","title":"No such thing","status":404,"detail":"…","instance":"/v1/offers/off_1",
//!  "code":"not_found","request_id":"…","doc_url":"/docs/errors/not_found","field_errors":[{"field":"name","code":"required","message":"…"}]}
//! ```
//! Always true: `code` is one word of [`Code::ALL`], each with one status and one page; what a client did wrong is
//! never a 5xx; an internal error says nothing but its request id, which the log has too. Not here: which error
//! is which (each door decides), the pages (made from this table).

use std::fmt;

use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{Body, Response};
use serde_json::{Value, json};
use weir_engine::catalog::propose;

/// Content type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal $word:literal $title:literal $what:literal,)*) => {
        /// What went wrong, as a word for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code; each has a section in `docs/src/errors.md`.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> StatusCode {
                let status: u16 = match self { $(Self::$name => $status,)* };
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// A short sentence that is the same for every occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What it means and what to do about it, for the page.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => $what,)* }
            }
        }
    };
}

codes! {
    /// The request cannot be read.
    BadRequest = 400 "bad_request" "The request cannot be read"
        "The JSON, a parameter or a header is malformed. `field_errors` names each place.",
    /// The operator did not say which tenant.
    TenantRequired = 400 "tenant_required" "Which tenant is not said"
        "The operator's key is not bound to a tenant: say which one with the header `X-Tenant: ten_…`.",
    /// No key, or one that is not good.
    Unauthorized = 401 "unauthorized" "The key is missing or not good"
        "Send `Authorization: Bearer weir_live_…`. A key with a typing error is told apart by its check characters; a revoked key is not good any more.",
    /// The key is good, but not for this.
    Forbidden = 403 "forbidden" "The key may not do this"
        "The key lacks the scope that the operation needs, or the operation belongs to the operator of the installation.",
    /// No such thing, or another tenant's.
    NotFound = 404 "not_found" "There is no such thing"
        "There is no such thing in this tenant. Ids of other tenants get this answer too.",
    /// The click lies before what is kept.
    ClickExpired = 404 "click_expired" "The click lies before what is kept"
        "The journal keeps clicks for a limited time (`journal.retention`); sums of older ones stay in reports.",
    /// The path knows other methods.
    MethodNotAllowed = 405 "method_not_allowed" "The path does not take this method"
        "The header `Allow` lists the methods that the path takes.",
    /// The body did not come in time.
    RequestTimeout = 408 "request_timeout" "The body did not come in time"
        "A body has 10 seconds to arrive.",
    /// It contradicts what is there.
    Conflict = 409 "conflict" "It contradicts what is there"
        "A value that must be unique is taken, or the thing is in a state that does not allow the change. `field_errors` names what is taken.",
    /// The first request with this idempotency key is still being answered.
    IdempotencyInFlight = 409 "idempotency_in_flight" "The first request with this key is still being answered"
        "A request with the same `Idempotency-Key` is under way. Wait for `Retry-After`, then send the same again: you get the first one's answer.",
    /// The entity has another version.
    VersionMismatch = 412 "version_mismatch" "The thing has been changed meanwhile"
        "`If-Match` names another version than the current one. Read the thing again and repeat the change on what it is now.",
    /// The body is too large.
    PayloadTooLarge = 413 "payload_too_large" "The body is too large"
        "A body may have 1 MB. Send bulk requests in parts.",
    /// The URL is too long.
    UriTooLong = 414 "uri_too_long" "The URL is too long"
        "A URL may have 8 kB; send what is longer in the body.",
    /// The body is not JSON.
    UnsupportedMediaType = 415 "unsupported_media_type" "The body is not JSON"
        "Send `Content-Type: application/json` and no `Content-Encoding`.",
    /// The request is readable but not acceptable.
    UnprocessableEntity = 422 "unprocessable_entity" "Some fields are not acceptable"
        "The request is readable, but fields of it are wrong. `field_errors` names each with a code and a sentence.",
    /// The idempotency key came with another request before.
    IdempotencyKeyReused = 422 "idempotency_key_reused" "The key was used for another request"
        "The same `Idempotency-Key` came with another method, path or body before. Use a new key for a new request.",
    /// Too many requests.
    RateLimitExceeded = 429 "rate_limit_exceeded" "Too many requests"
        "The key's allowance is used up. `Retry-After` says when to come again; `RateLimit-Remaining` is on every answer.",
    /// A defect of the server.
    InternalServerError = 500 "internal_server_error" "Something went wrong on the server"
        "This is a defect or a fault of the server, not of the request. The log has the cause under `request_id`.",
    /// It cannot be done now, and was not done.
    Unavailable = 503 "unavailable" "It cannot be done now"
        "The journal or the store does not answer, or too much is asked at a time. Nothing was changed: try again after `Retry-After`.",
    /// There is no search index.
    SearchNotConfigured = 503 "search_not_configured" "There is no search index"
        "Single clicks and conversions are searched in an index of their own, and this installation has none: its operator sets `stores.search`. Reports and look-ups by id work without it.",
    /// The search index does not answer.
    SearchUnavailable = 503 "search_unavailable" "The search index does not answer"
        "The search index is away or has too much to do; clicks, conversions and reports go on without it. Try again after `Retry-After`.",
    /// There was no answer in time; it may still be done.
    TimedOut = 504 "timed_out" "There was no answer in time"
        "The change was asked for but not confirmed in time; it may still happen. Read before you repeat, or repeat with the same `Idempotency-Key`.",
}

impl Code {
    /// Where its page stands: the `type` of the problem.
    #[must_use]
    pub fn page(self) -> String {
        format!("/docs/errors/{}", self.as_str())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Its path, as `caps[0].limit`; of a parameter or header, its name.
    pub field: String,
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
}

impl FieldError {
    /// `code` and `message` about `field`.
    pub fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            code,
            message: message.into(),
        }
    }

    fn to_json(&self) -> Value {
        json!({"field": self.field, "code": self.code, "message": self.message})
    }
}

impl From<propose::FieldError> for FieldError {
    fn from(error: propose::FieldError) -> Self {
        Self::new(error.field, error.code, error.message)
    }
}

impl From<weir_engine::report::FieldError> for FieldError {
    fn from(error: weir_engine::report::FieldError) -> Self {
        Self::new(error.field, error.code, error.message)
    }
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong.
    pub code: Code,
    /// What went wrong this time; never a secret, a path of the machine or a query of the store.
    pub detail: String,
    /// Which fields.
    pub field_errors: Vec<FieldError>,
    /// Headers that go with it, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with its own sentence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            field_errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// There is no such thing, or it is another tenant's.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "there is no such thing in this tenant")
    }

    /// Fields that are not acceptable.
    pub fn fields<E: Into<FieldError>>(errors: impl IntoIterator<Item = E>) -> Self {
        let errors = errors.into_iter().map(Into::into).collect();
        Self::new(Code::UnprocessableEntity, "some fields are not acceptable").with_fields(errors)
    }

    /// A parameter or header that cannot be read.
    pub fn parameter(name: &str, code: &'static str, message: impl Into<String>) -> Self {
        let error = FieldError::new(name, code, message);
        let detail = format!("the parameter {name} cannot be read");
        Self::new(Code::BadRequest, detail).with_fields(vec![error])
    }

    /// A defect or fault of the server. The cause goes to the log, not to the client.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed; the client was told nothing but its request id");
        Self::new(
            Code::InternalServerError,
            "the log has the cause under the request id",
        )
    }

    /// It cannot be done now; come again in `seconds`.
    pub fn unavailable(detail: impl Into<String>, seconds: u32) -> Self {
        Self::new(Code::Unavailable, detail).with_header(header::RETRY_AFTER, seconds.into())
    }

    /// The same with these field errors.
    #[must_use]
    pub fn with_fields(mut self, errors: Vec<FieldError>) -> Self {
        self.field_errors = errors;
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// As JSON, for the request at `instance`.
    #[must_use]
    pub fn to_json(&self, instance: &str, request_id: &str) -> Value {
        let page = self.code.page();
        let mut json = json!({
            "type": page,
            "title": self.code.title(),
            "status": self.code.status().as_u16(),
            "detail": self.detail,
            "instance": instance,
            "code": self.code.as_str(),
            "request_id": request_id,
            "doc_url": page,
        });
        if !self.field_errors.is_empty() {
            json["field_errors"] = self.field_errors.iter().map(FieldError::to_json).collect();
        }
        json
    }

    /// As an answer to the request at `instance`.
    #[must_use]
    pub fn to_response(&self, instance: &str, request_id: &str) -> Response {
        let mut response = Response::builder()
            .status(self.code.status())
            .content_type(CONTENT_TYPE)
            .body(Body::from_string(
                self.to_json(instance, request_id).to_string(),
            ));
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl From<Problem> for poem::Error {
    /// The problem rides on the error, so that the door, which knows the request's id, can write it.
    fn from(problem: Problem) -> Self {
        let mut error = Self::from_string(problem.to_string(), problem.code.status());
        error.set_data(problem);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_its_own_word_and_no_fault_of_a_client_is_a_5xx() {
        let mut words: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
        let ours = [
            Code::InternalServerError,
            Code::Unavailable,
            Code::SearchNotConfigured,
            Code::SearchUnavailable,
            Code::TimedOut,
        ];
        for code in Code::ALL {
            assert_eq!(
                code.status().is_server_error(),
                ours.contains(code),
                "{code}"
            );
            assert!(code.status().is_client_error() || code.status().is_server_error());
            assert!(
                code.title().len() > 10 && code.explanation().len() > 20,
                "{code}"
            );
        }
    }

    #[test]
    fn a_problem_says_what_where_and_under_which_id() {
        let problem =
            Problem::fields([FieldError::new("caps[0].limit", "required", "must be set")]);
        let json = problem.to_json("/v1/offers", "req-1");
        assert_eq!(json["status"], 422);
        assert_eq!(json["code"], "unprocessable_entity");
        assert_eq!(json["type"], json["doc_url"]);
        assert_eq!(json["instance"], "/v1/offers");
        assert_eq!(json["request_id"], "req-1");
        assert_eq!(json["field_errors"][0]["field"], "caps[0].limit");
    }
}
