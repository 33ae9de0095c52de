//! A listener for the admin API or the ops endpoints: HTTP/1.1 with its patience, until told to stop.
//!
//! Always true: a client that is silent, or takes nothing of its answer, is closed within seconds; connections are
//! bounded, in all and per address (loopback is exempt); at the end, answers under way are finished. Not here: clicks, whose listener is the edge's own; limits of bodies (the admin door).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};
use weir_actors::telemetry::SHED_TOTAL;

use crate::peers::{PerAddress, Watch, WatchedStream};

/// How long a request's head may take, from its connection's start or the answer before.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// Bytes of a request's head.
const HEAD_MAX: usize = 16 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Connections at a time.
const CONNECTIONS_MAX: usize = 1_024;
/// Connections that an address may hold.
const PER_ADDRESS_MAX: u32 = 256;
/// How long a client may take nothing of an answer.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// Serves `app` on `listener` until `shutdown` resolves; then lets answers under way be finished, for `patience`.
///
/// # Errors
/// The listener has no address.
pub async fn serve(
    listener: TcpListener,
    app: impl Endpoint<Output = Response> + 'static,
    shutdown: impl Future<Output = ()>,
    patience: Duration,
) -> io::Result<()> {
    let local = listener.local_addr()?;
    let app = Arc::new(app);
    let room = Room::new(CONNECTIONS_MAX, PER_ADDRESS_MAX);
    let (ending, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        // A connection that ended leaves the set here.
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener) => accepted,
        };
        let Some((stream, remote)) = accepted else {
            continue;
        };
        let Some(place) = room.admit(remote.ip().to_canonical()) else {
            metrics::counter!(SHED_TOTAL, "reason" => "connections").increment(1);
            continue;
        };
        let addresses = Addresses {
            local: LocalAddr(Addr::SocketAddr(local)),
            remote: RemoteAddr(Addr::SocketAddr(remote)),
        };
        let (app, ending) = (Arc::clone(&app), ending.subscribe());
        connections.spawn(async move {
            connection(stream, app, addresses, ending).await;
            drop(place);
        });
    }
    drop(listener);
    ending.send_replace(true);
    drain(connections, patience).await;
    Ok(())
}

/// Room for connections: in all, and for each address.
struct Room {
    all: Arc<Semaphore>,
    held: Arc<PerAddress>,
    per_address: u32,
}

impl Room {
    fn new(all: usize, per_address: u32) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all)),
            held: Arc::default(),
            per_address,
        }
    }

    fn admit(&self, peer: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let counted = match peer.is_loopback() {
            true => None,
            false if self.held.admit(peer, self.per_address) => {
                Some((Arc::clone(&self.held), peer))
            }
            false => return None,
        };
        Some(Place {
            _permit: permit,
            counted,
        })
    }
}

/// A connection's place; given up when dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    counted: Option<(Arc<PerAddress>, IpAddr)>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((held, peer)) = &self.counted {
            held.release(*peer);
        }
    }
}

/// Ends a connection whose peer has taken nothing for [`WRITE_TIME`].
#[derive(Default)]
struct WriteTimer(Option<Pin<Box<Sleep>>>);

impl Watch for WriteTimer {
    fn write_went(&mut self, is_blocked: bool, cx: &mut Context<'_>) -> io::Result<()> {
        if !is_blocked {
            self.0 = None;
            return Ok(());
        }
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep(WRITE_TIME)));
        match timer.as_mut().poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// The next connection; `None` after a failure, with a pause, because failures come in floods.
