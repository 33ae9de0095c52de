//! Drafts of campaigns: links, and how they distribute clicks.

use serde::{Deserialize, Serialize};

use super::distribution::{ArmDraft, Arms, DistributionDraft, distribution};
use super::money::{Decimal, amount};
use super::review::{Parts, Review, path};
use super::{Draft, EntityDraft, change, code, conditions};
use crate::catalog::{
    Arm, Campaign, CampaignKind, Change, Cost, CostModel, Distribution, DistributionMode,
    EntityKey, EntityKind, Flow, FlowKind, Liveness, Offer, Targeting,
};
use crate::ids::{ArmId, DomainId, FlowId, OfferId};
use crate::money::{Currency, Micros};

/// Most flows of a campaign.
const FLOWS_MAX: usize = 64;
/// Length of a generated link: 36¹⁰ of them, so that none is found by guessing.
const GENERATED_LENGTH: usize = 10;
/// Longest chosen link.
const LINK_MAX: usize = 64;

/// What may be set of a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowDraft {
    /// A flow of this campaign that is kept; without it, the flow of the same name is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<FlowId>,
    /// Name for people.
    pub name: String,
    /// When it is looked at.
    pub kind: FlowKind,
    /// Who it is for; required, since an empty one takes everybody.
    #[serde(rename = "match")]
    pub matches: Targeting,
    /// How it gives out clicks.
    pub distribution: DistributionDraft,
    /// Its arms.
    pub arms: Vec<ArmDraft>,
}

/// What the clicks of a campaign cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostDraft {
    /// How it is known.
    pub model: CostModel,
    /// The amount a click, for `cpc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal<Micros>>,
    /// Its currency, else the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

/// What may be set of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignDraft {
    /// Name for people.
    pub name: String,
    /// What stands in `/c/{link}`; without it the present one is kept, else one is generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Its domain, else the shared host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_id: Option<DomainId>,
    /// How the default flow gives out clicks.
    pub distribution: DistributionDraft,
    /// Arms of the default flow.
    pub arms: Vec<ArmDraft>,
    /// Flows before the default one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<FlowDraft>,
    /// Whether a click must name an approved affiliate.
    #[serde(default)]
    pub require_affiliate: bool,
    /// What its clicks cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostDraft>,
    /// Where clicks go that nothing else takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_url: Option<String>,
    /// Live or archived.
    #[serde(default)]
    pub status: Liveness,
}

impl EntityDraft for CampaignDraft {
    type Entity = Campaign;

    fn of(draft: &Draft) -> Option<&Self> {
        match draft {
            Draft::Campaign(draft) => Some(draft),
            _ => None,
        }
    }

    fn build(&self, review: &mut Review<'_>, current: Option<&Campaign>) -> Campaign {
        let drafts = [("", &self.arms)];
        let of_flows = self.flows.iter().enumerate();
        let of_flows: Vec<(String, &Vec<ArmDraft>)> = of_flows
            .map(|(index, flow)| (format!("flows[{index}]"), &flow.arms))
            .collect();
        let all = drafts
            .into_iter()
            .chain(of_flows.iter().map(|(at, arms)| (at.as_str(), *arms)));
        let mut arms = Arms::new(review, current, all);
        let present = current.map_or(&[][..], |campaign| &campaign.arms);
        Campaign {
            name: review.name("name", &self.name),
            kind: CampaignKind::Campaign,
            link: self.link(review, current),
            domain_id: self.domain_id,
            arms: arms.build(review, "", &self.arms, present),
            distribution: distribution(review, "", &self.distribution, &self.arms),
            flows: self.flows(review, current, &mut arms),
            require_affiliate: self.require_affiliate,
            cost: self.cost.as_ref().map(|cost| cost.build(review)),
            fallback_url: review.optional_template("fallback_url", self.fallback_url.as_ref()),
            status: self.status,
        }
    }

    fn archived(campaign: &Campaign) -> Option<Campaign> {
        Some(Campaign {
            status: Liveness::Archived,
            ..campaign.clone()
        })
    }
}

impl CampaignDraft {
    fn link(&self, review: &mut Review<'_>, current: Option<&Campaign>) -> String {
        if let Some(domain) = self.domain_id {
            let is_known = domain.tenant() == review.tenant
                && review.catalog.domains.contains_key(&domain.number());
            review.reference("domain_id", domain, is_known);
        }
        let present = current
            .filter(|campaign| campaign.domain_id == self.domain_id)
            .map(|campaign| campaign.link.as_str());
        let Some(wanted) = self.link.as_deref().or(present) else {
            return generated_link(review, self.domain_id);
        };
        if present != Some(wanted) {
            self.check_link(review, wanted);
        }
        wanted.to_owned()
    }

    fn check_link(&self, review: &mut Review<'_>, link: &str) {
        if self.domain_id.is_none() {
            let message = "a chosen link needs a domain of the tenant's own (domain_id)";
            review.error("link", code::NOT_APPLICABLE, message);
        } else if !is_slug(link) {
            let message = format!(
                "must be 1 to {LINK_MAX} of a-z, 0-9, - and _, beginning with a letter or digit"
            );
            review.error("link", code::INVALID, message);
        } else if is_taken(review, self.domain_id, link) {
            let message = format!("the link {link} is taken on this domain");
            review.conflict("link", message);
        }
    }

