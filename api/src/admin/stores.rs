//! Stores that cannot be read, as problems.

use weir_engine::ports::{LookupError, StoreError};

use crate::problem::Problem;

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
