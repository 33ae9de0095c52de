//! From a request to its handler, with the limits of the public listener.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode, Version};
use weir_actors::PublishedKey;
use weir_engine::ports::Append;

use crate::api_key;

use super::click::Recording;
use super::connection::Watched;
use super::core::Core;
use super::inbound::{BodyKind, Inbound};
use super::postback::{self, Arrived, Received};
use super::respond::{self, Answer};
use super::{address, body, click, telemetry, track};

/// Longest URL.
const MAX_URL: usize = 8 << 10;
const TOO_LARGE: &str = "larger than this listener takes";
/// Largest header block.
const MAX_HEADER_BYTES: usize = 16 << 10;
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request that was looked at.
pub(super) enum Begun<L: Append> {
    Answered(Option<Answer>),
    Click(Recording<L::Appending>),
    /// Whatever needs more than the log's acknowledgement; boxed, so that a click waits in little room.
    Other(Pin<Box<dyn Future<Output = Answer>>>),
}

impl<L: Append> Begun<L> {
    pub(super) fn answered(answer: Answer) -> Self {
        Self::Answered(Some(answer))
    }
}

/// The answer to a request. Written by hand and small, for it is moved about with each request.
pub(super) struct Answering<L: Append> {
    core: Rc<Core<L>>,
    watched: Rc<Watched>,
    begun: Begun<L>,
}

impl<L: Append> Answering<L> {
    pub(super) fn begin(
        core: &Rc<Core<L>>,
        watched: &Rc<Watched>,
        peer: IpAddr,
        request: Request<Incoming>,
    ) -> Self {
        watched.begin();
        Self {
            begun: begin(core, peer, request),
            core: Rc::clone(core),
            watched: Rc::clone(watched),
        }
    }
}

impl<L: Append> Future for Answering<L> {
    type Output = Result<Answer, Infallible>;

    /// # Panics
    /// When polled again after it was ready.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            core,
            watched,
            begun,
        } = self.get_mut();
        let mut answer = match begun {
            Begun::Answered(answer) => answer.take().expect("a request is answered once"),
            Begun::Click(recording) => click::answer(ready!(recording.poll_done(core, cx))),
            Begun::Other(answering) => ready!(answering.as_mut().poll(cx)),
        };
        let headers = answer.headers_mut();
        headers.insert(X_REQUEST_ID, core.request_id());
        watched.finish();
        Poll::Ready(Ok(answer))
    }
}

/// Looks at a request. A click's is done with when this returns.
fn begin<L: Append>(core: &Rc<Core<L>>, peer: IpAddr, request: Request<Incoming>) -> Begun<L> {
    if let Some(refused) = refusal(&request) {
        return Begun::answered(refused);
    }
    let (parts, body) = request.into_parts();
    let Some(link) = parts.uri.path().strip_prefix("/c/") else {
        let core = Rc::clone(core);
        return Begun::Other(Box::pin(async move {
            dispatch(&core, peer, &parts, body).await
        }));
    };
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Begun::answered(not_allowed("GET, HEAD"));
    }
    let host = host_of(&parts.uri, &parts.headers);
    let about = (&*host, link);
    let query = parts.uri.query().unwrap_or("");
    click::begin(core, peer, &parts.method, &parts.headers, about, query)
}

/// What is too large to be looked at.
fn refusal(request: &Request<Incoming>) -> Option<Answer> {
    let url = request
        .uri()
        .path_and_query()
        .map_or(0, |p| p.as_str().len());
    let (mut header_bytes, mut hosts) = (0, 0);
    for (name, value) in request.headers() {
        header_bytes += name.as_str().len() + value.len() + 4;
        hosts += usize::from(name == header::HOST);
    }
    // Two hosts are two readings of one request: whoever stands in front may have taken the other.
    let is_ambiguous = hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11);
    let (status, reason, detail) = if is_ambiguous {
        (
            StatusCode::BAD_REQUEST,
            "malformed",
            "HTTP/1.1 names exactly one host",
        )
    } else if url > MAX_URL {
        (StatusCode::URI_TOO_LONG, "uri_too_long", TOO_LARGE)
    } else if header_bytes > MAX_HEADER_BYTES {
        (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            TOO_LARGE,
        )
    } else {
        return None;
    };
    telemetry::bad_request(reason);
    Some(respond::problem(status, reason, detail, &[]))
}

