//! Writes the history, then lets live clicks trickle in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use weir_actors::{Journal, Mesh};
use weir_api::edge::Minter;
use weir_engine::click_id::ClickId;
use weir_engine::fact::{Fact, Kind};
use weir_engine::ids::{Position, TenantId, UnixMs};
use weir_engine::ports::{Append, AppendError};
use weir_engine::secrets::MasterSecret;
use weir_engine::visitor::{Countries, UserAgents};
use weir_journal::Cursors;

use super::people::People;
use super::story::{Story, What};
use super::trickle;
use super::walker::{Made, Walker, WalkerParts};
use crate::server::Server;

/// The node in ids of the history: what is written already is told by it.
const HISTORY_NODE: u16 = 0xfff;
/// Facts under way at a time.
const AT_A_TIME: usize = 4_096;
const SAY_EVERY: Duration = Duration::from_secs(2);

/// What the demo takes from the server.
#[derive(Clone)]
pub struct Source {
    pub mesh: Mesh,
    pub journal: Journal,
    pub secrets: MasterSecret,
    pub agents: Arc<UserAgents>,
    pub countries: Arc<Countries>,
    pub node: u16,
}

impl Source {
    pub fn of(server: &Server) -> Self {
        Self {
            mesh: server.mesh.clone(),
            journal: server.journal.clone(),
            secrets: server.secrets.clone(),
            agents: Arc::clone(&server.agents),
            countries: Arc::clone(&server.countries),
            node: server.node,
        }
    }

    pub fn walker(&self, parts: &Parts, minter: Minter) -> Walker {
        Walker::new(WalkerParts {
            routes: Arc::clone(self.mesh.routes()),
            lane: self.journal.shared_lane(),
            secrets: self.secrets.clone(),
            agents: Arc::clone(&self.agents),
            countries: Arc::clone(&self.countries),
            people: Arc::clone(&parts.people),
            minter,
            tenants: parts.tenants.clone(),
            seed: parts.seed,
        })
    }
}

/// What the demo is made of.
#[derive(Clone)]
pub struct Parts {
    pub people: Arc<People>,
    pub tenants: Vec<TenantId>,
    pub seed: u64,
}

/// Writes what is missing of `days` days before `until`, waits until the books have it, then trickles.
pub async fn tell(
    source: Source,
    (tenants, seed): (Vec<TenantId>, u64),
    (days, until): (u32, u64),
    rate: u32,
) {
    if (days, rate) == (0, 0) {
        return;
    }
    // Drawing the people takes a moment of a whole core, which is nobody's that serves.
    let countries = Arc::clone(&source.countries);
    let drawn = tokio::task::spawn_blocking(move || People::new(seed, &countries));
    let people = match drawn.await {
        Ok(people) => Arc::new(people),
        Err(error) => {
            tracing::error!(%error, "the demo's people cannot be drawn");
            return;
        }
    };
    let parts = Parts {
        people,
        tenants,
        seed,
    };
    let started = Instant::now();
    match write(&source, &parts, days, until).await {
        Ok(Some(last)) => {
            source.mesh.progress().wait_for(last).await;
            let seconds = started.elapsed().as_secs_f64();
            tracing::info!(days, "the history is complete, after {seconds:.1} s");
        }
        Ok(None) => tracing::info!(days, "the history was there already"),
        Err(error) => {
            tracing::error!(%error, "the history cannot be written");
            return;
        }
    }
    if rate > 0 {
        trickle::trickle(&source, &parts, rate).await;
    }
}

/// Writes the history but for what is in the log already; gives the place of the last fact.
async fn write(
    source: &Source,
    parts: &Parts,
    days: u32,
    until: u64,
) -> Result<Option<Position>, Box<dyn std::error::Error + Send + Sync>> {
    let mut to_pass = written(&source.journal)?;
    let mut walker = source.walker(parts, Minter::new(HISTORY_NODE, 0, UnixMs(0)));
    let mut clicks: Vec<Made> = Vec::new();
    let mut under_way = Vec::with_capacity(AT_A_TIME);
    let (mut last, mut done, mut said) = (None, 0u64, Instant::now());
    for event in Story::new(parts.seed, days, until) {
        let is_written = to_pass == 0;
        to_pass = to_pass.saturating_sub(1);
        match event.what {
            What::Click { click } => {
                let made = walker.click(click, event.at, is_written);
                let (made, appending) = made.ok_or("a link of the demo is gone")?;
                clicks.push(made);
                under_way.extend(appending);
            }
            What::Postback {
                click,
                cents,
                is_rejection,
            } => {
                let about = clicks[click as usize];
                under_way.extend(walker.postback(
                    about,
                    event.at,
                    (cents, is_rejection),
                    is_written,
                ));
            }
        }
        if under_way.len() >= AT_A_TIME {
            done += under_way.len() as u64;
            last = all(&mut under_way).await?.or(last);
        }
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            tracing::info!("history: {done} facts written, {}", UnixMs(event.at));
        }
    }
    Ok(all(&mut under_way).await?.or(last))
}

async fn all(
    under_way: &mut Vec<<weir_actors::Lane as Append>::Appending>,
) -> Result<Option<Position>, AppendError> {
    let mut last = None;
    for appending in under_way.drain(..) {
        last = Some(appending.await?);
    }
    Ok(last)
}

/// How many facts of the history are in the log.
fn written(journal: &Journal) -> Result<u64, weir_journal::ReadError> {
    let end = journal.end();
    let mut reader = journal.read_from(Cursors::START)?;
    let mut count = 0;
    while !reader.cursors().reaches(&end) {
        let Some(batch) = reader.try_next(65_536)? else {
            break;
        };
        let of_history = |id: Option<ClickId>| id.is_some_and(|id| id.parts().node == HISTORY_NODE);
        for logged in batch.iter() {
            let is_conversion = logged.record.kind == Kind::ConversionReceived.code();
            let id = match Fact::read(&logged) {
                Ok(Fact::ConversionReceived(received)) if is_conversion => {
                    Some(received.received_id)
                }
                _ => logged.record.click_id,
            };
            count += u64::from(of_history(id));
        }
    }
    Ok(count)
}
