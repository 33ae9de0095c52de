//! Clicks at 512 connections: against the ceilings, with everything on and with the edge only.
//!
//! A round is C1, C2, the product keeping up, the product with its reader paused, C2 again. Ratios are taken
//! within a round against the mean of its two C2 bursts; a round whose C2 bursts are more than 15 % apart, or
//! slower than half of C1, does not count, and with fewer than half of the rounds left nothing does.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::{Doubt, Measure, Target};
use crate::child::{Kind, Server};
use crate::host::{self, Cores};
use crate::load::{Burst, Load, Requests, burst};
use crate::mix::Mix;
use crate::product::visitors;
use crate::stats::{apart, median};

/// Connections of every burst.
pub const CONNECTIONS: usize = 512;
/// Requests that are made in advance.
pub const POOL: usize = 16_384;
/// How far apart two bursts of C2 may be.
const APART: f64 = 0.15;
/// Before a burst is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds.
    pub rounds: usize,
    /// Length of a burst.
    pub burst: Duration,
    /// Of the mix.
    pub seed: u64,
}

/// A burst with what it cost the server.
struct Shot {
    burst: Burst,
    /// Microseconds of processor time an answer, until the readers were at the head.
    cpu_us: f64,
    /// Facts that were not stored when the burst ended.
    lag: u64,
    /// Bytes of the log an answer.
    bytes: f64,
}

struct Round {
    c1: Shot,
    c2: [Shot; 2],
    durable: Shot,
    edge: Shot,
    sync_ms: f64,
}

impl Round {
    fn of_c2(&self, figure: impl Fn(&Shot) -> f64) -> f64 {
        f64::midpoint(figure(&self.c2[0]), figure(&self.c2[1]))
    }

    fn is_valid(&self) -> bool {
        let [a, b] = [0, 1].map(|i| self.c2[i].burst.rate());
        apart(a, b) <= APART && a.min(b) >= 0.5 * self.c1.burst.rate()
    }
}

/// The three servers.
struct Stage {
    c1: Server,
    c2: Server,
    product: Server,
    requests: Requests,
    generator: Cores,
    effort: Effort,
    bursts: u64,
}

/// Requests of the mix for a product.
///
/// # Errors
/// It has no links.
pub fn requests(product: &Server, seed: u64) -> anyhow::Result<Requests> {
    let names = product.names.as_ref().context("links")?;
    let mut mix = Mix::new(seed, &visitors::countries()?);
    let clicks = (0..POOL).map(|_| mix.draw());
    Requests::new(clicks, &names.links, &names.affiliates)
}

/// Measures.
///
/// # Errors
/// A server fails.
pub fn run(folder: &Path, effort: Effort) -> anyhow::Result<Vec<Measure>> {
    let (servers, generator) = Cores::of_server_and_generator()?;
    let product_folder = tempfile::tempdir_in(folder)?;
    let c2_folder = tempfile::tempdir_in(folder)?;
    let product = Server::start(Kind::Product, servers, product_folder.path())?;
    let mut stage = Stage {
        c1: Server::start(Kind::Http, servers, folder)?,
        c2: Server::start(Kind::Commit, servers, c2_folder.path())?,
        requests: requests(&product, effort.seed)?,
        product,
        generator,
        effort,
        bursts: 0,
    };
    let mut rounds = Vec::new();
    for number in 1..=effort.rounds {
        let round = stage.round(folder)?;
        eprintln!("  round {number}: {}", shown(&round));
        rounds.push(round);
    }
    Ok(measures(&rounds))
}

impl Stage {
    fn round(&mut self, folder: &Path) -> anyhow::Result<Round> {
        let sync_ms = host::sync_ms(folder)?;
        let c1 = self.ceiling(Kind::Http)?;
        let first = self.ceiling(Kind::Commit)?;
        let durable = self.product(false)?;
        let edge = self.product(true)?;
        let second = self.ceiling(Kind::Commit)?;
        Ok(Round {
            c1,
            c2: [first, second],
            durable,
            edge,
            sync_ms,
        })
    }

    fn send(&mut self, kind: Kind, time: Duration) -> anyhow::Result<Burst> {
        self.bursts += 1;
        let server = match kind {
            Kind::Http => &self.c1,
            Kind::Commit => &self.c2,
            _ => &self.product,
        };
        let sent = burst(&Load {
            server: server.address,
            requests: &self.requests,
            connections: CONNECTIONS,
            time,
            cores: self.generator,
            seed: self.effort.seed << 32 | self.bursts,
        })?;
        anyhow::ensure!(sent.others == 0, "{} answers were no redirect", sent.others);
        Ok(sent)
    }

    fn ceiling(&mut self, kind: Kind) -> anyhow::Result<Shot> {
        self.send(kind, WARM_UP)?;
        let server = |stage: &Self| match kind {
            Kind::Http => stage.c1.cpu_seconds(),
            _ => stage.c2.cpu_seconds(),
        };
        let before = server(self)?;
        let burst = self.send(kind, self.effort.burst)?;
        let cpu = server(self)? - before;
        Ok(Shot {
            cpu_us: cpu * 1e6 / burst.answers as f64,
            burst,
            lag: 0,
            bytes: 0.0,
        })
    }

