//! F1, F4: writes that never finished are cut; nothing that was acknowledged goes with them.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::support::*;
use crate::{Journal, Options, info, verify};

/// Appends groups of these sizes; gives where each of them ends in the first segment.
fn write_groups(data: &Path, sizes: &[u64]) -> Vec<u64> {
    let journal = Journal::open(data, &options()).unwrap();
    let lane = journal.shared_lane();
    let mut ends = Vec::new();
    let mut n = 0;
    for &size in sizes {
        // A busy core holds the writer back until all of them wait.
        let core = journal.lane();
        core.set_busy(true);
        append_together(&lane, n..n + size);
        core.set_busy(false);
        n += size;
        ends.push(4096 + info(data).unwrap().bytes);
    }
    ends
}

fn options() -> Options {
    Options {
        segment_bytes: 16 << 10,
        ..small()
    }
}

fn open_segment(data: &Path) -> File {
    let path = segment_file(data, 1);
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

fn zero(file: &File, from: u64, upto: u64) {
    file.write_all_at(&vec![0; (upto - from) as usize], from)
        .unwrap();
}

/// Facts that a start finds, and that it goes on after them.
fn facts_after_restart(data: &Path) -> u64 {
    let journal = Journal::open(data, &options()).unwrap();
    let facts = all_of(&journal);
    assert_sound(&facts);
    let kept = facts.len() as u64;
    assert_eq!(numbers(&facts), (0..kept).collect());
    append(&journal.shared_lane(), kept).unwrap();
    drop(journal);
    let report = verify(data).unwrap();
    assert_eq!((report.problem, report.facts), (None, kept + 1));
    kept
}

#[test]
fn a_tail_torn_at_any_byte_of_the_last_three_writes_opens_with_all_before_it() {
    let data = tempfile::tempdir().unwrap();
    let ends = write_groups(data.path(), &[2, 2, 1, 1, 1]);
    let whole = std::fs::read(segment_file(data.path(), 1)).unwrap();
    let counts = [2, 4, 5, 6, 7];
    for cut in ends[1]..ends[4] {
        let expected = (0..5).rev().find(|&i| ends[i] <= cut).map(|i| counts[i]);
        let path = segment_file(data.path(), 1);
        std::fs::write(&path, &whole).unwrap();
        let file = open_segment(data.path());
        // A process that dies leaves zeros where it had not written; a copy may be cut short.
        match cut % 2 {
            0 => zero(&file, cut, ends[4]),
            _ => file.set_len(cut).unwrap(),
        }
        assert_eq!(Some(facts_after_restart(data.path())), expected, "at {cut}");
    }
}

#[test]
fn a_write_of_which_any_sector_did_not_reach_the_disk_is_cut_and_kept_aside() {
    let data = tempfile::tempdir().unwrap();
    let ends = write_groups(data.path(), &[3, 40]);
    let whole = std::fs::read(segment_file(data.path(), 1)).unwrap();
    let (start, end) = (ends[0], *ends.last().unwrap());
    assert!(end - start > 2048, "the write spans sectors");
    let mut sector = start / 512 * 512;
    while sector < end {
        std::fs::write(segment_file(data.path(), 1), &whole).unwrap();
        let file = open_segment(data.path());
        zero(&file, sector.max(start), (sector + 512).min(end));
        let kept = facts_after_restart(data.path());
        assert!(kept < 43, "sector {sector}: {kept}");
        sector += 512;
    }
    let cut = data.path().join("journal/cut");
    let kept = std::fs::read_dir(cut).unwrap().count();
    assert!(kept > 3, "cut bytes are kept aside: {kept} files");
}

#[test]
fn a_killed_process_loses_nothing_it_acknowledged() {
    let data = tempfile::tempdir().unwrap();
    let journal = Journal::open(data.path(), &small()).unwrap();
    let lanes: Vec<_> = (0..3).map(|_| journal.lane()).collect();
    let acknowledged = std::sync::Mutex::new(std::collections::BTreeSet::new());
    std::thread::scope(|scope| {
        for (i, lane) in (0u64..).zip(&lanes) {
            let acknowledged = &acknowledged;
            scope.spawn(move || {
                for round in 0..80u64 {
                    let first = (round * 3 + i) * 5;
                    for result in append_together(lane, first..first + 5) {
                        result.unwrap();
                    }
                    acknowledged.lock().unwrap().extend(first..first + 5);
                }
            });
        }
        for _ in 0..6 {
            std::thread::sleep(std::time::Duration::from_millis(15));
            let before = acknowledged.lock().unwrap().clone();
            let crashed = copy_of(data.path());
            let again = Journal::open(crashed.path(), &small());
            // A copy is not one moment: a segment that began while it was made may lie behind a gap.
            let Ok(again) = again else { continue };
            let facts = all_of(&again);
            assert_sound(&facts);
            assert!(numbers(&facts).is_superset(&before));
        }
    });
}
