//! What goes in comes out: readers at the head and behind it, restarts, texts, arbitrary records.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use weir_engine::click_id::ClickId;
use weir_engine::ids::{Position, TenantId, UnixMs, partition_of};
use weir_engine::ports::Append;
use weir_engine::record::OwnedRecord;

use super::support::*;
use crate::{Cursors, Durability, Journal, Options, ReadError, StoredLog, info, verify};

#[test]
fn an_appended_fact_is_read_and_found_as_it_was() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    let position = append(&journal.shared_lane(), 0).unwrap();
    let facts = all_of(&journal);
    assert_sound(&facts);
    assert_eq!(facts[0].position, position);
    assert_eq!(found(&journal, 0).as_ref(), Some(&facts[0]));
    assert_eq!(found(&journal, 1), None);
}

#[test]
fn a_restarted_journal_goes_on_without_a_gap() {
    let data = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let journal = Journal::open(data.path(), &small()).unwrap();
        assert_eq!(journal.end().total(), round * 300);
        let lane = journal.shared_lane();
        let results = append_together(&lane, round * 300..(round + 1) * 300);
        assert!(results.iter().all(Result::is_ok));
        let facts = all_of(&journal);
        assert_sound(&facts);
        assert_eq!(numbers(&facts), (0..(round + 1) * 300).collect());
    }
    let report = verify(data.path()).unwrap();
    assert_eq!((report.problem, report.facts), (None, 1200));
    assert!(report.segments > 2, "segments turned: {}", report.segments);
}

/// Waits for `count` facts, at most `max` at a time.
fn read_count(mut reader: crate::Reader, count: u64, max: usize) -> Vec<OwnedRecord> {
    let mut facts = Vec::new();
    while (facts.len() as u64) < count {
        let batch = wait(reader.next(max)).unwrap();
        assert!(batch.len() <= max);
        facts.extend(batch.iter().map(OwnedRecord::from));
    }
    assert_eq!(reader.lag(), 0);
    facts
}

#[test]
fn readers_at_the_head_and_behind_see_every_fact_once_in_order_while_others_append() {
    const WRITERS: u64 = 4;
    const EACH: u64 = 600;
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    append_together(&journal.shared_lane(), 0..200);
    let from_start = journal.read_from(Cursors::START).unwrap().with_texts();
    let at_head = journal.read_from(journal.end()).unwrap().with_texts();
    let all = std::thread::spawn(move || read_count(from_start, 200 + WRITERS * EACH, 7));
    let new = std::thread::spawn(move || read_count(at_head, WRITERS * EACH, 1000));
    let next = Arc::new(AtomicU64::new(200));
    let writers: Vec<_> = (0..WRITERS)
        .map(|w| {
            let lane = match w % 2 {
                0 => journal.lane(),
                _ => journal.shared_lane(),
            };
            let next = Arc::clone(&next);
            std::thread::spawn(move || {
                for _ in 0..EACH / 20 {
                    let first = next.fetch_add(20, Ordering::Relaxed);
                    let results = append_together(&lane, first..first + 20);
                    assert!(results.iter().all(Result::is_ok));
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|w| w.join().unwrap());
    let (all, new) = (all.join().unwrap(), new.join().unwrap());
    assert_sound(&all);
    assert_eq!(numbers(&all), (0..200 + WRITERS * EACH).collect());
    assert_eq!(new, all[200..]);
    assert!(info(data.path()).unwrap().segments > 4, "segments turned");
}

#[test]
fn a_reader_begins_at_its_cursors_wherever_they_stand() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    append_together(&journal.shared_lane(), 0..1000);
    let all = all_of(&journal);
    let mut cursors = Cursors::START;
    for (i, fact) in all.iter().enumerate() {
        if i % 83 == 0 {
            let mut reader = journal.read_from(cursors).unwrap().with_texts();
            assert_eq!(reader.lag(), (all.len() - i) as u64);
            assert_eq!(read_all(&mut reader), all[i..]);
        }
        cursors.0[usize::from(fact.position.partition)] += 1;
    }
    // Cursors need not be of one physical place: partitions advance apart.
    let apart = partition_of(tenant_of(0));
    let mut some = Cursors::START;
    some.0[usize::from(apart)] = journal.end().0[usize::from(apart)];
    let rest = read_all(&mut journal.read_from(some).unwrap());
    let expected = all.iter().filter(|f| f.position.partition != apart).count();
    assert_eq!(rest.len(), expected);
    assert!(rest.iter().all(|f| f.position.partition != apart));
}

#[test]
fn a_reader_without_texts_leaves_them_empty() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    append_together(&journal.shared_lane(), 0..10);
    let facts = read_all(&mut journal.read_from(Cursors::START).unwrap());
    assert_eq!(facts.len(), 10);
    assert!(facts.iter().all(|f| f.texts == ["", ""]));
}

#[test]
fn a_text_is_written_once_a_segment() {
    let data = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 1 << 20,
        ..small()
    };
    let journal = Journal::open(data.path(), &options).unwrap();
    let agent = "x".repeat(300);
    let mut one = fact(0);
    one.texts = [agent.clone(), String::new()];
    for _ in 0..100 {
        wait(journal.shared_lane().append(&record(&one))).unwrap();
    }
    let bytes = info(data.path()).unwrap().bytes;
    assert!(bytes < 100 * 300, "{bytes} bytes for 100 facts");
    assert!(all_of(&journal).iter().all(|f| f.texts[0] == agent));
}

#[test]
fn the_folder_is_read_by_others_while_it_is_written() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    append_together(&journal.shared_lane(), 0..700);
    let stored = StoredLog::open(data.path()).unwrap();
    assert_eq!(stored.end(), journal.end());
    append_together(&journal.shared_lane(), 700..900);
    let mut reader = stored.read_from(Cursors::START).unwrap().with_texts();
    assert_eq!(read_all(&mut reader), all_of(&journal)[..700]);
    assert_eq!(verify(data.path()).unwrap().problem, None);
}

