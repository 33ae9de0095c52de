//! The admin and ops listeners, on the runtime of the actors.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use weir_actors::telemetry::{CONVERSIONS_TOTAL, JOURNAL_LAG_FACTS, SHED_REASONS, SHED_TOTAL};
use weir_actors::{Clock, Journal, Mesh, SearchStatus};
use weir_api::admin::{self, AdminContext, Allowance, Random};
use weir_api::edge::telemetry;
use weir_api::ops::{self, Health, OpsContext};
use weir_api::serve::serve;
use weir_engine::fact::ClickOutcome;
use weir_engine::ids::PARTITIONS;
use weir_engine::judge::Outcome;
use weir_journal::State;

/// Buckets of histograms, in seconds: a tenth of a millisecond to ten seconds.
const SECONDS: [f64; 16] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// Buckets of facts a write of the log.
const FACTS: [f64; 13] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0, 16_384.0,
];

/// How long the ops listener waits at the end for answers under way.
const OPS_PATIENCE: Duration = Duration::from_millis(100);

/// Starts gathering metrics.
///
/// # Errors
/// Metrics are gathered already.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|b| b.set_buckets_for_metric(Matcher::Suffix("_facts".to_owned()), &FACTS))
        .and_then(PrometheusBuilder::install_recorder)
        .context("metrics")?;
    count_from_zero();
    Ok(handle)
}

/// What alarms are set on is there before it first happens: an absent series rings no bell.
fn count_from_zero() {
    for outcome in ClickOutcome::ALL {
        metrics::counter!(telemetry::CLICKS_TOTAL, "outcome" => outcome.as_str()).increment(0);
    }
    for outcome in Outcome::ALL {
        let outcome = outcome.as_str();
        metrics::counter!(CONVERSIONS_TOTAL, "outcome" => outcome, "reason" => "").increment(0);
    }
    for reason in SHED_REASONS {
        metrics::counter!(SHED_TOTAL, "reason" => reason).increment(0);
    }
}

/// Chance from the system.
pub fn random() -> Random {
    Random::from(|bytes| {
        // A system without randomness cannot make keys: better no key than a weak one.
        getrandom::fill(bytes).expect("randomness from the system");
    })
}

/// How much a key may ask of the admin API.
pub const ALLOWANCE: Allowance = Allowance {
    per_second: 50,
    burst: 200,
};

/// The ops listener, served, and the admin listener, bound: while the rest starts, whoever asks hears so.
pub struct Doors {
    admin: TcpListener,
    running: Running,
    pub admin_address: SocketAddr,
    pub ops_address: SocketAddr,
}

impl Doors {
    /// Binds both and serves the ops listener.
    ///
    /// # Errors
    /// An address cannot be listened on.
    pub async fn open(
        admin: SocketAddr,
        ops: SocketAddr,
        metrics: PrometheusHandle,
    ) -> anyhow::Result<Self> {
        let listen = async |address: SocketAddr| {
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address}"))
        };
        let (admin, ops) = (listen(admin).await?, listen(ops).await?);
        let (admin_address, ops_address) = (admin.local_addr()?, ops.local_addr()?);
        let mut running = Running {
            stop: watch::Sender::new(false),
            tasks: Vec::new(),
            vital: Arc::default(),
        };
        let (vital, measured) = (Arc::clone(&running.vital), Arc::clone(&running.vital));
        let context = OpsContext {
            health: Box::new(move || vital.now()),
            metrics: Box::new(move || {
                measured.measure();
                metrics.render()
            }),
            version: serde_json::json!({"version": env!("CARGO_PKG_VERSION")}),
        };
        // Health checks and metrics are answered at once: nobody waits for them at the end.
        let serving = serve(ops, ops::app(context), running.stopped(), OPS_PATIENCE);
        running.tasks.push(tokio::spawn(serving));
        Ok(Self {
            admin,
            running,
            admin_address,
            ops_address,
        })
    }

    /// Serves both until [`Running::stop`]; then answers of the admin API under way have `patience`.
    pub fn serve(self, admin: AdminContext, patience: Duration) -> Running {
        let mut running = self.running;
        let app = admin::app(admin);
        let serving = serve(self.admin, app, running.stopped(), patience);
        running.tasks.push(tokio::spawn(serving));
        running
    }
}

