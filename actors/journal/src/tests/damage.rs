//! F5: whatever is changed on disk is found, and never given out as if it were what was written.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use weir_engine::ports::Found;
use weir_engine::record::OwnedRecord;

use super::support::*;
use crate::{Cursors, Journal, OpenError, Options, StoredLog, verify};

/// A small generator, so that a failing run can be repeated from the seed it prints.
struct Draws(u64);

impl Draws {
    fn new(test: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = std::env::var("WEIR_TEST_SEED").ok();
        let seed = seed.map_or(now.as_nanos() as u64, |text| text.parse().unwrap());
        println!("{test}: WEIR_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 29)) % bound as u64) as usize
    }
}

fn options() -> Options {
    Options {
        segment_bytes: 16 << 10,
        ..small()
    }
}

/// Three sealed segments and an open one.
fn written(data: &Path) -> Vec<OwnedRecord> {
    let journal = Journal::open(data, &options()).unwrap();
    let mut n = 0;
    while !segment_file(data, 4).exists() {
        append_together(&journal.shared_lane(), n..n + 9);
        n += 9;
    }
    append_together(&journal.shared_lane(), n..n + 20);
    until("segments are sealed", || index_file(data, 3).exists());
    let facts = all_of(&journal);
    drop(journal);
    // The seal follows the index; a start would write it if the end came between.
    drop(Journal::open(data, &options()).unwrap());
    until_sealed(data);
    facts
}

fn until_sealed(data: &Path) {
    let journal = Journal::open(data, &options()).unwrap();
    until("all but the last are sealed", || {
        crate::info(data).unwrap().sealed == 3
    });
    drop(journal);
}

/// The bytes of a segment file that were written: header, seal, groups.
fn written_places(file: &Path) -> Vec<usize> {
    let bytes = std::fs::read(file).unwrap();
    let end = bytes.iter().rposition(|&b| b != 0).unwrap() + 1;
    let has_seal = bytes[512..1024].iter().any(|&b| b != 0);
    let first_page = if has_seal { 0..1024 } else { 0..512 };
    first_page.chain(4096..end).collect()
}

/// Changes a file, looks, and changes it back.
fn with_change<T>(file: &Path, change: impl FnOnce(&mut Vec<u8>), look: impl FnOnce() -> T) -> T {
    let original = std::fs::read(file).unwrap();
    let mut changed = original.clone();
    change(&mut changed);
    assert_ne!(original, changed, "the change changes something");
    std::fs::write(file, changed).unwrap();
    let seen = look();
    std::fs::write(file, original).unwrap();
    seen
}

/// Everything a reader gets, or `None` when opening or reading is refused.
fn read_through(data: &Path) -> Option<Vec<OwnedRecord>> {
    let stored = StoredLog::open(data).ok()?;
    let mut reader = stored.read_from(Cursors::START).ok()?.with_texts();
    let mut facts = Vec::new();
    while let Some(batch) = reader.try_next(1000).ok()? {
        facts.extend(batch.iter().map(Into::into));
    }
    Some(facts)
}

/// Looks some clicks up beside damage: each is found as it was written, or the look-up is refused; none is said not
/// to be there.
fn look_some_up(data: &Path, facts: &[OwnedRecord], draws: &mut Draws, at: &str) {
    let Ok(stored) = StoredLog::open(data) else {
        return;
    };
    for _ in 0..6 {
        let fact = &facts[draws.below(facts.len())];
        let Some(click_id) = fact.click_id else {
            continue;
        };
        match stored.find_now(click_id) {
            Ok(Found::Click(found)) => assert_eq!(&*found, fact, "{at}"),
            Ok(other) => panic!("{other:?} beside {at}"),
            Err(_) => {}
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_never_read_as_a_fact() {
    let data = memory_folder();
    let facts = written(data.path());
    assert_eq!(verify(data.path()).unwrap().problem, None);
    let mut draws = Draws::new("a_flipped_bit_anywhere");
    let mut files: Vec<(PathBuf, Vec<usize>)> = (1..=4)
        .map(|n| segment_file(data.path(), n))
        .map(|file| (file.clone(), written_places(&file)))
        .collect();
    files.extend((1..=3).map(|n| {
        let file = index_file(data.path(), n);
        let length = std::fs::metadata(&file).unwrap().len() as usize;
        (file, (0..length).collect())
    }));
    for _ in 0..500 {
        let (file, places) = &files[draws.below(files.len())];
        let place = match draws.below(4) {
            // Headers and seals are small: look there more often than by chance.
            0 => places[draws.below(512)],
            _ => places[draws.below(places.len())],
        };
        let bit = draws.below(8);
        let is_segment = file.extension().is_some_and(|e| e == "log");
        let at = format!("{} byte {place} bit {bit}", file.display());
        let (problem, read) = with_change(
            file,
            |bytes| bytes[place] ^= 1 << bit,
            || {
                let problem = verify(data.path()).unwrap().problem;
                look_some_up(data.path(), &facts, &mut draws, &at);
                (problem, is_segment.then(|| read_through(data.path())))
            },
        );
        let problem = problem.unwrap_or_else(|| panic!("not found: {at}"));
        assert_eq!(&problem.file, file, "{at}: {}", problem.what);
        if let Some(Some(read)) = read {
            assert_eq!(read, facts, "wrong facts were read: {at}");
        }
    }
}

#[test]
fn damage_in_the_open_segment_refuses_to_open_with_file_and_offset() {
    let data = memory_folder();
    written(data.path());
    let file = segment_file(data.path(), 4);
    let places = written_places(&file);
    let mut draws = Draws::new("damage_in_the_open_segment");
    for _ in 0..100 {
        let place = places[draws.below(places.len())];
        let bit = draws.below(8);
        let refused = with_change(
            &file,
            |bytes| bytes[place] ^= 1 << bit,
            || Journal::open(data.path(), &options()).err(),
        );
        let Some(OpenError::Corrupt {
            file: named,
            offset,
            ..
        }) = refused
        else {
            panic!("byte {place} bit {bit}: {refused:?}");
        };
        assert_eq!(named, file);
        assert!(offset <= place as u64, "{offset} lies before byte {place}");
        assert!(place as u64 - offset < 1024, "{offset} names {place}");
    }
    assert!(!data.path().join("journal/cut").exists(), "nothing was cut");
    Journal::open(data.path(), &options()).unwrap();
}

/// Places of the records in a segment, with their lengths.
fn records_in(file: &Path) -> Vec<(usize, usize)> {
    let bytes = std::fs::read(file).unwrap();
    let mut at = 4096;
    let mut records = Vec::new();
    while bytes[at] != 0 {
        let length = u32::from_le_bytes([bytes[at + 1], bytes[at + 2], bytes[at + 3], 0]) as usize;
        if bytes[at] == 0xD2 {
            records.push((at, length));
        }
        at += length;
    }
    records
}

#[test]
fn two_swapped_records_are_found() {
    let data = memory_folder();
    written(data.path());
    for number in [2, 4] {
        let file = segment_file(data.path(), number);
        let records = records_in(&file);
        let pairs: Vec<_> = (0..records.len())
            .flat_map(|i| (i + 1..records.len()).map(move |j| (i, j)))
            .map(|(i, j)| (records[i], records[j]))
            .filter(|(a, b)| a.1 == b.1)
            .collect();
        for ((a, length), (b, _)) in [pairs[0], pairs[pairs.len() / 2], pairs[pairs.len() - 1]] {
            let problem = with_change(
                &file,
                |bytes| {
                    let (head, tail) = bytes.split_at_mut(b);
                    head[a..a + length].swap_with_slice(&mut tail[..length]);
                },
                || verify(data.path()).unwrap().problem.unwrap(),
            );
            assert_eq!((problem.file, problem.offset), (file.clone(), a as u64));
        }
    }
}

#[test]
fn a_zeroed_or_foreign_block_is_found() {
    let data = memory_folder();
    written(data.path());
    let other = std::fs::read(segment_file(data.path(), 2)).unwrap();
    let file = segment_file(data.path(), 3);
    let end = *written_places(&file).last().unwrap();
    for block in (4096..end - 512).step_by(512) {
        let zeroed = with_change(
            &file,
            |bytes| bytes[block..block + 512].fill(0),
            || verify(data.path()).unwrap().problem,
        );
        let foreign = with_change(
            &file,
            |bytes| bytes[block..block + 512].copy_from_slice(&other[block..block + 512]),
            || verify(data.path()).unwrap().problem,
        );
        assert!(zeroed.is_some() && foreign.is_some(), "block {block}");
    }
}

#[test]
fn a_zeroed_block_before_the_last_write_is_damage_and_not_a_torn_tail() {
    let data = memory_folder();
    written(data.path());
    append_together(
        &Journal::open(data.path(), &options())
            .unwrap()
            .shared_lane(),
        0..1,
    );
    let file = segment_file(data.path(), 4);
    let first = records_in(&file)[0].0;
    let refused = with_change(
        &file,
        |bytes| bytes[first..first + 512].fill(0),
        || Journal::open(data.path(), &options()).err(),
    );
    assert!(
        matches!(refused, Some(OpenError::Corrupt { offset, .. }) if offset == first as u64),
        "{refused:?}"
    );
}

#[test]
fn a_missing_or_exchanged_segment_is_found() {
    let data = memory_folder();
    written(data.path());
    let [second, third] = [2, 3].map(|n| segment_file(data.path(), n));
    let aside = data.path().join("aside");
    std::fs::rename(&second, &aside).unwrap();
    let missing = Journal::open(data.path(), &options()).err();
    assert!(
        matches!(&missing, Some(OpenError::Corrupt { file, .. }) if *file == second),
        "{missing:?}"
    );
    assert!(verify(data.path()).unwrap().problem.is_some());
    std::fs::rename(&third, &second).unwrap();
    std::fs::rename(&aside, &third).unwrap();
    let exchanged = Journal::open(data.path(), &options()).err();
    assert!(matches!(exchanged, Some(OpenError::Corrupt { .. })));
}
