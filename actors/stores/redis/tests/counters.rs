//! Counters on a server that lies.

mod support;

use std::collections::BTreeMap;

use support::{Keys, TENANT, connect, eventually};
use weir_engine::ids::{Position, UnixMs};
use weir_engine::live::{LiveCounters, LiveKey, LiveSums, UtcDay};
use weir_engine::money::Currency;
use weir_engine::ports::SharedCounters;
use weir_engine::ports::contract::block_on;
use weir_redis::Counters;

const DAY: UtcDay = UtcDay(20_513);

fn counted(campaign: u32, seq: u64) -> LiveCounters {
    LiveCounters {
        key: LiveKey {
            tenant: TENANT,
            day: DAY,
            campaign,
        },
        stands_at: Position { partition: 3, seq },
        newest_at: UnixMs(seq),
        sums: BTreeMap::from([(Currency::USD, LiveSums::of_values([seq as i64; 10]))]),
    }
}

fn read(counters: &Counters) -> Vec<LiveCounters> {
    block_on(counters.read(TENANT, DAY, vec![])).expect("read")
}

#[test]
fn counters_that_are_not_ours_are_not_read_and_do_not_stand_in_the_way() {
    let keys = Keys::fresh();
    let counters = keys.node().counters();
    let put = |all| block_on(counters.put(all)).expect("put");
    put(vec![counted(1, 10), counted(2, 20)]);
    let hash = keys.all().pop().expect("a hash");
    let mut connection = connect(&keys.url).expect("connected");
    let field = |connection: &mut redis::Connection, campaign: u32| -> Vec<u8> {
        let get = redis::cmd("HGET")
            .arg(&hash)
            .arg(campaign)
            .query(connection);
        get.expect("a field")
    };
    // Garbage, the other campaign's value, and a place that nobody could ever pass.
    let other = field(&mut connection, 2);
    let mut ahead = field(&mut connection, 1);
    ahead[..20].copy_from_slice(b"00009007199254740991");
    for lie in [b"garbage".to_vec(), other, ahead] {
        let mut set = redis::cmd("HSET");
        let set = set.arg(&hash).arg(1).arg(lie);
        set.exec(&mut connection).expect("set");
        assert_eq!(read(&counters), [counted(2, 20)]);
        eventually("the lie is taken away", || {
            put(vec![counted(1, 10)]);
            read(&counters) == [counted(1, 10), counted(2, 20)]
        });
    }
}

#[test]
fn a_key_of_another_kind_is_an_error_and_no_answer() {
    let keys = Keys::fresh();
    let counters = keys.node().counters();
    block_on(counters.put(vec![counted(1, 10)])).expect("put");
    let hash = keys.all().pop().expect("a hash");
    keys.set(&hash, b"a string");
    assert!(block_on(counters.read(TENANT, DAY, vec![1])).is_err());
    assert!(block_on(counters.put(vec![counted(1, 11)])).is_err());
}

#[test]
fn what_is_written_goes_by_itself_after_days() {
    let keys = Keys::fresh();
    let counters = keys.node().counters();
    block_on(counters.put(vec![counted(1, 10)])).expect("put");
    let mut connection = connect(&keys.url).expect("connected");
    let hash = keys.all().pop().expect("a hash");
    let ttl = redis::cmd("TTL").arg(hash).query::<i64>(&mut connection);
    assert!((86_400..=4 * 86_400).contains(&ttl.expect("told")));
}
