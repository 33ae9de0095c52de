//! What the store and the log say of a batch, beyond its facts.

use std::collections::{BTreeMap, BTreeSet};

use weir_engine::fact::Kind;
use weir_engine::ids::{ConversionId, PARTITIONS, Position, TenantId, partition_of};
use weir_engine::judge::Conversion;
use weir_engine::ports::{Found, UNIQUE_BLOCK};
use weir_engine::record::OwnedRecord;
use weir_journal::{Batch, Cursors};

use super::SearchPorts;
use super::indexer::Trouble;

/// A conversion that facts of the batch made or changed, as it stands now.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) conversion: Conversion,
    /// Number of the last fact of the batch that changed it.
    pub(crate) seq: u64,
    /// Its click's record, where that is still kept.
    pub(crate) click: Option<Box<OwnedRecord>>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Judgements {
    unique: BTreeMap<(u16, u64), Vec<u8>>,
    pub(crate) changed: BTreeMap<(TenantId, ConversionId), Changed>,
}

impl Judgements {
    /// Asks for what was judged of the facts of a batch below `limit`.
    pub(crate) async fn load(
        ports: &SearchPorts,
        batch: &Batch,
        limit: &Cursors,
    ) -> Result<Self, Trouble> {
        let (from, to) = (batch.before(), batch.after().nearest(limit));
        let mut judgements = Self::default();
        for partition in 0..PARTITIONS {
            let (from, to) = (from.0[usize::from(partition)], to.0[usize::from(partition)]);
            if from < to {
                let blocks = ports.ledger.unique_blocks(partition, from, to).await?;
                let placed = blocks.into_iter().map(|b| ((b.partition, b.block), b.bits));
                judgements.unique.extend(placed);
            }
        }
        let makes_conversions = |kind| {
            kind == Kind::ConversionReceived.code() || kind == Kind::ConversionStatusChanged.code()
        };
        let of_conversions = batch.iter().filter(|l| makes_conversions(l.record.kind));
        let tenants: BTreeSet<TenantId> = of_conversions.map(|l| l.record.tenant).collect();
        for tenant in tenants {
            let partition = usize::from(partition_of(tenant));
            judgements
                .judged(ports, tenant, (from.0[partition], to.0[partition]))
                .await?;
        }
        judgements.find_clicks(ports).await?;
        Ok(judgements)
    }

    async fn judged(
        &mut self,
        ports: &SearchPorts,
        tenant: TenantId,
        (from, to): (u64, u64),
    ) -> Result<(), Trouble> {
        if from >= to {
            return Ok(());
        }
        let judged = ports.ledger.judged(tenant, from, to).await?;
        let made = judged.verdicts.into_iter().filter(|(row, _)| row.is_made);
        let made = made.filter_map(|(row, conversion)| Some((row.position, conversion?)));
        let changed = judged.status_changes.into_iter();
        let changed = changed.map(|(row, conversion)| (row.position, conversion));
        for (position, conversion) in made.chain(changed) {
            let key = (tenant, conversion.id);
            let seq = self
                .changed
                .get(&key)
                .map_or(0, |c| c.seq)
                .max(position.seq);
            let click = None;
            self.changed.insert(
                key,
                Changed {
                    conversion,
                    seq,
                    click,
                },
            );
        }
        Ok(())
    }

    async fn find_clicks(&mut self, ports: &SearchPorts) -> Result<(), Trouble> {
        for ((tenant, _), changed) in &mut self.changed {
            let found = ports.clicks.find(changed.conversion.click_id).await?;
            if let Found::Click(record) = found
                && record.tenant == *tenant
            {
                changed.click = Some(record);
            }
        }
        Ok(())
    }

    /// Whether the fact at `position` is a unique click.
    pub(crate) fn is_unique(&self, position: Position) -> bool {
        let (block, bit) = (position.seq / UNIQUE_BLOCK, position.seq % UNIQUE_BLOCK);
        let bits = self.unique.get(&(position.partition, block));
        let byte = bits.and_then(|bits| bits.get((bit / 8) as usize));
        byte.is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    }

    #[cfg(test)]
    pub(crate) fn mark_unique(&mut self, position: Position) {
        let (block, bit) = (position.seq / UNIQUE_BLOCK, position.seq % UNIQUE_BLOCK);
        let bits = self.unique.entry((position.partition, block)).or_default();
        bits.resize(bits.len().max((bit / 8) as usize + 1), 0);
        bits[(bit / 8) as usize] |= 1 << (bit % 8);
    }
}
