//! Drafts of distributions and their arms.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::code;
use super::money::{Decimal, percent};
use super::review::{Parts, Review, path};
use crate::catalog::{Arm, Campaign, Distribution, DistributionMode};
use crate::ids::{ArmId, OfferId};
use crate::money::Percent;

/// Most arms of one distribution.
const ARMS_MAX: usize = 256;
/// Greatest weight of an arm.
const WEIGHT_MAX: u32 = 1_000_000;
/// 100 %.
const WHOLE: i128 = 100_000_000;

/// How clicks are given to arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistributionDraft {
    /// The policy.
    pub mode: DistributionMode,
    /// Least share of each arm, in percent of the clicks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Decimal<Percent>>,
}

/// What may be set of an arm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmDraft {
    /// An arm of this campaign that is kept; without it, the arm of the same offer in the same place is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// Where it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<OfferId>,
    /// Share among the weights of its distribution.
    #[serde(default = "one")]
    pub weight: u32,
    /// Own destination instead of the offer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether it takes part.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Reserved: refused by name.
    #[serde(default, skip_serializing)]
    pub campaign_id: Option<Value>,
    /// Reserved until there are landers: refused by name.
    #[serde(default, skip_serializing)]
    pub lander_id: Option<Value>,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// Checks a distribution together with its arms; both stand at `at`.
pub(super) fn distribution(
    review: &mut Review<'_>,
    at: &str,
    draft: &DistributionDraft,
    arms: &[ArmDraft],
) -> Distribution {
    let at = path(at, "distribution");
    if draft.mode == DistributionMode::Thompson {
        let message = "learning distributions are not available yet: use fixed";
        review.error(path(&at, "mode"), code::NOT_AVAILABLE_YET, message);
    }
    let floor = draft.floor.map(|Decimal(floor)| {
        let floor = percent(review, path(&at, "floor"), floor);
        let enabled = arms.iter().filter(|arm| arm.enabled).count();
        if i128::from(floor.0) * enabled as i128 > WHOLE {
            let message = format!("{enabled} enabled arms of {floor} % each are more than 100 %");
            review.error(path(&at, "floor"), code::OUT_OF_RANGE, message);
        }
        floor
    });
    Distribution {
        mode: draft.mode,
        floor,
    }
}

/// The arms of a campaign: those it has, and those that the draft names. An arm that is named by its id may move
/// from one flow to another and keeps what was learned about it.
#[derive(Debug)]
pub(super) struct Arms {
    parts: Parts,
}

impl Arms {
    /// Takes up every arm that is named by its id. `drafts` are the lists of arms with their places.
    pub(super) fn new<'d>(
        review: &mut Review<'_>,
        current: Option<&Campaign>,
        drafts: impl IntoIterator<Item = (&'d str, &'d Vec<ArmDraft>)>,
    ) -> Self {
        let present = current.into_iter().flat_map(Campaign::all_arms);
        let mut parts = Parts::new(present.map(|arm| arm.id.number()));
        for (at, arms) in drafts {
            for (index, draft) in arms.iter().enumerate() {
                if let Some(id) = draft.id {
                    let at = path(at, &format!("arms[{index}]"));
                    parts.name(review, &at, id, id.tenant(), id.number());
                }
            }
        }
        Self { parts }
    }

    /// The arms of one distribution; `present` are the arms that it has now.
    pub(super) fn build(
        &mut self,
        review: &mut Review<'_>,
        at: &str,
        drafts: &[ArmDraft],
        present: &[Arm],
    ) -> Vec<Arm> {
        let list = path(at, "arms");
        review.at_most(list.clone(), drafts.len(), ARMS_MAX);
        if drafts.is_empty() {
            review.error(list, code::REQUIRED, "at least one arm");
        } else if !drafts.iter().any(|arm| arm.enabled && arm.weight > 0) {
            let message = "at least one enabled arm needs a weight above 0";
            review.error(list, code::INVALID, message);
        }
        let arm = |(index, draft): (usize, &ArmDraft)| {
            draft.build(review, &path(at, &format!("arms[{index}]")))
        };
        let mut arms: Vec<Arm> = drafts.iter().enumerate().map(arm).collect();
        self.number(review, &mut arms, present);
        arms
    }

    /// Gives ids to arms without one: first of arms that look the same, then of arms to the same offer (one offer
    /// may have several, with URLs of their own), then new ones.
    fn number(&mut self, review: &mut Review<'_>, arms: &mut [Arm], present: &[Arm]) {
        let same_url = |a: &Arm, b: &Arm| a.offer_id == b.offer_id && a.url == b.url;
        let same_offer = |a: &Arm, b: &Arm| a.offer_id == b.offer_id;
        for is_alike in [same_url, same_offer] {
            for arm in arms.iter_mut().filter(|arm| arm.id == UNNUMBERED) {
                let alike = present.iter().filter(|before| is_alike(arm, before));
                if let Some(number) = self.parts.take(alike.map(|before| before.id.number())) {
                    arm.id = ArmId::new(review.tenant, number);
                }
            }
        }
        for arm in arms.iter_mut().filter(|arm| arm.id == UNNUMBERED) {
            arm.id = ArmId::new(review.tenant, review.next_number());
        }
    }
}

/// An arm that has no id yet; numbers of parts begin at 1.
const UNNUMBERED: ArmId = ArmId(0);

impl ArmDraft {
    fn build(&self, review: &mut Review<'_>, at: &str) -> Arm {
        review.range(path(at, "weight"), self.weight, 0..=WEIGHT_MAX);
        Arm {
            id: self.id.unwrap_or(UNNUMBERED),
            offer_id: self.check_target(review, at),
            weight: self.weight,
            url: review.optional_template(path(at, "url"), self.url.as_ref()),
            enabled: self.enabled,
        }
    }

    /// An arm leads to an offer of this tenant, and to nothing else.
    fn check_target(&self, review: &mut Review<'_>, at: &str) -> OfferId {
        if self.campaign_id.is_some() {
            let message = "an arm leads to an offer; campaigns as arms are reserved";
            review.error(path(at, "campaign_id"), code::NOT_AVAILABLE_YET, message);
        }
        if self.lander_id.is_some() {
            let message = "landers are not available yet";
            review.error(path(at, "lander_id"), code::NOT_AVAILABLE_YET, message);
        }
        let field = path(at, "offer_id");
        let Some(offer) = self.offer_id else {
            review.error(field, code::REQUIRED, "is required");
            return OfferId::new(review.tenant, 0);
        };
        let is_known =
            offer.tenant() == review.tenant && review.catalog.offers.contains_key(&offer.number());
        review.reference(field, offer, is_known);
        offer
    }
}

impl From<&Distribution> for DistributionDraft {
    fn from(distribution: &Distribution) -> Self {
        Self {
            mode: distribution.mode,
            floor: distribution.floor.map(Decimal),
        }
    }
}

impl From<&Arm> for ArmDraft {
    fn from(arm: &Arm) -> Self {
        Self {
            id: Some(arm.id),
            offer_id: Some(arm.offer_id),
            weight: arm.weight,
            url: arm.url.clone(),
            enabled: arm.enabled,
            campaign_id: None,
            lander_id: None,
        }
    }
}
