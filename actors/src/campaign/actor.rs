//! The ractor shell of a campaign.

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use weir_engine::ports::{ActorKey, Checkpoint};

use super::state::CampaignState;
use crate::faults::Faults;
use crate::generation::Generation;
use crate::tenant::Share;

/// What a campaign actor starts with.
pub(crate) struct CampaignArgs {
    pub(crate) key: ActorKey,
    pub(crate) state: CampaignState,
    pub(crate) faults: Faults,
    pub(crate) _generation: Generation,
}

/// What a campaign actor is told and asked.
pub(crate) enum CampaignMsg {
    /// Judged facts of it.
    Judged(Share),
    /// Its state, as a checkpoint that covers all facts below `folded_to`.
    Checkpoint {
        folded_to: u64,
        reply: RpcReplyPort<Checkpoint>,
    },
    /// Its state, to be shown.
    Show(RpcReplyPort<CampaignState>),
}

/// See the module.
pub(crate) struct CampaignActor;

impl Actor for CampaignActor {
    type Msg = CampaignMsg;
    type State = CampaignArgs;
    type Arguments = CampaignArgs;

    async fn pre_start(
        &self,
        _myself: ActorRef<CampaignMsg>,
        args: CampaignArgs,
    ) -> Result<CampaignArgs, ActorProcessingErr> {
        Ok(args)
    }

    async fn handle(
        &self,
        _myself: ActorRef<CampaignMsg>,
        message: CampaignMsg,
        campaign: &mut CampaignArgs,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            CampaignMsg::Judged(share) => {
                campaign.faults.strike("campaign");
                for judged in share.facts() {
                    campaign.state.fold(judged);
                }
            }
            CampaignMsg::Checkpoint { folded_to, reply } => {
                campaign.state.pass(folded_to);
                let checkpoint = Checkpoint {
                    actor: campaign.key,
                    folded_to: campaign.state.folded_to(),
                    bytes: campaign.state.to_bytes(),
                };
                // Whoever asked may be gone: then the fold is being restarted and nobody needs it.
                drop(reply.send(checkpoint));
            }
            CampaignMsg::Show(reply) => drop(reply.send(campaign.state.clone())),
        }
        Ok(())
    }
}
