//! C1: a bare hyper 302.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::TcpListener as StdListener;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HeaderValue, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Where everybody is sent: about as long as a real destination.
const TO: &str = "https://shop.example/running-shoes?click=0g2p8jz6ck5xq7w1v9t3r4m0n8b6d2fh&partner=aff_0000010000000z&s=carousel-blue-2";

/// The answer to everything.
pub fn redirect() -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::FOUND;
    let headers = answer.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_static(TO));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Serves for ever: one thread a listener.
///
/// # Errors
/// A thread cannot be made.
pub fn serve(listeners: Vec<StdListener>) -> io::Result<()> {
    let threads = listeners.into_iter().map(|listener| {
        std::thread::Builder::new().spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()?;
            let tasks = tokio::task::LocalSet::new();
            runtime.block_on(tasks.run_until(accept(listener, async || redirect())))
        })
    });
    let threads: io::Result<Vec<_>> = threads.collect();
    threads?
        .into_iter()
        .try_for_each(|thread| thread.join().unwrap_or(Ok(())))
}

/// Accepts for ever, and answers every request with `answer`.
///
/// # Errors
/// The listener is of no use.
pub async fn accept<F>(
    listener: StdListener,
    answer: impl Fn() -> F + Clone + 'static,
) -> io::Result<()>
where
    F: Future<Output = Response<Full<Bytes>>> + 'static,
{
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = answer.clone();
        let handler = service_fn(move |_: Request<Incoming>| {
            let answer = answer();
            async move { Ok::<_, Infallible>(answer.await) }
        });
        tokio::task::spawn_local(async move {
            let connection = http1::Builder::new()
                .header_read_timeout(None)
                .half_close(true)
                .writev(false)
                .serve_connection(TokioIo::new(stream), handler);
            // How a connection ends is the peer's business.
            drop(connection.await);
        });
    }
}
