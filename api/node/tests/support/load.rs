//! Many clients at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::catalog::PERSON;
use super::{Answer, Client};

/// Runs `work` on `count` threads, each with its number and a connection of its own; gives what each made, in order.
pub fn together<T: Send>(
    base: &str,
    count: usize,
    work: impl Fn(usize, &mut Client) -> T + Sync,
) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || work(number, &mut Client::new(base))))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

/// What steady clicking came to.
#[derive(Debug, Default, Clone)]
pub struct Clicked {
    /// How long each took.
    pub took: Vec<Duration>,
    /// The click ids that were given out.
    pub ids: Vec<String>,
}

impl Clicked {
    /// The time that `share` of all clicks did not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut took = self.took.clone();
        took.sort();
        let index = (took.len() as f64 * share) as usize;
        took[index.min(took.len() - 1)]
    }
}

/// Clicks until told to stop, at most one in `every`; each must be sent on.
pub fn click_steadily(
    client: &mut Client,
    path: &str,
    every: Duration,
    stop: &AtomicBool,
) -> Clicked {
    let mut clicked = Clicked::default();
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        let answer = client
            .send("GET", path, &[("User-Agent", PERSON)], "")
            .unwrap_or_else(|e| panic!("a click failed: {e}"));
        clicked.took.push(started.elapsed());
        clicked.ids.push(sent_on(&answer));
        std::thread::sleep(every.saturating_sub(started.elapsed()));
    }
    clicked
}

fn sent_on(answer: &Answer) -> String {
    assert_eq!(answer.status, 302, "{answer:?}");
    super::catalog::click_id_of(answer)
}
