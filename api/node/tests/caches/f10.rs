//! The search server is away, silent, wiped, full and busy.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::index::{Answered, Index, count, reported, searched};
use crate::scene::{Measured, Scene, lasting};
use crate::support::catalog::Admin;
use crate::support::{Client, weir};
use crate::wire::Mood;

/// How soon the backlog of an outage is gone, and what the index says is what reports say: the longest wait between two
/// tries, and the work, on a busy machine and without optimisation.
fn whole_within() -> Duration {
    lasting(90, 600)
}

/// The longest that a question waits for an index that says nothing, on a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(25);
/// How long a report may take: it is not the index that is asked.
const REPORTED_WITHIN: Duration = Duration::from_secs(5);

/// What was seen from outside during an outage.
struct Seen {
    answers: Vec<Answered>,
    is_degraded: bool,
}

/// Looks at the server for so long, from when `breaks` is done.
fn watch(scene: &mut Scene, time: Duration, breaks: impl FnOnce()) -> (Measured, Seen) {
    let (base, key) = (scene.server.url("/admin"), scene.key.clone());
    let ops = scene.server.url("/ops");
    scene.measured(|admin| {
        breaks();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let mut answers = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    answers.push(count(&base, &key));
                    std::thread::sleep(Duration::from_millis(250));
                }
                answers
            });
            let is_degraded = stays_ready(admin, &ops, time);
            is_over.store(true, Ordering::Relaxed);
            Seen {
                answers: asking.join().unwrap(),
                is_degraded,
            }
        })
    })
}

/// All the while the server is ready and reports answer; gives whether it ever said that the index is in trouble.
fn stays_ready(admin: &mut Admin, ops: &str, time: Duration) -> bool {
    let end = Instant::now() + time;
    let (mut is_degraded, mut clicks) = (false, 0);
    while Instant::now() < end {
        let answer = Client::new(ops).get("/readyz?verbose").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        is_degraded |= answer.body.contains("degraded: search");
        let started = Instant::now();
        let [told] = admin.totals(&["gross_click"]);
        assert!(
            started.elapsed() < REPORTED_WITHIN,
            "{:?}",
            started.elapsed()
        );
        let told = told.as_u64().unwrap();
        assert!(told >= clicks, "{told} after {clicks}");
        clicks = told;
        std::thread::sleep(Duration::from_millis(250));
    }
    assert!(clicks > 0, "reports went on");
    is_degraded
}

/// Waits until index and reports say the same.
fn until_whole(scene: &mut Scene) {
    scene.until_reported();
    let started = Instant::now();
    loop {
        let (reported, searched) = (reported(&mut scene.admin), searched(&mut scene.admin));
        if searched.as_ref() == Some(&reported) {
            println!("whole after {:?}", started.elapsed());
            return;
        }
        assert!(
            started.elapsed() < whole_within(),
            "the index says {searched:?}, reports say {reported:?}"
        );
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// An outage under load, and what is seen until everything is there again.
struct Outage<'a> {
    index: &'a Index,
    name: &'static str,
    lasts: Duration,
    breaks: fn(&Index),
    mends: fn(&Index),
    /// Whether this may be said to a question that was asked in it.
    may_say: fn(&Answered) -> bool,
    must_degrade: bool,
}

impl Outage<'_> {
    fn happens(&self, scene: &mut Scene, all: &mut Vec<Answered>) {
        scene.no_slower(self.name, |scene| {
            let (measured, seen) = watch(scene, self.lasts, || (self.breaks)(self.index));
            for answer in &seen.answers {
                assert!((self.may_say)(answer), "{}: {answer:?}", self.name);
                assert!(answer.took < ANSWERED_WITHIN, "{}: {answer:?}", self.name);
            }
            assert!(seen.is_degraded || !self.must_degrade, "{}", self.name);
            (self.mends)(self.index);
            // Clicks come while it catches up.
            let some = Duration::from_secs(2);
            let (catching_up, seen_then) = watch(scene, some, || ());
            println!("while it catches up: p99 {:?}", catching_up.calm_p99());
            all.extend(seen.answers.into_iter().chain(seen_then.answers));
            until_whole(scene);
            measured
        });
    }
}

fn is_unavailable(answer: &Answered) -> bool {
    (answer.status, answer.code.as_str()) == (503, "search_unavailable")
}

