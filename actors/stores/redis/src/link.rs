//! A part's way to the server: its breaker, its patience, the shared connections.
//!
//! Always true: what was admitted is counted, once, as an answer or a failure; work goes on in a task of its own, so
//! that whoever waits needs no runtime and may go away.

use std::sync::Arc;
use std::time::Duration;

use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use tokio::runtime::Handle;

use crate::breaker::{Breaker, Rule, State};
use crate::failure::Trouble;
use crate::pool::Connections;
use crate::telemetry::ANSWERS_TOTAL;

/// See the module.
#[derive(Clone)]
pub struct Link {
    part: &'static str,
    within: Duration,
    breaker: Arc<Breaker>,
    connections: Connections,
    runtime: Handle,
}

/// The server may be asked once.
pub struct Admitted(());

impl Link {
    /// The way of `part`.
    pub fn new(
        part: &'static str,
        within: Duration,
        connections: Connections,
        runtime: Handle,
    ) -> Self {
        Self {
            part,
            within,
            breaker: Arc::new(Breaker::new(part, Rule::USUAL)),
            connections,
            runtime,
        }
    }

    /// Asks to ask: at once, without waiting.
    pub fn admit(&self) -> Option<Admitted> {
        let is_admitted = self.breaker.is_admitted();
        if !is_admitted {
            self.count("resting");
        }
        is_admitted.then_some(Admitted(()))
    }

    /// Does something with a connection, if the breaker lets it.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn ask<T: Send + 'static, F: Future<Output = RedisResult<T>> + Send>(
        &self,
        work: impl FnOnce(MultiplexedConnection) -> F + Send + 'static,
    ) -> Result<T, Trouble> {
        let admitted = self.admit().ok_or(Trouble::Resting)?;
        self.ask_as(admitted, work).await
    }

    /// Does something with a connection.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn ask_as<T: Send + 'static, F: Future<Output = RedisResult<T>> + Send>(
        &self,
        _: Admitted,
        work: impl FnOnce(MultiplexedConnection) -> F + Send + 'static,
    ) -> Result<T, Trouble> {
        let link = self.clone();
        let task = self.runtime.spawn(async move {
            let result = link.connections.with(link.within, work).await;
            link.judge(&result);
            result
        });
        task.await.map_err(|_| Trouble::Stopped)?
    }

    /// Does something in the background that nobody waits for.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(work));
    }

    /// Counts what the server said.
    pub fn count(&self, outcome: &'static str) {
        metrics::counter!(ANSWERS_TOTAL, "part" => self.part, "outcome" => outcome).increment(1);
    }

    fn judge<T>(&self, result: &Result<T, Trouble>) {
        let part = self.part;
        match result {
            Ok(_) if self.breaker.succeeded() => tracing::info!(part, "redis answers again"),
            Ok(_) => {}
            Err(trouble) => {
                self.count("error");
                let Some(before) = self.breaker.failed() else {
                    return;
                };
                self.connections.renew();
                if matches!(before, State::Admitting { .. }) {
                    let error = trouble as &dyn std::error::Error;
                    tracing::warn!(part, error, "redis is left alone for a while");
                }
            }
        }
    }
}
