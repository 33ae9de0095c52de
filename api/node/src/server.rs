//! A server: everything started in order, stopped in the reverse order.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use weir_actors::live::{LiveProjection, LiveTap};
use weir_actors::{Clock, Known, Mesh, Options, Ports, SearchFollower};
use weir_api::admin::AdminContext;
use weir_api::edge::{self, Anonymous, Edge, EdgeHandle, EdgeOptions, OnUnavailable};
use weir_elasticsearch::Elasticsearch;
use weir_engine::click_id::EPOCH_MS;
use weir_engine::ids::UnixMs;
use weir_engine::secrets::MasterSecret;
use weir_engine::visitor::{Countries, UserAgents};
use weir_journal::{Cursors, FolderLock, Journal};

use crate::cache::Cache;
use crate::data_folder::DataFolder;
use crate::doors::{Doors, Running};
use crate::ready::{Backends, Ready};
use crate::settings::{self, Durability, OnJournalUnavailable, Settings};
use crate::signals::StopSignals;
use crate::state::{Opened, State};
use crate::upkeep::{Stores, Upkeep};
use crate::{doors, logging, search, visitors};

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
    upkeep: Upkeep,
    follower: Option<SearchFollower>,
    _counters: Option<LiveProjection>,
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
    let secrets = MasterSecret::new(folder.master_secret()?);
    // Two slow loads, side by side.
    let database = settings.geo.database.clone();
    let countries = tokio::task::spawn_blocking(move || visitors::countries(&database));
    let agents = tokio::task::spawn_blocking(visitors::agents);
    let Opened {
        state,
        known,
        cursors,
    } = State::open(settings, &folder).await?;
    let journal = open_journal(settings, &folder, lock, cursors)?;
    let cache = Cache::of(settings, &secrets)?;
    let tap = cache.tap();
    let mesh = start_mesh(settings, &state, &journal, known, tap.clone()).await?;
    let index = search::index(settings, search::owner(&secrets), Handle::current())
        .context("[stores] search")?;
    let index = index.map(Arc::new);
    let urls = Urls::of(&listeners, &doors)?;
    let parts = Parts {
        mesh,
        journal,
        state,
        cache,
        index,
        secrets,
        agents: Arc::new(agents.await??),
        countries: Arc::new(countries.await??),
        public_url: urls.public(settings),
        runtime: Handle::current(),
    };
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
    let follower = parts
        .index
        .clone()
        .map(|index| search::follow(index, settings, &parts.state, journal, &folder));
    let upkeep = Upkeep::start(
        mesh,
        journal,
        &parts.stores(),
        &folder,
        settings.journal.retention,
    );
    let search = follower.as_ref().map(SearchFollower::status);
    doors.announce_start(mesh.clone(), journal.clone(), search);
    Ok(Server {
        ready: ready(settings, &folder, &parts, urls),
        follower,
        _counters: parts.cache.keep_counters(tap, &parts.state),
        agents: parts.agents,
        countries: parts.countries,
        node: settings.node.id,
        mesh: parts.mesh,
        journal: parts.journal,
        secrets: parts.secrets,
        signals,
        edge,
        doors,
        upkeep,
    })
}

/// Sums up what histograms have gathered, for as long as the process runs.
async fn sum_up(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(SUM_EVERY).await;
        metrics.run_upkeep();
    }
}

async fn start_mesh(
    settings: &Settings,
    state: &State,
    journal: &Journal,
    known: Option<Known>,
    live: LiveTap,
) -> anyhow::Result<Mesh> {
    let ports = Ports {
        lane: journal.shared_lane(),
        journal: journal.clone(),
        clicks: Arc::new(journal.clone()),
        ledger: state.ledger(),
        catalog: state.catalog(),
        clock: Clock::system(),
    };
    let options = Options {
        shared_hosts: shared_hosts(settings),
        catch_up: match state {
            // Nobody else uses the file.
            State::Embedded(_) => 1.0,
            State::Mysql(_) => f64::from(settings.stores.catch_up_percent) / 100.0,
        },
        live,
        ..Options::default()
    };
    let started = Mesh::start(ports, options, known).await;
    started.map_err(|e| anyhow::anyhow!("actors: {e}"))
}

/// What the doors are made of.
struct Parts {
    mesh: Mesh,
    journal: Journal,
    state: State,
    cache: Cache,
    index: Option<Arc<Elasticsearch>>,
    secrets: MasterSecret,
    agents: Arc<UserAgents>,
    countries: Arc<Countries>,
    public_url: String,
    runtime: Handle,
}

impl Parts {
    /// What must have a fact before its segment may go.
    fn stores(&self) -> Stores {
        Stores {
            state: self.state.clone(),
            index: self.index.clone().map(|index| index as _),
        }
    }

