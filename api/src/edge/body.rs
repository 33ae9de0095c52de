//! The body of a request, within the limits of the public listener.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap};

use super::respond::{self, Answer};

/// Largest body.
const MAX_BODY: usize = 64 << 10;
/// Longest time for a body; at 64 kB that asks for more than 1 kB a second of large ones.
const BODY_TIME: Duration = Duration::from_secs(10);
/// How much of a body that is not taken is read all the same, and for how long.
const MAX_PASSED_OVER: usize = 1 << 20;
const PASSING_OVER_TIME: Duration = Duration::from_secs(2);

/// Why a body is not taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyRefused {
    status: StatusCode,
    pub(super) code: &'static str,
    title: &'static str,
}

impl BodyRefused {
    const ENCODED: Self = Self {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        code: "content_encoding",
        title: "encoded bodies are not taken",
    };
    const TOO_LARGE: Self = Self {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        code: "body_too_large",
        title: "the body is larger than 64 kB",
    };
    const CUT: Self = Self {
        status: StatusCode::BAD_REQUEST,
        code: "body_cut",
        title: "the body ended early",
    };
    const SLOW: Self = Self {
        status: StatusCode::REQUEST_TIMEOUT,
        code: "body_slow",
        title: "the body came too slowly",
    };

    /// The problem; whoever answers with it counts it.
    pub(super) fn answer(self) -> Answer {
        respond::problem(self.status, self.code, self.title, &[])
    }
}

/// The whole body.
pub(super) async fn read(headers: &HeaderMap, mut body: Incoming) -> Result<Bytes, BodyRefused> {
    let taken = if headers.contains_key(header::CONTENT_ENCODING) {
        Err(BodyRefused::ENCODED)
    } else if body.size_hint().lower() > MAX_BODY as u64 {
        Err(BodyRefused::TOO_LARGE)
    } else {
        match tokio::time::timeout(BODY_TIME, Limited::new(&mut body, MAX_BODY).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyRefused::TOO_LARGE),
            Ok(Err(_)) => Err(BodyRefused::CUT),
            Err(_) => return Err(BodyRefused::SLOW),
        }
    };
    if taken.is_err() {
        drop(tokio::time::timeout(PASSING_OVER_TIME, pass_over(&mut body)).await);
    }
    taken
}

/// Reads on for a while: a connection that is closed on a sender who still writes is reset, and the sender never
/// sees the answer.
async fn pass_over(body: &mut Incoming) {
    let mut passed_over = 0;
    while let Some(Ok(frame)) = body.frame().await {
        passed_over += frame.data_ref().map_or(0, Bytes::len);
        if passed_over >= MAX_PASSED_OVER {
            return;
        }
    }
}