#[test]
fn looking_beside_a_busy_writer_never_takes_its_work_for_damage() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    append(&journal.shared_lane(), 0).unwrap();
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut last = 0;
            while !is_done.load(Ordering::Relaxed) {
                let stored = StoredLog::open(data.path()).unwrap();
                let total = stored.end().total();
                assert!(total >= last, "{total} after {last}");
                last = total;
                assert_eq!(verify(data.path()).unwrap().problem, None);
                let mut reader = stored.read_from(stored.start()).unwrap();
                match reader.try_next(usize::MAX >> 1) {
                    Ok(_) | Err(ReadError::Removed) => {}
                    Err(ReadError::Io { source, .. }) => {
                        assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        });
        for round in 1..150u64 {
            append_together(&journal.shared_lane(), round * 40..round * 40 + 40);
            if round % 40 == 0 {
                let all = journal.end();
                journal
                    .remove_before(all, std::time::Duration::ZERO)
                    .unwrap();
            }
        }
        is_done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_stored_log_ends_where_it_was_when_opened() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    append_together(&journal.shared_lane(), 0..5);
    let stored = StoredLog::open(data.path()).unwrap();
    let mut reader = stored.read_from(Cursors::START).unwrap();
    assert_eq!(wait(reader.next(100)).unwrap().len(), 5);
    assert!(matches!(wait(reader.next(100)), Err(ReadError::Ended)));
    let mut at_end = stored.read_from(stored.end()).unwrap();
    assert!(at_end.try_next(100).unwrap().is_none());
}

#[test]
fn a_closed_journal_is_read_to_its_end_and_takes_nothing_more() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    let lane = journal.lane();
    let waiting = lane.append(&record(&fact(0)));
    journal.close().unwrap();
    assert!(wait(waiting).is_ok(), "what waited was written");
    assert_eq!(
        append(&lane, 1),
        Err(weir_engine::ports::AppendError::Stopped)
    );
    let mut reader = journal.read_from(Cursors::START).unwrap();
    assert_eq!(wait(reader.next(10)).unwrap().len(), 1);
    assert!(matches!(wait(reader.next(10)), Err(ReadError::Ended)));
    assert_eq!(journal.close(), Ok(()), "closing twice is closing once");
}

#[test]
fn durability_os_answers_without_a_sync_and_loses_nothing_when_the_process_dies() {
    let data = tempfile::tempdir().unwrap();
    let faults = Arc::new(super::faulty::Faults::default());
    let options = Options {
        durability: Durability::Os,
        segment_bytes: 1 << 20,
        ..small()
    };
    let disk = Arc::new(super::faulty::FaultyDisk(Arc::clone(&faults)));
    let journal = Journal::open_on(data.path(), &options, disk).unwrap();
    assert_eq!(journal.durability(), Durability::Os);
    append(&journal.shared_lane(), 0).unwrap();
    until("the spare is made", || {
        data.path().join("journal/spare-0000000001.log").exists()
    });
    for n in 1..50 {
        append(&journal.shared_lane(), n).unwrap();
    }
    let crashed = copy_of(data.path());
    let again = Journal::open(crashed.path(), &options).unwrap();
    assert_eq!(numbers(&all_of(&again)), (0..50).collect());
    let before = faults.syncs.load(Ordering::SeqCst);
    journal.sync_now().unwrap();
    assert!(faults.syncs.load(Ordering::SeqCst) > before);
}

fn any_record() -> impl Strategy<Value = OwnedRecord> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..600);
    (
        (0u32..1 << 24, any::<u64>(), any::<u8>(), any::<u8>()),
        proptest::option::of(any::<[u8; 20]>()),
        (bytes(), any::<u8>(), bytes()),
        (".{0,200}", "(a|b|[^a]{0,30})"),
    )
        .prop_map(
            |((tenant, at, kind, version), id, (open, key, private), (ua, referrer))| OwnedRecord {
                position: Position::default(),
                tenant: TenantId(tenant),
                at: UnixMs(at),
                kind,
                version,
                click_id: id.map(ClickId::from_bytes),
                open,
                private_key: key,
                private,
                texts: [ua, referrer],
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_record_is_read_as_it_was_from_memory_and_from_the_file(
        records in proptest::collection::vec(any_record(), 1..40),
    ) {
        let data = tempfile::tempdir().unwrap();
        let journal = Journal::open(data.path(), &small()).unwrap();
        let lane = journal.shared_lane();
        let appending: Vec<_> = records.iter().map(|r| lane.append(&record(r))).collect();
        for appending in appending {
            wait(appending).unwrap();
        }
        let from_memory = all_of(&journal);
        let mut reader = StoredLog::open(data.path()).unwrap().read_from(Cursors::START).unwrap().with_texts();
        let from_file = read_all(&mut reader);
        prop_assert_eq!(&from_memory, &from_file);
        let said: Vec<_> = from_memory.into_iter().map(without_place).collect();
        prop_assert_eq!(said, records);
        prop_assert_eq!(verify(data.path()).unwrap().problem, None);
    }
}