async fn dispatch<L: Append>(
    core: &Core<L>,
    peer: IpAddr,
    parts: &Parts,
    body: Incoming,
) -> Answer {
    let query = parts.uri.query().unwrap_or("");
    let (method, headers) = (&parts.method, &parts.headers);
    let host = &*host_of(&parts.uri, headers);
    let path = parts.uri.path();
    match path {
        "/postback" | "/px" => match *method {
            Method::GET | Method::POST => {
                let address = address::client(peer, headers, &core.edge.options.trusted_proxies);
                let about = [method.as_str(), host, path];
                conversion(core, address, about, query, headers, body).await
            }
            _ => not_allowed("GET, POST"),
        },
        "/v1/track/click" => match *method {
            Method::POST => match body::read(headers, body).await {
                Ok(body) => track::answer(core, host, key_of(core, headers), &body).await,
                Err(refused) => {
                    telemetry::bad_request(refused.code);
                    refused.answer()
                }
            },
            _ => not_allowed("POST"),
        },
        _ => match path.strip_prefix("/postback/status/") {
            Some(id) if method == Method::GET => postback::status(core, id).await,
            Some(_) => not_allowed("GET"),
            None => {
                metrics::counter!(telemetry::NOT_CLICKS_TOTAL, "reason" => "unknown_path")
                    .increment(1);
                respond::not_found()
            }
        },
    }
}

async fn conversion<L: Append>(
    core: &Core<L>,
    address: IpAddr,
    about: [&str; 3],
    query: &str,
    headers: &HeaderMap,
    body: Incoming,
) -> Answer {
    let received = match inbound(about[0], query, headers, body).await {
        Ok(inbound) => {
            let arrived = Arrived {
                inbound: &inbound,
                address,
                signed: about,
            };
            postback::receive(core, &arrived).await
        }
        Err(unread) => unread,
    };
    match about[2] {
        "/px" => postback::pixel(&received),
        _ => postback::answer(&received, &core.edge.options.public_url),
    }
}

/// What a postback says, or that it cannot be read.
async fn inbound(
    method: &str,
    query: &str,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Inbound, Received> {
    let (kind, bytes) = if method == "POST" {
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok());
        let bytes = body::read(headers, body).await;
        (
            BodyKind::of(content_type),
            bytes.map_err(Received::BodyRefused)?,
        )
    } else {
        (BodyKind::None, Bytes::new())
    };
    Inbound::read(query, kind, &bytes).map_err(Received::Unreadable)
}

fn not_allowed(allow: &'static str) -> Answer {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut answer = respond::problem(status, "method_not_allowed", "not with this method", &[]);
    answer
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allow));
    answer
}

/// The host that was asked for, without its port and in lower case, as it nearly always comes.
fn host_of<'a>(uri: &'a hyper::Uri, headers: &'a HeaderMap) -> Cow<'a, str> {
    let named = headers.get(header::HOST).and_then(|v| v.to_str().ok());
    let host = uri.host().or(named).unwrap_or("");
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    // A name that ends in the root's dot is the same name.
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

/// The published key that a request carries.
fn key_of<L: Append>(core: &Core<L>, headers: &HeaderMap) -> Option<PublishedKey> {
    let key = api_key::of_headers(headers)?;
    core.routes.api_key(&api_key::digest(key)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_same_in_any_case_and_on_any_port() {
        let cases = [
            ("go.brand.example", "go.brand.example", false),
            ("go.brand.example:8080", "go.brand.example", false),
            ("Go.BRAND.example:8080", "go.brand.example", true),
            ("go.brand.example.", "go.brand.example", false),
            ("go.brand.example.:80", "go.brand.example", false),
        ];
        let uri = hyper::Uri::from_static("/c/x");
        for (header, host, is_copied) in cases {
            let value = HeaderValue::from_static(header);
            let headers = HeaderMap::from_iter([(header::HOST, value)]);
            let found = host_of(&uri, &headers);
            assert_eq!(found, host);
            assert_eq!(matches!(found, Cow::Owned(_)), is_copied, "{header}");
        }
    }
}
