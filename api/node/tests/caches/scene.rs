//! A server under load, and what its clicks take in quiet and in trouble.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::plan::Reporter;
use crate::support::catalog::{Admin, Link, new_tenant, text};
use crate::support::load::{Clicked, click_steadily, together};
use crate::support::metrics::{Metrics, until_folded, until_is};
use crate::support::{Server, books_agree, export};

const CONNECTIONS: usize = 4;
/// A click of each connection comes no sooner than so after the one before.
const EVERY: Duration = Duration::from_millis(10);
const QUIET: Duration = Duration::from_secs(4);
/// The machine is shared: what it does meanwhile may make a measurement worthless.
const TRIES: usize = 3;
/// What the machine itself may do to the slowest clicks of a whole phase.
const MACHINE: Duration = Duration::from_millis(20);
/// What a key's allowance may cost a request while the cache is in trouble.
const ALLOWANCE_COSTS: Duration = Duration::from_millis(100);

/// So long as it takes; as in life when `WEIR_TEST_FULL=1`.
pub fn lasting(usual: u64, full: u64) -> Duration {
    let is_full = std::env::var_os("WEIR_TEST_FULL").is_some_and(|v| v == "1");
    Duration::from_secs(if is_full { full } else { usual })
}

/// What was measured while clicks, postbacks and the admin API were at work.
#[derive(Default)]
pub struct Measured {
    pub clicks: Clicked,
    /// What clicks took, second by second.
    seconds: Vec<Vec<Duration>>,
    /// Cheap questions to the admin API.
    pub asked: Clicked,
}

impl Measured {
    fn of(clicked: Vec<Clicked>, asked: Clicked) -> Self {
        let mut measured = Self {
            asked,
            ..Self::default()
        };
        for one in clicked {
            let mut at = Duration::ZERO;
            for took in &one.took {
                let second = usize::try_from(at.as_secs()).unwrap();
                if measured.seconds.len() <= second {
                    measured.seconds.resize(second + 1, Vec::new());
                }
                measured.seconds[second].push(*took);
                at += (*took).max(EVERY);
            }
            measured.clicks.took.extend(one.took);
            measured.clicks.ids.extend(one.ids);
        }
        measured
    }

    /// The p99 of all clicks: of the server, and of whatever else the machine did.
    fn p99(&self) -> Duration {
        self.clicks.quantile(0.99)
    }

    /// The p99 of a quarter of the seconds is no more than this: others on the machine spoil some seconds, a server that
    /// waits for what it should not spoils all of them.
    pub fn calm_p99(&self) -> Duration {
        let p99 = |took: &Vec<Duration>| {
            let second = Clicked {
                took: took.clone(),
                ids: Vec::new(),
            };
            second.quantile(0.99)
        };
        let mut all: Vec<Duration> = self.seconds.iter().map(p99).collect();
        all.sort();
        all[all.len() / 4]
    }

    fn asked_p95(&self) -> Duration {
        self.asked.quantile(0.95)
    }
}

/// See the module. One at a time: each compares its own quiet with its own trouble.
pub struct Scene {
    pub folder: tempfile::TempDir,
    pub server: Server,
    pub admin: Admin,
    pub key: String,
    pub campaign: Link,
    affiliates: [String; 2],
    reporter: Reporter,
    /// Clicks that were given out, but to the reporter.
    clicks: Vec<String>,
    last_quiet: Option<Measured>,
    alone: Option<MutexGuard<'static, ()>>,
}

static ALONE: Mutex<()> = Mutex::new(());

