//! One batch after the other into one generation of the index.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use weir_engine::ids::{PARTITIONS, UnixMs};
use weir_engine::ports::{Generation, LookupError, SearchError, StoreError, Watermark, Written};
use weir_engine::record::Logged;
use weir_engine::search::Document;
use weir_journal::{Batch, Cursors};

use super::documents::documents;
use super::judgements::Judgements;
use super::pace::Pace;
use super::{DeadLetter, SearchPorts};
use crate::telemetry;

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The index: see [`SearchError`].
    #[error(transparent)]
    Index(#[from] SearchError),
    /// The store does not say what was judged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log does not say what a click was.
    #[error(transparent)]
    Clicks(#[from] LookupError),
}

impl Trouble {
    /// How long to wait before the step is taken again; `None` when the generation is lost.
    pub(crate) fn wait(&self, pace: &mut Pace) -> Option<Duration> {
        match self {
            Self::Index(SearchError::Lost) => None,
            Self::Index(SearchError::Overloaded { retry_after }) => {
                Some(pace.wait_after_overload(*retry_after))
            }
            _ => Some(pace.wait_after_failure(None)),
        }
    }

    /// A word for the metric.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Index(SearchError::Unavailable(_)) => "unavailable",
            Self::Index(SearchError::Overloaded { .. }) => "overloaded",
            Self::Index(SearchError::Lost) => "lost",
            Self::Index(_) => "refused",
            Self::Store(_) => "store",
            Self::Clicks(_) => "clicks",
        }
    }
}

/// What is to be done next.
#[derive(Clone, Copy)]
pub(crate) enum Step<'a> {
    /// Write what the facts of a batch below `limit` say.
    Index {
        batch: &'a Batch,
        limit: &'a Cursors,
    },
    /// Keep how far the index has come.
    Keep,
    /// Let readers see it.
    Publish,
}

/// See the module.
pub(crate) struct Indexer {
    ports: SearchPorts,
    generation: Generation,
    cursors: Cursors,
    newest_at: UnixMs,
    pub(crate) pace: Pace,
    /// Whether the generation has a cursor already.
    pub(crate) has_cursor: bool,
    /// Facts since the cursor was kept.
    pub(crate) unkept: u64,
    /// Documents written, dead letters too.
    pub(crate) documents: u64,
}

impl Indexer {
    /// Goes on where a generation has come to: from the first fact, when it has come nowhere.
    pub(crate) fn new(
        ports: SearchPorts,
        generation: Generation,
        at: Option<&Watermark>,
        pace: Pace,
    ) -> Self {
        Self {
            ports,
            generation,
            cursors: at.map_or(Cursors::START, |w| w.offsets.iter().copied().collect()),
            newest_at: at.map_or(UnixMs(0), |w| w.at),
            pace,
            has_cursor: at.is_some(),
            unkept: 0,
            documents: 0,
        }
    }

    /// The next fact of each partition that is not in the index.
    pub(crate) fn cursors(&self) -> Cursors {
        self.cursors
    }

    /// Facts before these are gone: they will never be in the index.
    pub(crate) fn skip_to(&mut self, start: &Cursors) {
        self.cursors = self.cursors.furthest(start);
    }

    /// Takes a step; the same one may be taken again after an error.
    pub(crate) async fn take(&mut self, step: Step<'_>) -> Result<(), Trouble> {
        match step {
            Step::Index { batch, limit } => self.index(batch, limit).await,
            Step::Keep => self.keep().await,
            Step::Publish => Ok(self.ports.index.publish(self.generation).await?),
        }
    }

    /// Writes what the facts of a batch below `limit` say.
    async fn index(&mut self, batch: &Batch, limit: &Cursors) -> Result<(), Trouble> {
        let judgements = Judgements::load(&self.ports, batch, limit).await?;
        let is_below = |l: &Logged<'_>| limit.are_past(l.position);
        let made = documents(batch.iter().filter(is_below), &judgements);
        drop(judgements);
        metrics::counter!(telemetry::UNREADABLE_FACTS_TOTAL).increment(made.unreadable);
        self.write(made.documents).await?;
        let facts = batch.iter().filter(is_below);
        let (mut count, mut newest_at) = (0, self.newest_at);
        for logged in facts {
            count += 1;
            newest_at = newest_at.max(logged.record.at);
        }
        self.newest_at = newest_at;
        self.unkept += count;
        self.cursors = self.cursors.furthest(&batch.after().nearest(limit));
        Ok(())
    }

    async fn write(&mut self, mut documents: Vec<Document>) -> Result<(), Trouble> {
        while !documents.is_empty() {
            let most = self.pace.documents(documents.len());
            let rest = documents.split_off(most);
            let some: Arc<[Document]> = documents.into();
            let written = self
                .ports
                .index
                .write(self.generation, Arc::clone(&some))
                .await?;
            assert_eq!(written.len(), some.len(), "an answer for each document");
            for (document, written) in some.iter().zip(written) {
                self.tell(document, written);
            }
            self.documents += most as u64;
            self.pace.succeeded();
            documents = rest;
        }
        Ok(())
    }

    fn tell(&self, document: &Document, written: Written) {
        let outcome = match written {
            Written::Stored => "stored",
            Written::AlreadyThere => "already_there",
            Written::Poison { reason } => {
                let letter = dead_letter(document, reason);
                tracing::warn!(
                    id = letter.id,
                    reason = letter.reason,
                    "the search index will never take a document"
                );
                (self.ports.dead_letters)(&letter);
                "poison"
            }
        };
        metrics::counter!(telemetry::SEARCH_DOCUMENTS_TOTAL, "outcome" => outcome).increment(1);
    }

    /// Keeps how far the index has come.
    async fn keep(&mut self) -> Result<(), Trouble> {
        let watermark = Watermark {
            offsets: (0..PARTITIONS).zip(self.cursors.0).collect(),
            at: self.newest_at,
        };
        self.ports
            .index
            .set_cursor(self.generation, watermark)
            .await?;
        self.unkept = 0;
        self.pace.succeeded();
        Ok(())
    }
}

fn dead_letter(document: &Document, reason: String) -> DeadLetter {
    let json = match document {
        Document::Click(click) => serde_json::to_value(click),
        Document::Conversion(conversion) => serde_json::to_value(conversion),
    };
    DeadLetter {
        kind: document.kind(),
        id: document.id(),
        version: document.version(),
        reason,
        document: json.unwrap_or(Value::Null),
    }
}
