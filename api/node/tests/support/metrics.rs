//! What a running server counts, as its ops listener says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Client, Server};

/// All samples at one moment, by name with labels: `weir_clicks_total{outcome="redirected"}`.
#[derive(Debug, Clone, Default)]
pub struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    /// As they are now.
    pub fn of(server: &Server) -> Self {
        let answer = Client::new(&server.url("/ops")).get("/metrics").unwrap();
        assert_eq!(answer.status, 200);
        let lines = answer.body.lines().filter(|l| !l.starts_with('#'));
        let samples = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(samples.collect())
    }

    /// One sample; what was never counted is 0.
    pub fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// By how much a sample grew since `before`.
    pub fn grown(&self, before: &Self, name: &str) -> f64 {
        self.get(name) - before.get(name)
    }

    /// Samples of counters that grew since `before`, with by how much, but those of names that begin so.
    pub fn all_grown(&self, before: &Self, but: &[&str]) -> BTreeMap<String, f64> {
        let of_counters = self.0.keys().filter(|name| name.contains("_total"));
        let wanted = of_counters.filter(|name| !but.iter().any(|b| name.starts_with(b)));
        let grown = wanted.map(|name| (name.clone(), self.grown(before, name)));
        grown.filter(|(_, by)| *by != 0.0).collect()
    }
}

/// Waits until something holds; fails after two minutes, saying what was waited for.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < end, "waited two minutes until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until something is `expect`; fails after two minutes, saying what it is instead.
pub fn until_is<T: PartialEq + std::fmt::Debug>(what: &str, expect: &T, mut is: impl FnMut() -> T) {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let last = is();
        if last == *expect {
            return;
        }
        assert!(
            Instant::now() < end,
            "{what}: {last:?} instead of {expect:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the fold has read every fact that is in the log; it is stored within a second of that.
pub fn until_folded(server: &Server) {
    until("nothing lags", || {
        Metrics::of(server).get("weir_journal_lag_facts{reader=\"fold\"}") == 0.0
    });
}
