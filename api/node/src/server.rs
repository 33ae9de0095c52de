//! A server: everything started in order, stopped in the reverse order.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use weir_actors::{Mesh, SearchFollower};
use weir_api::edge::{self, EdgeHandle};
use weir_engine::secrets::MasterSecret;
use weir_engine::visitor::{Countries, UserAgents};
use weir_journal::{FolderLock, Journal};

use crate::data_folder::DataFolder;
use crate::doors::{Doors, Running};
use crate::parts::{Parts, Work};
use crate::ready::{Backends, Ready};
use crate::settings::Settings;
use crate::signals::StopSignals;
use crate::{doors, logging};

/// Threads of actors, stores and the admin API.
const WORKERS: usize = 2;
/// Their place behind the edge (`nice`): clicks go first, and they get a third of what a click gets when both want a core.
const BEHIND_CLICKS: i32 = 5;
/// How often samples of histograms are summed: they pile up until somebody asks for metrics.
const SUM_EVERY: Duration = Duration::from_secs(5);

/// A running server.
pub struct Server {
    pub mesh: Mesh,
    pub journal: Journal,
    pub secrets: MasterSecret,
    pub ready: Ready,
    pub agents: Arc<UserAgents>,
    pub countries: Arc<Countries>,
    pub node: u16,
    pub signals: StopSignals,
    edge: EdgeHandle,
    doors: Running,
    work: Work,
}

/// Serves until told to stop.
///
/// # Errors
/// Something could not be started.
pub fn run(settings: &Settings, ready_file: Option<&Path>) -> anyhow::Result<ExitCode> {
    logging::start(&settings.log)?;
    let runtime = runtime()?;
    let mut server = runtime.block_on(start(settings))?;
    if let Some(file) = ready_file {
        server
            .ready
            .write(file)
            .with_context(|| format!("ready file {}", file.display()))?;
    }
    eprintln!("{}", server.ready.banner());
    runtime.block_on(server.signals.next());
    stop(runtime, server, settings);
    Ok(ExitCode::SUCCESS)
}

/// The runtime of actors, stores and the admin API.
///
/// # Errors
/// No thread can be made.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("actors")
        .enable_all()
        .on_thread_start(|| {
            // A system that does not allow it leaves them as they are.
            let _ = rustix::process::nice(BEHIND_CLICKS);
        })
        .build()
        .context("runtime")
}

/// Starts everything.
///
/// # Errors
/// Something could not be started.
pub async fn start(settings: &Settings) -> anyhow::Result<Server> {
    // First of all: a server that is told to end while it starts ends in order once it has started.
    let signals = StopSignals::listen()?;
    let metrics = doors::metrics()?;
    tokio::spawn(sum_up(metrics.clone()));
    let folder = DataFolder::create(&settings.node.data)?;
    if let Some(says) = folder.open_to_others()? {
        tracing::warn!("the data folder {says}");
    }
    // Whatever refuses comes before anything slow: a second instance, and a port that is taken, are told at once.
    let lock = FolderLock::take(folder.path())?;
    let listeners = edge::bind(traffic_address(settings), edge_threads(settings))?;
    let doors = Doors::open(
        SocketAddr::new(settings.listen.host, settings.listen.admin_port),
        SocketAddr::new(settings.listen.ops_host, settings.listen.ops_port),
        metrics,
    )
    .await?;
    let urls = Urls::of(&listeners, &doors)?;
    let parts = Parts::open(settings, &folder, lock, urls.public(settings)).await?;
    let patience = Duration::from_millis(settings.shutdown.timeout_ms / 2);
    let doors = doors.serve(parts.admin(settings), patience);
    let Parts { mesh, journal, .. } = &parts;
    let edge = edge::serve(
        &parts.edge(settings),
        listeners,
        || journal.lane(),
        patience,
    )?;
    urls.write(&folder)?;
    let work = parts.begin_work(settings, &folder);
    let search = work.follower.as_ref().map(SearchFollower::status);
    doors.announce_start(mesh.clone(), journal.clone(), search);
    Ok(Server {
        ready: ready(&folder, parts.backends(settings), urls),
        agents: parts.agents,
        countries: parts.countries,
        node: settings.node.id,
        mesh: parts.mesh,
        journal: parts.journal,
        secrets: parts.secrets,
        signals,
        edge,
        doors,
        work,
    })
}

/// Sums up what histograms have gathered, for as long as the process runs.
async fn sum_up(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(SUM_EVERY).await;
        metrics.run_upkeep();
    }
}

fn traffic_address(settings: &Settings) -> SocketAddr {
    SocketAddr::new(settings.listen.host, settings.listen.traffic_port)
}

fn edge_threads(settings: &Settings) -> usize {
    match settings.listen.edge_threads {
        0 => std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(64),
        threads => threads.min(64),
    }
}

/// An address as somebody on this machine would open it.
pub fn shown(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), address.port())
    } else {
        address
    }
}

/// Where the listeners are.
#[derive(Serialize, Deserialize)]
pub struct Urls {
    pub traffic: String,
    pub admin: String,
    pub ops: String,
}

impl Urls {
    fn of(traffic: &[TcpListener], doors: &Doors) -> std::io::Result<Self> {
        let url = |address| format!("http://{}", shown(address));
        Ok(Self {
            traffic: url(traffic[0].local_addr()?),
            admin: url(doors.admin_address),
            ops: url(doors.ops_address),
        })
    }

    /// What links and postback URLs begin with.
    fn public(&self, settings: &Settings) -> String {
        match settings.node.public_url.as_str() {
            "" => self.traffic.clone(),
            url => url.trim_end_matches('/').to_owned(),
        }
    }

    /// Where the process listens that runs in `folder`, or the last one that did.
    pub fn read(folder: &DataFolder) -> Option<Self> {
        let text = std::fs::read(folder.running()).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Tells commands where this process listens; a file of a process that is gone leads nowhere.
    fn write(&self, folder: &DataFolder) -> anyhow::Result<()> {
        let (_, file) = crate::data_folder::private_file(&folder.running())?;
        Ok(serde_json::to_writer(file, self)?)
    }
}

fn ready(folder: &DataFolder, backends: Backends, urls: Urls) -> Ready {
    Ready {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        data: folder.path().display().to_string(),
        traffic: urls.traffic,
        admin: urls.admin,
        ops: urls.ops,
        backends,
        traffic_tls: None,
        tls_ca: None,
        demo: None,
    }
}

/// Stops everything: the doors first, then the actors, then the log. A second signal ends at once.
///
/// After the time of grace the doors have half of `shutdown.timeout_ms`, side by side, for answers under way; what is
/// left of all of it is the actors' and of work in the background.
pub fn stop(runtime: tokio::runtime::Runtime, server: Server, settings: &Settings) {
    let mut signals = server.signals;
    runtime.spawn(async move {
        signals.next().await;
        std::process::exit(130);
    });
    server.doors.announce_end();
    server.work.upkeep.stop();
    std::thread::sleep(Duration::from_millis(settings.shutdown.grace_ms));
    let end = Instant::now() + Duration::from_millis(settings.shutdown.timeout_ms);
    let left = || end.saturating_duration_since(Instant::now());
    server.doors.stop();
    server.edge.stop();
    runtime.block_on(server.doors.ended());
    if let Some(follower) = server.work.follower {
        runtime.block_on(follower.stop());
    }
    if !runtime.block_on(server.mesh.drain(left())) {
        tracing::warn!("not everything was stored in time; the next start reads the rest");
    }
    if server.journal.close().is_err() {
        tracing::error!("the journal had stopped before");
    }
    runtime.shutdown_timeout(left());
}
