//! What goes wrong with a server, in the words of the port.

use std::time::Duration;

use serde_json::Value;
use weir_engine::ports::SearchError;

/// The server said no, or something else is in its place.
#[derive(Debug, thiserror::Error)]
#[error("status {status}: {what}")]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) what: String,
}

/// The runtime of the index has ended.
#[derive(Debug, thiserror::Error)]
#[error("the client of the search index has stopped")]
pub(crate) struct Stopped;

/// No answer, or none that says anything about the request.
pub(crate) fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> SearchError {
    SearchError::Unavailable(Box::new(error))
}

/// An answer that is not what was asked for.
pub(crate) fn unexpected(what: &str) -> SearchError {
    unavailable(Said {
        status: 200,
        what: format!("an answer without {what}"),
    })
}

/// What an answer other than 2xx means.
pub(crate) fn of_answer(status: u16, body: &Value, retry_after: Option<Duration>) -> SearchError {
    let error = &body["error"];
    let what = words_of(error);
    match status {
        // Too many requests, queues full, a disk that is nearly full (Elasticsearch 8): it passes.
        429 => SearchError::Overloaded { retry_after },
        400 if !is_passing(error["type"].as_str().unwrap_or_default()) => {
            SearchError::Refused(what)
        }
        _ => unavailable(Said { status, what }),
    }
}

/// A 400 that is not about what was sent.
pub(crate) fn is_passing(kind: &str) -> bool {
    matches!(
        kind,
        "index_closed_exception"
            | "cluster_block_exception"
            | "process_cluster_event_timeout_exception"
    )
}

/// Type and reason of an error, with the cause that says most.
pub(crate) fn words_of(error: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if error.is_string() {
        return text(error);
    }
    let mut words = format!("{}: {}", text(&error["type"]), text(&error["reason"]));
    let mut cause = &error["caused_by"];
    if cause.is_null() {
        cause = &error["failed_shards"][0]["reason"];
    }
    if let Some(reason) = cause["reason"].as_str() {
        words = format!("{words} ({reason})");
    }
    words
}

/// A question took longer than one may.
#[derive(Debug, thiserror::Error)]
#[error("the question took too long")]
pub(crate) struct TooLong;
