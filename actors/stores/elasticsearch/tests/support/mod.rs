//! Indices of their own for each test, on the real server of `WEIR_TEST_SEARCH_URL`.

#![allow(dead_code)]

use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use elasticsearch::Elasticsearch as Raw;
use elasticsearch::http::Method;
use elasticsearch::http::headers::HeaderMap;
use elasticsearch::http::transport::{SingleNodeConnectionPool, TransportBuilder};
use serde_json::Value;
use tokio::runtime::Runtime;
use weir_elasticsearch::{Elasticsearch, Options, Replicas};

/// The runtime that all indices of a test crate run on.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime")
    })
}

/// The server; a test that finds none fails and says how to start one.
pub fn server() -> String {
    let given = std::env::var("WEIR_TEST_SEARCH_URL");
    given.unwrap_or_else(|_| "http://127.0.0.1:19200".to_owned())
}

/// Asks the server something that no port does; panics with what to do when it is not there.
pub fn at_server(method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
    let url = server().parse().expect("a URL");
    let transport = TransportBuilder::new(SingleNodeConnectionPool::new(url));
    let transport = transport.disable_proxy().build().expect("a client");
    let raw = Raw::new(transport);
    let ask = async {
        let body = body.map(Value::to_string);
        let params: Option<&()> = None;
        let answer = raw
            .send(method, path, HeaderMap::new(), params, body, None)
            .await;
        let answer = answer.unwrap_or_else(|error| {
            panic!(
                "no search server at {}: eval \"$(actors/stores/services/services up search)\", or run `make test` ({error})",
                server()
            )
        });
        let status = answer.status_code().as_u16();
        let text = answer.text().await.expect("a body");
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    };
    // On a thread of its own: the caller may be on the runtime already.
    std::thread::scope(|scope| scope.spawn(|| runtime().block_on(ask)).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// An index whose indices and templates go with it.
pub struct Opened {
    index: Elasticsearch,
    pub prefix: String,
}

impl Deref for Opened {
    type Target = Elasticsearch;

    fn deref(&self) -> &Elasticsearch {
        &self.index
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // A server that is not there has failed the test already.
        let clean = std::panic::AssertUnwindSafe(|| self.clean());
        drop(std::panic::catch_unwind(clean));
    }
}

impl Opened {
    fn clean(&self) {
        for name in self.indices() {
            at_server(Method::Delete, &format!("/{name}"), None);
        }
        for kind in ["clicks", "conversions"] {
            let path = format!("/_index_template/{}-{kind}", self.prefix);
            at_server(Method::Delete, &path, None);
        }
    }

    /// Names of all indices that it has on the server.
    pub fn indices(&self) -> Vec<String> {
        let path = format!(
            "/{}-*/_settings/index.uuid?expand_wildcards=all",
            self.prefix
        );
        let (_, found) = at_server(Method::Get, &path, None);
        found
            .as_object()
            .map(|o| o.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// The same index as another process sees it.
    pub fn again(&self) -> Elasticsearch {
        index(options(&self.prefix))
    }
}

pub fn options(prefix: &str) -> Options {
    Options {
        prefix: prefix.to_owned(),
        replicas: Replicas::Fixed(0),
        refresh_interval: "-1".to_owned(),
        ..Options::at(server())
    }
}

pub fn index(options: Options) -> Elasticsearch {
    Elasticsearch::at(options, runtime().handle().clone()).expect("a client")
}

/// A prefix that no other test has.
pub fn fresh_prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("after 1970").as_nanos();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("t_{:x}_{now:x}_{number}", std::process::id())
}

/// An index without any document.
pub fn open() -> Opened {
    let prefix = fresh_prefix();
    let index = index(options(&prefix));
    Opened { index, prefix }
}
