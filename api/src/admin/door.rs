//! What every request passes before an operation sees it, and every answer on its way out.
//!
//! ```text
//! size of the URL ▸ key ▸ rate ▸ body (1 MB, 10 s) ▸ idempotency ▸ operation
//!                                                                      │
//! request id ◂ RateLimit-* ◂ no-store ◂ problem written as JSON ◂──────┘
//! ```
//! Always true: nothing is read of a body before its key is known to be good, and nothing of one that says that it
//! is too large; an error answer is a problem with the request's id; a panic is an internal error of one request;
//! an operation that began is not given up because its client went away.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use poem::error::ReadBodyError;
use poem::http::{HeaderValue, Method, header};
use poem::web::RemoteAddr;
use poem::{Endpoint, Request, Response};
use weir_actors::telemetry::SHED_TOTAL;
use weir_engine::ids::UnixMs;
use weir_engine::limits::{LimitKey, LimitScope, Standing};
use weir_engine::ports::LocalLimits;

use super::auth::{Identity, KeyRing};
use super::context::AdminContext;
use super::errors::problem_of_status;
use super::idempotency::{self, Answers, Flight, Kept, Turn};
use super::rate_limit::{Allowance, KeyLimits};
use super::request_id;
use crate::peers::network_of;
use crate::problem::{Code, Problem};

/// Characters that a URL may have.
const URL_MAX: usize = 8 * 1024;
/// Parameters that a query may have.
const PARAMETERS_MAX: usize = 64;
/// Bytes that a body may have.
pub(super) const BODY_MAX: usize = 1024 * 1024;
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);
/// Keys and addresses that are kept count of.
const COUNTED_MAX: usize = 65_536;
/// Answers that are kept for their idempotency keys, and their bytes.
const ANSWERS_MAX: (usize, usize) = (100_000, 64 * 1024 * 1024);
/// Wrong keys that an address may try.
const WRONG_KEYS: Allowance = Allowance {
    per_second: 1,
    burst: 60,
};
/// Paths below `/v1/` that need no key.
const OPEN: [&str; 1] = ["/v1/openapi.json"];
/// POSTs that change nothing: asked again, they are answered anew, and nothing is kept of them.
const QUESTIONS: [&str; 2] = ["/v1/reports/query", "/v1/route/simulate"];

/// The endpoint before all operations.
pub(super) struct Door<E> {
    operations: Arc<E>,
    context: Arc<AdminContext>,
    keys: KeyRing,
    rates: KeyLimits,
    wrong_keys: LocalLimits,
    answers: Answers,
}

impl<E: Endpoint + 'static> Door<E> {
    pub(super) fn new(operations: E, context: Arc<AdminContext>) -> Self {
        Self {
            operations: Arc::new(operations),
            keys: KeyRing::new(Arc::clone(&context.actors), &context.operator_key),
            rates: KeyLimits::new(context.allowance, context.limits.clone(), COUNTED_MAX),
            wrong_keys: LocalLimits::new(COUNTED_MAX),
            answers: Answers::new(ANSWERS_MAX.0, ANSWERS_MAX.1),
            context,
        }
    }

    async fn pass(&self, visit: &mut Visit, mut request: Request) -> Result<Response, Problem> {
        check_url(&request)?;
        let path = request.uri().path();
        let needs_key = path.starts_with("/v1/") && !OPEN.contains(&path);
        // What needs no key takes no body.
        let mut body = Bytes::new();
        if needs_key {
            let identity = self.identify(&request, visit.now)?;
            self.count(&identity, visit).await?;
            request.extensions_mut().insert(identity);
            body = read_body(&mut request).await?;
        }
        let flight = match self.turn(&request, &body, visit.now)? {
            Some(Turn::Again(kept)) => return Ok(replayed(kept)),
            Some(Turn::First(flight)) => Some(flight),
            None => None,
        };
        request.set_body(body);
        let operations = Arc::clone(&self.operations);
        let (visit, now) = (visit.clone(), visit.now);
        let answering = tokio::spawn(async move {
            let response = visit.write(operations.get_response(request).await);
            match flight {
                Some(flight) => keep(flight, response, now).await,
                None => Ok(response),
            }
        });
        // The task is never aborted, so what ends it is a panic.
        answering
            .await
            .unwrap_or_else(|panic| Err(Problem::internal(panic)))
    }

    fn identify(&self, request: &Request, now: UnixMs) -> Result<Identity, Problem> {
        self.keys.identify(request).map_err(|problem| {
            if problem.code != Code::Unauthorized {
                return problem;
            }
            let key = LimitKey {
                scope: LimitScope::Address,
                number: address_number(request),
            };
            let standing = self.wrong_keys.take_now(key, 1, WRONG_KEYS, now);
            if standing.is_allowed {
                problem
            } else {
                too_many("too many wrong keys from this address", standing)
            }
        })
    }

    async fn count(&self, identity: &Identity, visit: &mut Visit) -> Result<(), Problem> {
        let (tenant, key) = identity.number();
        let number = (u64::from(tenant) << 32) | u64::from(key);
        let standing = self.rates.take(number, visit.now).await;
        visit.standing = Some((self.rates.allowance(), standing));
        if standing.is_allowed {
            return Ok(());
        }
        Err(too_many("the allowance of this key is used up", standing))
    }

    /// What the `Idempotency-Key` of a POST says.
    fn turn(&self, request: &Request, body: &Bytes, now: UnixMs) -> Result<Option<Turn>, Problem> {
        let Some(key) = request.headers().get("idempotency-key") else {
            return Ok(None);
        };
        let Some(identity) = request.extensions().get::<Identity>() else {
            return Ok(None);
        };
        let is_question = QUESTIONS.contains(&request.uri().path());
        if request.method() != Method::POST || is_question {
            return Ok(None);
        }
        let key = key.as_bytes();
        let is_good = (1..=idempotency::KEY_MAX).contains(&key.len()) && key.is_ascii();
        if !is_good {
            let message = "must have 1 to 255 ASCII characters";
            return Err(Problem::parameter(
                "Idempotency-Key",
                "invalid_value",
                message,
            ));
        }
        let (tenant, number) = identity.number();
        let caller = [tenant.to_be_bytes(), number.to_be_bytes()].concat();
        let key = idempotency::digest([caller.as_slice(), key]);
        let uri = request.uri();
        let path = uri.path().as_bytes();
        let query = uri.query().unwrap_or_default().as_bytes();
        let of = idempotency::digest([path, query, body.as_ref()]);
        self.answers.take(key, of, now).map(Some)
    }
}

