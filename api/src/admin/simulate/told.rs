//! The steps of a decision as sentences.

use weir_engine::fact::ClickReason;
use weir_engine::ids::{ArmId, FlowId, OfferId, TenantId};
use weir_engine::routing::{Recorder, Step};

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

    fn flow(&self, flow: Option<u32>, refused: Option<&str>) -> String {
        let flow = match flow {
            Some(number) => format!("Flow {}", FlowId::new(self.tenant, number)),
            None => "The default flow".to_owned(),
        };
        match refused {
            Some(property) => format!("{flow} is not for this visitor: {property}."),
            None => format!("{flow} takes it."),
        }
    }

    fn arm(&self, (arm, offer): (u32, u32), reason: ClickReason, refused: Option<&str>) -> String {
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
    fn step(&mut self, step: Step<'_>) {
        let sentence = match step {
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
        };
        self.steps.push(sentence);
    }
}
