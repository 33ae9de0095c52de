//! The task that follows the log for as long as the process lives.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use weir_engine::ids::UnixMs;
use weir_engine::ports::{Generation, Watermark};
use weir_journal::{Batch, Cursors, Journal, ReadError, Reader};

use super::indexer::{Indexer, Step, Trouble};
use super::pace::Pace;
use super::{SearchOptions, SearchPorts};
use crate::ports::Clock;
use crate::restart::RestartPolicy;
use crate::telemetry;

/// How often the store is asked how far it has come, while a batch waits for it.
const LOOK_AT_STORE: Duration = Duration::from_millis(200);
/// How often the cursor is kept at the head though nothing is new: so that an index that was deleted is noticed.
const LOOK_AT_INDEX: Duration = Duration::from_secs(15);
/// How often old months are looked for.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// How the index does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchStatus {
    /// Facts in the log that are not in the index.
    pub lag_facts: u64,
    /// What it waits for, when it does.
    pub trouble: Option<String>,
    /// The generation that is written.
    pub generation: Option<Generation>,
}

/// The search projection at work. Dropped, it stops; nothing is lost by that.
pub struct SearchFollower {
    task: JoinHandle<()>,
    status: watch::Receiver<SearchStatus>,
}

impl SearchFollower {
    /// Starts it on the current runtime.
    #[must_use]
    pub fn start(
        journal: Journal,
        ports: SearchPorts,
        clock: Clock,
        options: SearchOptions,
    ) -> Self {
        let (tell, status) = watch::channel(SearchStatus::default());
        let follow = Follow {
            journal,
            ports,
            clock,
            options,
            tell: Arc::new(tell),
        };
        let task = tokio::spawn(follow.supervised());
        Self { task, status }
    }

    /// How it does; changes are told.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<SearchStatus> {
        self.status.clone()
    }

    /// Stops it.
    pub async fn stop(mut self) {
        self.task.abort();
        // It was told to: that it ends so is no news.
        drop((&mut self.task).await);
    }
}

impl Drop for SearchFollower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Follow {
    journal: Journal,
    ports: SearchPorts,
    clock: Clock,
    options: SearchOptions,
    tell: Arc<watch::Sender<SearchStatus>>,
}

/// Why a walk along the log ended.
enum End {
    /// The index is another than before: begin anew.
    Lost,
    /// The log cannot be read.
    Log(ReadError),
    /// The journal was closed.
    Closed,
}

/// Aborts a task when whoever waits for it goes.
struct Aborting<T>(JoinHandle<T>);

impl<T> Drop for Aborting<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Follow {
    /// Walks again, whatever a walk ended by, until the journal is closed.
    async fn supervised(self) {
        let began = Instant::now();
        let mut policy = RestartPolicy::default();
        loop {
            let mut walk = Aborting(tokio::spawn(self.clone().walk()));
            let what = match (&mut walk.0).await {
                Ok(End::Closed) => return,
                Ok(End::Lost) => {
                    "the search index is another than before; asking it how far it has come"
                        .to_owned()
                }
                Ok(End::Log(error)) => {
                    format!("the log cannot be read for the search index: {error}")
                }
                Err(error) => format!("the search projection failed: {error}"),
            };
            let wait = policy.wait_after_failure(began.elapsed());
            tracing::warn!(?wait, "{what}");
            self.tell.send_modify(|status| status.trouble = Some(what));
            tokio::time::sleep(wait).await;
        }
    }

    async fn walk(self) -> End {
        match self.begin().await {
            Ok((indexer, reader, is_fresh)) => {
                Walk {
                    has_cursor: indexer.has_cursor,
                    follow: self,
                    indexer,
                    reader,
                    is_fresh,
                    kept_at: Instant::now(),
                    forgot_at: None,
                }
                .follow()
                .await
            }
            Err(end) => end,
        }
    }

    /// Finds out where the index is, and a reader from there; with whether it has to be published when it is whole.
    async fn begin(&self) -> Result<(Indexer, Reader, bool), End> {
        let mut pace = Pace::new(self.options.catch_up_percent);
        let (generation, at, is_fresh) = loop {
            match self.place().await {
                Ok(place) => break place,
                Err(trouble) => self.wait(&trouble, &mut pace).await?,
            }
        };
        let mut indexer = Indexer::new(self.ports.clone(), generation, at.as_ref(), pace);
        indexer.skip_to(&self.journal.start());
        let reader = self
            .journal
            .read_from(indexer.cursors())
            .map_err(End::Log)?;
        self.tell
            .send_modify(|status| status.generation = Some(generation));
        tracing::info!(
            generation = generation.0,
            is_new = at.is_none(),
            "following the log for the search index"
        );
        Ok((indexer, reader.with_texts(), is_fresh))
    }

    async fn place(&self) -> Result<(Generation, Option<Watermark>, bool), Trouble> {
        let index = &self.ports.index;
        let live = index.live().await?;
        let at = index.cursor(live).await?;
        let is_ahead = at.as_ref().is_some_and(|w| {
            !self
                .journal
                .end()
                .reaches(&w.offsets.iter().copied().collect())
        });
        if !is_ahead {
            return Ok((live, at, false));
        }
        tracing::error!("the search index knows facts that the log has not: it is built anew");
        Ok((index.begin().await?, None, true))
    }

