//! A rebuild: a fresh generation of the index from the log, while readers see the one before, then the swap.

use std::error::Error;
use std::time::Duration;

use tokio::time::Instant;
use weir_engine::ports::{Generation, SearchError};
use weir_journal::{Cursors, ReadError, Reader};

use super::SearchPorts;
use super::indexer::{Indexer, Step, Trouble};
use super::pace::Pace;

/// Why a rebuild did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The log cannot be read.
    #[error("log cannot be read")]
    Log(#[from] ReadError),
    /// The log ends before the place that was asked for.
    #[error("the log ends before the store's offset")]
    Short,
    /// Another rebuild was begun meanwhile, or parts of this one were deleted.
    #[error("another rebuild was begun, or parts of this one were deleted")]
    Lost,
    /// The index refuses.
    #[error("index refuses")]
    Refused(#[source] SearchError),
    /// Index or store did not take a step for longer than was to be waited.
    #[error("given up after {} s in vain", .after.as_secs())]
    Away {
        /// How long the step was tried.
        after: Duration,
        /// What the last try said.
        #[source]
        trouble: Box<dyn Error + Send + Sync>,
    },
}

/// How a rebuild goes about its work.
#[derive(Debug, Clone, Copy)]
pub struct RebuildOptions {
    /// The share of the time that it works.
    pub catch_up_percent: u8,
    /// How long a step is tried that index or store do not take.
    pub patience: Duration,
}

/// What is heard of a rebuild under way.
#[derive(Debug)]
pub enum RebuildNews<'a> {
    /// So many facts are done.
    Done(u64),
    /// A step was not taken, for this reason, and is tried again.
    Waits(&'a (dyn Error + 'static)),
}

/// What a rebuild did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// The generation that readers see now.
    pub generation: Generation,
    /// Facts read.
    pub facts: u64,
    /// Documents written.
    pub documents: u64,
}

/// Facts read at a time.
const BATCH: usize = 4_096;
/// Facts after which the cursor is kept.
const KEEP_AFTER: u64 = 100_000;

/// Builds a fresh generation of the index from where `reader` stands up to `until`, which the store must have reached,
/// and lets readers see it; `hear` is told how it goes. The server that runs meanwhile goes on with the generation
/// before and takes over the new one, from where the rebuild ended, when it next keeps its cursor. An index that is
/// away is waited for, with patience.
///
/// # Errors
/// [`RebuildError`].
pub async fn rebuild(
    mut reader: Reader,
    until: Cursors,
    ports: SearchPorts,
    options: RebuildOptions,
    hear: impl FnMut(RebuildNews<'_>),
) -> Result<Rebuilt, RebuildError> {
    reader = reader.with_texts();
    let mut pace = Pace::new(options.catch_up_percent);
    let mut waiting = Waiting {
        patience: options.patience,
        hear,
    };
    let began = Instant::now();
    let generation = loop {
        match ports.index.begin().await {
            Ok(generation) => break generation,
            Err(error) => waiting.wait(error.into(), began, &mut pace).await?,
        }
    };
    let mut indexer = Indexer::new(ports, generation, None, pace);
    indexer.skip_to(&reader.cursors());
    let mut facts = 0;
    while !reader.cursors().reaches(&until) {
        let batch = reader.try_next(BATCH)?.ok_or(RebuildError::Short)?;
        let (began, limit) = (Instant::now(), &until);
        let batch_step = Step::Index {
            batch: &batch,
            limit,
        };
        waiting.insist(&mut indexer, batch_step).await?;
        facts += batch.len() as u64;
        (waiting.hear)(RebuildNews::Done(facts));
        if indexer.unkept >= KEEP_AFTER {
            waiting.insist(&mut indexer, Step::Keep).await?;
        }
        tokio::time::sleep(indexer.pace.rest_after(began.elapsed())).await;
    }
    waiting.insist(&mut indexer, Step::Keep).await?;
    waiting.insist(&mut indexer, Step::Publish).await?;
    let documents = indexer.documents;
    Ok(Rebuilt {
        generation,
        facts,
        documents,
    })
}

/// Patience with what does not answer.
struct Waiting<H> {
    patience: Duration,
    hear: H,
}

impl<H: FnMut(RebuildNews<'_>)> Waiting<H> {
    /// Takes a step until it is taken, or patience ends.
    async fn insist(&mut self, indexer: &mut Indexer, step: Step<'_>) -> Result<(), RebuildError> {
        let began = Instant::now();
        while let Err(trouble) = indexer.take(step).await {
            self.wait(trouble, began, &mut indexer.pace).await?;
        }
        Ok(())
    }

    /// Waits before the next try of a step that was first tried at `began`.
    async fn wait(
        &mut self,
        trouble: Trouble,
        began: Instant,
        pace: &mut Pace,
    ) -> Result<(), RebuildError> {
        if let Trouble::Index(error @ (SearchError::Refused(_) | SearchError::TooManyRows)) =
            trouble
        {
            return Err(RebuildError::Refused(error));
        }
        let Some(wait) = trouble.wait(pace) else {
            return Err(RebuildError::Lost);
        };
        let after = began.elapsed();
        if after >= self.patience {
            let trouble = Box::new(trouble);
            return Err(RebuildError::Away { after, trouble });
        }
        (self.hear)(RebuildNews::Waits(&trouble));
        tokio::time::sleep(wait.min(self.patience - after)).await;
        Ok(())
    }
}
