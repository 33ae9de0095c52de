//! Live clicks of the demo, and the sales that follow them.

use std::collections::VecDeque;
use std::time::Duration;

use weir_actors::Clock;
use weir_api::edge::Minter;
use weir_engine::ids::UnixMs;

use super::chance::Chance;
use super::history::{Parts, Source};
use super::walker::Made;

/// The core in ids of the trickle: no edge core has it.
const CORE: u16 = 63;
/// Clicks that convert.
const CONVERTING: f64 = 0.05;
/// Sales come after so many clicks.
const LATER: usize = 40;

/// Makes `rate` clicks a second, for ever.
pub async fn trickle(source: &Source, parts: &Parts, rate: u32) {
    let clock = Clock::system();
    let after = UnixMs(source.journal.greatest_id_ms());
    let mut walker = source.walker(parts, Minter::new(source.node, CORE, after));
    let mut chance = Chance::new(clock.now().0, 3);
    let mut sales: VecDeque<Option<Made>> = VecDeque::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some((made, appending)) = walker.click(chance.next() >> 8, clock.now().0, true) else {
            continue;
        };
        if let Some(appending) = appending {
            // A full journal refuses the trickle as it refuses everybody.
            let _ = appending.await;
        }
        sales.push_back(chance.happens(CONVERTING).then_some(made));
        if sales.len() > LATER {
            let due = sales.pop_front().flatten();
            let cents = 500 + chance.below(20_000) as u32;
            let appending =
                due.and_then(|made| walker.postback(made, clock.now().0, (cents, false), true));
            if let Some(appending) = appending {
                let _ = appending.await;
            }
        }
    }
}
