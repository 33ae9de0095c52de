//! Segments that nobody needs any more go, and their files are used again.

use std::time::Duration;

use weir_engine::ports::{AppendError, Found};

use super::support::*;
use crate::{Cursors, Journal, Options, ReadError, State, verify};

const NO_AGE: Duration = Duration::ZERO;

fn fill_until(journal: &Journal, mut n: u64, mut is_enough: impl FnMut(&Journal) -> bool) -> u64 {
    while !is_enough(journal) {
        append(&journal.shared_lane(), n).unwrap();
        n += 1;
    }
    n
}

fn sealed(journal: &Journal) -> u64 {
    let all = journal.running().segments.all();
    all.iter().filter(|segment| segment.is_sealed()).count() as u64
}

#[test]
fn a_segment_goes_only_when_every_cursor_is_past_it_and_it_is_old_enough() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    let mut after_first = Cursors::START;
    fill_until(&journal, 0, |j| {
        if !segment_file(data.path(), 2).exists() {
            after_first = j.end();
        }
        segment_file(data.path(), 4).exists()
    });
    until("sealed", || sealed(&journal) == 3);
    let end = journal.end();
    let mut one_behind = end;
    let lagging = (0..16).find(|&p| end.0[p] > 0).unwrap();
    one_behind.0[lagging] = 0;
    let remove = |cursors, age| journal.remove_before(cursors, age).unwrap().segments;
    assert_eq!(remove(one_behind, NO_AGE), 0, "a reader needs them");
    let ages = Duration::from_secs(100 * 365 * 86_400);
    assert_eq!(remove(end, ages), 0, "they are too young");
    assert_eq!(journal.start(), Cursors::START);
    assert_eq!(remove(end, NO_AGE), 3, "all but the open one");
    assert!(journal.start().reaches(&after_first));
    assert_eq!(remove(end, NO_AGE), 0);
}

#[test]
fn what_was_removed_is_said_to_be_removed_or_expired() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    let count = fill_until(&journal, 0, |_| segment_file(data.path(), 3).exists());
    until("sealed", || sealed(&journal) == 2);
    journal.remove_before(journal.end(), NO_AGE).unwrap();
    let greatest = journal.greatest_id_ms();
    let check = |journal: &Journal| {
        let removed = journal.read_from(Cursors::START).err();
        assert!(matches!(removed, Some(ReadError::Removed)));
        assert_eq!(journal.find_now(click_id(0)).unwrap(), Found::Expired);
        assert_eq!(
            journal.find_now(click_id(count + 100)).unwrap(),
            Found::Absent
        );
        assert_eq!(journal.greatest_id_ms(), greatest);
    };
    check(&journal);
    drop(journal);
    let journal = Journal::open(data.path(), &small()).unwrap();
    check(&journal);
    append(&journal.shared_lane(), count + 4).unwrap();
    assert_eq!(verify(data.path()).unwrap().problem, None);
}

#[test]
fn a_full_journal_warns_before_and_goes_on_when_segments_are_removed() {
    let data = tempfile::tempdir().unwrap();
    let options = Options {
        max_bytes: 6 * (32 << 10),
        ..small()
    };
    let journal = Journal::open(data.path(), &options).unwrap();
    let lane = journal.shared_lane();
    let mut n = 0;
    let mut states = Vec::new();
    let refused = loop {
        let state = journal.health().state;
        if states.last() != Some(&state) {
            states.push(state);
        }
        match append(&lane, n) {
            Ok(_) => n += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, AppendError::Full);
    assert_eq!(states, [State::Running, State::NearlyFull]);
    let health = journal.health();
    assert_eq!(
        (health.state, health.max_bytes),
        (State::Full, 6 * (32 << 10))
    );
    let used: u64 = std::fs::read_dir(data.path().join("journal"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_str().unwrap().ends_with(".log"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(used <= options.max_bytes, "J5: {used}");
    until("sealed", || sealed(&journal) == 5);
    let removed = journal.remove_before(journal.end(), NO_AGE).unwrap();
    assert_eq!(removed.segments, 5);
    until("there is room again", || append(&lane, n).is_ok());
    assert_eq!(found(&journal, n).is_some(), n % 4 != 3);
    assert_eq!(verify(data.path()).unwrap().problem, None);
}

#[test]
fn a_recycled_segment_gives_only_what_was_written_last() {
    let data = tempfile::tempdir().unwrap();
    let options = Options {
        max_bytes: 3 * (32 << 10),
        ..small()
    };
    let journal = Journal::open(data.path(), &options).unwrap();
    let mut n = 0;
    let mut stale = Vec::new();
    for round in 1..=12u64 {
        let next = segment_file(data.path(), round + 1);
        n = fill_until(&journal, n, |_| next.exists());
        stale = std::fs::read(segment_file(data.path(), round)).unwrap();
        until("sealed", || sealed(&journal) == 1);
        let removed = journal.remove_before(journal.end(), NO_AGE).unwrap();
        assert_eq!(removed.segments, 1);
    }
    n = fill_until(&journal, n, |j| j.health().used_bytes > 8192);
    let mut kept = journal.read_from(journal.start()).unwrap().with_texts();
    let kept = read_all(&mut kept);
    assert!(
        kept.iter()
            .all(|f| without_place(f.clone()) == fact(number_of(&f.open)))
    );
    let last = (0..n).rev().find(|n| n % 4 != 3).unwrap();
    assert!(found(&journal, last).is_some());
    drop(journal);
    assert_stale_blocks_are_no_facts(data.path(), &options, &stale, &kept);
}

/// Puts blocks of the file's former life at their old places: after the last group, and over a group.
fn assert_stale_blocks_are_no_facts(
    data: &std::path::Path,
    options: &Options,
    stale: &[u8],
    kept: &[weir_engine::record::OwnedRecord],
) {
    let file = segment_file(data, 13);
    let whole = std::fs::read(&file).unwrap();
    let end = whole.iter().rposition(|&b| b != 0).unwrap() + 1;
    let mut after = whole.clone();
    let next = end.next_multiple_of(512);
    after[next..].copy_from_slice(&stale[next..]);
    std::fs::write(&file, &after).unwrap();
    let journal = Journal::open(data, options).unwrap();
    let mut reader = journal.read_from(journal.start()).unwrap().with_texts();
    assert_eq!(read_all(&mut reader), kept);
    drop(journal);
    let mut over = whole;
    over[4608..5120].copy_from_slice(&stale[4608..5120]);
    std::fs::write(&file, &over).unwrap();
    assert!(Journal::open(data, options).is_err());
}
