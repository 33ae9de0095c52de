//! The campaign actors of a tenant: given their facts a share at a time, waked by one, put to sleep when idle.
//!
//! Always true: a campaign that sleeps is in its checkpoint, which is in the store or, until the store has it,
//! here; so it wakes as it fell asleep. What is gathered is delivered before a campaign is shown, checkpointed or
//! put to sleep.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, concurrency};
use tokio::time::Instant;
use weir_engine::fact::Malformed;
use weir_engine::ids::TenantId;
use weir_engine::judge::Judged;
use weir_engine::ports::{ActorKey, Checkpoint};

use super::gathered::Gathered;
use crate::campaign::{CampaignActor, CampaignArgs, CampaignMsg, CampaignState};
use crate::faults::Faults;
use crate::generation::Generation;
use crate::ports::Ports;
use crate::telemetry;

struct Awake {
    actor: ActorRef<CampaignMsg>,
    last_fact: Instant,
    is_dirty: bool,
    /// The window that took its last checkpoint along.
    checkpointed_in: Option<u64>,
    _counted: Counted,
}

/// One on the gauge of campaigns awake, for as long as it lives: also when a failure takes the whole tenant.
struct Counted;

impl Counted {
    fn one() -> Self {
        metrics::gauge!(telemetry::CAMPAIGNS_AWAKE).increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!(telemetry::CAMPAIGNS_AWAKE).decrement(1.0);
    }
}

/// A checkpoint that is on its way to the store with a window.
struct OnItsWay {
    checkpoint: Checkpoint,
    window: Option<u64>,
}

/// See the module.
pub(super) struct Campaigns {
    tenant: TenantId,
    ports: Ports,
    faults: Faults,
    generation: Generation,
    gathered: Gathered,
    awake: HashMap<u32, Awake>,
    asleep: BTreeMap<u32, OnItsWay>,
}

impl Campaigns {
    pub(super) fn new(
        tenant: TenantId,
        ports: Ports,
        faults: Faults,
        generation: Generation,
    ) -> Self {
        Self {
            tenant,
            ports,
            faults,
            generation,
            gathered: Gathered::default(),
            awake: HashMap::new(),
            asleep: BTreeMap::new(),
        }
    }

    /// Adds the facts of a window to what will be delivered, and delivers it if it is time; tells whether
    /// something is left, to be delivered [`super::gathered::WAIT`] later.
    pub(super) async fn gather(
        &mut self,
        supervisor: &ActorCell,
        judged: &Arc<Vec<Judged>>,
    ) -> Result<bool, ActorProcessingErr> {
        let now = Instant::now();
        self.gathered.add(judged, now);
        if self.gathered.is_due(now) {
            self.deliver(supervisor).await?;
        }
        Ok(!self.gathered.is_empty())
    }

    /// Gives each campaign its facts: one message a campaign.
    pub(super) async fn deliver(
        &mut self,
        supervisor: &ActorCell,
    ) -> Result<(), ActorProcessingErr> {
        for (campaign, share) in self.gathered.take() {
            let awake = self.wake(supervisor, campaign).await?;
            awake.last_fact = Instant::now();
            awake.is_dirty = true;
            awake.actor.send_message(CampaignMsg::Judged(share))?;
        }
        Ok(())
    }

    /// The state of a campaign, to be shown.
    pub(super) async fn show(
        &mut self,
        supervisor: &ActorCell,
        campaign: u32,
    ) -> Result<CampaignState, ActorProcessingErr> {
        self.deliver(supervisor).await?;
        let actor = self.wake(supervisor, campaign).await?.actor.clone();
        Ok(ractor::call!(actor, CampaignMsg::Show)?)
    }

