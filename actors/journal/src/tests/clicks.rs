//! Clicks are found by id wherever they lie, also when an index is lost.

use weir_engine::click_id::{ClickId, ClickKey, Parts};
use weir_engine::ids::TenantId;
use weir_engine::ports::{Append, ClickLookup, Found};

use super::support::*;
use crate::{Journal, StoredLog, verify};

/// Enough facts for several segments, all but the last sealed.
fn written(data: &std::path::Path) -> (Journal, u64) {
    let journal = Journal::open(data, &small()).unwrap();
    let mut n = 0;
    while !segment_file(data, 4).exists() {
        append_together(&journal.shared_lane(), n..n + 50);
        n += 50;
    }
    until("sealed", || crate::info(data).unwrap().sealed == 3);
    (journal, n)
}

fn assert_all_found(journal: &Journal, count: u64) {
    for n in (0..count).filter(|n| n % 4 != 3) {
        let record = found(journal, n).unwrap_or_else(|| panic!("click {n}"));
        assert_eq!(without_place(record), fact(n));
    }
    for n in (0..count).filter(|n| n % 4 == 3).chain(count..count + 9) {
        assert_eq!(journal.find_now(click_id(n)).unwrap(), Found::Absent);
    }
}

#[test]
fn a_click_is_found_in_open_and_sealed_segments_and_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let (journal, count) = written(data.path());
    assert_all_found(&journal, count);
    drop(journal);
    assert_all_found(&Journal::open(data.path(), &small()).unwrap(), count);
    let stored = StoredLog::open(data.path()).unwrap();
    assert!(matches!(stored.find_now(click_id(0)), Ok(Found::Click(_))));
}

#[test]
fn the_port_finds_what_the_journal_finds() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    append(&journal.shared_lane(), 0).unwrap();
    let found = wait(ClickLookup::find(&journal, click_id(0))).unwrap();
    assert!(matches!(found, Found::Click(record) if record.click_id == Some(click_id(0))));
}

#[test]
fn a_lost_index_is_made_again_and_a_damaged_one_too() {
    let data = tempfile::tempdir().unwrap();
    let (journal, count) = written(data.path());
    // Damage that is met while running: a block that does not verify.
    let first = index_file(data.path(), 1);
    let mut bytes = std::fs::read(&first).unwrap();
    let good = bytes.clone();
    for block in bytes.chunks_mut(4096).skip(1) {
        block[77] ^= 4;
    }
    std::fs::write(&first, &bytes).unwrap();
    assert_all_found(&journal, count);
    until("the index is whole again", || {
        std::fs::read(&first).unwrap() == good
    });
    drop(journal);
    // Loss that is met at the start.
    std::fs::remove_file(&first).unwrap();
    let mut bytes = std::fs::read(index_file(data.path(), 2)).unwrap();
    bytes[20] ^= 1;
    std::fs::write(index_file(data.path(), 2), bytes).unwrap();
    let report = verify(data.path()).unwrap();
    assert_eq!(report.missing_indexes, 1);
    let journal = Journal::open(data.path(), &small()).unwrap();
    assert_all_found(&journal, count);
    until("the indexes are written", || {
        let report = verify(data.path()).unwrap();
        report.problem.is_none() && report.missing_indexes == 0
    });
    assert_all_found(&journal, count);
}

#[test]
fn a_finished_segment_without_a_seal_is_searched_and_sealed_after_a_crash() {
    let data = tempfile::tempdir().unwrap();
    let (journal, count) = written(data.path());
    drop(journal);
    let file = segment_file(data.path(), 3);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[512..1024].fill(0);
    std::fs::write(&file, bytes).unwrap();
    std::fs::remove_file(index_file(data.path(), 3)).unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    assert_all_found(&journal, count);
    until("it is sealed", || {
        crate::info(data.path()).unwrap().sealed == 3
    });
    assert_eq!(verify(data.path()).unwrap().problem, None);
}

#[test]
fn ids_minted_in_the_past_are_found_and_the_greatest_time_is_known_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let (journal, count) = written(data.path());
    let old = |n: u16| {
        let parts = Parts {
            key_number: 1,
            tenant: 1,
            ms: 1000 + u64::from(n) * 1_000_000,
            node: 2,
            sequence: n,
        };
        ClickId::mint(parts, &ClickKey([5; 16]))
    };
    for n in 0..300 {
        let mut history = fact(0);
        history.tenant = TenantId(1);
        history.click_id = Some(old(n));
        wait(journal.shared_lane().append(&record(&history))).unwrap();
    }
    let greatest = (0..count).rev().find(|n| n % 4 != 3).unwrap();
    let check = |journal: &Journal| {
        for n in 0..300 {
            let Found::Click(click) = journal.find_now(old(n)).unwrap() else {
                panic!("old click {n}");
            };
            assert_eq!(click.click_id, Some(old(n)));
        }
        assert_all_found(journal, count);
        assert_eq!(journal.greatest_id_ms(), click_id(greatest).unix_ms());
    };
    check(&journal);
    drop(journal);
    check(&Journal::open(data.path(), &small()).unwrap());
}

#[test]
fn of_two_records_of_one_click_the_first_is_found() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    let first = append(&journal.shared_lane(), 0).unwrap();
    append(&journal.shared_lane(), 0).unwrap();
    assert_eq!(found(&journal, 0).unwrap().position, first);
    drop(journal);
    let journal = Journal::open(data.path(), &small()).unwrap();
    journal.turn().unwrap();
    until("sealed", || crate::info(data.path()).unwrap().sealed == 1);
    assert_eq!(found(&journal, 0).unwrap().position, first);
    assert_eq!(verify(data.path()).unwrap().problem, None);
}
