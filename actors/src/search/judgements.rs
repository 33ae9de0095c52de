//! What the store and the log say of a batch, beyond its facts.

use std::collections::{BTreeMap, BTreeSet};

use weir_engine::fact::Kind;
use weir_engine::ids::{ConversionId, PARTITIONS, TenantId, partition_of};
use weir_engine::judge::Conversion;
use weir_engine::ports::{Found, LedgerStore, StoreError, UniqueClicks};
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
    pub(crate) unique: UniqueClicks,
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
        let mut judgements = Self {
            unique: unique_clicks(ports.ledger.as_ref(), &from, &to).await?,
            ..Self::default()
        };
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
}

/// The unique clicks among the facts `from..to` of all partitions, with others of their blocks.
///
/// # Errors
/// [`StoreError`].
pub async fn unique_clicks(
    ledger: &dyn LedgerStore,
    from: &Cursors,
    to: &Cursors,
) -> Result<UniqueClicks, StoreError> {
    let mut unique = UniqueClicks::default();
    for partition in 0..PARTITIONS {
        let (from, to) = (from.0[usize::from(partition)], to.0[usize::from(partition)]);
        if from < to {
            unique.extend(ledger.unique_blocks(partition, from, to).await?);
        }
    }
    Ok(unique)
}
