//! One client alone: what a click takes when nobody else clicks. Short bursts with a probe of the disk before and
//! after each, because its time for a sync moves by a factor of ten within seconds.

use std::path::Path;
use std::time::Duration;

use super::clicks::{Effort, requests};
use super::{Measure, Target};
use crate::child::{Kind, Server};
use crate::host::{self, Cores};
use crate::load::{Load, burst};
use crate::stats::median;

/// Bursts a round, and their length.
const BURSTS: u64 = 6;
const BURST: Duration = Duration::from_millis(500);

/// Measures.
///
/// # Errors
/// The server fails.
pub fn run(folder: &Path, effort: Effort) -> anyhow::Result<Vec<Measure>> {
    let (servers, generator) = Cores::of_server_and_generator()?;
    let own = tempfile::tempdir_in(folder)?;
    let product = Server::start(Kind::Product, servers, own.path())?;
    let requests = requests(&product, effort.seed)?;
    let (mut added, mut clicks, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.rounds as u64 * BURSTS {
        let before = host::sync_ms(folder)?;
        let sent = burst(&Load {
            server: product.address,
            requests: &requests,
            connections: 1,
            time: BURST,
            cores: generator,
            seed: round,
        })?;
        let sync = f64::midpoint(before, host::sync_ms(folder)?);
        let click = sent.ms(0.5);
        added.push(click - sync);
        clicks.push(click);
        syncs.push(sync);
    }
    Ok(vec![Measure {
        name: "one client alone: p50 - fdatasync p50, ms".to_owned(),
        value: median(&added),
        target: Target::AtMost(0.3),
        doubt: None,
        beside: format!(
            "click p50 {:.3} ms, {} bursts",
            median(&clicks),
            clicks.len()
        ),
        sync_ms: median(&syncs),
    }])
}
