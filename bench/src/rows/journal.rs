//! The journal alone, against the same bytes written and synced by hand. Nobody sends anything, so it has all cores.

use std::path::Path;
use std::time::{Duration, Instant};

use weir_actors::Lane;
use weir_engine::ids::Position;
use weir_engine::ids::UnixMs;
use weir_engine::ports::Append;
use weir_engine::record::{Logged, OwnedRecord};
use weir_journal::Journal;

use super::{Measure, Target};
use crate::ceilings::segments::Segments;
use crate::child::runtime;
use crate::host;
use crate::mix::Mix;
use crate::product::World;
use crate::product::catalog::configure;
use crate::product::facts::Facts;
use crate::stats::median;

/// Records of a batch, and batches of a burst.
const BATCHES: [(usize, usize); 4] = [(1, 300), (100, 200), (1_000, 60), (10_000, 10)];
const ROUNDS: usize = 7;
/// 2026-01-01.
const BEGAN: UnixMs = UnixMs(1_767_225_600_000);

/// Measures; runs in a process of its own.
///
/// # Errors
/// The disk fails.
pub fn run(folder: &Path) -> anyhow::Result<Vec<Measure>> {
    let records = records(folder)?;
    let own = tempfile::tempdir_in(folder)?;
    let journal = Journal::open(own.path(), &weir_journal::Options::default())?;
    let raw = tempfile::tempdir_in(folder)?;
    let mut segments = Segments::new(raw.path())?;
    let lane = journal.lane();
    let mut measures = Vec::new();
    for (size, batches) in BATCHES {
        let sync_ms = host::sync_ms(folder)?;
        let batch = &records[..size];
        let (mut ratios, mut ours, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        // The first round warms up.
        for round in 0..=ROUNDS {
            let bytes = journal.health().used_bytes;
            let by_journal = timed(batches, || append(&lane, batch))?;
            // A segment that was turned counts with what was left of it: small against a burst, or shared out.
            let bytes = (journal.health().used_bytes - bytes) / batches as u64;
            let written = vec![0xa5; bytes as usize];
            let by_hand = timed(batches, || write(&mut segments, &written))?;
            if round > 0 {
                ratios.push(by_hand.as_secs_f64() / by_journal.as_secs_f64());
                ours.push(by_journal.as_secs_f64() * 1e3);
                theirs.push(by_hand.as_secs_f64() * 1e3);
            }
        }
        let (ours, theirs) = (median(&ours), median(&theirs));
        measures.push(Measure {
            name: format!("journal alone, batches of {size}: rate / write + fdatasync"),
            value: median(&ratios),
            target: Target::AtLeast(0.8),
            doubt: None,
            beside: format!(
                "{ours:.3} ms a batch, by hand {theirs:.3} ms, {:.0} records/s",
                size as f64 / ours * 1e3
            ),
            sync_ms,
        });
    }
    Ok(measures)
}

/// Records of the mix.
fn records(folder: &Path) -> anyhow::Result<Vec<OwnedRecord>> {
    let own = tempfile::tempdir_in(folder)?;
    let runtime = runtime()?;
    let world = runtime.block_on(World::start(own.path()))?;
    let names = runtime.block_on(configure(&world.mesh))?;
    let mut mix = Mix::new(1, &world.countries);
    let mut facts = Facts::new(&world, &names, BEGAN);
    let position = Position {
        partition: 0,
        seq: 0,
    };
    let most = BATCHES.map(|(size, _)| size).into_iter().max().unwrap_or(0);
    let made = (0..most).map(|_| {
        facts.with(&mix.draw(), |&record| {
            OwnedRecord::from(Logged { position, record })
        })
    });
    let made = made.collect::<anyhow::Result<_>>();
    runtime.block_on(world.mesh.kill());
    made
}

/// Mean time of `count` batches, one after the other.
fn timed(count: usize, mut batch: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let began = Instant::now();
    for _ in 0..count {
        batch()?;
    }
    Ok(began.elapsed() / count as u32)
}

/// A batch as a core of the edge has it: announced, so that the writer waits for the rest of it.
fn append(lane: &Lane, batch: &[OwnedRecord]) -> anyhow::Result<()> {
    lane.set_busy(true);
    let appending = batch.iter().map(|r| lane.append(&r.logged().record));
    let appending: Vec<_> = appending.collect();
    lane.set_busy(false);
    for appending in appending {
        block_on(appending)?;
    }
    Ok(())
}

/// Waits on this thread for an append.
fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut cx = std::task::Context::from_waker(&waker);
    loop {
        match std::pin::Pin::new(&mut future).poll(&mut cx) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

fn write(segments: &mut Segments, bytes: &[u8]) -> anyhow::Result<()> {
    use std::os::unix::fs::FileExt;
    let (file, at) = segments.place_of(bytes.len() as u64)?;
    file.write_all_at(bytes, at)?;
    Ok(file.sync_data()?)
}