async fn accept(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) => {
            tracing::warn!(%error, "a connection was not accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

async fn drain(mut connections: JoinSet<()>, patience: Duration) {
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(patience, drained).await.is_err() {
        tracing::warn!("connections were cut at the end");
    }
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
    let stream = WatchedStream::new(stream, WriteTimer::default());
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        // One answer at a time: what is asked meanwhile waits until the one before is taken.
        .pipeline_flush(false)
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

#[cfg(test)]
mod tests {
    use poem::endpoint::make;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::{Notify, oneshot};
    use tokio::task::JoinHandle;

    use super::*;

    /// How long the listeners of these tests wait at the end.
    const END: Duration = Duration::from_millis(300);

    /// A listener that is ended by the sender, and a bell that rings when a request has come; its answer takes
    /// `patience`.
    struct Started {
        address: SocketAddr,
        end: oneshot::Sender<()>,
        serving: JoinHandle<io::Result<()>>,
        has_come: Arc<Notify>,
    }

    async fn started(patience: Duration) -> Started {
        started_with(patience, "done").await
    }

    async fn started_with(patience: Duration, answer: impl Into<bytes::Bytes>) -> Started {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let has_come = Arc::new(Notify::new());
        let bell = Arc::clone(&has_come);
        let app = make(move |_| {
            bell.notify_one();
            let answer = answer.clone();
            async move {
                tokio::time::sleep(patience).await;
                Ok::<_, poem::Error>(Response::builder().body(answer))
            }
        });
        let (end, ended) = oneshot::channel::<()>();
        let shutdown = async move { drop(ended.await) };
        let serving = tokio::spawn(serve(listener, app, shutdown, END));
        Started {
            address,
            end,
            serving,
            has_come,
        }
    }

    async fn read_all(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        // A connection that is cut is read as far as it came.
        let _ = stream.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_finishes_its_head_is_closed() {
        let server = started(Duration::ZERO).await;
        let address = server.address;
        let mut stream = TcpStream::connect(address).await.expect("connected");
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            .await
            .expect("sent");
        let closed = tokio::time::timeout(HEAD_TIME * 3, read_all(&mut stream)).await;
        assert!(!closed.expect("closed in time").contains("200 OK"));
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_of_its_answer_is_closed() {
        // More than the buffers of the kernel hold.
        let server = started_with(Duration::ZERO, vec![b'x'; 64 << 20]).await;
        let mut stream = TcpStream::connect(server.address).await.expect("connected");
        let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
        stream.write_all(request.as_bytes()).await.expect("sent");
        server.has_come.notified().await;
        tokio::time::pause();
        tokio::time::sleep(WRITE_TIME * 2).await;
        tokio::time::resume();
        let mut got = 0;
        let mut piece = vec![0; 1 << 20];
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            got += read;
        }
        assert!(got < 64 << 20, "cut within the first answer, not {got}");
    }

    #[tokio::test]
    async fn an_address_has_a_share_of_the_connections_and_loopback_is_exempt() {
        let room = Room::new(6, 2);
        let peer = IpAddr::from([203, 0, 113, 9]);
        let first = room.admit(peer).expect("room");
        let _second = room.admit(peer).expect("room");
        assert!(room.admit(peer).is_none(), "its share is used up");
        drop(first);
        let _again = room.admit(peer).expect("its share is free again");
        let local = IpAddr::from([127, 0, 0, 1]);
        let held: Vec<_> = (0..4).map(|_| room.admit(local).expect("exempt")).collect();
        assert!(room.admit(local).is_none(), "all are taken");
        drop(held);
        assert!(room.admit([203, 0, 113, 10].into()).is_some());
    }

    #[tokio::test]
    async fn too_many_headers_are_refused() {
        let server = started(Duration::ZERO).await;
        let address = server.address;
        let ask = |count: usize| async move {
            let mut stream = TcpStream::connect(address).await.expect("connected");
            let headers = "X-A: 1\r\n".repeat(count - 2);
            let request =
                format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
            stream.write_all(request.as_bytes()).await.expect("sent");
            read_all(&mut stream).await
        };
        assert!(ask(HEADERS_MAX).await.starts_with("HTTP/1.1 200"));
        assert!(ask(HEADERS_MAX + 1).await.starts_with("HTTP/1.1 431"));
    }

    #[tokio::test]
    async fn an_answer_under_way_is_finished_at_the_end() {
        let server = started(Duration::from_millis(100)).await;
        let address = server.address;
        let mut stream = TcpStream::connect(address).await.expect("connected");
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .expect("sent");
        server.has_come.notified().await;
        server.end.send(()).expect("serving");
        assert!(read_all(&mut stream).await.ends_with("done"));
        server.serving.await.expect("no panic").expect("served");
        assert!(
            TcpStream::connect(address).await.is_err(),
            "nothing listens any more"
        );
    }

    #[tokio::test]
    async fn an_answer_that_takes_longer_than_the_end_is_cut() {
        let server = started(Duration::from_secs(600)).await;
        let mut stream = TcpStream::connect(server.address).await.expect("connected");
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .expect("sent");
        server.has_come.notified().await;
        server.end.send(()).expect("serving");
        let ended = tokio::time::timeout(Duration::from_secs(60), server.serving).await;
        ended.expect("it ends").expect("no panic").expect("served");
    }
}
