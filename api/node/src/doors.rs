//! The admin and ops listeners, on the runtime of the actors.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use weir_actors::{Clock, Journal, Mesh};
use weir_api::admin::{self, AdminContext, Allowance, Random};
use weir_api::ops::{self, Health, OpsContext};
use weir_api::serve::serve;
use weir_journal::State;

/// Buckets of histograms, in seconds: a tenth of a millisecond to ten seconds.
const SECONDS: [f64; 16] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// Starts gathering metrics.
///
/// # Errors
/// Metrics are gathered already.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("metrics")
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

/// The admin and ops listeners, bound.
pub struct Doors {
    pub admin: TcpListener,
    pub ops: TcpListener,
}

impl Doors {
    /// Binds both.
    ///
    /// # Errors
    /// An address cannot be listened on.
    pub async fn bind(admin: SocketAddr, ops: SocketAddr) -> anyhow::Result<Self> {
        let listen = async |address: SocketAddr| {
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address}"))
        };
        Ok(Self {
            admin: listen(admin).await?,
            ops: listen(ops).await?,
        })
    }

    /// Serves both until [`Running::stop`].
    pub fn serve(self, admin: AdminContext, health: Vital, metrics: PrometheusHandle) -> Running {
        let stop = watch::Sender::new(false);
        let is_draining = Arc::clone(&health.is_draining);
        let ops = OpsContext {
            health: Box::new(move || health.now()),
            metrics: Box::new(move || metrics.render()),
            version: serde_json::json!({"version": env!("CARGO_PKG_VERSION")}),
        };
        let until = |mut stopped: watch::Receiver<bool>| async move {
            // The sender outlives the listeners.
            drop(stopped.wait_for(|stop| *stop).await);
        };
        let tasks = vec![
            tokio::spawn(serve(
                self.admin,
                admin::app(admin),
                until(stop.subscribe()),
            )),
            tokio::spawn(serve(self.ops, ops::app(ops), until(stop.subscribe()))),
        ];
        Running {
            stop,
            tasks,
            is_draining,
        }
    }
}

/// The running listeners.
pub struct Running {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<std::io::Result<()>>>,
    is_draining: Arc<AtomicBool>,
}

impl Running {
    /// From now on the process says that it is not ready.
    pub fn announce_end(&self) {
        self.is_draining.store(true, Ordering::Release);
    }

    /// Ends both listeners after the answers under way.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            match task.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "a listener ended early"),
                Err(error) => tracing::error!(%error, "a listener's task ended"),
            }
        }
    }
}

/// What says how the process is.
pub struct Vital {
    pub mesh: Mesh,
    pub journal: Journal,
    pub is_draining: Arc<AtomicBool>,
}

impl Vital {
    fn now(&self) -> Health {
        let mut health = Health {
            has_started: true,
            not_ready: Vec::new(),
            degraded: Vec::new(),
        };
        if self.is_draining.load(Ordering::Acquire) {
            health.not_ready.push("draining".to_owned());
        }
        match self.journal.health().state {
            State::Running => {}
            State::NearlyFull => health.degraded.push("journal nearly full".to_owned()),
            State::Full => health.not_ready.push("journal full".to_owned()),
            State::Stopped { .. } => health.not_ready.push("journal stopped".to_owned()),
        }
        if !self.mesh.is_at_head() {
            health.degraded.push("fold behind".to_owned());
        }
        health
    }
}

/// The time as the admin API asks for it.
pub fn now() -> Box<dyn Fn() -> weir_engine::ids::UnixMs + Send + Sync> {
    let clock = Clock::system();
    Box::new(move || clock.now())
}
