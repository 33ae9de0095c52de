//! `weir search reindex` and `weir search status`.
//!
//! A reindex builds a fresh generation of the index from the journal and the store while a server runs and readers see
//! the generation before; when it is whole, readers see it in one step, and the server goes on with it where the
//! rebuild ended. It may be stopped at any time: a generation that was not published is forgotten by the next one. An
//! index that does not answer is waited for, and the command says so; after `--patience` it gives up.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::Handle;
use weir_actors::{RebuildNews, RebuildOptions, Rebuilt, SearchPorts, rebuild};
use weir_elasticsearch::Elasticsearch;
use weir_engine::ports::SearchIndex;
use weir_engine::secrets::MasterSecret;
use weir_journal::StoredLog;

use super::{OK, Table, usage};
use crate::cli::{Output, SearchCommand};
use crate::data_folder::DataFolder;
use crate::settings::Settings;
use crate::state::State;
use crate::{search, server};

const SAY_EVERY: Duration = Duration::from_secs(2);

/// Rebuilds the index, or says how it is.
pub fn search(
    command: &SearchCommand,
    settings: &Settings,
    folder: &DataFolder,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let runtime = server::runtime()?;
    runtime.block_on(async {
        let owner = search::owner(&MasterSecret::new(folder.master_secret()?));
        let index = search::index(settings, owner, Handle::current()).context("[stores] search")?;
        let Some(index) = index else {
            eprintln!("weir: there is no search index: set [stores] search");
            return Ok(usage());
        };
        match command {
            &SearchCommand::Reindex {
                catch_up_percent,
                patience,
            } => {
                let options = RebuildOptions {
                    catch_up_percent,
                    patience: Duration::from_secs(patience),
                };
                let rebuilt = reindex(index, settings, folder, options).await?;
                print!("{}", told(rebuilt).render(output));
            }
            SearchCommand::Status => print!("{}", status(&index, folder).await?.render(output)),
        }
        Ok(OK)
    })
}

async fn reindex(
    index: Elasticsearch,
    settings: &Settings,
    folder: &DataFolder,
    options: RebuildOptions,
) -> anyhow::Result<Rebuilt> {
    let place = index.place().to_owned();
    let state = State::of_this_build(settings, folder).await?;
    // First the store's offsets, then the log: the log holds all facts below them.
    let until = state.cursors().await?;
    let log = Arc::new(StoredLog::open(folder.path())?);
    let reader = log.read_from(log.start())?;
    let ports = SearchPorts {
        ledger: state.ledger(),
        clicks: log.clone(),
        index: Arc::new(index),
        dead_letters: search::dead_letters(folder),
    };
    let total = until.total().saturating_sub(log.start().total());
    let (started, mut said) = (Instant::now(), None::<Instant>);
    let say = |news: RebuildNews<'_>| {
        if said.is_some_and(|at| at.elapsed() < SAY_EVERY) {
            return;
        }
        said = Some(Instant::now());
        match news {
            RebuildNews::Done(done) => eprintln!("{done} of {total} facts"),
            RebuildNews::Waits(trouble) => eprintln!(
                "waiting for the search index at {place}: {}",
                chain(trouble)
            ),
        }
    };
    let rebuilt = rebuild(reader, until, ports, options, say).await;
    let rebuilt = rebuilt.with_context(|| format!("the search index at {place}"))?;
    let seconds = started.elapsed().as_secs_f64();
    let rate = rebuilt.facts as f64 / seconds.max(1e-9);
    eprintln!("{} facts in {seconds:.2} s ({rate:.0}/s)", rebuilt.facts);
    Ok(rebuilt)
}

/// An error with what caused it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    words.join(": ")
}

fn told(rebuilt: Rebuilt) -> Table {
    let mut table = Table::new(&["generation", "facts", "documents"]);
    table.row([
        rebuilt.generation.0.to_string(),
        rebuilt.facts.to_string(),
        rebuilt.documents.to_string(),
    ]);
    table
}

async fn status(index: &Elasticsearch, folder: &DataFolder) -> anyhow::Result<Table> {
    let place = || format!("the search index at {}", index.place());
    let stats = index.stats().await.with_context(place)?;
    let end = StoredLog::open(folder.path())?.end();
    let cursor = stats.cursor.as_ref();
    let come: Option<u64> = cursor.map(|c| c.offsets.iter().map(|(_, offset)| offset).sum());
    let mut table = Table::new(&["what", "value"]);
    let none = || "none".to_owned();
    for (what, value) in [
        ("place", index.place().to_owned()),
        ("product", stats.product),
        (
            "generation",
            stats.live.map_or_else(none, |g| g.0.to_string()),
        ),
        ("clicks", stats.clicks.to_string()),
        ("conversions", stats.conversions.to_string()),
        ("bytes", stats.bytes.to_string()),
        (
            "complete to",
            cursor.map_or_else(none, |c| c.at.to_string()),
        ),
        (
            "facts behind",
            end.total().saturating_sub(come.unwrap_or(0)).to_string(),
        ),
    ] {
        table.row([what.to_owned(), value]);
    }
    Ok(table)
}
