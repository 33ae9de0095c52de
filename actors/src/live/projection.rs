//! The task that writes live counters.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use weir_engine::ids::partition_of;
use weir_engine::live::{LiveKey, answered, question};
use weir_engine::ports::{CacheError, ReportError, ReportStore, SharedCounters};

use super::tally::{Tally, TenantDay};
use super::tap::LiveTap;
use crate::telemetry::{LIVE_BEHIND, LIVE_FAILURES_TOTAL};

/// How often what has changed is written.
const EVERY: Duration = Duration::from_secs(1);
/// How often it is asked whether what was written may be gone.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Reports in a round.
const REPORTS: usize = 16;
/// Counters in one writing, and in a round: a cache that comes back is not buried.
const WRITTEN_AT_ONCE: usize = 1_000;
const WRITTEN_IN_ROUND: usize = 20_000;

/// What the projection works with.
pub struct LiveArgs {
    /// Tells what is committed: the one in the options of the mesh.
    pub tap: LiveTap,
    /// Where a day begins.
    pub reports: Arc<dyn ReportStore>,
    /// Where counters are written.
    pub counters: Arc<dyn SharedCounters>,
}

/// The projection of live counters, at work until it is dropped.
pub struct LiveProjection(JoinHandle<()>);

impl LiveProjection {
    /// Begins, on the runtime of the caller.
    #[must_use]
    pub fn start(args: LiveArgs) -> Self {
        let work = Work {
            args,
            tally: Tally::default(),
            incarnation: None,
            looked_at: None,
        };
        Self(tokio::spawn(work.run()))
    }
}

impl Drop for LiveProjection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Work {
    args: LiveArgs,
    tally: Tally,
    /// Where counters were written, as far as it is known to be there still.
    incarnation: Option<String>,
    looked_at: Option<Instant>,
}

impl Work {
    async fn run(mut self) {
        let mut rounds = tokio::time::interval(EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            self.tally.hear(self.args.tap.take());
            for day in self.tally.wanted(REPORTS) {
                if let Err(error) = self.begin(day).await {
                    failed("report", &error);
                    break;
                }
            }
            if let Err(error) = self.write().await {
                // Asked again at once when it answers: it may have been restarted meanwhile.
                self.looked_at = None;
                failed("cache", &error);
            }
            metrics::gauge!(LIVE_BEHIND).set(self.tally.behind() as f64);
        }
    }

    async fn begin(&mut self, day: TenantDay) -> Result<(), ReportError> {
        let (tenant, date) = day;
        let asking = self
            .args
            .reports
            .report(tenant, question(tenant, date, None));
        let page = asking.await?;
        let offsets = &page.watermark.offsets;
        let partition = partition_of(tenant);
        let since = offsets.iter().find(|(p, _)| *p == partition);
        let since = since.map_or(0, |(_, offset)| *offset);
        self.tally.begin(day, since, answered(tenant, date, &page));
        Ok(())
    }

    async fn write(&mut self) -> Result<(), CacheError> {
        self.look().await?;
        let unwritten = self.tally.unwritten(WRITTEN_IN_ROUND);
        for some in unwritten.chunks(WRITTEN_AT_ONCE) {
            let keys: Vec<LiveKey> = some.iter().map(|counters| counters.key).collect();
            self.args.counters.put(some.to_vec()).await?;
            self.tally.written(&keys);
        }
        Ok(())
    }

    /// Has everything written again when what was written may be gone.
    async fn look(&mut self) -> Result<(), CacheError> {
        let is_due = self.looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        if !is_due {
            return Ok(());
        }
        let incarnation = self.args.counters.incarnation().await?;
        if self.incarnation.as_ref() != Some(&incarnation) {
            self.tally.write_again();
            self.incarnation = Some(incarnation);
        }
        self.looked_at = Some(Instant::now());
        Ok(())
    }
}

fn failed(what: &'static str, error: &(dyn std::error::Error + 'static)) {
    metrics::counter!(LIVE_FAILURES_TOTAL, "of" => what).increment(1);
    tracing::debug!(of = what, error, "live counters are not written now");
}