    fn edge(&self, settings: &Settings) -> Edge {
        let options = edge_options(settings, &self.journal, self.public_url.clone());
        Edge {
            options: Arc::new(options),
            mesh: self.mesh.clone(),
            secrets: self.secrets.clone(),
            agents: Arc::clone(&self.agents),
            countries: Arc::clone(&self.countries),
            clicks: self.cache.clicks(&self.journal),
            anonymous: Anonymous::new(Some(Anonymous::USUAL)),
            reports: self.state.reports(),
            runtime: self.runtime.clone(),
            clock: Clock::system(),
        }
    }

    fn admin(&self, settings: &Settings) -> AdminContext {
        AdminContext {
            actors: Arc::new(self.mesh.clone()),
            reports: self.state.reports(),
            source: self.state.word(),
            ledger: self.state.ledger(),
            clicks: self.cache.clicks(&self.journal),
            search: self.index.clone().map(|index| index as _),
            secrets: self.secrets.clone(),
            operator_key: self.secrets.operator_key(1),
            public_url: self.public_url.clone(),
            is_public_url_set: !settings.node.public_url.is_empty(),
            agents: Some(Arc::clone(&self.agents)),
            countries: Some(Arc::clone(&self.countries)),
            uniqueness_capacity: settings.uniqueness.capacity,
            allowance: doors::ALLOWANCE,
            limits: self.cache.limits(),
            counters: self.cache.counters(),
            now: doors::now(),
            random: doors::random(),
        }
    }
}

fn open_journal(
    settings: &Settings,
    folder: &DataFolder,
    lock: FolderLock,
    must_reach: Cursors,
) -> anyhow::Result<Journal> {
    let options = weir_journal::Options {
        durability: match settings.journal.durability {
            Durability::Fsync => weir_journal::Durability::Fsync,
            Durability::Os => weir_journal::Durability::Os,
        },
        max_bytes: settings.journal.max_bytes.0,
        must_reach,
        ..weir_journal::Options::default()
    };
    Ok(Journal::open_locked(folder.path(), &options, lock)?)
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

fn edge_options(settings: &Settings, journal: &Journal, public_url: String) -> EdgeOptions {
    EdgeOptions {
        node: settings.node.id,
        on_unavailable: match settings.edge.on_journal_unavailable {
            OnJournalUnavailable::Refuse => OnUnavailable::Refuse,
            OnJournalUnavailable::Redirect => OnUnavailable::Redirect,
        },
        trusted_proxies: settings.edge.trusted_proxies.clone(),
        max_per_ip: settings.edge.max_per_ip,
        max_connections: settings.edge.max_connections,
        verdict_deadline: Duration::from_millis(settings.edge.verdict_deadline_ms),
        public_url,
        ids_after: UnixMs(journal.greatest_id_ms().max(EPOCH_MS)),
    }
}

/// Hosts that no tenant may claim.
fn shared_hosts(settings: &Settings) -> Vec<String> {
    let of_public_url = host_of(&settings.node.public_url);
    let named = settings.node.shared_hosts.iter().cloned();
    named.chain(of_public_url).collect()
}

/// The host of a URL, without its port.
fn host_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host,
    };
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
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

fn ready(settings: &Settings, folder: &DataFolder, parts: &Parts, urls: Urls) -> Ready {
    Ready {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        data: folder.path().display().to_string(),
        traffic: urls.traffic,
        admin: urls.admin,
        ops: urls.ops,
        backends: Backends {
            state: parts.state.word(),
            cache: parts.cache.word(),
            search: match settings.stores.search.as_str() {
                "" => "none",
                _ => "elasticsearch",
            },
            journal: "local",
            durability: match settings.journal.durability {
                settings::Durability::Fsync => "fsync",
                settings::Durability::Os => "os",
            },
        },
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
    server.upkeep.stop();
    std::thread::sleep(Duration::from_millis(settings.shutdown.grace_ms));
    let end = Instant::now() + Duration::from_millis(settings.shutdown.timeout_ms);
    let left = || end.saturating_duration_since(Instant::now());
    server.doors.stop();
    server.edge.stop();
    runtime.block_on(server.doors.ended());
    if let Some(follower) = server.follower {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_host_is_the_one_of_the_public_url() {
        let cases = [
            ("https://Trk.Example.com/", Some("trk.example.com")),
            ("http://trk.example.com:8080", Some("trk.example.com")),
            ("", None),
        ];
        for (url, expect) in cases {
            assert_eq!(host_of(url).as_deref(), expect, "{url}");
        }
    }

    #[test]
    fn hosts_that_the_operator_names_are_shared_beside_the_public_urls() {
        let mut settings = Settings::default();
        assert!(shared_hosts(&settings).is_empty());
        settings.node.public_url = "https://trk.example.com".to_owned();
        settings.node.shared_hosts = vec!["admin.example.com".to_owned()];
        let expect = ["admin.example.com", "trk.example.com"];
        assert_eq!(shared_hosts(&settings), expect);
    }
}