impl<E: Endpoint + 'static> Endpoint for Door<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let mut visit = Visit {
            request_id: request_id::of(&request, &self.context.random),
            path: request.uri().path().to_owned(),
            now: (self.context.now)(),
            standing: None,
        };
        let passed = self.pass(&mut visit, request).await;
        let response = passed.unwrap_or_else(|p| p.to_response(&visit.path, &visit.request_id));
        Ok(visit.finish(response))
    }
}

/// What is known of a request beside the request.
#[derive(Clone)]
struct Visit {
    request_id: String,
    path: String,
    now: UnixMs,
    standing: Option<(Allowance, Standing)>,
}

impl Visit {
    /// An operation's answer with its problem, if it is one, written as JSON.
    fn write(&self, response: Response) -> Response {
        if !(response.status().is_client_error() || response.status().is_server_error()) {
            return response;
        }
        let problem = response.data::<Problem>().cloned();
        let problem = problem.unwrap_or_else(|| problem_of_status(response.status()));
        let mut written = problem.to_response(&self.path, &self.request_id);
        written.set_data(problem);
        written
    }

    /// The headers that every answer has.
    fn finish(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert("x-request-id", id);
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        if self.path.starts_with("/v1/") {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Some((allowance, standing)) = self.standing {
            headers.insert("ratelimit-limit", allowance.burst.into());
            headers.insert("ratelimit-remaining", standing.remaining.into());
            headers.insert("ratelimit-reset", standing.seconds.into());
        }
        response
    }
}

fn too_many(detail: &str, standing: Standing) -> Problem {
    metrics::counter!(SHED_TOTAL, "reason" => "rate_limit").increment(1);
    let problem = Problem::new(Code::RateLimitExceeded, detail);
    problem.with_header(header::RETRY_AFTER, standing.seconds.max(1).into())
}

fn check_url(request: &Request) -> Result<(), Problem> {
    let uri = request.uri();
    let length = uri.path_and_query().map_or(0, |p| p.as_str().len());
    if length > URL_MAX {
        return Err(Problem::new(Code::UriTooLong, "a URL may have 8 kB"));
    }
    let parameters = uri.query().map_or(0, |query| query.split('&').count());
    if parameters > PARAMETERS_MAX {
        let detail = format!("a query may have {PARAMETERS_MAX} parameters");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    Ok(())
}

async fn read_body(request: &mut Request) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Code::PayloadTooLarge, "a body may have 1 MB");
    let said = request.headers().get(header::CONTENT_LENGTH);
    let said = said.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|length| length > BODY_MAX as u64) {
        return Err(too_large());
    }
    let reading = request.take_body().into_bytes_limit(BODY_MAX);
    match tokio::time::timeout(BODY_TIME, reading).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(Code::BadRequest, "the body cannot be read")),
        Err(_) => Err(Problem::new(
            Code::RequestTimeout,
            "a body has 10 seconds to arrive",
        )),
    }
}

/// The network that a request came from, as a number.
fn address_number(request: &Request) -> u64 {
    let RemoteAddr(address) = request.remote_addr();
    let text = match address.as_socket_addr() {
        Some(address) => network_of(address.ip()).to_string(),
        None => String::new(),
    };
    let digest = idempotency::digest([text.as_bytes()]);
    digest[..8]
        .iter()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// Keeps an answer for its idempotency key if something was done, or may have been.
async fn keep(flight: Flight, mut response: Response, now: UnixMs) -> Result<Response, Problem> {
    let is_unknown = response
        .data::<Problem>()
        .is_some_and(|p| p.code == Code::TimedOut);
    if !response.status().is_success() && !is_unknown {
        return Ok(response);
    }
    let body = response.take_body().into_bytes().await;
    let body = body.map_err(Problem::internal)?;
    flight.keep(
        Kept {
            status: response.status(),
            headers: response.headers().clone(),
            body: body.clone(),
        },
        now,
    );
    response.set_body(body);
    Ok(response)
}

fn replayed(kept: Kept) -> Response {
    let mut response = Response::builder().status(kept.status).body(kept.body);
    *response.headers_mut() = kept.headers;
    response
        .headers_mut()
        .insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