    async fn wait(&self, trouble: &Trouble, pace: &mut Pace) -> Result<(), End> {
        metrics::counter!(telemetry::SEARCH_RETRIES_TOTAL, "reason" => trouble.reason())
            .increment(1);
        let wait = trouble.wait(pace).ok_or(End::Lost)?;
        tracing::warn!(
            trouble = trouble as &dyn std::error::Error,
            ?wait,
            "the search index waits"
        );
        self.tell
            .send_modify(|status| status.trouble = Some(told(trouble)));
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// A trouble in a line: what it is and where it began. What lies between names addresses, which may hold passwords.
fn told(trouble: &Trouble) -> String {
    let mut root = trouble as &dyn std::error::Error;
    while let Some(source) = root.source() {
        root = source;
    }
    match (trouble.to_string(), root.to_string()) {
        (what, root) if what == root => what,
        (what, root) => format!("{what}: {root}"),
    }
}

struct Walk {
    follow: Follow,
    indexer: Indexer,
    reader: Reader,
    /// Readers do not see this generation before it is whole.
    is_fresh: bool,
    /// Whether the index says how far it has come.
    has_cursor: bool,
    kept_at: Instant,
    forgot_at: Option<Instant>,
}

impl Walk {
    async fn follow(mut self) -> End {
        loop {
            match self.step().await {
                Ok(()) => {}
                Err(end) => return end,
            }
        }
    }

    /// A batch, or a rest at the head.
    async fn step(&mut self) -> Result<(), End> {
        let options = self.follow.options.clone();
        match self.reader.try_next(options.batch) {
            Err(ReadError::Ended) => Err(End::Closed),
            Err(error) => Err(End::Log(error)),
            Ok(Some(batch)) => {
                let stored = self.until_stored(&batch).await?;
                let began = Instant::now();
                self.insist(Step::Index {
                    batch: &batch,
                    limit: &stored,
                })
                .await?;
                drop(batch);
                if self.kept_at.elapsed() >= options.keep_every {
                    self.keep().await?;
                }
                self.tell_lag();
                if self.reader.lag() > 0 {
                    tokio::time::sleep(self.indexer.pace.rest_after(began.elapsed())).await;
                }
                Ok(())
            }
            Ok(None) => {
                let is_due = self.kept_at.elapsed() >= LOOK_AT_INDEX;
                if self.indexer.unkept > 0 || !self.has_cursor || is_due {
                    self.keep().await?;
                    self.publish().await?;
                }
                self.forget().await;
                self.tell_lag();
                tokio::time::sleep(options.at_head).await;
                Ok(())
            }
        }
    }

    /// Waits until the store has judged all facts of a batch: the index never says what the books do not.
    async fn until_stored(&mut self, batch: &Batch) -> Result<Cursors, End> {
        loop {
            match self.follow.ports.ledger.offsets().await {
                Ok(partitions) => {
                    let offsets = partitions.iter().map(|p| (p.partition, p.next_offset));
                    let stored: Cursors = offsets.collect();
                    if stored.reaches(&batch.after()) {
                        return Ok(stored);
                    }
                    self.tell_lag();
                    tokio::time::sleep(LOOK_AT_STORE).await;
                }
                Err(error) => {
                    let trouble = Trouble::Store(error);
                    self.follow.wait(&trouble, &mut self.indexer.pace).await?;
                }
            }
        }
    }

    /// Takes a step until it is taken.
    async fn insist(&mut self, step: Step<'_>) -> Result<(), End> {
        while let Err(trouble) = self.indexer.take(step).await {
            self.tell_lag();
            self.follow.wait(&trouble, &mut self.indexer.pace).await?;
        }
        Ok(())
    }

    async fn keep(&mut self) -> Result<(), End> {
        self.insist(Step::Keep).await?;
        self.has_cursor = true;
        self.kept_at = Instant::now();
        self.follow
            .tell
            .send_if_modified(|status| status.trouble.take().is_some());
        Ok(())
    }

    async fn publish(&mut self) -> Result<(), End> {
        if !std::mem::take(&mut self.is_fresh) {
            return Ok(());
        }
        self.insist(Step::Publish).await
    }

    /// Drops old months, now and then; what does not work now works later.
    async fn forget(&mut self) {
        let Some(retention) = self.follow.options.retention else {
            return;
        };
        if self.forgot_at.is_some_and(|at| at.elapsed() < FORGET_EVERY) {
            return;
        }
        self.forgot_at = Some(Instant::now());
        let age = u64::try_from(retention.as_millis()).unwrap_or(u64::MAX);
        let before = UnixMs(self.follow.clock.now().0.saturating_sub(age));
        match self.follow.ports.index.forget(before).await {
            Ok(names) if names.is_empty() => {}
            Ok(names) => tracing::info!(?names, "dropped old months of the search index"),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "old months of the search index stay for now"
                );
            }
        }
    }

    fn tell_lag(&self) {
        let end = self.follow.journal.end().total();
        let lag = end.saturating_sub(self.indexer.cursors().total());
        metrics::gauge!(telemetry::JOURNAL_LAG_FACTS, "reader" => "search").set(lag as f64);
        self.follow
            .tell
            .send_if_modified(|status| std::mem::replace(&mut status.lag_facts, lag) != lag);
    }
}
