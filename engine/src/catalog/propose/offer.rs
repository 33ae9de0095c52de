//! Drafts of offers, and of the terms of an affiliate on one.

use serde::{Deserialize, Serialize};

use super::cap::{CapDraft, CapOwner, caps};
use super::money::{PayoutDraft, RevenueDraft, payout, revenue};
use super::review::{Parts, Review, path};
use super::{Draft, EntityDraft, campaign, code, conditions};
use crate::catalog::{
    Change, DEFAULT_LOOKBACK_HOURS, DefaultStatus, Goal, MAX_LOOKBACK_HOURS, Offer, OfferStatus,
    ReferrerPolicy, Repeat, Targeting, Terms, TermsStatus, Visibility,
};
use crate::ids::{AdvertiserId, AffiliateId, GoalId};
use crate::money::Currency;

/// Most goals of an offer.
const GOALS_MAX: usize = 64;

/// What may be set of a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoalDraft {
    /// A goal of this offer that is kept; without it, the goal of the same name is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<GoalId>,
    /// What `event=` names.
    pub name: String,
    /// What the affiliate earns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout: Option<PayoutDraft>,
    /// What the tenant earns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<RevenueDraft>,
    /// Own rule for repeats, else the offer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// Own look-back, else the offer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookback_hours: Option<u32>,
}

/// What may be set of an offer. Every status may follow every other: an archived offer can be taken up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferDraft {
    /// Name for people.
    pub name: String,
    /// Who pays for it.
    pub advertiser_id: AdvertiserId,
    /// Destination with macros.
    pub url: String,
    /// Currency of its fixed amounts and its books.
    pub currency: Currency,
    /// What the affiliate earns by the base conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout: Option<PayoutDraft>,
    /// What the tenant earns by the base conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<RevenueDraft>,
    /// Steps after the base conversion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goals: Vec<GoalDraft>,
    /// Whether it takes clicks.
    #[serde(default = "active")]
    pub status: OfferStatus,
    /// Who may run it.
    #[serde(default = "public")]
    pub visibility: Visibility,
    /// Status of conversions that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_status: Option<DefaultStatus>,
    /// How long after the click a conversion is accepted.
    #[serde(default = "default_lookback")]
    pub lookback_hours: u32,
    /// How soon after the click a conversion is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_seconds_to_convert: Option<u32>,
    /// What repeats are.
    #[serde(default = "by_txid")]
    pub repeat: Repeat,
    /// Where clicks go that it cannot take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_url: Option<String>,
    /// Limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<CapDraft>,
    /// Which visitors it takes.
    #[serde(default)]
    pub targeting: Targeting,
    /// What the destination learns of where the visitor came from.
    #[serde(default)]
    pub referrer_policy: ReferrerPolicy,
}

fn active() -> OfferStatus {
    OfferStatus::Active
}

fn public() -> Visibility {
    Visibility::Public
}

fn default_lookback() -> u32 {
    DEFAULT_LOOKBACK_HOURS
}

fn by_txid() -> Repeat {
    Repeat::ByTxid
}

impl EntityDraft for OfferDraft {
    type Entity = Offer;

    fn of(draft: &Draft) -> Option<&Self> {
        match draft {
            Draft::Offer(draft) => Some(draft),
            _ => None,
        }
    }

    fn build(&self, review: &mut Review<'_>, current: Option<&Offer>) -> Offer {
        let advertiser = self.advertiser_id;
        let is_known = advertiser.tenant() == review.tenant
            && review
                .catalog
                .advertisers
                .contains_key(&advertiser.number());
        review.reference("advertiser_id", advertiser, is_known);
        self.check_times(review);
        let goals = self.goals(review, current);
        check_terms_of_goals(review, &goals);
        let goal_names: Vec<&str> = goals.iter().map(|g| g.name.as_str()).collect();
        conditions::check(review, "targeting", &self.targeting);
        Offer {
            name: review.name("name", &self.name),
            advertiser_id: advertiser,
            url: review.template("url", &self.url),
            currency: self.currency,
            payout: payout(review, "payout", self.payout),
            revenue: revenue(review, "revenue", self.revenue),
            caps: caps(review, &self.caps, CapOwner::Offer, &goal_names),
            goals,
            status: self.status,
            visibility: self.visibility,
            default_status: self.default_status,
            lookback_hours: self.lookback_hours,
            min_seconds_to_convert: self.min_seconds_to_convert,
            repeat: self.repeat,
            fallback_url: review.optional_template("fallback_url", self.fallback_url.as_ref()),
            targeting: self.targeting.clone(),
            referrer_policy: self.referrer_policy,
            link_campaign: match current {
                Some(offer) => offer.link_campaign,
                None => review.next_number(),
            },
        }
    }

    fn archived(offer: &Offer) -> Option<Offer> {
        Some(Offer {
            status: OfferStatus::Archived,
            ..offer.clone()
        })
    }

    fn beside(review: &mut Review<'_>, offer: &Offer) -> Vec<Change> {
        campaign::link_of_offer(review, offer)
    }
}

impl OfferDraft {
    fn check_times(&self, review: &mut Review<'_>) {
        review.range(
            "lookback_hours",
            self.lookback_hours,
            1..=MAX_LOOKBACK_HOURS,
        );
        let seconds_max = self.lookback_hours.saturating_mul(3_600);
        if self.min_seconds_to_convert.is_some_and(|s| s > seconds_max) {
            let message = "must not be longer than the look-back";
            review.error("min_seconds_to_convert", code::OUT_OF_RANGE, message);
        }
    }

