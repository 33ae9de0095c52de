//! `weir replay`: rebuild everything derived from the journal, and compare.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use weir_actors::{Replay, Replayed};
use weir_engine::ports::ClickLookup;
use weir_journal::{Cursors, StoredLog};
use weir_sql::TableDigest;

use super::{OK, Table, failed};
use crate::cli::{Output, ReplayArgs};
use crate::data_folder::DataFolder;
use crate::server;
use crate::settings::Settings;
use crate::state::{self, State};

/// Facts a transaction, as the server catches up.
const BATCH: usize = 65_536;
const SAY_EVERY: Duration = Duration::from_secs(2);

/// Replays, and with `--check` compares with the live store at exactly its offsets.
pub fn replay(
    args: &ReplayArgs,
    settings: &Settings,
    folder: &DataFolder,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let runtime = server::runtime()?;
    runtime.block_on(async {
        // First the store's snapshot, then the log: the log holds all facts below the snapshot's offsets.
        let live = match args.check {
            false => None,
            true => Some(state::digests(settings, folder).await?),
        };
        let log = StoredLog::open(folder.path())?;
        let until = match &live {
            Some(live) => state::cursors(&live.offsets),
            None => log.end(),
        };
        let target = Target::new(args.into.as_deref(), folder)?;
        let into = target.open(settings, folder).await?;
        let batch = args
            .batch
            .map_or(BATCH, |b| b.clamp(1, 10_000_000) as usize);
        let how = Replay {
            batch,
            is_to_be_served: args.into.is_some(),
        };
        let started = Instant::now();
        let replayed = fold(&log, until, &into, how).await?;
        say_how_fast(replayed, started.elapsed());
        let rebuilt = into.digests().await?.read;
        match live {
            None => {
                print!("{}", digests(&rebuilt).render(output));
                Ok(OK)
            }
            Some(live) => Ok(compare(&live.read, &rebuilt, output)),
        }
    })
}

fn say_how_fast(replayed: Replayed, took: Duration) {
    let seconds = took.as_secs_f64();
    let rate = replayed.facts as f64 / seconds.max(1e-9);
    eprintln!(
        "{} facts in {seconds:.2} s ({rate:.0}/s), {} transactions",
        replayed.facts, replayed.commits
    );
}

async fn fold(
    log: &StoredLog,
    until: Cursors,
    into: &State,
    how: Replay,
) -> anyhow::Result<Replayed> {
    if log.start() != Cursors::START {
        anyhow::bail!(
            "the first segments are gone (retention): the books cannot be rebuilt from the start"
        );
    }
    let reader = log.read_from(Cursors::START)?;
    let total = until.total();
    let mut said = Instant::now();
    let say = |done: u64| {
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            eprintln!("{done} of {total} facts");
        }
    };
    let ledger = into.ledger();
    let clicks = log as &dyn ClickLookup;
    Ok(weir_actors::replay(reader, until, clicks, ledger.as_ref(), how, say).await?)
}

fn digests(tables: &[TableDigest]) -> Table {
    let mut table = Table::new(&["table", "rows", "sha256"]);
    for one in tables {
        table.row([one.table, &one.rows.to_string(), &one.sha256]);
    }
    table
}

fn compare(live: &[TableDigest], rebuilt: &[TableDigest], output: Output) -> ExitCode {
    let mut table = Table::new(&["table", "rows", "sha256", "replayed", "verdict"]);
    let mut is_same = live.len() == rebuilt.len();
    for (live, rebuilt) in live.iter().zip(rebuilt) {
        let equal = live == rebuilt;
        is_same &= equal;
        let verdict = if equal { "same" } else { "DIFFERENT" };
        table.row([
            live.table,
            &live.rows.to_string(),
            &live.sha256,
            &rebuilt.sha256,
            verdict,
        ]);
    }
    print!("{}", table.render(output));
    if is_same { OK } else { failed() }
}

/// Where a replay writes: a database or file that was named, or a temporary file in the data folder.
enum Target {
    Database(String),
    Named(PathBuf),
    Temporary(PathBuf),
}

impl Target {
    fn new(named: Option<&str>, folder: &DataFolder) -> anyhow::Result<Self> {
        let Some(named) = named else {
            let file = format!("replay-{}.db", std::process::id());
            return Ok(Self::Temporary(folder.path().join(file)));
        };
        if named.contains("://") {
            return Ok(Self::Database(named.to_owned()));
        }
        let file = Path::new(named);
        anyhow::ensure!(!file.exists(), "{named} is there already; name a new file");
        Ok(Self::Named(file.to_owned()))
    }

    /// The store, empty.
    async fn open(&self, settings: &Settings, folder: &DataFolder) -> anyhow::Result<State> {
        match self {
            Self::Named(path) | Self::Temporary(path) => State::file(path.clone()).await,
            Self::Database(url) => {
                let mut elsewhere = settings.clone();
                elsewhere.stores.state.clone_from(url);
                State::migrate(&elsewhere).await?;
                let state = State::of_this_build(&elsewhere, folder).await?;
                anyhow::ensure!(
                    state.cursors().await? == Cursors::START,
                    "the database has books already; name an empty one"
                );
                Ok(state)
            }
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Self::Temporary(path) = self {
            for suffix in ["", "-wal", "-shm"] {
                // A file that was never made is gone already.
                drop(std::fs::remove_file(format!("{}{suffix}", path.display())));
            }
        }
    }
}
