//! A rebuild: a fresh generation of the index from the log, while readers see the one before, then the swap.

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
/// and lets readers see it; `progress` hears how many facts are done. The server that runs meanwhile goes on with the
/// generation before and takes over the new one, from where the rebuild ended, when it next keeps its cursor.
/// An index that is away is waited for.
///
/// # Errors
/// [`RebuildError`].
pub async fn rebuild(
    mut reader: Reader,
    until: Cursors,
    ports: SearchPorts,
    duty_percent: u8,
    mut progress: impl FnMut(u64),
) -> Result<Rebuilt, RebuildError> {
    reader = reader.with_texts();
    let mut pace = Pace::new(duty_percent);
    let generation = loop {
        match ports.index.begin().await {
            Ok(generation) => break generation,
            Err(error) => wait(error.into(), &mut pace).await?,
        }
    };
    let mut indexer = Indexer::new(ports, generation, None, pace);
    indexer.skip_to(&reader.cursors());
    let mut facts = 0;
    while !reader.cursors().reaches(&until) {
        let batch = reader.try_next(BATCH)?.ok_or(RebuildError::Short)?;
        let began = tokio::time::Instant::now();
        let limit = &until;
        insist(
            &mut indexer,
            Step::Index {
                batch: &batch,
                limit,
            },
        )
        .await?;
        facts += batch.len() as u64;
        progress(facts);
        if indexer.unkept >= KEEP_AFTER {
            insist(&mut indexer, Step::Keep).await?;
        }
        tokio::time::sleep(indexer.pace.rest_after(began.elapsed())).await;
    }
    insist(&mut indexer, Step::Keep).await?;
    insist(&mut indexer, Step::Publish).await?;
    let documents = indexer.documents;
    Ok(Rebuilt {
        generation,
        facts,
        documents,
    })
}

/// Takes a step until it is taken.
async fn insist(indexer: &mut Indexer, step: Step<'_>) -> Result<(), RebuildError> {
    while let Err(trouble) = indexer.take(step).await {
        wait(trouble, &mut indexer.pace).await?;
    }
    Ok(())
}

async fn wait(trouble: Trouble, pace: &mut Pace) -> Result<(), RebuildError> {
    if let Trouble::Index(error @ (SearchError::Refused(_) | SearchError::TooManyRows)) = trouble {
        return Err(RebuildError::Refused(error));
    }
    let Some(wait) = trouble.wait(pace) else {
        return Err(RebuildError::Lost);
    };
    tracing::warn!(
        trouble = &trouble as &dyn std::error::Error,
        ?wait,
        "the search index is not built further now"
    );
    tokio::time::sleep(wait).await;
    Ok(())
}