/// The running listeners.
pub struct Running {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<std::io::Result<()>>>,
    vital: Arc<Vital>,
}

impl Running {
    /// Completes when the listeners are told to stop.
    fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stop = self.stop.subscribe();
        async move {
            // The sender outlives the listeners.
            drop(stop.wait_for(|stop| *stop).await);
        }
    }

    /// From now on the process says that it has started.
    pub fn announce_start(
        &self,
        mesh: Mesh,
        journal: Journal,
        search: Option<watch::Receiver<SearchStatus>>,
    ) {
        // Set once, by the one who starts.
        let _ = self.vital.parts.set(Parts {
            mesh,
            journal,
            search,
        });
    }

    /// From now on the process says that it is not ready.
    pub fn announce_end(&self) {
        self.vital.is_draining.store(true, Ordering::Release);
    }

    /// From now on nothing new is taken.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until both listeners have ended, after the answers under way.
    pub async fn ended(self) {
        for task in self.tasks {
            match task.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a listener ended early"),
                Err(error) => tracing::error!(%error, "a listener's task ended"),
            }
        }
    }
}

/// Facts between log and store that say that the store is behind: some seconds of a busy edge.
const FACTS_BEHIND: u64 = 200_000;

/// What says how the process is.
#[derive(Default)]
struct Vital {
    /// There once everything has started: the log is recovered, the first catalog published, the edge answers.
    parts: OnceLock<Parts>,
    is_draining: AtomicBool,
}

struct Parts {
    mesh: Mesh,
    journal: Journal,
    search: Option<watch::Receiver<SearchStatus>>,
}

impl Vital {
    /// Sets what is only known when it is asked for: a store that stands still tells nobody.
    fn measure(&self) {
        if let Some(parts) = self.parts.get() {
            let lag = parts.store_lag() as f64;
            metrics::gauge!(JOURNAL_LAG_FACTS, "reader" => "store").set(lag);
        }
    }

    fn now(&self) -> Health {
        let mut health = Health::default();
        if self.is_draining.load(Ordering::Acquire) {
            health.not_ready.push("draining".to_owned());
        }
        match self.parts.get() {
            None => health.not_ready.push("starting".to_owned()),
            Some(parts) => {
                health.has_started = true;
                parts.look(&mut health);
            }
        }
        health
    }
}

impl Parts {
    /// Facts between the end of the log and the store.
    fn store_lag(&self) -> u64 {
        let stored: u64 = (0..PARTITIONS)
            .map(|p| self.mesh.progress().stored(p))
            .sum();
        self.journal.end().total().saturating_sub(stored)
    }

    fn look(&self, health: &mut Health) {
        match self.journal.health().state {
            State::Running => {}
            State::NearlyFull => health.degraded.push("journal nearly full".to_owned()),
            State::Full => health.not_ready.push("journal full".to_owned()),
            State::Stopped { .. } => health.not_ready.push("journal stopped".to_owned()),
        }
        let behind = self.store_lag();
        if !self.mesh.is_at_head() {
            health.degraded.push("fold behind".to_owned());
        } else if behind > FACTS_BEHIND {
            health.degraded.push(format!("store {behind} facts behind"));
        }
        let search = self.search.as_ref().map(|status| status.borrow().clone());
        if let Some(trouble) = search.and_then(|status| status.trouble) {
            health.degraded.push(format!("search: {trouble}"));
        }
    }
}

/// The time as the admin API asks for it.
pub fn now() -> Box<dyn Fn() -> weir_engine::ids::UnixMs + Send + Sync> {
    let clock = Clock::system();
    Box::new(move || clock.now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_alarms_are_set_on_is_there_before_it_first_happens() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, count_from_zero);
        let shown = recorder.handle().render();
        for series in [
            "weir_clicks_total{outcome=\"invalid\"} 0",
            "weir_conversions_total{outcome=\"rejected\",reason=\"\"} 0",
            "weir_shed_total{reason=\"asks\"} 0",
            "weir_shed_total{reason=\"journal_full\"} 0",
            "weir_shed_total{reason=\"journal_stopped\"} 0",
            "weir_shed_total{reason=\"too_large\"} 0",
        ] {
            assert!(shown.contains(series), "{series} in {shown}");
        }
    }
}
