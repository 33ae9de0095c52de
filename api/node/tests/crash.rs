//! Nothing acknowledged is lost, nothing is doubled, nothing appears that nobody sent: the release binary under
//! load, killed at random moments.

mod support;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use support::{Client, Server, export, path_of, weir};

const KILLS: usize = 20;
const CLIENTS: usize = 16;

/// What the clients know: written down with an fsync before it counts.
struct Notes {
    sent: Vec<File>,
    acknowledged: Vec<File>,
}

fn note(file: &mut File, line: &str) {
    writeln!(file, "{line}").unwrap();
    file.sync_data().unwrap();
}

impl Notes {
    fn new(folder: &Path) -> Self {
        let files = |name: &str| {
            let open = |n| File::create(folder.join(format!("{name}-{n}"))).unwrap();
            (0..CLIENTS).map(open).collect()
        };
        Self {
            sent: files("sent"),
            acknowledged: files("acknowledged"),
        }
    }

    fn read(folder: &Path, name: &str) -> Vec<String> {
        let lines = (0..CLIENTS).flat_map(|n| {
            let text = std::fs::read_to_string(folder.join(format!("{name}-{n}"))).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        });
        lines.collect()
    }
}

/// Clicks and converts until told to stop or the server is gone.
fn client(
    server: &Urls,
    sent: &mut File,
    acknowledged: &mut File,
    stop: &AtomicBool,
    next: &AtomicU64,
) {
    let mut client = Client::new(&server.traffic);
    while !stop.load(Ordering::Relaxed) {
        let tag = format!("tag{}", next.fetch_add(1, Ordering::Relaxed));
        note(sent, &format!("click {tag}"));
        let url = format!("{}&sub2={tag}", server.click);
        let Ok(answer) = client.get(&url) else {
            return;
        };
        assert_eq!(answer.status, 302, "{answer:?}");
        let location = answer.header("location").unwrap();
        let id = location.split("click=").nth(1).unwrap()[..32].to_owned();
        note(acknowledged, &format!("click {tag} {id}"));
        if next.load(Ordering::Relaxed).is_multiple_of(3) {
            let txid = format!("tx{tag}");
            note(sent, &format!("conversion {txid}"));
            let url = server
                .postback
                .replace("{click_id}", &id)
                .replace("{amount}", "20")
                .replace("{txid}", &txid);
            let Ok(answer) = client.get(&url) else {
                return;
            };
            let body = answer.json();
            match answer.status {
                200 => {
                    assert_eq!(body["outcome"], "applied", "{body}");
                    note(
                        acknowledged,
                        &format!(
                            "conversion {txid} {}",
                            body["conversion_id"].as_str().unwrap()
                        ),
                    );
                }
                202 => note(
                    acknowledged,
                    &format!("received {txid} {}", body["received_id"].as_str().unwrap()),
                ),
                _ => panic!("{answer:?}"),
            }
        }
    }
}

struct Urls {
    traffic: String,
    click: String,
    postback: String,
}

fn load(
    server: &Server,
    notes: &mut Notes,
    stop: &AtomicBool,
    next: &AtomicU64,
    meanwhile: impl FnOnce(),
) {
    let urls = Urls {
        traffic: server.url("/traffic"),
        click: path_of(&server.url("/demo/click_url")).to_owned(),
        postback: path_of(&server.url("/demo/postback_url")).to_owned(),
    };
    stop.store(false, Ordering::Relaxed);
    std::thread::scope(|scope| {
        for (sent, acknowledged) in notes.sent.iter_mut().zip(&mut notes.acknowledged) {
            let urls = &urls;
            scope.spawn(move || client(urls, sent, acknowledged, stop, next));
        }
        meanwhile();
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_doubled_over_twenty_kills() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut notes = Notes::new(folder.path());
    let (stop, next) = (AtomicBool::new(false), AtomicU64::new(0));
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut state = seed;
    for _ in 0..KILLS {
        let mut server = Server::demo(&data, &[]);
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_millis(50 + (state >> 33) % 700);
        load(&server, &mut notes, &stop, &next, || {
            std::thread::sleep(moment)
        });
        server.kill();
    }
    let mut server = Server::demo(&data, &[]);
    load(&server, &mut notes, &stop, &next, || {
        std::thread::sleep(Duration::from_millis(300))
    });
    server.terminate();
    compare(folder.path(), &data);
}

fn compare(folder: &Path, data: &Path) {
    let facts = export(data);
    let of_kind = |kind: &str| {
        facts
            .iter()
            .filter(|f| f["kind"] == kind)
            .collect::<Vec<&Value>>()
    };
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();

    let mut clicks: HashMap<String, String> = HashMap::new();
    for click in of_kind("clicked") {
        let tag = text(&click["sub"]["2"]);
        let before = clicks.insert(text(&click["click_id"]), tag);
        assert!(before.is_none(), "doubled {click}");
    }
    let mut conversions: HashMap<String, String> = HashMap::new();
    let mut txid_of: HashMap<String, String> = HashMap::new();
    for received in of_kind("conversion_received") {
        txid_of.insert(text(&received["received_id"]), text(&received["txid"]));
    }
    let mut applied = 0;
    for judged in of_kind("conversion_judged") {
        if judged["outcome"] == "applied" {
            applied += 1;
            let before = conversions.insert(
                text(&judged["conversion_id"]),
                txid_of[&text(&judged["received_id"])].clone(),
            );
            assert!(before.is_none(), "doubled {judged}");
        }
    }
    let sent: HashSet<String> = support_lines(folder, "sent");
    for tag in clicks.values() {
        assert!(
            sent.contains(&format!("click {tag}")),
            "phantom click {tag}"
        );
    }
    for txid in conversions.values() {
        assert!(
            sent.contains(&format!("conversion {txid}")),
            "phantom conversion {txid}"
        );
    }
    let acknowledged = Notes::read(folder, "acknowledged");
    assert!(
        acknowledged.len() > 500,
        "the clients were busy: {}",
        acknowledged.len()
    );
    for line in &acknowledged {
        let [what, name, id] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        match what {
            "click" => assert_eq!(
                clicks.get(id).map(String::as_str),
                Some(name),
                "lost {line}"
            ),
            "conversion" => assert_eq!(
                conversions.get(id).map(String::as_str),
                Some(name),
                "lost {line}"
            ),
            _ => assert_eq!(
                txid_of.get(id).map(String::as_str),
                Some(name),
                "lost {line}"
            ),
        }
    }
    println!(
        "{} clicks, {applied} conversions, {} acknowledged lines",
        clicks.len(),
        acknowledged.len()
    );
    for command in [
        &["replay", "--check"][..],
        &["verify"],
        &["journal", "verify"],
    ] {
        let output = weir(data, command);
        assert!(
            output.status.success(),
            "{command:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn support_lines(folder: &Path, name: &str) -> HashSet<String> {
    Notes::read(folder, name).into_iter().collect()
}
