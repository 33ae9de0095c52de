//! Facts to append, and a way to wait without a runtime.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::Thread;
use std::time::{Duration, Instant};

use weir_engine::click_id::{ClickId, ClickKey, EPOCH_MS, Parts};
use weir_engine::ids::{Position, TenantId, UnixMs};
use weir_engine::ports::{Append, AppendError, Found};
use weir_engine::record::{OwnedRecord, Record};

use crate::{Cursors, Durability, Journal, Lane, Options, Reader};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Nothing in these tests takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a future on this thread.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let until = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let left = until.checked_duration_since(Instant::now());
        std::thread::park_timeout(left.expect("the future is never woken"));
    }
}

/// Waits until `is_so`.
pub(super) fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A folder in memory where the system has one: for tests that start journals by the hundred and look at bytes.
pub(super) fn memory_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// A journal of small segments.
pub(super) fn small() -> Options {
    Options {
        durability: Durability::Fsync,
        segment_bytes: 32 << 10,
        max_bytes: 64 << 20,
        ring_bytes: 64 << 10,
        ..Options::default()
    }
}

pub(super) fn click_id(n: u64) -> ClickId {
    let parts = Parts {
        key_number: 1,
        tenant: tenant_of(n).0,
        ms: 60_000_000_000 + n,
        node: 1,
        sequence: (n % 7) as u16,
    };
    ClickId::mint(parts, &ClickKey([5; 16]))
}

pub(super) fn tenant_of(n: u64) -> TenantId {
    TenantId((n % 5) as u32 + 1)
}

/// The fact number `n`: every fourth is not a click.
pub(super) fn fact(n: u64) -> OwnedRecord {
    let is_click = n % 4 != 3;
    OwnedRecord {
        position: Position::default(),
        tenant: tenant_of(n),
        at: UnixMs(EPOCH_MS + 60_000_000_000 + n),
        kind: if is_click { 1 } else { 2 },
        version: 1,
        click_id: is_click.then(|| click_id(n)),
        open: n.to_le_bytes().repeat(1 + (n % 9) as usize),
        private_key: (n % 3) as u8,
        private: vec![n as u8 | 1; (n % 40) as usize],
        texts: [
            format!("Mozilla/5.0 (device {}) Weir", n % 6),
            if n.is_multiple_of(2) {
                String::new()
            } else {
                format!("https://example.com/{}", n % 3)
            },
        ],
    }
}

/// What a fact says, without its place.
pub(super) fn without_place(mut fact: OwnedRecord) -> OwnedRecord {
    fact.position = Position::default();
    fact
}

pub(super) fn record(fact: &OwnedRecord) -> Record<'_> {
    fact.logged().record
}

pub(super) fn append(lane: &Lane, n: u64) -> Result<Position, AppendError> {
    wait(lane.append(&record(&fact(n))))
}

/// Appends facts at once, so that they share groups; gives their places.
pub(super) fn append_together(
    lane: &Lane,
    numbers: impl IntoIterator<Item = u64>,
) -> Vec<Result<Position, AppendError>> {
    let appending: Vec<_> = numbers
        .into_iter()
        .map(|n| lane.append(&record(&fact(n))))
        .collect();
    appending.into_iter().map(wait).collect()
}

/// Number of a fact made by [`fact`].
pub(super) fn number_of(open: &[u8]) -> u64 {
    u64::from_le_bytes(open[..8].try_into().unwrap())
}

/// Everything that `reader` gives without waiting.
pub(super) fn read_all(reader: &mut Reader) -> Vec<OwnedRecord> {
    let mut facts = Vec::new();
    while let Some(batch) = reader.try_next(100).unwrap() {
        assert!(!batch.is_empty());
        let before = facts.len();
        facts.extend(batch.iter().map(OwnedRecord::from));
        assert_eq!(facts.len() - before, batch.len());
        assert_eq!(reader.cursors(), batch.after());
    }
    facts
}

/// Everything in `journal`, with texts.
pub(super) fn all_of(journal: &Journal) -> Vec<OwnedRecord> {
    let reader = journal.read_from(Cursors::START).unwrap();
    read_all(&mut reader.with_texts())
}

/// Facts are gap-free per partition, and each says what was appended.
pub(super) fn assert_sound(facts: &[OwnedRecord]) {
    let mut next = Cursors::START;
    for logged in facts {
        let seq = &mut next.0[usize::from(logged.position.partition)];
        assert_eq!(logged.position.seq, *seq, "seqs have no gaps");
        *seq += 1;
        let expected = fact(number_of(&logged.open));
        assert_eq!(without_place(logged.clone()), expected);
    }
}

pub(super) fn numbers(facts: &[OwnedRecord]) -> BTreeSet<u64> {
    let numbers: BTreeSet<_> = facts.iter().map(|f| number_of(&f.open)).collect();
    assert_eq!(numbers.len(), facts.len(), "no fact comes twice");
    numbers
}

pub(super) fn found(journal: &Journal, n: u64) -> Option<OwnedRecord> {
    match journal.find_now(click_id(n)).unwrap() {
        Found::Click(record) => Some(*record),
        Found::Expired | Found::Absent => None,
    }
}

pub(super) fn segment_file(data: &Path, number: u64) -> PathBuf {
    data.join(format!("journal/segment-{number:010}.log"))
}

pub(super) fn index_file(data: &Path, number: u64) -> PathBuf {
    data.join(format!("journal/segment-{number:010}.idx"))
}

/// A copy of a data folder, as a crash of the process would leave it.
pub(super) fn copy_of(data: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let to = copy.path().join("journal");
    std::fs::create_dir(&to).unwrap();
    for entry in std::fs::read_dir(data.join("journal")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            // A spare may be renamed meanwhile; a crash would not have it either.
            let _ = std::fs::copy(entry.path(), to.join(entry.file_name()));
        }
    }
    copy
}