fn is_answer(answer: &Answered) -> bool {
    answer.status == 200
}

fn is_either(answer: &Answered) -> bool {
    is_answer(answer) || is_unavailable(answer)
}

fn outages(index: &Index) -> [Outage<'_>; 5] {
    let open = |index: &Index| index.wire.set(Mood::Open);
    let outage = |name, lasts, breaks, may_say| Outage {
        index,
        name,
        lasts,
        breaks,
        mends: open,
        may_say,
        must_degrade: true,
    };
    [
        Outage {
            // It may be whole again before anybody looks.
            must_degrade: false,
            ..outage(
                "search is deleted",
                lasting(10, 60),
                Index::delete,
                is_either,
            )
        },
        outage(
            "search refuses",
            lasting(30, 600),
            |i| i.wire.set(Mood::Refused),
            is_unavailable,
        ),
        // An answer is waited for for half a minute before anybody calls it trouble.
        outage(
            "search is silent",
            lasting(34, 600),
            |i| i.wire.set(Mood::Silent),
            is_unavailable,
        ),
        Outage {
            mends: |index| index.set_read_only(false),
            ..outage(
                "search is read-only",
                lasting(10, 60),
                |i| i.set_read_only(true),
                is_answer,
            )
        },
        outage(
            "search is busy",
            lasting(8, 60),
            |i| i.wire.set(Mood::Busy),
            is_unavailable,
        ),
    ]
}

#[test]
fn the_search_server_is_away_silent_wiped_full_and_busy_and_only_questions_to_it_notice() {
    let index = Index::new();
    let mut scene = Scene::new(&index.settings());
    scene.measured(|_| std::thread::sleep(Duration::from_secs(1)));
    until_whole(&mut scene);
    let mut answers = Vec::new();
    for outage in outages(&index) {
        outage.happens(&mut scene, &mut answers);
    }
    let clicks = scene.finish();
    says_no_more_than_it_has(&answers, &clicks);
}

/// Every answer had at least the clicks that it said it was complete to, and none that was never recorded.
fn says_no_more_than_it_has(answers: &[Answered], clicks: &[Value]) {
    let marked: Vec<&Answered> = answers.iter().filter(|a| a.watermark.is_some()).collect();
    println!(
        "{} answers, {} with a watermark",
        answers.len(),
        marked.len()
    );
    assert!(marked.len() > 10, "{}", marked.len());
    for answer in marked {
        let watermark = answer.watermark.as_ref().unwrap();
        let is_below = |click: &&Value| {
            let place = |name: &str| click[name].as_u64().unwrap();
            watermark
                .get(&place("partition"))
                .is_some_and(|next| place("seq") < *next)
        };
        let complete_to = clicks.iter().filter(is_below).count() as u64;
        let range = complete_to..=clicks.len() as u64;
        assert!(range.contains(&answer.clicks), "{range:?}: {answer:?}");
    }
}

/// The template of clicks as somebody makes it by hand, over the server's own: the fifth sub-id is a number.
fn make_poisonous(index: &Index) {
    let path = format!("/_index_template/{}-clicks", index.prefix);
    let found = index.ask("GET", &path, &json!(null));
    let mut template = found["index_templates"][0]["index_template"].clone();
    template["priority"] = json!(1_000);
    template["template"]["mappings"]["properties"]["sub5"] = json!({"type": "long"});
    let path = format!("/_index_template/{}-by-hand", index.prefix);
    index.ask("PUT", &path, &template);
    index.delete();
}

/// Ids of the documents that are in the file of dead letters.
fn dead_letters(data: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(data.join("search-dead-letters.ndjson"));
    let text = text.unwrap_or_default();
    // The last line may be in the making.
    let lines = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let ids = lines.map(|line| {
        let letter: Value = serde_json::from_str(line).unwrap();
        let reason = letter["reason"].as_str().unwrap();
        assert!(reason.contains("sub5"), "{letter}");
        letter["document"]["click_id"].as_str().unwrap().to_owned()
    });
    ids.collect()
}

/// Commands of the search, with the settings of the server.
struct Command {
    data: PathBuf,
    config: PathBuf,
}

impl Command {
    fn of(scene: &Scene) -> Self {
        let config = scene.folder.path().join("weir.toml");
        let data = scene.data();
        Self { data, config }
    }

