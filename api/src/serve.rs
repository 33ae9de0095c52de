//! A listener for the admin API or the ops endpoints: HTTP/1.1 with its patience, until told to stop.
//!
//! Always true: a silent client is closed within seconds; connections are bounded; at the end, answers under way are
//! finished. Not here: clicks, whose listener is the edge's own; limits of bodies (the admin door).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// How long a request's head may take, from its connection's start or the answer before.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// Bytes of a request's head.
const HEAD_MAX: usize = 16 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Connections at a time.
const CONNECTIONS_MAX: usize = 1_024;
/// How long answers under way may take after the end was announced.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves `app` on `listener` until `shutdown` resolves; then lets answers under way be finished.
///
/// # Errors
/// The listener has no address.
pub async fn serve(
    listener: TcpListener,
    app: impl Endpoint<Output = Response> + 'static,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let local = listener.local_addr()?;
    let app = Arc::new(app);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (ending, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        // A connection that ended leaves the set here.
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            continue;
        };
        let addresses = Addresses {
            local: LocalAddr(Addr::SocketAddr(local)),
            remote: RemoteAddr(Addr::SocketAddr(remote)),
        };
        let (app, ending) = (Arc::clone(&app), ending.subscribe());
        connections.spawn(async move {
            connection(stream, app, addresses, ending).await;
            drop(permit);
        });
    }
    drop(listener);
    ending.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("connections were cut at the end");
    }
    Ok(())
}

#[derive(Clone)]
struct Addresses {
    local: LocalAddr,
    remote: RemoteAddr,
}

async fn connection<E: Endpoint<Output = Response> + 'static>(
    stream: TcpStream,
    app: Arc<E>,
    addresses: Addresses,
    mut ending: watch::Receiver<bool>,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (app, addresses) = (Arc::clone(&app), addresses.clone());
        async move {
            let Addresses { local, remote } = addresses;
            let request = Request::from((request, local, remote, Scheme::HTTP));
            Ok::<_, std::convert::Infallible>(hyper::Response::from(
                app.get_response(request).await,
            ))
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => Some(ended),
        _ = ending.wait_for(|is_ending| *is_ending) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        // Clients that go away or are too slow are no concern of the operator's.
        tracing::debug!(%error, "a connection ended early");
    }
}
