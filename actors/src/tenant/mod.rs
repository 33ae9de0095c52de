//! A tenant actor: the one judge of its tenant's facts and the one writer of its configuration.
//!
//! It owns the tenant's catalog, counters of caps, unique clicks and the conversions that are not stored yet,
//! and it supervises the tenant's campaign actors. Always true: facts are judged one after the other in log
//! order; a proposal is checked against everything that was accepted before it; a verdict is answered when its
//! fact is judged, not when it is stored.
//! Who restarts it: a failure restarts the whole fold (see [`crate::restart`]). What a crash loses: nothing;
//! facts from the stored offset on are judged again, to the same verdicts.
//! Not here: the meaning of a fact ([`weir_engine::judge`]), what may be configured ([`weir_engine::catalog`]).

mod actor;
mod campaigns;
pub(crate) mod evidence;
pub(crate) mod fold;
mod gathered;
pub(crate) mod identities;
mod recent;
mod writer;

pub(crate) use self::actor::{TenantActor, TenantArgs, TenantMsg};
pub(crate) use self::gathered::{Share, campaign_of};
pub use self::writer::{Accepted, SetStatusError};
pub(crate) use self::writer::{Propose, SetStatus};