    async fn wake(
        &mut self,
        supervisor: &ActorCell,
        campaign: u32,
    ) -> Result<&mut Awake, ActorProcessingErr> {
        if !self.awake.contains_key(&campaign) {
            let on_its_way = self.asleep.remove(&campaign);
            // What is not surely stored is dirty again: the next checkpoint replaces the one on its way.
            let is_dirty = on_its_way.is_some();
            let key = ActorKey::Campaign(self.tenant, campaign);
            let state = match on_its_way {
                Some(on_its_way) => Some(on_its_way.checkpoint),
                None => self.ports.ledger.checkpoint(key).await?,
            };
            let args = CampaignArgs {
                key,
                state: remembered(state)?,
                faults: self.faults.clone(),
                _generation: self.generation.clone(),
            };
            let spawned =
                Actor::spawn_linked(None, CampaignActor, args, supervisor.clone()).await?;
            let awake = Awake {
                actor: spawned.0,
                last_fact: Instant::now(),
                is_dirty,
                checkpointed_in: None,
                _counted: Counted::one(),
            };
            self.awake.insert(campaign, awake);
        }
        self.awake
            .get_mut(&campaign)
            .ok_or_else(|| "a campaign that was waked is gone".into())
    }

    /// Puts campaigns to sleep that had no fact for `idle_after`; all facts below `folded_to` were gathered,
    /// windows up to `stored_window` are stored.
    pub(super) async fn passivate(
        &mut self,
        supervisor: &ActorCell,
        folded_to: u64,
        stored_window: u64,
        idle_after: Duration,
    ) -> Result<(), ActorProcessingErr> {
        self.deliver(supervisor).await?;
        let idle: Vec<u32> = self
            .awake
            .iter()
            .filter(|(_, awake)| awake.last_fact.elapsed() >= idle_after)
            .map(|(campaign, _)| *campaign)
            .collect();
        for campaign in idle {
            let Some(awake) = self.awake.remove(&campaign) else {
                continue;
            };
            let window = awake.checkpointed_in.filter(|_| !awake.is_dirty);
            if awake.is_dirty || window.is_some_and(|window| window > stored_window) {
                let checkpoint = checkpoint_of(&awake.actor, folded_to).await?;
                self.asleep
                    .insert(campaign, OnItsWay { checkpoint, window });
            }
            awake.actor.get_cell().drain()?;
        }
        Ok(())
    }

    /// Checkpoints of everything that is not in the store, to be sent with `window`.
    pub(super) async fn checkpoints(
        &mut self,
        supervisor: &ActorCell,
        folded_to: u64,
        window: u64,
    ) -> Result<Vec<Checkpoint>, ActorProcessingErr> {
        self.deliver(supervisor).await?;
        let dirty = self.awake.values_mut().filter(|awake| awake.is_dirty);
        let asked = dirty.map(|awake| {
            awake.is_dirty = false;
            awake.checkpointed_in = Some(window);
            checkpoint_of(&awake.actor, folded_to)
        });
        let asked: Vec<_> = asked.map(concurrency::spawn).collect();
        let mut checkpoints = Vec::with_capacity(asked.len());
        for answer in asked {
            checkpoints.push(answer.await??);
        }
        for on_its_way in self.asleep.values_mut().filter(|o| o.window.is_none()) {
            on_its_way.window = Some(window);
            checkpoints.push(on_its_way.checkpoint.clone());
        }
        Ok(checkpoints)
    }

    /// Forgets checkpoints that the store has.
    pub(super) fn forget_stored(&mut self, stored_window: u64) {
        self.asleep
            .retain(|_, o| o.window.is_none_or(|window| window > stored_window));
    }
}

fn checkpoint_of(
    actor: &ActorRef<CampaignMsg>,
    folded_to: u64,
) -> impl Future<Output = Result<Checkpoint, ActorProcessingErr>> + use<> {
    let actor = actor.clone();
    async move {
        let ask = |reply| CampaignMsg::Checkpoint { folded_to, reply };
        Ok(ractor::call!(actor, ask)?)
    }
}

/// The state that a campaign fell asleep with.
fn remembered(checkpoint: Option<Checkpoint>) -> Result<CampaignState, Malformed> {
    checkpoint.map_or_else(
        || Ok(CampaignState::default()),
        |c| CampaignState::from_bytes(c.folded_to, &c.bytes),
    )
}