    fn flows(
        &self,
        review: &mut Review<'_>,
        current: Option<&Campaign>,
        arms: &mut Arms,
    ) -> Vec<Flow> {
        review.at_most("flows", self.flows.len(), FLOWS_MAX);
        let present = current.map_or(&[][..], |campaign| &campaign.flows);
        let mut parts = Parts::new(present.iter().map(|flow| flow.id.number()));
        for (index, draft) in self.flows.iter().enumerate() {
            if let Some(id) = draft.id {
                let at = format!("flows[{index}]");
                parts.name(review, &at, id, id.tenant(), id.number());
            }
        }
        let flow = |(index, draft): (usize, &FlowDraft)| {
            draft.build(
                review,
                &format!("flows[{index}]"),
                present,
                &mut parts,
                arms,
            )
        };
        self.flows.iter().enumerate().map(flow).collect()
    }
}

impl FlowDraft {
    fn build(
        &self,
        review: &mut Review<'_>,
        at: &str,
        present: &[Flow],
        parts: &mut Parts,
        arms: &mut Arms,
    ) -> Flow {
        let name = review.name(path(at, "name"), &self.name);
        let id = self.id.unwrap_or_else(|| {
            let alike = present.iter().filter(|flow| flow.name == name);
            let number = parts.take(alike.map(|flow| flow.id.number()));
            let number = number.unwrap_or_else(|| review.next_number());
            FlowId::new(review.tenant, number)
        });
        conditions::check(review, &path(at, "match"), &self.matches);
        let before = present.iter().find(|flow| flow.id == id);
        Flow {
            id,
            name,
            kind: self.kind,
            matches: self.matches.clone(),
            distribution: distribution(review, at, &self.distribution, &self.arms),
            arms: arms.build(
                review,
                at,
                &self.arms,
                before.map_or(&[][..], |flow| &flow.arms),
            ),
        }
    }
}

impl CostDraft {
    fn build(&self, review: &mut Review<'_>) -> Cost {
        let is_per_click = self.model == CostModel::Cpc;
        if !is_per_click && self.amount.is_some() {
            let message = format!("the cost model {} has no amount", self.model);
            review.error("cost.amount", code::NOT_APPLICABLE, message);
        }
        Cost {
            model: self.model,
            amount: is_per_click.then(|| amount(review, "cost.amount".to_owned(), self.amount)),
            currency: self.currency,
        }
    }
}

fn is_slug(link: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=LINK_MAX).contains(&link.len())
        && link.bytes().all(|b| is_word(b) || b == b'-' || b == b'_')
        && link.bytes().next().is_some_and(is_word)
}

fn is_taken(review: &Review<'_>, domain: Option<DomainId>, link: &str) -> bool {
    let holder = review.catalog.campaign_of_link(domain, link);
    holder.is_some_and(|number| review.key != EntityKey::one(EntityKind::Campaign, number))
}

/// A link for the shared host, or for a domain when none was chosen. Chance keeps it apart from those of other
/// tenants, which this catalog does not know.
fn generated_link(review: &mut Review<'_>, domain: Option<DomainId>) -> String {
    const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    loop {
        let mut rest = review.next_draw();
        let letter = |_| {
            let index = (rest % 36) as usize;
            rest /= 36;
            char::from(LETTERS[index])
        };
        let link: String = (0..GENERATED_LENGTH).map(letter).collect();
        if review.catalog.campaign_of_link(domain, &link).is_none() {
            return link;
        }
    }
}

/// The hidden campaign that carries an offer's own link: made with the offer, renamed with it. Its status stays:
/// whether the link leads anywhere is the offer's own status, so that a click learns `offer_archived`.
pub(super) fn link_of_offer(review: &mut Review<'_>, offer: &Offer) -> Vec<Change> {
    let key = EntityKey::one(EntityKind::Campaign, offer.link_campaign);
    let (version, campaign) = match review.catalog.campaigns.get(&offer.link_campaign) {
        Some(present) if present.body.name == offer.name => return Vec::new(),
        Some(present) => (
            present.version + 1,
            Campaign {
                name: offer.name.clone(),
                ..present.body.clone()
            },
        ),
        None => (1, new_link_of_offer(review, offer)),
    };
    vec![change(key, version, &campaign)]
}

fn new_link_of_offer(review: &mut Review<'_>, offer: &Offer) -> Campaign {
    let only = Arm {
        id: ArmId::new(review.tenant, review.next_number()),
        offer_id: OfferId::new(review.tenant, review.key.number),
        weight: 1,
        url: None,
        enabled: true,
    };
    Campaign {
        name: offer.name.clone(),
        kind: CampaignKind::Offer,
        link: generated_link(review, None),
        domain_id: None,
        distribution: Distribution {
            mode: DistributionMode::Fixed,
            floor: None,
        },
        arms: vec![only],
        flows: Vec::new(),
        require_affiliate: true,
        cost: None,
        fallback_url: None,
        status: Liveness::Active,
    }
}

impl From<&Flow> for FlowDraft {
    fn from(flow: &Flow) -> Self {
        Self {
            id: Some(flow.id),
            name: flow.name.clone(),
            kind: flow.kind,
            matches: flow.matches.clone(),
            distribution: (&flow.distribution).into(),
            arms: flow.arms.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Cost> for CostDraft {
    fn from(cost: &Cost) -> Self {
        Self {
            model: cost.model,
            amount: cost.amount.map(Decimal),
            currency: cost.currency,
        }
    }
}

impl From<&Campaign> for CampaignDraft {
    fn from(campaign: &Campaign) -> Self {
        Self {
            name: campaign.name.clone(),
            link: Some(campaign.link.clone()),
            domain_id: campaign.domain_id,
            distribution: (&campaign.distribution).into(),
            arms: campaign.arms.iter().map(Into::into).collect(),
            flows: campaign.flows.iter().map(Into::into).collect(),
            require_affiliate: campaign.require_affiliate,
            cost: campaign.cost.as_ref().map(Into::into),
            fallback_url: campaign.fallback_url.clone(),
            status: campaign.status,
        }
    }
}
