//! What operators and their systems ask: is it alive, is it ready, what does it count. Plain text, no key.
//!
//! ```text
//! /livez      200 while the process answers
//! /startupz   200 once it has started, 503 before
//! /readyz     200 when it should get traffic, also degraded; 503 when not; ?verbose says each reason
//! /metrics    Prometheus text
//! /version    the build, as JSON
//! ```
//! Always true: nothing here waits for the journal, a store or an actor, so that a health check cannot hang with
//! what it checks; nothing here names a tenant or a secret. Not here: what makes the process ready (the node says).

use std::fmt::Write;
use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Endpoint, EndpointExt, Request, Response, Route, endpoint, get};

/// How the process is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether it has started: configuration loaded, listeners bound, the log read to its head.
    pub has_started: bool,
    /// Why it should get no traffic; empty = ready.
    pub not_ready: Vec<String>,
    /// What does not work as it should while it still takes traffic, such as a store that lags.
    pub degraded: Vec<String>,
}

impl Health {
    /// Whether it should get traffic.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.has_started && self.not_ready.is_empty()
    }

    fn word(&self) -> &'static str {
        match (self.is_ready(), self.degraded.is_empty()) {
            (true, true) => "ready",
            (true, false) => "degraded",
            (false, _) => "not ready",
        }
    }
}

/// What the ops listener tells of.
pub struct OpsContext {
    /// How the process is. Must answer at once.
    pub health: Box<dyn Fn() -> Health + Send + Sync>,
    /// The metrics, as Prometheus text.
    pub metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// The build.
    pub version: serde_json::Value,
}

/// The ops endpoints.
pub fn app(context: OpsContext) -> impl Endpoint<Output = Response> + 'static {
    let context = Arc::new(context);
    let answers = |answer: fn(&OpsContext, &Request) -> Response| {
        let context = Arc::clone(&context);
        get(endpoint::make_sync(move |request| {
            answer(&context, &request)
        }))
    };
    Route::new()
        .at("/livez", answers(|_, _| text(StatusCode::OK, "alive\n")))
        .at("/startupz", answers(startup))
        .at("/readyz", answers(readiness))
        .at("/metrics", answers(metrics))
        .at("/version", answers(version))
        .catch_all_error(|error: poem::Error| async move { text(error.status(), "nothing here\n") })
        .map_to_response()
}

fn text(status: StatusCode, body: impl Into<String>) -> Response {
    Response::builder()
        .status(status)
        .content_type("text/plain; charset=utf-8")
        .header("cache-control", "no-store")
        .body(body.into())
}

fn startup(context: &OpsContext, _: &Request) -> Response {
    match (context.health)().has_started {
        true => text(StatusCode::OK, "started\n"),
        false => text(StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
    }
}

fn readiness(context: &OpsContext, request: &Request) -> Response {
    let health = (context.health)();
    let status = match health.is_ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let query = request.uri().query().unwrap_or_default();
    let is_verbose = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "verbose");
    let mut body = format!("{}\n", health.word());
    if is_verbose {
        let lines = health.not_ready.iter().map(|r| ("not ready", r));
        for (word, reason) in lines.chain(health.degraded.iter().map(|r| ("degraded", r))) {
            // Writing to a string cannot fail.
            let _ = writeln!(body, "{word}: {reason}");
        }
    }
    text(status, body)
}

fn metrics(context: &OpsContext, _: &Request) -> Response {
    Response::builder()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body((context.metrics)())
}

fn version(context: &OpsContext, _: &Request) -> Response {
    Response::builder()
        .content_type("application/json")
        .body(context.version.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(health: Health, path: &str) -> (u16, String) {
        let context = OpsContext {
            health: Box::new(move || health.clone()),
            metrics: Box::new(|| "weir_clicks_total 7\n".to_owned()),
            version: serde_json::json!({"version": "1.2.3"}),
        };
        let request = Request::builder()
            .uri(path.parse().expect("a path"))
            .finish();
        let response = app(context).get_response(request).await;
        let status = response.status().as_u16();
        (
            status,
            response.into_body().into_string().await.expect("text"),
        )
    }

    fn health(has_started: bool, not_ready: &[&str], degraded: &[&str]) -> Health {
        let texts = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect();
        Health {
            has_started,
            not_ready: texts(not_ready),
            degraded: texts(degraded),
        }
    }

    #[tokio::test]
    async fn ready_means_that_traffic_should_come() {
        let cases = [
            (health(true, &[], &[]), 200, "ready\n"),
            (
                health(true, &[], &["store lags 9 s"]),
                200,
                "degraded\ndegraded: store lags 9 s\n",
            ),
            (
                health(true, &["journal has stopped"], &[]),
                503,
                "not ready\nnot ready: journal has stopped\n",
            ),
            (health(false, &[], &[]), 503, "not ready\n"),
        ];
        for (health, status, body) in cases {
            let got = ask(health.clone(), "/readyz?verbose").await;
            assert_eq!(got, (status, body.to_owned()), "{health:?}");
        }
    }

    #[tokio::test]
    async fn a_process_that_is_not_ready_is_alive() {
        let starting = || health(false, &["starting"], &[]);
        assert_eq!(ask(starting(), "/livez").await.0, 200);
        assert_eq!(ask(starting(), "/startupz").await.0, 503);
        assert_eq!(ask(health(true, &[], &[]), "/startupz").await.0, 200);
        assert_eq!(ask(starting(), "/metrics").await.1, "weir_clicks_total 7\n");
        assert_eq!(
            ask(starting(), "/version").await.1,
            r#"{"version":"1.2.3"}"#
        );
        assert_eq!(ask(starting(), "/etc/passwd").await.0, 404);
    }
}
