//! Stores that cannot be read, as problems.

use poem::http::header;
use weir_engine::ports::{LookupError, SearchError, StoreError};

use crate::problem::{Code, FieldError, Problem};

/// Seconds after which a store that does not answer may be asked again.
const AGAIN_AFTER: u32 = 5;

/// The store did not answer.
pub(super) fn not_readable(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(cause) => {
            tracing::warn!(%cause, "the store does not answer");
            Problem::unavailable("the store does not answer", AGAIN_AFTER)
        }
        other => Problem::internal(other),
    }
}

/// The journal could not be read.
pub(super) fn not_found_now(error: LookupError) -> Problem {
    tracing::warn!(cause = %error.0, "clicks cannot be looked up");
    Problem::unavailable("clicks cannot be looked up now", AGAIN_AFTER)
}

/// The search index did not answer the question.
pub(super) fn not_searched(error: SearchError) -> Problem {
    let away = |seconds: u32| {
        Problem::new(
            Code::SearchUnavailable,
            "the search index does not answer now",
        )
        .with_header(header::RETRY_AFTER, seconds.into())
    };
    match error {
        SearchError::Unavailable(cause) => {
            tracing::warn!(%cause, "the search index does not answer");
            away(AGAIN_AFTER)
        }
        SearchError::Overloaded { retry_after } => {
            let seconds =
                retry_after.map_or(AGAIN_AFTER, |wait| wait.as_secs().clamp(1, 60) as u32);
            away(seconds)
        }
        SearchError::Lost => away(AGAIN_AFTER),
        SearchError::TooManyRows => Problem::fields([FieldError::new(
            "group_by",
            "too_many_rows",
            "more rows than may be sorted: group by less, ask for less, or take them in order of their groups",
        )]),
        SearchError::Refused(why) => {
            tracing::warn!(why, "the search index refuses a question");
            let message = "the search index refuses the question: ask for less";
            Problem::fields([FieldError::new("", "refused", message)])
        }
    }
}
