//! Listeners, runtimes and accept loops of the edge: one of each a core.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use weir_actors::Lane;

use super::connection::{Connections, Patience};
use super::core::{Core, Edge};
use super::service::Answering;
use super::{address, telemetry};
use crate::peers::{PerAddress, WatchedStream};

/// Length of the queue of connections that wait to be accepted.
const BACKLOG: i32 = 4_096;
/// Buffer of a connection: URL and header block, with room to tell that they are too large.
const MAX_BUFFER: usize = 32 << 10;
const MAX_HEADERS: usize = 64;
/// How long to wait when the process has no more file descriptors.
const NO_DESCRIPTORS: Duration = Duration::from_millis(50);

/// The edge could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another process listens there: stop it, or take another port.
    #[error("traffic port {} is taken: another process listens on {address}", address.port())]
    Taken {
        /// Where.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A thread or runtime could not be made.
    #[error("no thread for the edge")]
    Thread(#[source] io::Error),
}

/// Listeners on one address, one a core.
///
/// Listeners that share a port do so with everybody of the same user, and the kernel splits the traffic: so the
/// address is first bound alone, which fails when somebody is there.
///
/// # Errors
/// [`ServeError::Taken`], [`ServeError::Listen`].
pub fn bind(address: SocketAddr, cores: usize) -> Result<Vec<StdListener>, ServeError> {
    match socket(address, false) {
        Ok(alone) => drop(alone),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            return Err(ServeError::Taken { address });
        }
        Err(source) => return Err(ServeError::Listen { address, source }),
    }
    let mut listeners = Vec::with_capacity(cores);
    let mut address = address;
    for _ in 0..cores.max(1) {
        let listener = listen(address).map_err(|source| ServeError::Listen { address, source })?;
        // With port 0 the first listener finds a free port, and the others share it.
        address = listener
            .local_addr()
            .map_err(|source| ServeError::Listen { address, source })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn listen(address: SocketAddr) -> io::Result<StdListener> {
    let socket = socket(address, true)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A socket with an address; others of `is_shared` may have the same.
fn socket(address: SocketAddr, is_shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// The running edge.
pub struct EdgeHandle {
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl EdgeHandle {
    /// Accepts no more, answers what was asked, and ends: idle connections are closed at once, others after
    /// their answer, all of them after `patience`.
    pub fn stop(self) {
        self.stop.send_replace(true);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("an edge thread panicked");
            }
        }
    }
}

/// What the cores count together.
#[derive(Default)]
struct Admission {
    open: AtomicU32,
    per_address: PerAddress,
}

/// Starts one thread a listener; each gets its own lane into the journal.
///
/// # Errors
/// [`ServeError::Thread`].
pub fn serve(
    edge: &Edge,
    listeners: Vec<StdListener>,
    lane: impl Fn() -> Lane,
    patience: Duration,
) -> Result<EdgeHandle, ServeError> {
    let stop = watch::Sender::new(false);
    let admission = Arc::new(Admission::default());
    let mut threads = Vec::with_capacity(listeners.len());
    for (number, listener) in listeners.into_iter().enumerate() {
        let lane = lane();
        let (edge, stopped) = (edge.clone(), stop.subscribe());
        let admission = Arc::clone(&admission);
        let runtime = runtime(&lane).map_err(ServeError::Thread)?;
        let thread = std::thread::Builder::new().name(format!("edge-{number}"));
        let run = move || {
            let core = Rc::new(Core::new(edge, number as u16, lane.clone()));
            let tasks = tokio::task::LocalSet::new();
            let all = tasks.run_until(run_core(core, listener, lane, admission, stopped, patience));
            runtime.block_on(all);
        };
        threads.push(thread.spawn(run).map_err(ServeError::Thread)?);
    }
    Ok(EdgeHandle { stop, threads })
}

/// A runtime that tells the journal's writer when its core works and when it rests.
fn runtime(lane: &Lane) -> io::Result<tokio::runtime::Runtime> {
    let (working, resting) = (lane.clone(), lane.clone());
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .on_thread_unpark(move || working.set_busy(true))
        .on_thread_park(move || resting.set_busy(false))
        .build()
}

async fn run_core(
    core: Rc<Core<Lane>>,
    listener: StdListener,
    lane: Lane,
    admission: Arc<Admission>,
    mut stopped: watch::Receiver<bool>,
    patience: Duration,
) {
    let connections = Connections::new(Patience::default());
    let drain = tokio::task::spawn_local(lane.drain());
    let swept = Rc::clone(&connections);
    let sweep = tokio::task::spawn_local(async move {
        swept
            .sweep(|closed| {
                metrics::counter!(telemetry::CONNECTIONS_CLOSED_TOTAL, "reason" => "patience")
                    .increment(closed);
            })
            .await;
    });
    match TcpListener::from_std(listener) {
        Ok(listener) => {
            let accepting = accept(&core, &listener, &connections, &admission);
            tokio::select! {
                () = accepting => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
        }
        Err(error) => tracing::error!(%error, "the listener cannot be used"),
    }
    connections.end();
    let all_ended = async {
        while connections.count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // Whoever is left has had its time.
    drop(tokio::time::timeout(patience, all_ended).await);
    sweep.abort();
    drain.abort();
}

async fn accept(
    core: &Rc<Core<Lane>>,
    listener: &TcpListener,
    connections: &Rc<Connections>,
    admission: &Arc<Admission>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let peer = peer.ip().to_canonical();
                if let Some(admitted) = admit(core, admission, peer) {
                    start(core, connections, stream, admitted);
                }
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted now");
                tokio::time::sleep(NO_DESCRIPTORS).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// A connection's place in the counts; given up when dropped.
struct Admitted {
    peer: IpAddr,
    is_trusted: bool,
    is_counted: bool,
    admission: Arc<Admission>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Ordering::AcqRel);
        metrics::gauge!(telemetry::CONNECTIONS).decrement(1.0);
        if self.is_counted {
            self.admission.per_address.release(self.peer);
        }
    }
}

fn admit(core: &Core<Lane>, admission: &Arc<Admission>, peer: IpAddr) -> Option<Admitted> {
    let options = &core.edge.options;
    let is_trusted = address::is_trusted(peer, &options.trusted_proxies);
    let is_exempt = is_trusted || peer.is_loopback() || options.max_per_ip == 0;
    let refuse = |reason: &'static str| {
        metrics::counter!(telemetry::CONNECTIONS_CLOSED_TOTAL, "reason" => reason).increment(1);
    };
    if !is_exempt && !admission.per_address.admit(peer, options.max_per_ip) {
        refuse("per_address");
        return None;
    }
    metrics::gauge!(telemetry::CONNECTIONS).increment(1.0);
    let before = admission.open.fetch_add(1, Ordering::AcqRel);
    let admitted = Admitted {
        peer,
        is_trusted,
        is_counted: !is_exempt,
        admission: Arc::clone(admission),
    };
    if before >= options.max_connections {
        refuse("all");
        return None;
    }
    Some(admitted)
}

fn start(
    core: &Rc<Core<Lane>>,
    connections: &Rc<Connections>,
    stream: TcpStream,
    admitted: Admitted,
) {
    // Answers are small and whole: nothing is gained by waiting for more.
    drop(stream.set_nodelay(true));
    let watched = connections.watch(admitted.is_trusted);
    let id = connections.next_id();
    let io = TokioIo::new(WatchedStream::new(stream, Rc::clone(&watched)));
    let (core, of_requests) = (Rc::clone(core), Rc::clone(&watched));
    let peer = admitted.peer;
    let handler = service_fn(move |request: Request<Incoming>| {
        Answering::begin(&core, &of_requests, peer, request)
    });
    let (table, of_task) = (Rc::clone(connections), Rc::clone(&watched));
    let task = tokio::task::spawn_local(async move {
        let _admitted = admitted;
        let held = EndsWith(table, id);
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(MAX_BUFFER)
            .max_headers(MAX_HEADERS)
            // Whoever hangs up is noticed when the answer is written: asking before costs every click.
            .half_close(true)
            // An answer is one small piece.
            .writev(false)
            .serve_connection(io, handler);
        let mut connection = std::pin::pin!(connection);
        let mut is_told = false;
        let ended = poll_fn(|cx| {
            of_task.is_polled(cx);
            if held.0.is_ending() && !std::mem::replace(&mut is_told, true) {
                connection.as_mut().graceful_shutdown();
            }
            connection.as_mut().poll(cx)
        });
        // How a connection ends is the peer's business; what could not be read is counted.
        if ended.await.is_err_and(|e| e.is_parse()) {
            metrics::counter!(telemetry::BAD_REQUESTS_TOTAL, "reason" => "malformed").increment(1);
        }
    });
    connections.hold(id, watched, task.abort_handle());
}

/// Takes a connection out of the table when its task ends, however it ends.
struct EndsWith(Rc<Connections>, u64);

impl Drop for EndsWith {
    fn drop(&mut self) {
        self.0.ended(self.1);
    }
}