    fn goals(&self, review: &mut Review<'_>, current: Option<&Offer>) -> Vec<Goal> {
        review.at_most("goals", self.goals.len(), GOALS_MAX);
        let present = current.map_or(&[][..], |offer| &offer.goals);
        let mut parts = Parts::new(present.iter().map(|g| g.id.number()));
        for (index, draft) in self.goals.iter().enumerate() {
            if let Some(id) = draft.id {
                let at = format!("goals[{index}]");
                parts.name(review, &at, id, id.tenant(), id.number());
            }
        }
        let mut goals: Vec<Goal> = Vec::new();
        for (index, draft) in self.goals.iter().enumerate() {
            let at = format!("goals[{index}]");
            let goal = draft.build(review, &at, present, &mut parts);
            if goals.iter().any(|earlier| earlier.name == goal.name) {
                let message = format!("{} is twice", goal.name);
                review.error(path(&at, "name"), code::DUPLICATE, message);
            }
            goals.push(goal);
        }
        goals
    }
}

impl GoalDraft {
    fn build(
        &self,
        review: &mut Review<'_>,
        at: &str,
        present: &[Goal],
        parts: &mut Parts,
    ) -> Goal {
        let name = review.name(path(at, "name"), &self.name);
        if let Some(hours) = self.lookback_hours {
            let field = path(at, "lookback_hours");
            review.range(field, hours, 1..=MAX_LOOKBACK_HOURS);
        }
        let id = self.id.unwrap_or_else(|| {
            let alike = present.iter().filter(|g| g.name == name);
            let number = parts.take(alike.map(|g| g.id.number()));
            let number = number.unwrap_or_else(|| review.next_number());
            GoalId::new(review.tenant, number)
        });
        Goal {
            id,
            name,
            payout: payout(review, &path(at, "payout"), self.payout),
            revenue: revenue(review, &path(at, "revenue"), self.revenue),
            repeat: self.repeat,
            lookback_hours: self.lookback_hours,
        }
    }
}

/// A goal that the terms of an affiliate cap by its name can be neither dropped nor renamed.
fn check_terms_of_goals(review: &mut Review<'_>, goals: &[Goal]) {
    let offer = review.key.number;
    let catalog = review.catalog;
    for (&(_, affiliate), terms) in catalog.terms.range((offer, 0)..=(offer, u32::MAX)) {
        let capped = terms.body.caps.iter().filter_map(|cap| cap.goal.as_ref());
        for name in capped.filter(|name| goals.iter().all(|g| g.name != **name)) {
            let affiliate = AffiliateId::new(review.tenant, affiliate);
            let message = format!("the goal {name} is capped by the terms of {affiliate}");
            review.error("goals", code::IN_USE, message);
        }
    }
}

impl From<&Goal> for GoalDraft {
    fn from(goal: &Goal) -> Self {
        Self {
            id: Some(goal.id),
            name: goal.name.clone(),
            payout: goal.payout.map(Into::into),
            revenue: goal.revenue.map(Into::into),
            repeat: goal.repeat,
            lookback_hours: goal.lookback_hours,
        }
    }
}

impl From<&Offer> for OfferDraft {
    fn from(offer: &Offer) -> Self {
        Self {
            name: offer.name.clone(),
            advertiser_id: offer.advertiser_id,
            url: offer.url.clone(),
            currency: offer.currency,
            payout: offer.payout.map(Into::into),
            revenue: offer.revenue.map(Into::into),
            goals: offer.goals.iter().map(Into::into).collect(),
            status: offer.status,
            visibility: offer.visibility,
            default_status: offer.default_status,
            lookback_hours: offer.lookback_hours,
            min_seconds_to_convert: offer.min_seconds_to_convert,
            repeat: offer.repeat,
            fallback_url: offer.fallback_url.clone(),
            caps: offer.caps.iter().map(Into::into).collect(),
            targeting: offer.targeting.clone(),
            referrer_policy: offer.referrer_policy,
        }
    }
}

/// What may be set of the terms of one affiliate on one offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermsDraft {
    /// Whether the affiliate may run the offer.
    pub status: TermsStatus,
    /// Own payout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout: Option<PayoutDraft>,
    /// Own revenue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<RevenueDraft>,
    /// Own caps, beside the offer's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<CapDraft>,
}

impl EntityDraft for TermsDraft {
    type Entity = Terms;

    fn of(draft: &Draft) -> Option<&Self> {
        match draft {
            Draft::Terms(draft) => Some(draft),
            _ => None,
        }
    }

    fn build(&self, review: &mut Review<'_>, _: Option<&Terms>) -> Terms {
        let offer = review.catalog.offers.get(&review.key.number);
        let goals = offer.map_or(&[][..], |offer| &offer.body.goals);
        let goal_names: Vec<&str> = goals.iter().map(|g| g.name.as_str()).collect();
        Terms {
            status: self.status,
            payout: payout(review, "payout", self.payout),
            revenue: revenue(review, "revenue", self.revenue),
            caps: caps(review, &self.caps, CapOwner::Terms, &goal_names),
        }
    }

    /// Terms end by the status `blocked` or `rejected`.
    fn archived(_: &Terms) -> Option<Terms> {
        None
    }
}

impl From<&Terms> for TermsDraft {
    fn from(terms: &Terms) -> Self {
        Self {
            status: terms.status,
            payout: terms.payout.map(Into::into),
            revenue: terms.revenue.map(Into::into),
            caps: terms.caps.iter().map(Into::into).collect(),
        }
    }
}