/// Stops the load, also when what came meanwhile fails.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Scene {
    /// A server with these settings, and a campaign of one offer.
    pub fn new(settings: &str) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weir.toml");
        std::fs::write(&file, settings).unwrap();
        let data = folder.path().join("data");
        let server = Server::start(&data, &["serve", "--config", file.to_str().unwrap()]);
        let (_, key) = new_tenant(&data, "Acme");
        let mut admin = Admin::with_key(&server, &key);
        let everywhere = json!({"postback_auth": "ip", "postback_ips": ["127.0.0.0/8", "::1/128"]});
        let (shop, other) = (admin.advertiser(everywhere), admin.advertiser(json!({})));
        let affiliates = [admin.affiliate("approved"), admin.affiliate("approved")];
        let offer = admin.offer(&shop.id, json!({}));
        let campaign = admin.campaign(&[&offer.id], json!({}));
        let base = server.url("/traffic");
        let path = path_to(&campaign, &affiliates[0], "told");
        let reporter = Reporter::new(&base, &path, &shop.token, &other.token);
        Self {
            folder,
            server,
            admin,
            key,
            campaign,
            affiliates,
            reporter,
            clicks: Vec::new(),
            last_quiet: None,
            alone: Some(alone),
        }
    }

    /// From here on nothing is measured, and next to nothing done: others need not wait.
    pub fn let_others_begin(&mut self) {
        self.alone = None;
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The path of a click with this second sub-id.
    pub fn path(&self, sub: &str) -> String {
        path_to(&self.campaign, &self.affiliates[1], sub)
    }

    /// A click that is not of the load.
    pub fn click(&mut self, more: &str) -> String {
        let path = format!("{}{more}", self.path("single"));
        let mut client = crate::support::Client::new(&self.server.url("/traffic"));
        let answer = crate::support::catalog::click(&mut client, &path);
        let id = crate::support::catalog::click_id_of(&answer);
        self.clicks.push(id.clone());
        id
    }

    /// Clicks, postbacks and questions as long as `meanwhile` lasts. None of them fails.
    pub fn measured<T>(&mut self, meanwhile: impl FnOnce(&mut Admin) -> T) -> (Measured, T) {
        let stop = AtomicBool::new(false);
        let base = self.server.url("/traffic");
        let paths = self.affiliates.each_ref();
        let paths = paths.map(|a| path_to(&self.campaign, a, "steady"));
        let question = format!("/v1/affiliates/{}", self.affiliates[0]);
        let mut asker = Admin::with_key(&self.server, &self.key);
        let (admin, reporter) = (&mut self.admin, &mut self.reporter);
        let (measured, said) = std::thread::scope(|scope| {
            let stop = &stop;
            let clicking = scope.spawn(move || {
                together(&base, CONNECTIONS, |number, client| {
                    click_steadily(client, &paths[number % 2], EVERY, stop)
                })
            });
            let reporting = scope.spawn(|| reporter.report(stop));
            let asking = scope.spawn(|| ask_steadily(&mut asker, &question, stop));
            let stops = Stops(stop);
            let said = meanwhile(admin);
            drop(stops);
            let clicks = clicking.join().unwrap();
            reporting.join().unwrap();
            (Measured::of(clicks, asking.join().unwrap()), said)
        });
        self.clicks.extend_from_slice(&measured.clicks.ids);
        (measured, said)
    }

    fn quiet(&mut self) -> Measured {
        self.measured(|_| std::thread::sleep(QUIET)).0
    }

    /// Clicks in trouble take at most twice what they take in quiet, before or after; what is asked of the admin API
    /// waits for no cache.
    pub fn no_slower(&mut self, what: &str, mut trouble: impl FnMut(&mut Self) -> Measured) {
        let mut said = Vec::new();
        for _ in 0..TRIES {
            let before = self.last_quiet.take().unwrap_or_else(|| self.quiet());
            let during = trouble(self);
            let after = self.quiet();
            said.push(format!(
                "{what}: {} clicks, p99 of a calm second {:?} ({:?} before, {:?} after), of all {:?} ({:?}, {:?}); \
                 admin p95 {:?} ({:?}, {:?})",
                during.clicks.ids.len(),
                during.calm_p99(),
                before.calm_p99(),
                after.calm_p99(),
                during.p99(),
                before.p99(),
                after.p99(),
                during.asked_p95(),
                before.asked_p95(),
                after.asked_p95(),
            ));
            println!("{}", said[said.len() - 1]);
            let normal = |of: fn(&Measured) -> Duration| of(&before).max(of(&after));
            let is_good = during.calm_p99() <= normal(Measured::calm_p99) * 2
                && during.p99() <= normal(Measured::p99) * 10 + MACHINE
                && during.asked_p95() <= normal(Measured::asked_p95) + ALLOWANCE_COSTS;
            self.last_quiet = Some(after);
            if is_good {
                return;
            }
        }
        panic!("{}", said.join("\n"));
    }

    /// What the books must have: clicks, conversions, payout, revenue.
    fn planned(&self) -> [Value; 4] {
        let clicks = self.clicks.len() + self.reporter.clicks.len();
        let count = self.reporter.conversions;
        [
            json!(clicks),
            json!(count),
            json!(format!("{}.00", count * 10)),
            json!(format!("{}.00", count * 15)),
        ]
    }

    /// Waits until reports have what was planned.
    pub fn until_reported(&mut self) {
        self.reporter.settle();
        let expect = self.planned();
        until_is("reports have every click and conversion", &expect, || {
            self.admin
                .totals(&["gross_click", "cv", "payout", "revenue"])
        });
    }

    /// Ends the server: log and books have what was answered and nothing else. Gives the facts of clicks.
    pub fn finish(mut self) -> Vec<Value> {
        self.until_reported();
        until_folded(&self.server);
        self.server.terminate();
        let data = self.data();
        books_agree(&data);
        let mut facts = export(&data);
        facts.retain(|fact| fact["kind"] == "clicked");
        let recorded: Vec<String> = facts.iter().map(|f| text(f, "click_id")).collect();
        let answered: BTreeSet<&String> = self.clicks.iter().chain(&self.reporter.clicks).collect();
        assert_eq!(recorded.len(), answered.len(), "nothing is doubled");
        assert_eq!(recorded.iter().collect::<BTreeSet<_>>(), answered);
        facts
    }

    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.server)
    }
}

fn path_to(campaign: &Link, affiliate: &str, sub: &str) -> String {
    format!("/c/{}?aff={affiliate}&sub1=s&sub2={sub}", campaign.link)
}

/// Asks something cheap, well below the allowance of the key; it is always answered.
fn ask_steadily(admin: &mut Admin, question: &str, stop: &AtomicBool) -> Clicked {
    let mut asked = Clicked::default();
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        admin.get(question);
        asked.took.push(started.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
    asked
}
