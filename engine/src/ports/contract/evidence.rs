//! What judging and actors read: conversions, verdicts, counters, blocks, checkpoints.

use super::commits::OWNED;
use super::owner::{BEGIN, Owner, Sale, TENANT, hour, neighbour};
use crate::caps::Place;
use crate::catalog::{Change, EntityKey, EntityKind};
use crate::fact::{ConversionStatus, Warning};
use crate::ids::{UnixMs, partition_of};
use crate::judge::{Conversion, ConversionReason, Identity, Rule};
use crate::money::Micros;
use crate::ports::{
    ActorKey, CapCounter, CatalogStore, Checkpoint, ConversionFilter, EntityRow, LedgerStore,
    ReportStore, UNIQUE_BLOCK, UniqueBlock,
};

/// Extremes and nothing survive in each field.
pub async fn every_field_of_every_row_is_read_back<S: LedgerStore + ReportStore>(store: &S) {
    let mut owner = Owner::claim(store, TENANT).await;
    let plain = owner.convert(Sale::default());
    let full = owner.convert(Sale::default());
    let full = Conversion {
        reason: Some(ConversionReason::FxMissing),
        note: "naïve “quotes” and\nlines\0".to_owned(),
        flow: Some(u32::MAX),
        arm: u32::MAX,
        goal: Some(u32::MAX),
        country: *b"ZZ",
        device: 255,
        txid: "ünïcode-🦀".to_owned(),
        sale_amount: Some(Micros(i64::MAX)),
        payout: Micros(i64::MIN),
        identity: Some(Identity(u128::MAX)),
        rule: Rule::Terms {
            offer: 1,
            affiliate: 2,
            version: u32::MAX,
        },
        places: vec![
            (
                Place {
                    cap: u64::MAX,
                    from: UnixMs(0),
                },
                i64::MIN,
            ),
            (
                Place {
                    cap: 0,
                    from: hour(1),
                },
                1,
            ),
        ],
        ..full
    };
    let bare = owner.convert(Sale {
        affiliate: None,
        takes_identity: false,
        ..Sale::default()
    });
    let bare = Conversion {
        sale_amount: None,
        sale_currency: None,
        txid: String::new(),
        places: Vec::new(),
        ..bare
    };
    owner.window().conversions = vec![plain.clone(), full.clone(), bare.clone()];
    let warned = &mut owner.window().verdicts[1].verdict;
    warned.warnings = Warning::ALL.to_vec();
    let verdicts = owner.window().verdicts.clone();
    owner.commit(store).await;
    for conversion in [plain, full, bare] {
        let stored = store.conversion(TENANT, conversion.id).await.expect("read");
        assert_eq!(stored, Some(conversion));
    }
    for verdict in verdicts {
        let stored = store
            .verdict(TENANT, verdict.received_id)
            .await
            .expect("read");
        assert_eq!(stored, Some(verdict));
    }
}

/// An identity is taken by the conversion that carries it, seen only once committed, kept after a rejection.
pub async fn an_identity_is_found_when_committed_and_only_where_it_was_taken(
    store: &impl LedgerStore,
) {
    let mut owner = Owner::claim(store, TENANT).await;
    let taker = owner.convert(Sale::default());
    let refused = owner.convert(Sale {
        status: ConversionStatus::Rejected,
        takes_identity: false,
        ..Sale::default()
    });
    let identity = taker.identity.expect("taken");
    let find = |identity| store.conversion_by_identity(TENANT, identity);
    assert_eq!(find(identity).await.expect("read"), None);
    owner.commit(store).await;
    assert_eq!(find(identity).await.expect("read"), Some(taker.clone()));
    assert_eq!(find(Identity(0)).await.expect("read"), None);
    assert_eq!(refused.identity, None);
    let rejected = owner.change(&taker, hour(1), ConversionStatus::Rejected);
    owner.commit(store).await;
    assert_eq!(find(identity).await.expect("read"), Some(rejected));
}

