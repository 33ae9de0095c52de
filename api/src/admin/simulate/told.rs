//! The steps of a decision as sentences.

use weir_engine::fact::ClickReason;
use weir_engine::ids::{AffiliateId, ArmId, FlowId, OfferId, TenantId};
use weir_engine::routing::{Recorder, Step, Target};
use weir_engine::targeting::Rule;

use crate::admin::clicks::reason_in_words;

/// Tells the steps of a decision.
pub(super) struct Told {
    tenant: TenantId,
    pub(super) steps: Vec<String>,
}

impl Told {
    pub(super) fn of(tenant: TenantId) -> Self {
        Self {
            tenant,
            steps: Vec::new(),
        }
    }

    fn affiliate(&self, affiliate: Option<u32>, reason: ClickReason) -> String {
        let who = match affiliate {
            Some(number) => format!("Affiliate {}", AffiliateId::new(self.tenant, number)),
            None if reason == ClickReason::None => "House traffic".to_owned(),
            None => "No affiliate that is known".to_owned(),
        };
        match reason {
            ClickReason::None => format!("{who}."),
            _ => format!("{who}: {}.", reason_in_words(reason)),
        }
    }

    fn flow(&self, flow: Option<u32>, refused: Option<Rule>) -> String {
        let flow = match flow {
            Some(number) => format!("Flow {}", FlowId::new(self.tenant, number)),
            None => "The default flow".to_owned(),
        };
        match refused {
            Some(property) => format!("{flow} is not for this visitor: {property}."),
            None => format!("{flow} takes it."),
        }
    }

    fn arm(&self, (arm, offer): (u32, u32), reason: ClickReason, refused: Option<Rule>) -> String {
        let arm = ArmId::new(self.tenant, arm);
        let offer = OfferId::new(self.tenant, offer);
        let why = reason_in_words(reason);
        match (reason, refused) {
            (ClickReason::None, _) => format!("Arm {arm} ({offer}) may have it."),
            (_, Some(property)) => {
                format!("Arm {arm} ({offer}) may not have it: {why} ({property}).")
            }
            (_, None) => format!("Arm {arm} ({offer}) may not have it: {why}."),
        }
    }
}

impl Recorder for Told {
    const SEES: bool = true;

    fn step(&mut self, step: Step) {
        let sentence = match step {
            Step::Affiliate { affiliate, reason } => self.affiliate(affiliate, reason),
            Step::Condition { rule, holds } => {
                let holds = if holds { "holds" } else { "does not hold" };
                format!("The condition on {rule} {holds}.")
            }
            Step::Cap {
                metric,
                level,
                has_room,
                ..
            } => {
                let room = if has_room { "has room" } else { "is reached" };
                format!("The cap on {metric} by {level} {room}.")
            }
            Step::Flow { flow, refused } => self.flow(flow, refused),
            Step::Arm {
                arm,
                offer,
                reason,
                refused,
            } => self.arm((arm, offer), reason, refused),
            Step::Drawn {
                arm,
                propensity,
                eligible,
            } => {
                let (arm, of) = (ArmId::new(self.tenant, arm), eligible.len());
                format!("Arm {arm} was drawn of {of} with probability {propensity}.")
            }
            Step::Sent { to } => target_in_words(to).to_owned(),
        };
        self.steps.push(sentence);
    }
}

fn target_in_words(to: Target) -> &'static str {
    match to {
        Target::Arm => "It goes to the arm's own URL.",
        Target::Offer => "It goes to the offer's URL.",
        Target::OfferFallback => "It goes to the offer's fallback.",
        Target::CampaignFallback => "It goes to the campaign's fallback.",
        Target::TenantFallback => "It goes to the tenant's fallback.",
        Target::NotFound => "It gets the 404 page.",
    }
}
