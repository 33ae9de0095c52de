//! Journal, store and actors in a folder.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use weir_actors::{Clock, Mesh, Options, Ports};
use weir_api::edge::{self, Anonymous, Edge, EdgeHandle, EdgeOptions, OnUnavailable};
use weir_embedded::Embedded;
use weir_engine::click_id::EPOCH_MS;
use weir_engine::ids::{PARTITIONS, UnixMs};
use weir_engine::secrets::MasterSecret;
use weir_engine::visitor::{Countries, UserAgents};
use weir_journal::Journal;

use super::visitors;

/// The secret of every folder of the bench.
#[must_use]
pub fn secrets() -> MasterSecret {
    MasterSecret::new([7; 32])
}

/// The product without its doors.
pub struct World {
    /// The log.
    pub journal: Journal,
    /// The actors.
    pub mesh: Mesh,
    /// The store.
    pub store: Arc<Embedded>,
    /// Countries of addresses.
    pub countries: Arc<Countries>,
    /// Patterns of user agents.
    pub agents: Arc<UserAgents>,
    /// Where the actors run.
    pub runtime: tokio::runtime::Handle,
}

impl World {
    /// Opens a new folder and starts the actors.
    ///
    /// # Errors
    /// Something cannot be started.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("state.db");
        // On a thread of the runtime, from which the store's own thread takes its place behind the clicks.
        let store = tokio::task::spawn_blocking(move || Embedded::open(file));
        let store = Arc::new(store.await??);
        let journal = Journal::open(folder, &weir_journal::Options::default())?;
        let ports = Ports {
            lane: journal.shared_lane(),
            journal: journal.clone(),
            clicks: Arc::new(journal.clone()),
            ledger: Arc::clone(&store) as _,
            catalog: Arc::clone(&store) as _,
            clock: Clock::system(),
        };
        let started = Mesh::start(ports, Options::default(), None).await;
        let mesh = started.map_err(|error| anyhow::anyhow!("actors: {error}"))?;
        mesh.at_head().await;
        Ok(Self {
            journal,
            mesh,
            store,
            countries: Arc::new(visitors::countries()?),
            agents: Arc::new(visitors::agents()?),
            runtime: tokio::runtime::Handle::current(),
        })
    }

    /// Opens the edge on `listeners`, with everything on.
    ///
    /// # Errors
    /// A thread cannot be made.
    pub fn open_edge(&self, listeners: Vec<TcpListener>) -> anyhow::Result<EdgeHandle> {
        let options = EdgeOptions {
            node: 1,
            on_unavailable: OnUnavailable::Refuse,
            // The generator says whose address a click has.
            trusted_proxies: vec![
                "127.0.0.0/8"
                    .parse()
                    .map_err(|_| anyhow::anyhow!("range"))?,
            ],
            max_per_ip: 0,
            max_connections: 16_384,
            verdict_deadline: Duration::from_secs(2),
            public_url: "http://go.example".to_owned(),
            ids_after: UnixMs(self.journal.greatest_id_ms().max(EPOCH_MS)),
        };
        let edge = Edge {
            options: Arc::new(options),
            mesh: self.mesh.clone(),
            secrets: secrets(),
            agents: Arc::clone(&self.agents),
            countries: Arc::clone(&self.countries),
            clicks: Arc::new(self.journal.clone()),
            anonymous: Anonymous::new(None),
            reports: Arc::clone(&self.store) as _,
            runtime: self.runtime.clone(),
            clock: Clock::system(),
        };
        let patience = Duration::from_secs(1);
        Ok(edge::serve(
            &edge,
            listeners,
            || self.journal.lane(),
            patience,
        )?)
    }

    /// Facts in the log.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.journal.end().total()
    }

    /// Facts whose effects are in the store.
    #[must_use]
    pub fn stored(&self) -> u64 {
        let progress = self.mesh.progress();
        (0..PARTITIONS)
            .map(|partition| progress.stored(partition))
            .sum()
    }

    /// Waits until everything that is written is stored.
    pub async fn settled(&self) {
        while self.stored() < self.written() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}
