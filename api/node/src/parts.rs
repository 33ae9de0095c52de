//! What a server is made of: the data folder's parts and the stores, opened in order, and what the doors get of them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Handle;
use weir_actors::live::{LiveProjection, LiveTap};
use weir_actors::{Clock, Known, Mesh, Options, Ports, SearchFollower};
use weir_api::admin::AdminContext;
use weir_api::edge::{Anonymous, Edge, EdgeOptions, OnUnavailable};
use weir_elasticsearch::Elasticsearch;
use weir_engine::click_id::EPOCH_MS;
use weir_engine::ids::UnixMs;
use weir_engine::secrets::MasterSecret;
use weir_engine::visitor::{Countries, UserAgents};
use weir_journal::{Cursors, FolderLock, Journal};

use crate::cache::Cache;
use crate::data_folder::DataFolder;
use crate::ready::Backends;
use crate::settings::{Durability, OnJournalUnavailable, Settings};
use crate::state::{Opened, State};
use crate::upkeep::{Stores, Upkeep};
use crate::{doors, search, visitors};

/// See the module.
pub struct Parts {
    pub mesh: Mesh,
    pub journal: Journal,
    pub state: State,
    pub secrets: MasterSecret,
    pub agents: Arc<UserAgents>,
    pub countries: Arc<Countries>,
    cache: Cache,
    tap: LiveTap,
    index: Option<Arc<Elasticsearch>>,
    public_url: String,
    runtime: Handle,
}

impl Parts {
    /// Opens everything; what is slow and independent, side by side.
    ///
    /// # Errors
    /// Something could not be opened.
    pub async fn open(
        settings: &Settings,
        folder: &DataFolder,
        lock: FolderLock,
        public_url: String,
    ) -> anyhow::Result<Self> {
        let secrets = MasterSecret::new(folder.master_secret()?);
        let database = settings.geo.database.clone();
        let countries = tokio::task::spawn_blocking(move || visitors::countries(&database));
        let agents = tokio::task::spawn_blocking(visitors::agents);
        let Opened {
            state,
            known,
            cursors,
        } = State::open(settings, folder).await?;
        let journal = open_journal(settings, folder, lock, cursors)?;
        let cache = Cache::of(settings, &secrets)?;
        let tap = cache.tap();
        let mesh = start_mesh(settings, &state, &journal, known, tap.clone()).await?;
        let index = search::index(settings, search::owner(&secrets), Handle::current());
        Ok(Self {
            mesh,
            journal,
            state,
            cache,
            tap,
            index: index.context("[stores] search")?.map(Arc::new),
            secrets,
            agents: Arc::new(agents.await??),
            countries: Arc::new(countries.await??),
            public_url,
            runtime: Handle::current(),
        })
    }

    /// What stands behind the ports.
    pub fn backends(&self, settings: &Settings) -> Backends {
        Backends {
            state: self.state.word(),
            cache: self.cache.word(),
            search: self.index.as_ref().map_or("none", |_| "elasticsearch"),
            journal: "local",
            durability: match settings.journal.durability {
                Durability::Fsync => "fsync",
                Durability::Os => "os",
            },
        }
    }

    /// Begins what works beside the doors.
    pub fn begin_work(&self, settings: &Settings, folder: &DataFolder) -> Work {
        let follow = |index| search::follow(index, settings, &self.state, &self.journal, folder);
        let retention = settings.journal.retention;
        Work {
            follower: self.index.clone().map(follow),
            upkeep: Upkeep::start(&self.mesh, &self.journal, &self.stores(), folder, retention),
            _counters: self.cache.keep_counters(self.tap.clone(), &self.state),
        }
    }

    /// What must have a fact before its segment may go.
    fn stores(&self) -> Stores {
        Stores {
            state: self.state.clone(),
            index: self.index.clone().map(|index| index as _),
        }
    }

    /// What the public listener is made of.
    pub fn edge(&self, settings: &Settings) -> Edge {
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

    /// What the admin API is made of.
    pub fn admin(&self, settings: &Settings) -> AdminContext {
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

/// What works beside the doors.
pub struct Work {
    pub follower: Option<SearchFollower>,
    pub upkeep: Upkeep,
    _counters: Option<LiveProjection>,
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
