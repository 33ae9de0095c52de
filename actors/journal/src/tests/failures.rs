//! F6, F7, F20: what the file system refuses, and what the journal answers then.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use weir_engine::ports::{Append, AppendError};

use super::faulty::{Faults, FaultyDisk};
use super::support::*;
use crate::{Cursors, Journal, OpenError, Options, ReadError, State, verify};

fn open_faulty(data: &std::path::Path, options: &Options) -> (Journal, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let disk = Arc::new(FaultyDisk(Arc::clone(&faults)));
    (Journal::open_on(data, options, disk).unwrap(), faults)
}

fn one_segment() -> Options {
    Options {
        segment_bytes: 1 << 20,
        ..small()
    }
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let data = tempfile::tempdir().unwrap();
    let (journal, faults) = open_faulty(data.path(), &one_segment());
    let lane = journal.lane();
    for n in 0..20 {
        append(&lane, n).unwrap();
    }
    faults.sync_fails.store(true, SeqCst);
    let waiting: Vec<_> = (20..25).map(|n| lane.append(&record(&fact(n)))).collect();
    for appending in waiting {
        assert_eq!(wait(appending), Err(AppendError::Stopped));
    }
    // The disk is well again, but what it has dropped nobody knows.
    faults.sync_fails.store(false, SeqCst);
    for lane in [&lane, &journal.shared_lane(), &journal.lane()] {
        assert_eq!(append(lane, 30), Err(AppendError::Stopped));
    }
    let State::Stopped { why: Some(_) } = journal.health().state else {
        panic!("{:?}", journal.health());
    };
    assert!(journal.sync_now().is_err() && journal.turn().is_err());
    let mut reader = journal.read_from(Cursors::START).unwrap().with_texts();
    assert_eq!(numbers(&read_until_ended(&mut reader)), (0..20).collect());
    assert!(journal.close().is_err());
    drop(journal);
    let again = Journal::open(data.path(), &one_segment()).unwrap();
    assert!(numbers(&all_of(&again)).is_superset(&(0..20).collect()));
    assert_eq!(again.health().state, State::Running);
}

