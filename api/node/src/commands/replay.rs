//! `weir replay`: rebuild everything derived from the journal, and compare.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use weir_actors::Replayed;
use weir_embedded::{Embedded, Snapshot, TableDigest};
use weir_engine::ids::PARTITIONS;
use weir_engine::ports::PartitionState;
use weir_journal::{Cursors, StoredLog};

use super::{OK, Table, failed};
use crate::cli::{Output, ReplayArgs};
use crate::data_folder::DataFolder;

/// Facts a transaction, as the server catches up.
const BATCH: usize = 65_536;
const SAY_EVERY: Duration = Duration::from_secs(2);

/// Replays, and with `--check` compares with the live store at exactly its offsets.
pub fn replay(args: &ReplayArgs, folder: &DataFolder, output: Output) -> anyhow::Result<ExitCode> {
    // First the store's snapshot, then the log: the log holds all facts below the snapshot's offsets.
    let live = args
        .check
        .then(|| Snapshot::open(&folder.store()))
        .transpose()
        .context("store")?;
    let log = StoredLog::open(folder.path())?;
    let until = match &live {
        Some(live) => cursors(&live.offsets()?),
        None => log.end(),
    };
    let file = Target::new(args.into.as_deref(), folder)?;
    let started = Instant::now();
    let replayed = fold(&log, until, file.path(), args.batch)?;
    let seconds = started.elapsed().as_secs_f64();
    let rate = replayed.facts as f64 / seconds.max(1e-9);
    eprintln!(
        "{} facts in {seconds:.2} s ({rate:.0}/s), {} transactions",
        replayed.facts, replayed.commits
    );
    let rebuilt = Snapshot::open(file.path())?.digests()?;
    match live {
        None => {
            print!("{}", digests(&rebuilt).render(output));
            Ok(OK)
        }
        Some(live) => Ok(compare(&live.digests()?, &rebuilt, output)),
    }
}

fn fold(
    log: &StoredLog,
    until: Cursors,
    file: &Path,
    batch: Option<u64>,
) -> anyhow::Result<Replayed> {
    if log.start() != Cursors::START {
        anyhow::bail!(
            "the first segments are gone (retention): the books cannot be rebuilt from the start"
        );
    }
    let store = Embedded::open(file).context("store of the replay")?;
    let reader = log.read_from(Cursors::START)?;
    let batch = batch.map_or(BATCH, |b| b.clamp(1, 10_000_000) as usize);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let total = until.total();
    let mut said = Instant::now();
    let say = |done: u64| {
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            eprintln!("{done} of {total} facts");
        }
    };
    Ok(runtime.block_on(weir_actors::replay(reader, until, log, &store, batch, say))?)
}

fn cursors(partitions: &[PartitionState]) -> Cursors {
    let mut cursors = [0; PARTITIONS as usize];
    for partition in partitions {
        cursors[usize::from(partition.partition)] = partition.next_offset;
    }
    Cursors(cursors)
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

/// The file that a replay writes: the one that was named, or a temporary one in the data folder.
enum Target {
    Named(PathBuf),
    Temporary(PathBuf),
}

impl Target {
    fn new(named: Option<&Path>, folder: &DataFolder) -> anyhow::Result<Self> {
        if let Some(named) = named {
            anyhow::ensure!(
                !named.exists(),
                "{} is there already; name a new file",
                named.display()
            );
            return Ok(Self::Named(named.to_owned()));
        }
        let file = folder
            .path()
            .join(format!("replay-{}.db", std::process::id()));
        Ok(Self::Temporary(file))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Named(path) | Self::Temporary(path) => path,
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
