//! Answers of the public listener.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use weir_engine::catalog::ReferrerPolicy;
use weir_engine::ports::AppendError;

/// What the public listener answers with.
pub(super) type Answer = Response<Full<Bytes>>;

/// Those of a redirect, with the request id, the date and the click id of a test.
const REDIRECT_HEADERS: usize = 6;
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const GIF: HeaderValue = HeaderValue::from_static("image/gif");

/// Carries the click id of tests.
pub(super) const X_WEIR_CLICK: HeaderName = HeaderName::from_static("x-weir-click");
/// Carries the verdict of a pixel.
pub(super) const X_WEIR_OUTCOME: HeaderName = HeaderName::from_static("x-weir-outcome");
const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");

/// The page of links that lead nowhere.
const NOT_FOUND_PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"robots\" content=\"noindex\"><title>Not found</title><p>This link does not lead anywhere.</p></html>\n";
/// A transparent pixel.
const PIXEL: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

fn with(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    answer
}

/// 302 to a URL that a template made: visible ASCII, so a header takes it.
pub(super) fn redirect(url: String, policy: ReferrerPolicy) -> Answer {
    let Ok(location) = HeaderValue::try_from(url) else {
        return not_found();
    };
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::FOUND;
    let headers = answer.headers_mut();
    headers.reserve(REDIRECT_HEADERS);
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static(policy.as_str()));
    answer
}

/// The 404 page.
pub(super) fn not_found() -> Answer {
    with(
        StatusCode::NOT_FOUND,
        HTML,
        Bytes::from_static(NOT_FOUND_PAGE.as_bytes()),
    )
}

/// Prefetches and previews are turned away, so that the real navigation comes to us.
pub(super) fn not_a_navigation() -> Answer {
    with(StatusCode::FORBIDDEN, HTML, Bytes::new())
}

/// The pixel, whatever became of it.
pub(super) fn pixel(outcome: &str) -> Answer {
    let mut answer = with(StatusCode::OK, GIF, Bytes::from_static(PIXEL));
    if let Ok(value) = HeaderValue::from_str(outcome) {
        answer.headers_mut().insert(X_WEIR_OUTCOME, value);
    }
    answer
}

/// JSON of any shape of ours.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    // Our shapes hold only texts and numbers, which always serialise.
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    with(status, JSON, bytes.into())
}

/// A field that is wrong.
#[derive(Debug, Serialize)]
pub(super) struct FieldProblem<'a> {
    pub(super) field: &'a str,
    pub(super) message: &'a str,
}

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    field_errors: &'a [FieldProblem<'a>],
}

/// A problem with its code (RFC 9457).
pub(super) fn problem(
    status: StatusCode,
    code: &str,
    title: &str,
    field_errors: &[FieldProblem<'_>],
) -> Answer {
    let body = Problem {
        kind: "about:blank",
        title,
        status: status.as_u16(),
        code,
        field_errors,
    };
    let mut answer = json(status, &body);
    answer.headers_mut().insert(header::CONTENT_TYPE, PROBLEM);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    answer
}

/// Clicks and postbacks cannot be recorded now.
pub(super) fn unavailable(code: &str) -> Answer {
    let title = "cannot be recorded now; try again in a moment";
    problem(StatusCode::SERVICE_UNAVAILABLE, code, title, &[])
}

/// An address has sent too much that proves nothing.
pub(super) fn too_many(seconds: u64) -> Answer {
    let title = "too much came from this address that proves nothing; a token is never held up";
    let status = StatusCode::TOO_MANY_REQUESTS;
    let mut answer = problem(status, "rate_limit_exceeded", title, &[]);
    let headers = answer.headers_mut();
    headers.insert(header::RETRY_AFTER, seconds.into());
    answer
}

/// The code of a failed append.
pub(super) fn code_of(error: AppendError) -> &'static str {
    match error {
        AppendError::Full => "journal_full",
        AppendError::Overloaded => "overloaded",
        AppendError::Stopped => "journal_stopped",
        AppendError::TooLarge => "too_large",
    }
}

#[cfg(test)]
mod tests {
    use weir_actors::telemetry::SHED_REASONS;

    use super::*;

    #[test]
    fn every_code_of_a_failed_append_is_a_reason_that_is_counted_from_zero() {
        use AppendError::{Full, Overloaded, Stopped, TooLarge};
        for error in [Full, Stopped, Overloaded, TooLarge] {
            assert!(SHED_REASONS.contains(&code_of(error)), "{error}");
        }
    }
}