/// Identities are given in order, once each, page by page, a rejected conversion's too, another tenant's never.
pub async fn taken_identities_are_read_page_by_page(store: &impl LedgerStore) {
    let mut owner = Owner::claim(store, TENANT).await;
    let mut taken = Vec::new();
    for _ in 0..5 {
        taken.extend(owner.convert(Sale::default()).identity);
    }
    owner.convert(Sale {
        takes_identity: false,
        ..Sale::default()
    });
    let last = owner.convert(Sale::default());
    taken.extend(last.identity);
    owner.change(&last, hour(1), ConversionStatus::Rejected);
    owner.commit(store).await;
    taken.sort_unstable_by_key(|identity| identity.0);
    let mut read = Vec::new();
    loop {
        let after = read.last().copied();
        let page = store.identities(TENANT, after, 2).await.expect("read");
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    assert_eq!(read, taken);
    let of_other = store.identities(neighbour(), None, 10).await;
    assert_eq!(of_other.expect("read"), []);
}

/// A range gives verdicts with the conversions they made, and changes, each as the conversion stands now.
pub async fn what_was_judged_is_read_by_its_places(store: &impl LedgerStore) {
    let mut owner = Owner::claim(store, TENANT).await;
    let made = owner.convert(Sale::default());
    owner.click(hour(1), 3, None, false);
    let repeat = owner.repeat(&made, hour(1));
    let changed = owner.change(&made, hour(2), ConversionStatus::Rejected);
    let last = owner.convert(Sale::default());
    owner.commit(store).await;
    let all = store.judged(TENANT, 0, u64::MAX).await.expect("read");
    let seqs: Vec<u64> = all.verdicts.iter().map(|(v, _)| v.position.seq).collect();
    assert_eq!(seqs, [0, 2, 4]);
    assert_eq!(all.verdicts[0].1, Some(changed.clone()));
    assert_eq!(all.verdicts[1], (repeat, None));
    assert_eq!(all.verdicts[2].1, Some(last));
    assert_eq!(all.status_changes.len(), 1);
    assert_eq!(all.status_changes[0].0.position.seq, 3);
    assert_eq!(all.status_changes[0].1, changed);
    let part = store.judged(TENANT, 1, 4).await.expect("read");
    assert_eq!((part.verdicts.len(), part.status_changes.len()), (1, 1));
    let none = store.judged(TENANT, 4, 4).await.expect("read");
    assert_eq!((none.verdicts.len(), none.status_changes.len()), (0, 0));
}

/// Blocks that touch a stretch of facts come in order; a block stands as written last.
pub async fn unique_blocks_are_read_by_the_facts_they_touch(store: &impl LedgerStore) {
    let partition = partition_of(TENANT);
    let mut owner = Owner::claim(store, TENANT).await;
    let block = |block, bits: &[u8]| UniqueBlock {
        partition,
        block,
        bits: bits.to_vec(),
    };
    owner.next(BEGIN);
    owner.window().unique_blocks = vec![block(2, &[1]), block(0, &[5, 0, 128]), block(1, &[2])];
    owner.commit(store).await;
    owner.next(BEGIN);
    owner.window().unique_blocks = vec![block(2, &[1, 8])];
    owner.commit(store).await;
    let read = async |from, to| {
        store
            .unique_blocks(partition, from, to)
            .await
            .expect("read")
    };
    let all = [block(0, &[5, 0, 128]), block(1, &[2]), block(2, &[1, 8])];
    assert_eq!(read(0, 3 * UNIQUE_BLOCK).await, all);
    assert_eq!(read(UNIQUE_BLOCK - 1, UNIQUE_BLOCK).await, all[..1]);
    assert_eq!(read(UNIQUE_BLOCK - 1, UNIQUE_BLOCK + 1).await, all[..2]);
    assert_eq!(read(5, 5).await, []);
    let other = store.unique_blocks(partition + 1, 0, UNIQUE_BLOCK).await;
    assert_eq!(other.expect("read"), []);
}

/// Counters are absolute, and come in order of cap and period.
pub async fn counters_come_in_order_of_cap_and_period(store: &impl LedgerStore) {
    let mut owner = Owner::claim(store, TENANT).await;
    let counter = |cap, hours, used| CapCounter {
        tenant: TENANT,
        place: Place {
            cap,
            from: hour(hours),
        },
        used,
    };
    owner.next(BEGIN);
    owner.window().cap_counters =
        vec![counter(u64::MAX, 0, 1), counter(1, 24, 2), counter(1, 0, 3)];
    owner.commit(store).await;
    owner.next(BEGIN);
    owner.window().cap_counters = vec![counter(1, 24, -5)];
    owner.commit(store).await;
    let stored = store.cap_counters(TENANT).await.expect("read");
    assert_eq!(
        stored,
        [
            counter(1, 0, 3),
            counter(1, 24, -5),
            counter(u64::MAX, 0, 1)
        ]
    );
}

/// Each actor has its latest checkpoint.
pub async fn checkpoints_are_kept_by_actor(store: &impl LedgerStore) {
    let mut owner = Owner::claim(store, TENANT).await;
    let checkpoint = |actor, folded_to, bytes: &[u8]| Checkpoint {
        actor,
        folded_to,
        bytes: bytes.to_vec(),
    };
    let (tenant, campaign) = (ActorKey::Tenant(TENANT), ActorKey::Campaign(TENANT, 4));
    owner.next(BEGIN);
    owner.window().checkpoints = vec![
        checkpoint(tenant, 1, &[1; 100_000]),
        checkpoint(campaign, 1, &[2]),
    ];
    owner.commit(store).await;
    owner.next(BEGIN);
    owner.window().checkpoints = vec![checkpoint(campaign, 2, &[])];
    owner.commit(store).await;
    let read = async |actor| store.checkpoint(actor).await.expect("read");
    assert_eq!(
        read(tenant).await,
        Some(checkpoint(tenant, 1, &[1; 100_000]))
    );
    assert_eq!(read(campaign).await, Some(checkpoint(campaign, 2, &[])));
    assert_eq!(read(ActorKey::Campaign(TENANT, 5)).await, None);
}

/// The offer of both tenants that only [`TENANT`] has configured.
const OFFER: EntityKey = EntityKey {
    kind: EntityKind::Offer,
    number: 3,
    second: 0,
};

/// A conversion of each of two tenants in one partition; the first also has an offer and a counter.
async fn two_tenants(store: &impl LedgerStore) -> [Conversion; 2] {
    let mut owner = Owner::claim(store, TENANT).await;
    let ours = owner.convert(Sale::default());
    let position = owner.next(BEGIN);
    owner.window().entities.push(EntityRow {
        tenant: TENANT,
        position,
        created_at: BEGIN,
        updated_at: BEGIN,
        change: Change {
            key: OFFER,
            version: 1,
            by: "key_1".to_owned(),
            body: serde_json::json!({}),
        },
    });
    owner.window().cap_counters.push(CapCounter {
        tenant: TENANT,
        place: Place {
            cap: 1,
            from: BEGIN,
        },
        used: 1,
    });
    owner.commit(store).await;
    let mut owner = owner.speaking_for(neighbour());
    let theirs = owner.convert(Sale {
        payout: 1,
        ..Sale::default()
    });
    owner.commit(store).await;
    [ours, theirs]
}

/// Rows of the same numbers in another tenant, in the same partition, are invisible.
pub async fn a_tenant_sees_nothing_of_another<S: CatalogStore + LedgerStore + ReportStore>(
    store: &S,
) {
    let other = neighbour();
    assert_ne!(other, TENANT);
    let [ours, theirs] = two_tenants(store).await;
    let identity = ours.identity.expect("taken");
    assert_eq!(store.conversion(other, ours.id).await.expect("read"), None);
    let found = store.conversion_by_identity(other, identity).await;
    assert_eq!(found.expect("read"), None);
    let found = store.verdict(other, ours.received_id).await;
    assert_eq!(found.expect("read"), None);
    let found = store.conversion_history(other, ours.id).await;
    assert_eq!(found.expect("read"), None);
    assert_eq!(store.cap_counters(other).await.expect("read"), []);
    assert_eq!(store.entity(other, OFFER).await.expect("read"), None);
    let judged = store.judged(other, 0, 100).await.expect("read");
    assert_eq!(judged.verdicts.len(), 1);
    let all = ConversionFilter {
        limit: 10,
        ..ConversionFilter::default()
    };
    assert_eq!(store.conversions(other, all).await.expect("read"), [theirs]);
    let balances = store.balances(other, OWNED, 5).await.expect("read");
    let amounts: Vec<i64> = balances.iter().map(|b| b.amount.0).collect();
    assert_eq!(amounts, [1]);
}
