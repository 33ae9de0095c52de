//! Why a click went where it went: what was recorded, in order of the decision, with what holds now beside it.

use poem_openapi::Object;
use weir_engine::catalog::Catalog;
use weir_engine::fact::{ClickOutcome, ClickReason, Sent};
use weir_engine::ids;

use super::Recorded;
use super::view::Click;
use crate::admin::conversions::Conversion;
use crate::admin::dto::{ArmId, OfferId};

/// Why a click went where it went, and what came of it.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::admin) struct Explanation {
    /// The click as it was recorded.
    click: Click,
    /// The decision, a sentence a step.
    steps: Vec<String>,
    /// The arms that could have had it.
    eligible: Vec<EligibleArm>,
    /// The offer that it was sent to, then and now.
    offer: Option<OfferThenAndNow>,
    /// Version of the configuration that decided.
    config_version: u64,
    /// Version of the configuration now.
    config_version_now: u64,
    /// What came of it, newest first.
    conversions: Vec<Conversion>,
}

/// An arm that could have had the click.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct EligibleArm {
    /// The arm.
    arm: ArmId,
    /// Where it leads; absent when the arm is gone.
    offer_id: Option<OfferId>,
    /// Its weight now.
    weight_now: Option<u32>,
    /// Whether it got the click.
    chosen: bool,
}

/// An offer when the click was sent to it, and now.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct OfferThenAndNow {
    /// The offer.
    offer_id: OfferId,
    /// Its name now.
    name: Option<String>,
    /// Its version when the click was.
    version_at_click: u32,
    /// Its version now; a conversion is booked by the version in force when it comes.
    version_now: Option<u32>,
}

/// Explains a click.
pub(super) fn explain(
    catalog: &Catalog,
    recorded: &Recorded,
    conversions: Vec<Conversion>,
) -> Explanation {
    let core = &recorded.core;
    Explanation {
        click: Click::from(recorded),
        steps: steps(recorded),
        eligible: eligible(catalog, recorded),
        offer: core.sent.map(|sent| offer(catalog, core.tenant, sent)),
        config_version: core.config_version,
        config_version_now: catalog.config_version,
        conversions,
    }
}

fn eligible(catalog: &Catalog, recorded: &Recorded) -> Vec<EligibleArm> {
    let core = &recorded.core;
    let campaign = catalog.campaigns.get(&core.campaign);
    let arm = |number: &u32| {
        let mut now = campaign.into_iter().flat_map(|c| c.body.all_arms());
        let now = now.find(|arm| arm.id.number() == *number);
        EligibleArm {
            arm: ids::ArmId::new(core.tenant, *number).into(),
            offer_id: now.map(|arm| arm.offer_id.into()),
            weight_now: now.map(|arm| arm.weight),
            chosen: core.sent.is_some_and(|sent| sent.arm == *number),
        }
    };
    recorded.detail.eligible.iter().map(arm).collect()
}

fn offer(catalog: &Catalog, tenant: ids::TenantId, sent: Sent) -> OfferThenAndNow {
    let now = catalog.offers.get(&sent.offer);
    OfferThenAndNow {
        offer_id: ids::OfferId::new(tenant, sent.offer).into(),
        name: now.map(|o| o.body.name.clone()),
        version_at_click: sent.offer_version,
        version_now: now.map(|o| o.version),
    }
}

fn steps(recorded: &Recorded) -> Vec<String> {
    let core = &recorded.core;
    let mut steps = vec![
        match core.affiliate {
            Some(number) => {
                let affiliate = ids::AffiliateId::new(core.tenant, number);
                format!("It names the affiliate {affiliate}.")
            }
            None => "It names no affiliate that is known: house traffic.".to_owned(),
        },
        match core.flow {
            Some(number) => {
                let flow = ids::FlowId::new(core.tenant, number);
                format!("The flow {flow} took it.")
            }
            None => "The default flow took it.".to_owned(),
        },
    ];
    steps.extend(way(recorded));
    steps.extend(judgement(recorded).map(str::to_owned));
    steps
}

/// Where it went.
fn way(recorded: &Recorded) -> [String; 2] {
    let core = &recorded.core;
    if let Some(sent) = core.sent {
        let arm = ids::ArmId::new(core.tenant, sent.arm);
        let offer = ids::OfferId::new(core.tenant, sent.offer);
        let chance = core.propensity;
        let arms = match recorded.detail.eligible.len() {
            1 => "One arm".to_owned(),
            arms => format!("{arms} arms"),
        };
        return [
            format!("{arms} could have had it; {arm} was drawn with probability {chance}."),
            format!("It was sent to {offer}, version {}.", sent.offer_version),
        ];
    }
    let outcome = match core.outcome {
        ClickOutcome::Fallback => "It was sent to a fallback.",
        ClickOutcome::Invalid => "There was no fallback: it got the 404 page.",
        ClickOutcome::Redirected | ClickOutcome::Lander => "It was sent on.",
    };
    let why = format!("It was sent to no offer: {}.", reason(core.reason));
    [why, outcome.to_owned()]
}

/// What it counts as.
fn judgement(recorded: &Recorded) -> impl Iterator<Item = &'static str> {
    let core = &recorded.core;
    let bot = "It is a bot's: it uses no cap, teaches no arm, earns nothing.";
    let test = "It is a test: it is in no report, uses no cap, earns nothing.";
    let repeated =
        "It is not unique: the visitor had clicked to this offer in the 24 hours before.";
    let unique = match recorded.is_unique {
        Some(true) => Some("It is unique."),
        Some(false) => core.is_valid().then_some(repeated),
        None => None,
    };
    let said = [core.bot.map(|_| bot), core.is_test.then_some(test), unique];
    said.into_iter().flatten()
}

/// Why a click was sent to no offer, for a sentence.
pub(in crate::admin) fn reason(reason: ClickReason) -> &'static str {
    match reason {
        ClickReason::None => "it was sent to an offer",
        ClickReason::AffiliateRequired => "the link takes only clicks that name an affiliate",
        ClickReason::AffiliateUnknown => "there is no such affiliate",
        ClickReason::AffiliateInactive => "the affiliate is not approved",
        ClickReason::OfferNotApproved => "the affiliate may not run the offer",
        ClickReason::OfferPaused => "the offer is paused",
        ClickReason::OfferArchived => "the offer is archived",
        ClickReason::Targeting => "the visitor is not whom the offer takes",
        ClickReason::Cap => "a cap is reached",
        ClickReason::CampaignArchived => "the campaign is archived",
        ClickReason::NoArm => "no arm is enabled",
    }
}
