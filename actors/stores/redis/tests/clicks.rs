//! The cache of clicks says what the log says.

mod support;

use std::sync::atomic::Ordering;

use support::{Keys, Log, PATIENT, eventually, find, found, id, node, options, runtime};
use weir_engine::ports::{ClickLookup, Found};
use weir_engine::secrets::MasterSecret;
use weir_redis::{CachedClicks, Redis};

/// A cached look-up into which the first `n` clicks of its log were filled.
fn filled(keys: &Keys, log: &std::sync::Arc<Log>, n: u16) -> CachedClicks {
    let clicks = keys.node().clicks(log.clone());
    for number in 0..n {
        assert_eq!(find(&clicks, id(number)), found(number));
    }
    eventually("clicks are filled in", || {
        keys.all().len() == usize::from(n)
    });
    clicks
}

#[test]
fn a_click_is_found_in_the_log_once_and_then_in_the_cache_as_it_was() {
    let (keys, log) = (Keys::fresh(), Log::with(3));
    let clicks = filled(&keys, &log, 3);
    let asked = log.asked();
    for number in [0, 1, 2, 0] {
        assert_eq!(find(&clicks, id(number)), found(number));
    }
    assert_eq!(log.asked(), asked, "the log was asked again");
    let other = keys.node().clicks(Log::with(0));
    assert_eq!(find(&other, id(1)), found(1), "another node of the log");
}

#[test]
fn that_a_click_is_not_there_is_never_remembered() {
    let (keys, log) = (Keys::fresh(), Log::with(1));
    let clicks = filled(&keys, &log, 1);
    assert_eq!(find(&clicks, id(5)), Found::Absent);
    let late = support::click(5);
    log.clicks.lock().expect("no panic").insert(id(5), late);
    assert_eq!(find(&clicks, id(5)), found(5));
}

#[test]
fn a_click_that_the_log_has_given_up_is_not_found_in_the_cache() {
    let (keys, log) = (Keys::fresh(), Log::with(2));
    let clicks = filled(&keys, &log, 2);
    log.clicks.lock().expect("no panic").remove(&id(0));
    log.kept_after.store(id(0).unix_ms(), Ordering::Relaxed);
    assert_eq!(find(&clicks, id(0)), Found::Expired);
    assert_eq!(find(&clicks, id(1)), found(1));
    assert_eq!(clicks.kept_after(), log.kept_after());
}

#[test]
fn nothing_is_found_of_a_log_of_another_generation() {
    let (keys, log) = (Keys::fresh(), Log::with(1));
    drop(filled(&keys, &log, 1));
    let mut options = options(&keys.prefix, PATIENT);
    options.generation = "g2".to_owned();
    // The log was cut: the click is not in it any more.
    let clicks = node(&keys.url, options).clicks(Log::with(0));
    assert_eq!(find(&clicks, id(0)), Found::Absent);
}

#[test]
fn a_cache_that_lies_is_not_believed_and_is_set_right() {
    let (keys, log) = (Keys::fresh(), Log::with(2));
    let clicks = filled(&keys, &log, 2);
    let key_of = |number| {
        let keys = keys.all();
        let found = keys
            .into_iter()
            .find(|k| k.ends_with(&id(number).to_string()));
        found.expect("a key")
    };
    let (first, second) = (key_of(0), key_of(1));
    let genuine = keys.get(&first);
    let flipped = |at: usize| {
        let mut bytes = genuine.clone();
        bytes[at] ^= 1;
        bytes
    };
    let lies: [Vec<u8>; 7] = [
        b"".to_vec(),
        b"garbage".to_vec(),
        vec![0; 10_000],
        flipped(0),
        flipped(genuine.len() - 1),
        genuine[..genuine.len() - 1].to_vec(),
        keys.get(&second),
    ];
    for (number, lie) in lies.iter().enumerate() {
        keys.set(&first, lie);
        let asked = log.asked();
        assert_eq!(find(&clicks, id(0)), found(0), "lie {number}");
        assert_eq!(log.asked(), asked + 1, "lie {number} was believed");
        eventually("it is set right", || keys.get(&first) == genuine);
    }
}

#[test]
fn what_another_installation_wrote_is_not_believed() {
    let (keys, log) = (Keys::fresh(), Log::with(1));
    let foreign = MasterSecret::new([8; 32]);
    let options = options(&keys.prefix, PATIENT);
    let foreign = Redis::at(&keys.url, options, &foreign, runtime().handle().clone());
    let foreign = foreign.expect("a URL").clicks(Log::with(1));
    find(&foreign, id(0));
    eventually("it is filled in", || keys.all().len() == 1);
    // The same click under the same key, with another's MAC.
    let clicks = keys.node().clicks(log.clone());
    assert_eq!(find(&clicks, id(0)), found(0));
    assert_eq!(log.asked(), 1);
}

#[test]
fn a_wiped_cache_is_filled_again() {
    let (keys, log) = (Keys::fresh(), Log::with(4));
    let clicks = filled(&keys, &log, 4);
    keys.wipe();
    let asked = log.asked();
    for number in 0..4 {
        assert_eq!(find(&clicks, id(number)), found(number));
    }
    assert_eq!(log.asked(), asked + 4);
    eventually("clicks are filled in again", || keys.all().len() == 4);
}