    /// Exit code, what it said, and what it said on the side.
    fn run(&self, command: &[&str]) -> (i32, String, String) {
        let config = self.config.to_str().unwrap();
        let output = weir(
            &self.data,
            &[&["search"], command, &["--config", config]].concat(),
        );
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap();
        (code, text(&output.stdout), text(&output.stderr))
    }

    /// The generation that readers see.
    fn generation(&self) -> u64 {
        let (code, said, why) = self.run(&["status", "--output", "json"]);
        assert_eq!(code, 0, "{why}");
        let rows: Vec<Value> = serde_json::from_str(&said).unwrap();
        let row = rows.iter().find(|row| row["what"] == "generation").unwrap();
        row["value"].as_str().unwrap().parse().unwrap()
    }
}

#[test]
fn a_document_that_the_index_will_not_take_blocks_nothing_and_a_rebuild_under_load_has_it() {
    let index = Index::new();
    let mut scene = Scene::new(&index.settings());
    scene.measured(|_| std::thread::sleep(Duration::from_secs(1)));
    until_whole(&mut scene);
    let mut poisonous: BTreeSet<String> = (0..3).map(|_| scene.click("&sub5=seven")).collect();
    until_whole(&mut scene);
    assert_eq!(dead_letters(&scene.data()), BTreeSet::new());

    make_poisonous(&index);
    poisonous.extend((0..3).map(|_| scene.click("&sub5=eight")));
    scene.click("&sub5=9");
    scene.measured(|_| std::thread::sleep(Duration::from_secs(2)));
    scene.until_reported();
    let started = Instant::now();
    let mut numbers = || {
        let all = |books: crate::index::Books| books.values().map(|sums| sums[0]).sum::<i64>();
        let searched = searched(&mut scene.admin).map_or(0, all);
        (
            all(reported(&mut scene.admin)) - searched,
            dead_letters(&scene.data()),
        )
    };
    loop {
        let (missing, letters) = numbers();
        if (missing, &letters) == (6, &poisonous) {
            break;
        }
        assert!(
            started.elapsed() < whole_within(),
            "{missing} clicks are missing, {} are dead letters",
            letters.len()
        );
        std::thread::sleep(Duration::from_millis(250));
    }
    println!("all but the poison after {:?}", started.elapsed());

    let path = format!("/_index_template/{}-by-hand", index.prefix);
    index.ask("DELETE", &path, &json!(null));
    rebuild_under_load(&mut scene);
    assert_eq!(
        dead_letters(&scene.data()),
        poisonous,
        "a rebuild took them"
    );
    scene.finish();
}

/// Rebuilds the index while clicks come; afterwards it says what reports say.
fn rebuild_under_load(scene: &mut Scene) {
    let command = Command::of(scene);
    let before = command.generation();
    let (_, (code, said, why)) = scene.measured(|_| command.run(&["reindex"]));
    assert_eq!(code, 0, "{said}{why}");
    assert!(why.contains("facts in"), "{why}");
    assert!(command.generation() > before, "{said}");
    until_whole(scene);
}

#[test]
fn a_rebuild_against_a_server_that_is_away_or_silent_says_so_and_gives_up() {
    let index = Index::new();
    let mut scene = Scene::new(&index.settings());
    scene.measured(|_| std::thread::sleep(Duration::from_secs(1)));
    until_whole(&mut scene);
    let command = Command::of(&scene);
    let (place, before) = (
        format!("127.0.0.1:{}", index.wire.port),
        command.generation(),
    );
    scene.let_others_begin();
    for (mood, within) in [(Mood::Refused, 15), (Mood::Silent, 50)] {
        index.wire.set(mood);
        let started = Instant::now();
        let (code, said, why) = command.run(&["reindex", "--patience", "3"]);
        let took = started.elapsed();
        assert_eq!((code, said.as_str()), (1, ""), "{mood:?}: {why}");
        assert!(took < Duration::from_secs(within), "{mood:?}: {took:?}");
        println!("{mood:?} after {took:?}: {why}");
        assert!(
            why.contains(&place) && why.contains("given up after"),
            "{why}"
        );
        let waits = why.contains("waiting for the search index at");
        assert_eq!(waits, mood == Mood::Refused, "{why}");
        index.wire.set(Mood::Open);
    }
    assert_eq!(command.generation(), before);
    until_whole(&mut scene);
    scene.finish();
}
