//! The transaction: everything that follows from a stretch of the log, and how far it has come.

use std::collections::BTreeMap;

use super::PortFuture;
use crate::caps::Place;
use crate::catalog::{Change, EntityKey};
use crate::fact::{ConversionStatus, ReceivedId};
use crate::ids::{ConversionId, Position, TenantId, UnixMs};
use crate::judge::{Conversion, ConversionReason, Identity, Verdict};
use crate::ledger::Transfer;
use crate::rollup::{RollupDelta, RollupKey};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Try the same again later.
    #[error("store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The compare-and-set of a partition changed no row: another owner has it, or has gone on.
    #[error("partition {partition} belongs to another owner")]
    Fenced {
        /// Which partition.
        partition: u16,
    },
    /// A row that this build cannot read.
    #[error("row of {table} cannot be read: {what}")]
    Unreadable {
        /// Which table.
        table: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

/// How far the store has come in a partition, and who may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionState {
    /// Which partition.
    pub partition: u16,
    /// Number of the first fact whose effects are not in the store.
    pub next_offset: u64,
    /// Counts the owners; only the latest may commit.
    pub epoch: u64,
    /// Facts below are in every actor's checkpoint; those from here to `next_offset` are refolded.
    pub refold_from: u64,
}

/// A step of one partition: from `from` (compared) to `to` (set), under `epoch` (compared). `from` = `to` is a
/// step in place, for checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    /// Which partition.
    pub partition: u16,
    /// Its `next_offset` before.
    pub from: u64,
    /// Its `next_offset` after.
    pub to: u64,
    /// Under which epoch.
    pub epoch: u64,
    /// When set: the checkpoints of this commit cover the partition up to here.
    pub refold_from: Option<u64>,
}

/// An entity after a change, with its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityRow {
    /// Whose.
    pub tenant: TenantId,
    /// Place of the fact that made this version.
    pub position: Position,
    /// When the entity was first made.
    pub created_at: UnixMs,
    /// When this version was made.
    pub updated_at: UnixMs,
    /// Key, version, author and body.
    pub change: Change,
}

/// What was answered to a received conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictRow {
    /// Whose.
    pub tenant: TenantId,
    /// Place of the received conversion.
    pub position: Position,
    /// When it was received.
    pub at: UnixMs,
    /// Its id.
    pub received_id: ReceivedId,
    /// The answer, as of this place.
    pub verdict: Verdict,
    /// Whether it made the conversion (and did not only name an earlier one).
    pub is_made: bool,
}

/// A conversion went from one status to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRow {
    /// Whose.
    pub tenant: TenantId,
    /// Place of the fact that changed it.
    pub position: Position,
    /// When.
    pub at: UnixMs,
    /// Which conversion.
    pub conversion_id: ConversionId,
    /// What it was.
    pub from: ConversionStatus,
    /// What it is.
    pub to: ConversionStatus,
    /// Why, as a code.
    pub reason: Option<ConversionReason>,
    /// Why, in a person's words.
    pub note: String,
    /// Who: a received id, or an API key's.
    pub by: String,
}

/// What is used of a cap in a period; absolute, so that writing it twice changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapCounter {
    /// Whose.
    pub tenant: TenantId,
    /// The cap and period.
    pub place: Place,
    /// Units used.
    pub used: i64,
}

/// Facts a [`UniqueBlock`] speaks of.
pub const UNIQUE_BLOCK: u64 = 16_384;

/// Which facts of a block of a partition are unique clicks: one bit a fact, so that the answer is kept
/// without a row per click. Bit `i` (byte `i / 8`, value `1 << (i % 8)`) is fact `block × UNIQUE_BLOCK + i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueBlock {
    /// Which partition.
    pub partition: u16,
    /// Number of the block: seq / [`UNIQUE_BLOCK`].
    pub block: u64,
    /// The whole block so far; trailing zero bytes may be left out.
    pub bits: Vec<u8>,
}

/// Unique clicks of several [`UniqueBlock`]s.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UniqueClicks(BTreeMap<(u16, u64), Vec<u8>>);

impl UniqueClicks {
    /// Whether the fact at `position` is a unique click of these blocks.
    #[must_use]
    pub fn contains(&self, position: Position) -> bool {
        let (block, byte, bit) = place_of(position.seq);
        let bits = self.0.get(&(position.partition, block));
        bits.and_then(|bits| bits.get(byte))
            .is_some_and(|byte| byte & bit != 0)
    }

    /// The fact at `position` is a unique click.
    pub fn mark(&mut self, position: Position) {
        let (block, byte, bit) = place_of(position.seq);
        let bits = self.0.entry((position.partition, block)).or_default();
        if bits.len() <= byte {
            bits.resize(byte + 1, 0);
        }
        bits[byte] |= bit;
    }

    /// A block, where there are unique clicks of it.
    #[must_use]
    pub fn block(&self, partition: u16, block: u64) -> Option<UniqueBlock> {
        let bits = self.0.get(&(partition, block))?.clone();
        Some(UniqueBlock {
            partition,
            block,
            bits,
        })
    }

    /// Forgets a block.
    pub fn forget(&mut self, partition: u16, block: u64) {
        self.0.remove(&(partition, block));
    }
}

impl Extend<UniqueBlock> for UniqueClicks {
    fn extend<T: IntoIterator<Item = UniqueBlock>>(&mut self, blocks: T) {
        let blocks = blocks.into_iter();
        self.0
            .extend(blocks.map(|b| ((b.partition, b.block), b.bits)));
    }
}

