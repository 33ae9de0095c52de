//! Campaigns: links, and how they distribute clicks.

use serde::{Deserialize, Serialize};

use super::Liveness;
use crate::as_text::words;
use crate::catalog::Targeting;
use crate::ids::{ArmId, DomainId, FlowId, OfferId};
use crate::money::{Currency, Micros, Percent};

words! {
    /// How a distribution gives out clicks.
    DistributionMode {
        /// By the weights that a person set.
        Fixed = 1 "fixed",
        /// By Thompson sampling.
        Thompson = 2 "thompson",
    }
}

/// How clicks are given to arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// The policy.
    pub mode: DistributionMode,
    /// Least share of each arm, in percent of the clicks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Percent>,
}

/// One offer in a distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// Survives edits, so that what was learned does.
    pub id: ArmId,
    /// Where it leads.
    pub offer_id: OfferId,
    /// Share among the weights of its distribution.
    #[serde(default = "one")]
    pub weight: u32,
    /// Own destination instead of the offer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether it takes part.
    #[serde(default = "super::yes")]
    pub enabled: bool,
}

fn one() -> u32 {
    1
}

words! {
    /// When a flow is looked at.
    FlowKind {
        /// Before all regular ones.
        Forced = 1 "forced",
        /// In its place in the list.
        Regular = 2 "regular",
    }
}

/// A condition with a distribution of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Survives edits.
    pub id: FlowId,
    /// Name for people.
    pub name: String,
    /// When it is looked at.
    pub kind: FlowKind,
    /// Who it is for.
    #[serde(default, rename = "match")]
    pub matches: Targeting,
    /// How it gives out clicks.
    pub distribution: Distribution,
    /// Its arms.
    pub arms: Vec<Arm>,
}

words! {
    /// What a campaign's clicks cost.
    CostModel {
        /// Nothing.
        None = 1 "none",
        /// A fixed amount a click.
        Cpc = 2 "cpc",
        /// What the `cost` parameter says.
        Token = 3 "token",
    }
}

/// What the clicks of a campaign cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// How it is known.
    pub model: CostModel,
    /// The amount a click, for `cpc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Micros>,
    /// Its currency, else the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

words! {
    /// What a campaign is for.
    CampaignKind {
        /// Made by a person.
        Campaign = 1 "campaign",
        /// The own link of an offer: one arm, hidden from lists.
        Offer = 2 "offer",
    }
}

/// A link that distributes clicks over arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Name for people.
    pub name: String,
    /// What it is for.
    pub kind: CampaignKind,
    /// What stands in `/c/{link}`; unique on its domain.
    pub link: String,
    /// Its domain; `None` = the shared host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_id: Option<DomainId>,
    /// How the default flow gives out clicks.
    pub distribution: Distribution,
    /// Arms of the default flow.
    pub arms: Vec<Arm>,
    /// Flows before the default one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<Flow>,
    /// Whether a click must name an approved affiliate.
    #[serde(default)]
    pub require_affiliate: bool,
    /// What its clicks cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Where clicks go that nothing else takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_url: Option<String>,
    /// Live or archived.
    #[serde(default)]
    pub status: Liveness,
}

impl Campaign {
    /// All arms: of the default flow, then of each flow in order.
    pub fn all_arms(&self) -> impl Iterator<Item = &Arm> {
        self.arms
            .iter()
            .chain(self.flows.iter().flat_map(|f| &f.arms))
    }

    pub(in crate::catalog) fn greatest_part(&self) -> Option<u32> {
        let arms = self.all_arms().map(|a| a.id.number());
        arms.chain(self.flows.iter().map(|f| f.id.number())).max()
    }
}
