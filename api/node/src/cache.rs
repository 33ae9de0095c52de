//! The cache that the settings name: what may be lost.
//!
//! ```text
//! [stores] cache = ""          ─▶ none: each process counts allowances itself, the store tells live counters
//!          cache = "redis://…" ─▶ Redis: clicks that the doors look up, live counters, allowances of keys
//! ```
//! Always true: a verdict never depends on it: the fold looks clicks up in the log alone. Clicks and counters are sealed
//! with a key of this installation, and named after this run of the process, so that nothing is believed that another
//! log may have said; allowances are shared by all processes of the installation. Not here: what happens when it is away (each part goes on without it).

use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::Handle;
use weir_actors::Journal;
use weir_actors::live::{LiveArgs, LiveProjection, LiveTap};
use weir_engine::ports::{ClickLookup, RateLimits, SharedCounters};
use weir_engine::secrets::MasterSecret;
use weir_redis::{Options, Redis};

use crate::settings::Settings;
use crate::state::State;

/// See the module.
#[derive(Clone)]
pub struct Cache(Option<Redis>);

impl Cache {
    /// The cache that the settings name; nothing is asked of it yet.
    ///
    /// # Errors
    /// The URL or the certificates cannot be used.
    pub fn of(settings: &Settings, secrets: &MasterSecret) -> anyhow::Result<Self> {
        let url = &settings.stores.cache;
        if url.is_empty() {
            return Ok(Self(None));
        }
        let mut run = [0; 16];
        getrandom::fill(&mut run).context("no randomness from the system")?;
        let ca = &settings.stores.ca;
        let root_cert = match ca.as_os_str().is_empty() {
            true => None,
            false => {
                Some(std::fs::read(ca).with_context(|| format!("stores.ca: {}", ca.display()))?)
            }
        };
        let options = Options {
            prefix: format!(
                "weir:{:032x}",
                u128::from_be_bytes(secrets.internal_key("cache"))
            ),
            generation: format!("{:032x}", u128::from_be_bytes(run)),
            root_cert,
            ..Options::default()
        };
        let redis = Redis::at(url, options, secrets, Handle::current());
        Ok(Self(Some(redis.context("[stores] cache")?)))
    }

    /// The server, if there is one.
    pub fn server(&self) -> Option<&Redis> {
        self.0.as_ref()
    }

    /// Its word in the ready file.
    pub fn word(&self) -> &'static str {
        self.0.as_ref().map_or("memory", |_| "redis")
    }

    /// Clicks for the doors.
    pub fn clicks(&self, journal: &Journal) -> Arc<dyn ClickLookup> {
        let log = Arc::new(journal.clone());
        match &self.0 {
            None => log,
            Some(redis) => Arc::new(redis.clicks(log)),
        }
    }

    /// Allowances of keys, counted over all nodes.
    pub fn limits(&self) -> Option<Arc<dyn RateLimits>> {
        self.0.as_ref().map(|redis| Arc::new(redis.limits()) as _)
    }

    /// Live counters.
    pub fn counters(&self) -> Option<Arc<dyn SharedCounters>> {
        self.0.as_ref().map(|redis| Arc::new(redis.counters()) as _)
    }

    /// What hears what is committed, for live counters.
    pub fn tap(&self) -> LiveTap {
        match self.0 {
            None => LiveTap::default(),
            Some(_) => LiveTap::open(),
        }
    }

    /// Begins to keep live counters.
    pub fn keep_counters(&self, tap: LiveTap, state: &State) -> Option<LiveProjection> {
        let counters = self.counters()?;
        Some(LiveProjection::start(LiveArgs {
            tap,
            reports: state.reports(),
            counters,
        }))
    }
}
