//! A start with a million facts to make up for: clicks are answered at once, and the books follow behind them.

#[path = "support/history.rs"]
mod history;
#[path = "support/large.rs"]
mod large;
mod support;

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use history::{is_release, journal_info, replay, wait_until};
use large::{Large, serve, stored};
use support::{Client, Server};

/// Where a finished segment says that its index is on disk (see the journal's format), and how long that is.
const SEAL: (u64, usize) = (512, 512);

/// Takes every index away, and the seals that say they are there: as if the process had died before it sealed any.
fn unseal(data: &Path) -> u32 {
    let mut taken = 0;
    for file in std::fs::read_dir(data.join("journal")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".idx") {
            std::fs::remove_file(&path).unwrap();
            taken += 1;
        } else if name.starts_with("segment-") {
            let mut file = OpenOptions::new().write(true).open(&path).unwrap();
            file.seek(SeekFrom::Start(SEAL.0)).unwrap();
            file.write_all(&[0; SEAL.1]).unwrap();
        }
    }
    taken
}

/// What was seen while the books caught up.
#[derive(Default)]
struct Seen {
    clicks: u64,
    slowest: Duration,
}

impl Seen {
    fn click(&mut self, client: &mut Client, path: &str) {
        let started = Instant::now();
        let answer = client.get(path).unwrap();
        assert_eq!(answer.status, 302, "{answer:?}");
        self.clicks += 1;
        self.slowest = self.slowest.max(started.elapsed());
    }
}

/// Starts on the folder; gives how long it took until it was ready and until a click was answered.
fn start(data: &Path, click_path: &str) -> (Server, [Duration; 2]) {
    let started = Instant::now();
    let server = serve(data);
    let ready = Client::new(&server.url("/ops")).get("/readyz").unwrap();
    assert_eq!(ready.status, 200, "{ready:?}");
    let is_ready = started.elapsed();
    let mut client = Client::new(&server.url("/traffic"));
    Seen::default().click(&mut client, click_path);
    (server, [is_ready, started.elapsed()])
}

#[test]
fn behind_a_million_facts_clicks_are_answered_at_once_and_the_books_follow() {
    let large = Large::make("recovery");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    large.behind(&data, true);

    // The promise is two seconds; a machine that does other things may miss it once, so the best of three counts.
    let mut fastest = Duration::MAX;
    for start_number in 1..=3 {
        unseal(&data);
        let behind = journal_info(&data, "facts") - stored(&data);
        let (mut server, [ready, click]) = start(&data, &large.click_path);
        println!(
            "start {start_number}, {behind} facts behind, no index: ready after {ready:.2?}, first click answered after {click:.2?}"
        );
        assert!(
            behind >= 1_000_000 || start_number > 1 || !is_release(),
            "{behind}"
        );
        fastest = fastest.min(click);
        server.kill();
    }
    let most = Duration::from_secs(if is_release() { 2 } else { 10 });
    assert!(fastest <= most, "the first click took {fastest:?}");
    let answered = 3 + follow(&data, &large);
    assert_eq!(journal_info(&data, "facts"), large.facts + answered);
    let checked = replay(&data, &["--check"]);
    assert!(checked.is_good, "{:?}", checked.tables);
}

/// Lets the books catch up under clicks; prints how fast that went, gives how many clicks were answered.
fn follow(data: &Path, large: &Large) -> u64 {
    let before = stored(data);
    let mut server = serve(data);
    let mut client = Client::new(&server.url("/traffic"));
    let (started, mut seen) = (Instant::now(), Seen::default());
    wait_until("the books have caught up", Duration::from_secs(300), || {
        seen.click(&mut client, &large.click_path);
        stored(data) >= large.facts
    });
    let seconds = started.elapsed().as_secs_f64();
    let folded = large.facts - before;
    println!(
        "{folded} facts folded into the store in {seconds:.2} s: {:.0}/s; {} clicks meanwhile, the slowest answered after {:.2?}",
        folded as f64 / seconds,
        seen.clicks,
        seen.slowest
    );
    server.terminate();
    seen.clicks
}
