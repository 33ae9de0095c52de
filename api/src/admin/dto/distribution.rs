//! How clicks are given to offers.

use poem_openapi::Object;

use super::{
    Amount, ArmId, CostModel, CurrencyCode, DistributionMode, FlowId, FlowKind, OfferId,
    Percentage, Targeting,
};

/// How clicks are given to arms.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Distribution {
    /// The policy.
    mode: DistributionMode,
    /// Least share of each arm, in percent of the clicks.
    floor: Option<Percentage>,
}

/// One offer in a distribution, as it is wanted.
#[derive(Debug, Object)]
pub struct ArmDraft {
    /// The arm to keep, with what was learned of it; without it a new one.
    id: Option<ArmId>,
    /// Where it leads.
    offer_id: OfferId,
    /// Share among the weights of its distribution. Default 1.
    weight: Option<u32>,
    /// Own destination instead of the offer's.
    url: Option<String>,
    /// Whether it takes part. Default true.
    enabled: Option<bool>,
}

/// One offer in a distribution.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Arm {
    /// Survives edits, so that what was learned does.
    id: ArmId,
    /// Where it leads.
    offer_id: OfferId,
    /// Share among the weights of its distribution.
    weight: u32,
    /// Own destination instead of the offer's.
    url: Option<String>,
    /// Whether it takes part.
    enabled: bool,
}

/// A condition with a distribution of its own, as it is wanted.
#[derive(Debug, Object)]
pub struct FlowDraft {
    /// The flow to keep; without it a new one.
    id: Option<FlowId>,
    /// Name for people.
    name: String,
    /// When it is looked at.
    kind: FlowKind,
    /// Who it is for.
    r#match: Targeting,
    /// How it gives out clicks.
    distribution: Distribution,
    /// Its arms.
    arms: Vec<ArmDraft>,
}

/// A condition with a distribution of its own.
#[derive(Debug, Object)]
pub struct Flow {
    /// Survives edits.
    id: FlowId,
    /// Name for people.
    name: String,
    /// When it is looked at.
    kind: FlowKind,
    /// Who it is for.
    r#match: Targeting,
    /// How it gives out clicks.
    distribution: Distribution,
    /// Its arms.
    arms: Vec<Arm>,
}

/// What the clicks of a campaign cost.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Cost {
    /// How it is known.
    model: CostModel,
    /// The amount a click, for `cpc`.
    amount: Option<Amount>,
    /// Its currency, else the tenant's.
    currency: Option<CurrencyCode>,
}
