//! The books follow from the log alone: however often, in whatever batches, with whatever interruptions it is
//! folded, the same rows come out.

#[path = "support/history.rs"]
mod history;
#[path = "support/large.rs"]
mod large;
mod support;

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use history::{Replay, replay, wait_until};
use large::{Large, serve, stored};
use serde_json::Value;

fn large() -> &'static Large {
    static LARGE: OnceLock<Large> = OnceLock::new();
    LARGE.get_or_init(|| Large::make("replay"))
}

/// The books of the server that saw everything happen, compared with a replay.
fn checked() -> &'static Replay {
    static CHECKED: OnceLock<Replay> = OnceLock::new();
    CHECKED.get_or_init(|| replay(&large().whole, &["--check"]))
}

/// Digests of the books of the server that saw everything happen.
fn live() -> Vec<(String, String)> {
    let digest = |t: &Value| (text(&t["table"]), text(&t["sha256"]));
    checked().tables.iter().map(digest).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_replay_gives_the_same_digests_twice_and_says_how_long_it_took() {
    let again = replay(&large().whole, &["--check"]);
    for (run, checked) in [("once", checked()), ("twice", &again)] {
        println!("{run}: {}", checked.says);
        assert!(checked.is_good, "{:?}", checked.tables);
        assert!(checked.tables.iter().all(|t| t["verdict"] == "same"));
        assert_eq!(checked.digests(), live());
        let words: Vec<&str> = checked.says.split(' ').collect();
        assert_eq!(words[0], large().facts.to_string(), "{}", checked.says);
        assert_eq!(words[1..3], ["facts", "in"], "{}", checked.says);
        assert!(words[3].parse::<f64>().unwrap() > 0.0, "{}", checked.says);
    }
    assert!(live().len() >= 10, "{:?}", live());
}

#[test]
fn batches_of_any_size_give_the_same_digests() {
    let live = live();
    for batch in ["5003", "200000", "10000000"] {
        let replayed = replay(&large().whole, &["--batch", batch]);
        println!("batches of {batch}: {}", replayed.says);
        assert!(replayed.is_good);
        assert_eq!(replayed.digests(), live, "batches of {batch}");
    }
}

/// Serves until everything is in the books, killed on the way now and then; gives how many kills came in between.
fn catch_up_with_kills(data: &Path, kills: u32) -> u32 {
    let all = large().facts;
    let mut in_between = 0;
    for kill in 1..=kills {
        let mut server = serve(data);
        let (before, started) = (stored(data), Instant::now());
        // At a share of the way that differs from kill to kill, or after a while.
        let goal = before + (all - before) * u64::from(kill) / u64::from(kills + 3);
        wait_until(
            "some facts more are stored",
            Duration::from_secs(120),
            || stored(data) >= goal || started.elapsed() > Duration::from_secs(5),
        );
        server.kill();
        let now = stored(data);
        println!("killed with {now} of {all} facts in the books");
        in_between += u32::from(now > 0 && now < all);
    }
    let mut server = serve(data);
    wait_until("the store has caught up", Duration::from_secs(300), || {
        stored(data) == all
    });
    server.terminate();
    in_between
}

#[test]
fn a_store_that_is_behind_or_gone_catches_up_to_the_same_digests_though_killed_on_the_way() {
    let live = live();
    let folder = tempfile::tempdir().unwrap();
    for (name, has_store) in [("behind", true), ("gone", false)] {
        let data = folder.path().join(name);
        large().behind(&data, has_store);
        assert!(stored(&data) < large().facts / 2, "the store is behind");
        println!("the store is {name}");
        let in_between = catch_up_with_kills(&data, 4);
        assert!(in_between >= 2, "{in_between} kills came in between");
        let checked = replay(&data, &["--check"]);
        println!("{name}: {}", checked.says);
        assert!(checked.is_good, "{:?}", checked.tables);
        assert_eq!(checked.digests(), live, "{name}");
    }
}
