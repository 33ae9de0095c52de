//! Where a click goes: from a link and a visitor to an offer, a fallback or the 404 page.
//!
//! ```text
//! link ─▶ affiliate? ─▶ flow (forced, regular, default) ─▶ eligible arms ─▶ policy draws one ─▶ permits of caps
//!            │                                               (approved? live? targeted? room under caps?)
//!            └─ not allowed ─▶ fallback of offer, campaign, tenant, else the 404 page     with the reason
//! ```
//! Always true: every click gets a decision, with a reason when it is not sent to an offer; the same snapshot,
//! click and draw give the same decision; nothing here waits for anything but a cap cell's own small lock. A bot
//! goes the way a person would, and neither bots nor tests use up a cap.
//! Not here: the log, HTTP, the look-up of a link (the doors).

mod decide;
mod destination;
mod facts;
mod snapshot;
mod trace;

pub use self::decide::{ClickRequest, Decision, decide};
pub use self::destination::{DestinationValues, destination};
pub use self::facts::{ClickFacts, ClickTexts, Decided, facts};
pub use self::snapshot::{
    CampaignSnapshot, CompiledArm, CompiledCost, CompiledFlow, CompiledOffer, CompiledTerms,
    TenantSnapshot,
};
pub use self::trace::{Recorder, Silent, Step, Target, explain};
pub use crate::targeting::{Matcher, Subject};
