//! Live counters.

use std::collections::BTreeMap;

use super::owner::BEGIN;
use crate::ids::{PARTITIONS, Position, TenantId, UnixMs, partition_of};
use crate::live::{LiveCounters, LiveKey, LiveSums, UtcDay};
use crate::money::Currency;
use crate::ports::SharedCounters;

const TENANT: TenantId = TenantId(7);

fn today() -> UtcDay {
    UtcDay::of(BEGIN)
}

/// Counters of a campaign that stand at `seq` and have counted `gross` clicks.
fn counters(campaign: u32, seq: u64, gross: i64) -> LiveCounters {
    let mut values = [gross, 1, -2, i64::MAX, 3, 4, 5, i64::MIN, 7_000_001, 9];
    let dollars = LiveSums::of_values(values);
    values[0] = 0;
    LiveCounters {
        key: LiveKey {
            tenant: TENANT,
            day: today(),
            campaign,
        },
        stands_at: Position {
            partition: partition_of(TENANT),
            seq,
        },
        newest_at: UnixMs(BEGIN.0 + seq),
        sums: BTreeMap::from([
            (Currency::USD, dollars),
            (Currency::EUR, LiveSums::of_values(values)),
        ]),
    }
}

async fn put(store: &impl SharedCounters, all: impl IntoIterator<Item = LiveCounters>) {
    store.put(all.into_iter().collect()).await.expect("put");
}

async fn read(store: &impl SharedCounters, campaigns: &[u32]) -> Vec<LiveCounters> {
    let reading = store.read(TENANT, today(), campaigns.to_vec());
    reading.await.expect("read")
}

/// Every field comes back as it was put.
pub async fn counters_are_read_back_in_order_of_campaigns(store: &impl SharedCounters) {
    assert_eq!(read(store, &[]).await, []);
    let [first, second, third] = [9, 10, u32::MAX].map(|c| counters(c, 5, i64::from(c)));
    put(store, [third.clone(), first.clone(), second.clone()]).await;
    assert_eq!(
        read(store, &[]).await,
        [first.clone(), second.clone(), third.clone()]
    );
    assert_eq!(read(store, &[u32::MAX, 8, 9]).await, [first, third]);
}

/// Whatever the order of writing, what stands at the latest place stays.
pub async fn counters_never_go_backwards(store: &impl SharedCounters) {
    let at = |seq: u64| counters(1, seq, seq as i64 * 10);
    put(store, [at(9)]).await;
    for late in [at(8), at(0), at(9)] {
        put(store, [late]).await;
        assert_eq!(read(store, &[1]).await, [at(9)]);
    }
    put(store, [at(100), at(99), at(11)]).await;
    assert_eq!(read(store, &[]).await, [at(100)]);
    // Another campaign has its own place; numbers are compared as numbers, also large ones.
    let far = 1 << 52;
    put(store, [counters(2, far + 1, 5), counters(2, far, 4)]).await;
    assert_eq!(read(store, &[2]).await, [counters(2, far + 1, 5)]);
}

/// Counters of another tenant or another day are others.
pub async fn counters_of_another_tenant_or_day_are_not_seen(store: &impl SharedCounters) {
    let neighbour = TenantId(TENANT.0 + u32::from(PARTITIONS));
    let mut others = [counters(1, 5, 50), counters(1, 5, 60)];
    others[0].key.tenant = neighbour;
    others[1].key.day = UtcDay(today().0 - 1);
    put(store, others.clone()).await;
    assert_eq!(read(store, &[]).await, []);
    put(store, [counters(1, 1, 10)]).await;
    assert_eq!(read(store, &[]).await, [counters(1, 1, 10)]);
    let of = |key: LiveKey| store.read(key.tenant, key.day, vec![1]);
    for other in others {
        assert_eq!(of(other.key).await.expect("read"), [other]);
    }
}

/// A text that stays while nothing is lost.
pub async fn an_incarnation_lasts_while_counters_do(store: &impl SharedCounters) {
    let first = store.incarnation().await.expect("told");
    put(store, [counters(1, 1, 10)]).await;
    assert_eq!(store.incarnation().await.expect("told"), first);
}
