//! F1, F4: writes that never finished are cut; nothing that was acknowledged goes with them.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use weir_engine::ports::Append;

use super::faulty::{Faults, FaultyDisk};
use super::support::*;
use crate::{Journal, Options, verify};

/// Appends groups of exactly these sizes; gives where each of them ends in the first segment. While a group is at
/// its sync, all of the next one is appended.
fn write_groups(data: &Path, sizes: &[u64]) -> Vec<u64> {
    drop(Journal::open(data, &options()).unwrap());
    let faults = Arc::new(Faults::default());
    let disk = Arc::new(FaultyDisk(Arc::clone(&faults)));
    let journal = Journal::open_on(data, &options(), disk).unwrap();
    let lane = journal.shared_lane();
    faults.is_gated.store(true, SeqCst);
    let mut n = 0;
    let mut groups: Vec<Vec<crate::Appending>> = Vec::new();
    // The first group is written as soon as its first fact comes, so it is one fact.
    assert_eq!(sizes[0], 1);
    for (i, &size) in sizes.iter().enumerate() {
        groups.push(
            (n..n + size)
                .map(|n| lane.append(&record(&fact(n))))
                .collect(),
        );
        n += size;
        if i > 0 {
            faults.permits.fetch_add(1, SeqCst);
        }
        until("the group is at its sync", || {
            faults.at_gate.load(SeqCst) > i
        });
    }
    faults.is_gated.store(false, SeqCst);
    for appending in groups.into_iter().flatten() {
        wait(appending).unwrap();
    }
    journal.close().unwrap();
    let ends = group_ends(&segment_file(data, 1));
    assert_eq!(ends.len(), sizes.len());
    ends
}

/// Where the groups of a segment end.
fn group_ends(file: &Path) -> Vec<u64> {
    let bytes = std::fs::read(file).unwrap();
    let mut ends = Vec::new();
    let mut at = 4096;
    while bytes[at] != 0 {
        let is_footer = bytes[at] == 0xC6;
        at += u32::from_le_bytes([bytes[at + 1], bytes[at + 2], bytes[at + 3], 0]) as usize;
        if is_footer {
            ends.push(at as u64);
        }
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
    let data = memory_folder();
    let ends = write_groups(data.path(), &[1, 3, 2, 1, 1]);
    let whole = std::fs::read(segment_file(data.path(), 1)).unwrap();
    let counts = [1, 4, 6, 7, 8];
    for cut in ends[1]..ends[4] {
        let expected = (0..5).rev().find(|&i| ends[i] <= cut).map(|i| counts[i]);
        // A process that dies leaves zeros where it had not written; a copy may be cut short.
        for is_short in [false, true] {
            std::fs::write(segment_file(data.path(), 1), &whole).unwrap();
            let file = open_segment(data.path());
            match is_short {
                false => zero(&file, cut, ends[4]),
                true => file.set_len(cut).unwrap(),
            }
            let kept = facts_after_restart(data.path());
            assert_eq!(Some(kept), expected, "at {cut}, short: {is_short}");
        }
    }
}

#[test]
fn a_write_of_which_any_sector_did_not_reach_the_disk_is_cut_and_kept_aside() {
    let data = memory_folder();
    let ends = write_groups(data.path(), &[1, 42]);
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
    let mut opened = 0;
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
            opened += 1;
            let facts = all_of(&again);
            assert_sound(&facts);
            assert!(numbers(&facts).is_superset(&before));
        }
    });
    assert!(opened > 0, "no copy could be opened, so none was looked at");
}