fn read_until_ended(reader: &mut crate::Reader) -> Vec<weir_engine::record::OwnedRecord> {
    let mut facts = Vec::new();
    loop {
        match wait(reader.next(1000)) {
            Ok(batch) => facts.extend(batch.iter().map(Into::into)),
            Err(ReadError::Ended) => return facts,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn after_a_failed_write_nothing_is_acknowledged_any_more() {
    let data = tempfile::tempdir().unwrap();
    let (journal, faults) = open_faulty(data.path(), &one_segment());
    let lane = journal.shared_lane();
    append(&lane, 0).unwrap();
    faults.write_fails.store(true, SeqCst);
    assert_eq!(append(&lane, 1), Err(AppendError::Stopped));
    faults.write_fails.store(false, SeqCst);
    assert_eq!(append(&lane, 2), Err(AppendError::Stopped));
    assert_eq!(found(&journal, 1), None);
    drop(journal);
    let again = Journal::open(data.path(), &one_segment()).unwrap();
    assert_eq!(numbers(&all_of(&again)), (0..1).collect());
}

#[test]
fn short_writes_are_finished() {
    let data = tempfile::tempdir().unwrap();
    let (journal, faults) = open_faulty(data.path(), &one_segment());
    faults.short_writes.store(100, SeqCst);
    append_together(&journal.shared_lane(), 0..60);
    assert_sound(&all_of(&journal));
    assert_eq!(verify(data.path()).unwrap().problem, None);
}

#[test]
fn a_file_system_without_space_makes_the_journal_full_until_there_is_some() {
    let data = tempfile::tempdir().unwrap();
    let (journal, faults) = open_faulty(data.path(), &small());
    let lane = journal.shared_lane();
    append(&lane, 0).unwrap();
    faults.no_space.store(true, SeqCst);
    let mut acknowledged = 1;
    loop {
        match append(&lane, acknowledged) {
            Ok(_) => acknowledged += 1,
            Err(error) => {
                assert_eq!(error, AppendError::Full);
                break;
            }
        }
        assert!(acknowledged < 5000, "never full");
    }
    assert_eq!(journal.health().state, State::Full);
    assert_eq!(append(&lane, acknowledged), Err(AppendError::Full));
    assert_eq!(numbers(&all_of(&journal)), (0..acknowledged).collect());
    faults.no_space.store(false, SeqCst);
    let began = Instant::now();
    until("there is room again", || {
        append(&lane, acknowledged).is_ok()
    });
    assert!(began.elapsed() < Duration::from_secs(10), "F7");
    let facts = all_of(&journal);
    assert_sound(&facts);
    assert_eq!(facts.len() as u64, acknowledged + 1);
}

#[test]
fn a_second_instance_is_refused_at_once_and_told_who_is_first() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    let began = Instant::now();
    let refused = Journal::open(data.path(), &small()).err().unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "F20");
    let OpenError::Locked { holder, .. } = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(*holder, Some(std::process::id()));
    assert!(
        refused
            .to_string()
            .contains(&std::process::id().to_string())
    );
    journal.close().unwrap();
    Journal::open(data.path(), &small()).unwrap();
}

#[test]
fn a_record_larger_than_a_segment_is_refused_and_the_largest_is_not() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    let lane = journal.shared_lane();
    let mut large = fact(3);
    large.open = vec![7; 32 << 10];
    assert_eq!(
        wait(lane.append(&record(&large))),
        Err(AppendError::TooLarge)
    );
    large.open.truncate((32 << 10) - 4096 - 60 - 400);
    for _ in 0..3 {
        wait(lane.append(&record(&large))).unwrap();
    }
    assert_eq!(all_of(&journal).len(), 3);
    large.open = vec![7; 1 << 25];
    assert_eq!(
        wait(lane.append(&record(&large))),
        Err(AppendError::TooLarge)
    );
}

#[test]
fn more_than_may_wait_is_refused_as_overload() {
    let data = tempfile::tempdir().unwrap();
    let options = Options {
        waiting_bytes: 2000,
        ..one_segment()
    };
    let (journal, _) = open_faulty(data.path(), &options);
    let core = journal.lane();
    core.set_busy(true);
    let results = append_together(&core, 0..2000);
    let refused = results
        .iter()
        .filter(|r| **r == Err(AppendError::Overloaded))
        .count();
    let accepted = results.iter().filter(|r| r.is_ok()).count();
    assert!(refused > 0, "2,000 facts never were too many");
    assert_eq!(refused + accepted, 2000);
    assert_eq!(all_of(&journal).len(), accepted);
    until("what waited was written", || append(&core, 5000).is_ok());
}

#[test]
fn a_journal_that_ends_before_the_store_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let end = {
        let journal = Journal::open(data.path(), &small()).unwrap();
        append_together(&journal.shared_lane(), 0..30);
        journal.end()
    };
    let with = |must_reach| Options {
        must_reach,
        ..small()
    };
    drop(Journal::open(data.path(), &with(end)).unwrap());
    let partition = weir_engine::ids::partition_of(tenant_of(0));
    let mut beyond = end;
    beyond.0[usize::from(partition)] += 1;
    match Journal::open(data.path(), &with(beyond)).err() {
        Some(OpenError::BehindStore {
            partition: named,
            store,
            journal,
        }) => {
            assert_eq!(named, partition);
            assert_eq!(store, journal + 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn options_that_contradict_are_refused() {
    let data = tempfile::tempdir().unwrap();
    for options in [
        Options {
            segment_bytes: 5000,
            ..small()
        },
        Options {
            segment_bytes: 4096,
            ..small()
        },
        Options {
            max_bytes: 40 << 10,
            ..small()
        },
    ] {
        let refused = Journal::open(data.path(), &options).err();
        assert!(matches!(refused, Some(OpenError::Options(_))));
    }
}
