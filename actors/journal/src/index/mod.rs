//! The click index: where in a segment the record of a click id begins.
//!
//! The open segment's index is in memory and grows with each durable group; a sealed segment's is a sorted file
//! (see `file.rs`). Both answer with a place; the record read there is what decides, so an index can be lost or
//! late but never wrong in silence.
//! Always true: K1 a click is in the index before its append is acknowledged; K2 of two records with the same
//! key the earlier one is found. Not here: which segments are asked (see `lookup.rs`).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

use weir_engine::click_id::ClickId;

mod file;

pub(crate) use file::{IndexFile, IndexFlaw, entries_of, read_header, write_index};

/// The part of a click id that tells it apart: tenant, time, node, sequence and four bits of the MAC.
pub(crate) type Key = [u8; 12];

/// The key of `click_id`: bytes 1 to 12; version and key number before it, the rest of the MAC after it say no more.
pub(crate) fn key_of(click_id: &ClickId) -> Key {
    let mut key = [0; 12];
    key.copy_from_slice(&click_id.as_bytes()[1..13]);
    key
}

/// Least and greatest time of the click ids in a segment, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdRange {
    pub least: u64,
    pub greatest: u64,
}

impl IdRange {
    /// Of a segment without clicks.
    pub(crate) const EMPTY: Self = Self {
        least: u64::MAX,
        greatest: 0,
    };

    pub(crate) fn holds(&self, ms: u64) -> bool {
        (self.least..=self.greatest).contains(&ms)
    }
}

/// Keys are mostly a clock and counters: one multiplication spreads them.
#[derive(Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for eight in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..eight.len()].copy_from_slice(eight);
            let mixed = (self.0 ^ u64::from_le_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            self.0 = mixed ^ (mixed >> 32);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Shard = HashMap<Key, u32, BuildHasherDefault<KeyHasher>>;
const SHARDS: usize = 16;

/// The index of a segment whose index file is not on disk yet. In shards, so that growing one never stalls the
/// writer for long.
pub(crate) struct MemoryIndex {
    shards: [RwLock<Shard>; SHARDS],
    least: AtomicU64,
    greatest: AtomicU64,
}

impl MemoryIndex {
    pub(crate) fn new() -> Self {
        Self {
            shards: Default::default(),
            least: AtomicU64::new(IdRange::EMPTY.least),
            greatest: AtomicU64::new(IdRange::EMPTY.greatest),
        }
    }

    /// Adds the click whose record begins at `place`.
    pub(crate) fn insert(&self, click_id: &ClickId, place: u32) {
        let key = key_of(click_id);
        let ms = click_id.unix_ms();
        write(&self.shards[shard_of(&key)])
            .entry(key)
            .or_insert(place);
        self.least.fetch_min(ms, Ordering::Relaxed);
        self.greatest.fetch_max(ms, Ordering::Relaxed);
    }

    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        read(&self.shards[shard_of(key)]).get(key).copied()
    }

    pub(crate) fn ids(&self) -> IdRange {
        IdRange {
            least: self.least.load(Ordering::Relaxed),
            greatest: self.greatest.load(Ordering::Relaxed),
        }
    }

    /// All entries, sorted by key.
    pub(crate) fn sorted(&self) -> Vec<(Key, u32)> {
        let mut entries: Vec<_> = self
            .shards
            .iter()
            .flat_map(|shard| {
                read(shard)
                    .iter()
                    .map(|(&k, &p)| (k, p))
                    .collect::<Vec<_>>()
            })
            .collect();
        entries.sort_unstable();
        entries
    }
}

/// The last byte of a key holds MAC bits, so shards fill evenly.
fn shard_of(key: &Key) -> usize {
    usize::from(key[11] & 15)
}

// A panic while a shard is locked leaves at worst a missing entry of a record that was never acknowledged.
fn read(shard: &RwLock<Shard>) -> std::sync::RwLockReadGuard<'_, Shard> {
    shard
        .read()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn write(shard: &RwLock<Shard>) -> std::sync::RwLockWriteGuard<'_, Shard> {
    shard
        .write()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