impl FromIterator<UniqueBlock> for UniqueClicks {
    fn from_iter<T: IntoIterator<Item = UniqueBlock>>(blocks: T) -> Self {
        let mut clicks = Self::default();
        clicks.extend(blocks);
        clicks
    }
}

/// Where a fact stands: its block, the byte in it, and the bit in that.
fn place_of(seq: u64) -> (u64, usize, u8) {
    let place = seq % UNIQUE_BLOCK;
    (seq / UNIQUE_BLOCK, (place / 8) as usize, 1 << (place % 8))
}

/// Which actor's state a checkpoint holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorKey {
    /// A tenant actor's.
    Tenant(TenantId),
    /// A campaign actor's: tenant and the campaign's number.
    Campaign(TenantId, u32),
}

/// State of an actor after the facts below `folded_to`. A cache of the log: losing it costs re-reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose state.
    pub actor: ActorKey,
    /// Number of the first fact of the tenant's partition that is not in it.
    pub folded_to: u64,
    /// The state.
    pub bytes: Vec<u8>,
}

/// What one transaction writes; all of it or nothing.
///
/// Always true: rows are absolute or keyed by the place of the fact that made them, except rollups and
/// balances, which are sums; those are safe because `advances` is compared and set in the same transaction.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// Steps of the partitions.
    pub advances: Vec<Advance>,
    /// Time of the newest fact of these steps: the store keeps the greatest, for the watermark.
    pub newest_at: UnixMs,
    /// Entities after their latest change, one an entity.
    pub entities: Vec<EntityRow>,
    /// Conversions as they stand now, made or changed; one a conversion.
    pub conversions: Vec<Conversion>,
    /// Answers to received conversions.
    pub verdicts: Vec<VerdictRow>,
    /// Changes of status.
    pub status_changes: Vec<StatusRow>,
    /// Entries of the ledger; the store sums balances from them.
    pub transfers: Vec<Transfer>,
    /// Sums to add, one a key.
    pub rollups: Vec<(TenantId, RollupKey, RollupDelta)>,
    /// Counters of caps as they stand now.
    pub cap_counters: Vec<CapCounter>,
    /// Blocks of unique clicks as they stand now.
    pub unique_blocks: Vec<UniqueBlock>,
    /// Checkpoints that are due.
    pub checkpoints: Vec<Checkpoint>,
}

/// What the store says was judged in a stretch of a tenant's facts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JudgedRange {
    /// Answers, in order of their places, each with the conversion it made, as that stands now.
    pub verdicts: Vec<(VerdictRow, Option<Conversion>)>,
    /// Changes of status in order of their places, each with its conversion as that stands now.
    pub status_changes: Vec<(StatusRow, Conversion)>,
}

/// Reads what tenants have configured.
pub trait CatalogStore: Send + Sync + 'static {
    /// All entities of all tenants as of the stored offsets, in order of tenant, kind and number.
    fn entities(&self) -> PortFuture<'_, Result<Vec<EntityRow>, StoreError>>;

    /// One entity as of the stored offsets.
    fn entity(
        &self,
        tenant: TenantId,
        key: EntityKey,
    ) -> PortFuture<'_, Result<Option<EntityRow>, StoreError>>;
}

/// The system of record of what follows from the log.
pub trait LedgerStore: Send + Sync + 'static {
    /// Takes over `partitions`: gives each a new epoch (made if missing, at offset 0), so that an earlier
    /// owner's commits fail with [`StoreError::Fenced`].
    fn claim(&self, partitions: &[u16]) -> PortFuture<'_, Result<Vec<PartitionState>, StoreError>>;

    /// How far each partition has come, without taking it over.
    fn offsets(&self) -> PortFuture<'_, Result<Vec<PartitionState>, StoreError>>;

    /// Commits, all or nothing. The commit comes back when it may be tried again.
    fn commit(&self, commit: Commit) -> PortFuture<'_, Result<(), (StoreError, Commit)>>;

    /// The conversion that took `identity`, as it stands at the stored offset.
    fn conversion_by_identity(
        &self,
        tenant: TenantId,
        identity: Identity,
    ) -> PortFuture<'_, Result<Option<Conversion>, StoreError>>;

    /// Identities that conversions of a tenant have taken, in order, the first `limit` of those above `after`.
    fn identities(
        &self,
        tenant: TenantId,
        after: Option<Identity>,
        limit: u32,
    ) -> PortFuture<'_, Result<Vec<Identity>, StoreError>>;

    /// A conversion as it stands at the stored offset.
    fn conversion(
        &self,
        tenant: TenantId,
        id: ConversionId,
    ) -> PortFuture<'_, Result<Option<Conversion>, StoreError>>;

    /// All counters of a tenant's caps, in order of cap and period.
    fn cap_counters(&self, tenant: TenantId)
    -> PortFuture<'_, Result<Vec<CapCounter>, StoreError>>;

    /// The latest checkpoint of an actor.
    fn checkpoint(&self, actor: ActorKey)
    -> PortFuture<'_, Result<Option<Checkpoint>, StoreError>>;

    /// Blocks of unique clicks that touch facts `from..to` of a partition, in order.
    fn unique_blocks(
        &self,
        partition: u16,
        from: u64,
        to: u64,
    ) -> PortFuture<'_, Result<Vec<UniqueBlock>, StoreError>>;

    /// What was judged of a tenant's facts `from..to` (numbers in the tenant's partition).
    fn judged(
        &self,
        tenant: TenantId,
        from: u64,
        to: u64,
    ) -> PortFuture<'_, Result<JudgedRange, StoreError>>;
}