    fn product(&mut self, is_paused: bool) -> anyhow::Result<Shot> {
        self.send(Kind::Product, WARM_UP)?;
        let mut before = self.product.order("settle")?;
        if is_paused {
            // A reader that waits notices within its patience of 0.1 s.
            before = self.product.order("pause")?;
            std::thread::sleep(Duration::from_millis(150));
        }
        let cpu = self.product.cpu_seconds()?;
        let burst = self.send(Kind::Product, self.effort.burst)?;
        let at_end = self.product.order("state")?;
        let at_rest = if is_paused {
            at_end
        } else {
            self.product.order("settle")?
        };
        let cpu = self.product.cpu_seconds()? - cpu;
        self.product.order("resume")?;
        self.product.order("settle")?;
        // The last answers come after the burst and are in the log too.
        let facts = (at_rest.written - before.written) as f64;
        Ok(Shot {
            cpu_us: cpu * 1e6 / facts,
            burst,
            lag: at_end.written - at_end.stored,
            bytes: (at_rest.bytes - before.bytes) as f64 / facts,
        })
    }
}

fn shown(round: &Round) -> String {
    let of = |shot: &Shot| {
        let Shot { burst, cpu_us, .. } = shot;
        format!(
            "{:.0}/s {cpu_us:.1} µs p99 {:.1} ms",
            burst.rate(),
            burst.ms(0.99)
        )
    };
    format!(
        "C1 {} | C2 {}, {} | durable {} lag {} | edge {} | sync {:.2} ms | load {:.1}{}",
        of(&round.c1),
        of(&round.c2[0]),
        of(&round.c2[1]),
        of(&round.durable),
        round.durable.lag,
        of(&round.edge),
        round.sync_ms,
        host::load_average(),
        if round.is_valid() {
            ""
        } else {
            " | does not count"
        },
    )
}

fn measures(rounds: &[Round]) -> Vec<Measure> {
    let valid: Vec<&Round> = rounds.iter().filter(|round| round.is_valid()).collect();
    let is_invalid = 2 * valid.len() < rounds.len() || valid.is_empty();
    // When none counts, all are shown, with the doubt beside them.
    let used: Vec<&Round> = if is_invalid {
        rounds.iter().collect()
    } else {
        valid
    };
    let of = |figure: &dyn Fn(&Round) -> f64| {
        median(&used.iter().map(|round| figure(round)).collect::<Vec<_>>())
    };
    let ceiling = is_invalid.then_some(Doubt::CeilingInvalid);
    let lag = of(&|r| r.durable.lag as f64 / r.durable.burst.rate());
    let behind = (lag > 1.0).then_some(Doubt::NotKeepingUp);
    let sync_ms = of(&|r| r.sync_ms);
    let c2 = |figure: fn(&Shot) -> f64| of(&|r: &Round| r.of_c2(figure));
    let rate: fn(&Shot) -> f64 = |shot| shot.burst.rate();
    let p99: fn(&Shot) -> f64 = |shot| shot.burst.ms(0.99);
    let cpu: fn(&Shot) -> f64 = |shot| shot.cpu_us;
    let measure = |name: &str, value, target, doubt, beside| Measure {
        name: name.to_owned(),
        value,
        target,
        doubt,
        beside,
        sync_ms,
    };
    let (c1_rate, c2_rate) = (of(&|r| rate(&r.c1)), c2(rate));
    vec![
        measure(
            "durable click: throughput / C2",
            of(&|r| rate(&r.durable) / r.of_c2(rate)),
            Target::AtLeast(0.5),
            ceiling.or(behind),
            format!(
                "{:.0}/s, C2 {c2_rate:.0}/s, C1 {c1_rate:.0}/s, lag at end {lag:.2} s of traffic",
                of(&|r| rate(&r.durable))
            ),
        ),
        measure(
            "durable click: CPU per click / C2",
            of(&|r| r.durable.cpu_us / r.of_c2(cpu)),
            Target::AtMost(2.0),
            ceiling.or(behind),
            format!(
                "{:.1} µs, C2 {:.1} µs, C1 {:.1} µs",
                of(&|r| r.durable.cpu_us),
                c2(cpu),
                of(&|r| r.c1.cpu_us)
            ),
        ),
        measure(
            "durable click: p99 / C2",
            of(&|r| p99(&r.durable) / r.of_c2(p99)),
            Target::AtMost(1.5),
            ceiling.or(behind),
            format!(
                "{:.1} ms, C2 {:.1} ms, C1 {:.1} ms",
                of(&|r| p99(&r.durable)),
                c2(p99),
                of(&|r| p99(&r.c1))
            ),
        ),
        measure(
            "edge only: throughput / C2",
            of(&|r| rate(&r.edge) / r.of_c2(rate)),
            Target::AtLeast(0.7),
            ceiling,
            format!(
                "{:.0}/s, {:.1} µs, C2 {c2_rate:.0}/s",
                of(&|r| rate(&r.edge)),
                of(&|r| r.edge.cpu_us)
            ),
        ),
        measure(
            "bytes on disk per click",
            of(&|r| r.durable.bytes),
            Target::AtMost(320.0),
            None,
            format!("{:.1} with the edge only", of(&|r| r.edge.bytes)),
        ),
    ]
}
