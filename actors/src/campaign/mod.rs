//! A campaign actor: folds the judged facts of its campaign.
//!
//! It owns the sums of the campaign's arms. One message a window brings it the judged facts that are its own.
//! Always true: an idle campaign has no actor; its state is in its checkpoint. Who restarts it: nobody alone;
//! a failure restarts the whole fold (see [`crate::restart`]). What a crash loses: what came after the last
//! checkpoint, which is refolded from the log. Not here: what a fact means (the tenant actor judged it).

mod actor;
mod state;

pub(crate) use self::actor::{CampaignActor, CampaignArgs, CampaignMsg};
pub use self::state::{ArmSums, CampaignState};
