//! The decision on a click.

use std::sync::Arc;

use super::matcher::Subject;
use super::snapshot::{
    CampaignSnapshot, CompiledArm, CompiledFlow, CompiledOffer, CompiledTerms, TenantSnapshot,
};
use crate::caps::{CapGate, CapRule, CapSubject, Permit};
use crate::catalog::{
    AffiliateStatus, CapMetric, OfferStatus, OnCap, ReferrerPolicy, TermsStatus, Visibility,
};
use crate::fact::{ClickOutcome, ClickReason, Sent};
use crate::ids::{AffiliateId, UnixMs};
use crate::policy::ArmSet;
use crate::template::Template;

/// What a decision is made from, beside the snapshots.
#[derive(Debug, Clone, Copy)]
pub struct ClickRequest<'a> {
    /// When.
    pub now: UnixMs,
    /// The `aff` parameter; empty = house traffic.
    pub aff: &'a str,
    /// Who clicked, `source` and sub-ids. Its affiliate is filled in by the decision.
    pub subject: Subject<'a>,
    /// A draw for the policy.
    pub draw: u64,
    /// Whether it is a test: uses no cap.
    pub is_test: bool,
}

/// Where a click goes, and why.
#[derive(Debug)]
pub struct Decision<'s> {
    /// Where it was sent, as a class.
    pub outcome: ClickOutcome,
    /// Why not to an offer.
    pub reason: ClickReason,
    /// Who sent it, if that is known.
    pub affiliate: Option<u32>,
    /// The flow that took it.
    pub flow: Option<u32>,
    /// The offer that the link names, also when not sent.
    pub wanted_offer: Option<u32>,
    /// The offer and arm it was sent to.
    pub sent: Option<Sent>,
    /// The offer of `sent`.
    pub offer: Option<&'s CompiledOffer>,
    /// Probability with which the policy chose the arm; 1 when there was nothing to choose.
    pub propensity: f64,
    /// Version of what the policy had learned.
    pub policy_version: u64,
    /// Numbers of the arms that could have been chosen.
    pub eligible: Vec<u32>,
    /// The URL, to be filled; `None` = the 404 page.
    pub destination: Option<&'s Template>,
    /// What the destination learns of where the visitor came from.
    pub referrer_policy: ReferrerPolicy,
    /// Permits of caps that it holds.
    pub permits: Vec<Permit>,
}

/// A step of a decision, for whoever wants to see why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step<'a> {
    /// A flow was looked at; the property that did not match, if one.
    Flow {
        /// Its number; `None` = the default flow.
        flow: Option<u32>,
        /// What refused the visitor.
        refused: Option<&'static str>,
    },
    /// An arm was looked at; why it may not have the click, if so.
    Arm {
        /// Its number.
        arm: u32,
        /// Its offer's number.
        offer: u32,
        /// Why not.
        reason: ClickReason,
        /// What refused the visitor, for `targeting`.
        refused: Option<&'static str>,
    },
    /// The policy drew.
    Drawn {
        /// The arm's number.
        arm: u32,
        /// With which probability.
        propensity: f64,
        /// From which arms.
        eligible: &'a [u32],
    },
}

/// Sees the steps of a decision.
pub trait Recorder {
    /// A step was taken.
    fn step(&mut self, step: Step<'_>);
}

/// Sees nothing: the click path's recorder.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Recorder for Silent {
    fn step(&mut self, _: Step<'_>) {}
}

/// An arm that may have the click, as far as is known without taking permits.
struct Candidate<'s> {
    arm: &'s CompiledArm,
    offer: &'s CompiledOffer,
    terms: Option<&'s CompiledTerms>,
}

/// Why an arm may not have the click.
#[derive(Clone, Copy)]
struct Refusal<'s> {
    reason: ClickReason,
    offer: Option<&'s CompiledOffer>,
    offer_number: u32,
    /// Whether not even a fallback is wanted.
    is_blocked: bool,
    property: Option<&'static str>,
}

/// Decides where a click goes.
pub fn decide<'s>(
    request: &ClickRequest<'_>,
    tenant: &'s TenantSnapshot,
    campaign: &'s CampaignSnapshot,
    recorder: &mut impl Recorder,
) -> Decision<'s> {
    let mut click = Deciding {
        request: *request,
        tenant,
        campaign,
    };
    if !campaign.is_live {
        return click.not_sent(None, click.plain(ClickReason::CampaignArchived));
    }
    match affiliate_of(request.aff, tenant, campaign) {
        Ok(affiliate) => click.request.subject.affiliate = affiliate,
        Err((reason, affiliate)) => {
            click.request.subject.affiliate = affiliate;
            return click.not_sent(None, click.plain(reason));
        }
    }
    let flow = click.flow(recorder);
    click.draw(flow, recorder)
}

/// Who sent the click, or why it may not be sent on.
fn affiliate_of(
    aff: &str,
    tenant: &TenantSnapshot,
    campaign: &CampaignSnapshot,
) -> Result<Option<u32>, (ClickReason, Option<u32>)> {
    if aff.is_empty() {
        return if campaign.require_affiliate {
            Err((ClickReason::AffiliateRequired, None))
        } else {
            Ok(None)
        };
    }
    let id = aff
        .parse::<AffiliateId>()
        .ok()
        .filter(|id| id.tenant() == tenant.tenant);
    let number = id.map(AffiliateId::number);
    let found = number.and_then(|n| Some((n, tenant.catalog.affiliates.get(&n)?)));
    match found {
        None => Err((ClickReason::AffiliateUnknown, None)),
        Some((number, a)) if a.body.status == AffiliateStatus::Approved => Ok(Some(number)),
        Some((number, _)) => Err((ClickReason::AffiliateInactive, Some(number))),
    }
}

struct Deciding<'a, 's> {
    request: ClickRequest<'a>,
    tenant: &'s TenantSnapshot,
    campaign: &'s CampaignSnapshot,
}

impl<'s> Deciding<'_, 's> {
    /// The first flow that is for this visitor; the default flow is for everybody.
    fn flow(&self, recorder: &mut impl Recorder) -> &'s CompiledFlow {
        let flows = &self.campaign.flows;
        let is_for = |flow: &&CompiledFlow| {
            let refused = flow.matcher.refuses(&self.request.subject);
            recorder.step(Step::Flow {
                flow: flow.number,
                refused,
            });
            refused.is_none()
        };
        let found = flows.iter().find(is_for);
        found.unwrap_or(&flows[flows.len() - 1])
    }

    /// Draws an arm and takes its permits; an arm whose last permit went meanwhile leaves the draw.
    fn draw(&self, flow: &'s CompiledFlow, recorder: &mut impl Recorder) -> Decision<'s> {
        let (mut eligible, mut refusal) = self.eligible(flow, recorder);
        while let Some(choice) = flow.policy.choose(eligible, self.request.draw) {
            let arm = &flow.arms[choice.index];
            // It was a candidate a moment ago, of the same snapshot.
            let Ok(candidate) = self.candidate(arm) else {
                break;
            };
            match self.take_permits(&candidate) {
                Ok(permits) => {
                    let eligible: Vec<u32> = eligible.iter().map(|i| flow.arms[i].number).collect();
                    recorder.step(Step::Drawn {
                        arm: arm.number,
                        propensity: choice.propensity,
                        eligible: &eligible,
                    });
                    return Decision {
                        propensity: choice.propensity,
                        policy_version: flow.policy.version(),
                        eligible,
                        permits,
                        ..self.sent(flow, &candidate)
                    };
                }
                Err(is_blocked) => {
                    eligible.remove(choice.index);
                    refusal = Some(candidate.at_cap(is_blocked));
                }
            }
        }
        self.not_sent(
            Some(flow),
            refusal.unwrap_or(self.plain(ClickReason::NoArm)),
        )
    }

    /// The arms that may have the click; when there are none, the reason that came closest to sending it.
    fn eligible(
        &self,
        flow: &'s CompiledFlow,
        recorder: &mut impl Recorder,
    ) -> (ArmSet, Option<Refusal<'s>>) {
        let mut eligible = ArmSet::default();
        let mut closest: Option<Refusal<'s>> = None;
        for (index, arm) in flow.arms.iter().enumerate() {
            let refusal = self.candidate(arm).and_then(|c| self.has_room(&c)).err();
            recorder.step(Step::Arm {
                arm: arm.number,
                offer: arm.offer,
                reason: refusal.map_or(ClickReason::None, |r| r.reason),
                refused: refusal.and_then(|r| r.property),
            });
            match refusal {
                None => eligible.insert(index),
                Some(refusal) => {
                    let is_closer = closest.is_none_or(|c| rank(refusal.reason) > rank(c.reason));
                    closest = if is_closer { Some(refusal) } else { closest };
                }
            }
        }
        (eligible, closest)
    }

    fn candidate(&self, arm: &'s CompiledArm) -> Result<Candidate<'s>, Refusal<'s>> {
        let offer = self.tenant.offer(arm.offer).map(Arc::as_ref);
        let refuse = |reason, property| Refusal {
            reason,
            offer,
            offer_number: arm.offer,
            is_blocked: false,
            property,
        };
        let (true, Some(offer)) = (arm.is_enabled, offer) else {
            return Err(refuse(ClickReason::NoArm, None));
        };
        let affiliate = self.request.subject.affiliate;
        let terms = affiliate.and_then(|a| self.tenant.terms(arm.offer, a));
        match offer.status {
            OfferStatus::Active => {}
            OfferStatus::Paused => return Err(refuse(ClickReason::OfferPaused, None)),
            OfferStatus::Archived => return Err(refuse(ClickReason::OfferArchived, None)),
        }
        if affiliate.is_some() && !may_run(offer.visibility, terms) {
            return Err(refuse(ClickReason::OfferNotApproved, None));
        }
        if let Some(property) = offer.matcher.refuses(&self.request.subject) {
            return Err(refuse(ClickReason::Targeting, Some(property)));
        }
        Ok(Candidate { arm, offer, terms })
    }

    /// Whether every cap of an arm has room; a gate that is not open has none.
    fn has_room(&self, candidate: &Candidate<'s>) -> Result<(), Refusal<'s>> {
        for (rule, gate) in self.gates(candidate) {
            if gate.is_none_or(|gate| !gate.has_room(self.request.now)) {
                return Err(candidate.at_cap(rule.on_cap == OnCap::Block));
            }
        }
        Ok(())
    }

    /// Takes a permit under every cap on clicks, or says whether the reached cap blocks.
    fn take_permits(&self, candidate: &Candidate<'s>) -> Result<Vec<Permit>, bool> {
        let mut permits = Vec::new();
        if self.request.is_test || self.request.subject.visitor.device.bot.is_some() {
            return Ok(permits);
        }
        let counted = self
            .gates(candidate)
            .filter(|(r, _)| r.metric == CapMetric::Clicks);
        for (rule, gate) in counted {
            match gate.and_then(|gate| gate.take(self.request.now)) {
                Some(permit) => permits.push(permit),
                None => {
                    permits.into_iter().for_each(Permit::put_back);
                    return Err(rule.on_cap == OnCap::Block);
                }
            }
        }
        Ok(permits)
    }

    /// The caps that count this click or its conversions, with their gates.
    fn gates<'c>(
        &'c self,
        candidate: &'c Candidate<'s>,
    ) -> impl Iterator<Item = (&'c CapRule, Option<Arc<CapGate>>)> {
        let subject = CapSubject {
            offer: candidate.arm.offer,
            affiliate: self.request.subject.affiliate,
            campaign: self.campaign.number,
        };
        let own = candidate.terms.map_or(&[][..], |t| &t.caps);
        let rules = candidate.offer.caps.iter().chain(own);
        rules.filter_map(move |rule| {
            let key = rule.key(subject)?;
            Some((rule, self.tenant.gates.get(key, rule)))
        })
    }

    fn sent(&self, flow: &'s CompiledFlow, candidate: &Candidate<'s>) -> Decision<'s> {
        let Candidate { arm, offer, .. } = candidate;
        let destination = arm.url.as_ref().or(offer.url.as_ref());
        Decision {
            outcome: destination.map_or(ClickOutcome::Invalid, |_| ClickOutcome::Redirected),
            reason: ClickReason::None,
            affiliate: self.request.subject.affiliate,
            flow: flow.number,
            wanted_offer: Some(arm.offer),
            sent: destination.map(|_| Sent {
                offer: arm.offer,
                offer_version: offer.version,
                arm: arm.number,
            }),
            offer: Some(offer),
            propensity: 1.0,
            policy_version: 0,
            eligible: Vec::new(),
            destination,
            referrer_policy: offer.referrer_policy,
            permits: Vec::new(),
        }
    }

    /// Offer's, campaign's, tenant's fallback, else the 404 page.
    fn not_sent(&self, flow: Option<&'s CompiledFlow>, refusal: Refusal<'s>) -> Decision<'s> {
        let of_offer = refusal.offer.and_then(|o| o.fallback.as_ref());
        let destination = of_offer
            .or(self.campaign.fallback.as_ref())
            .or(self.tenant.fallback.as_ref())
            .filter(|_| !refusal.is_blocked);
        Decision {
            outcome: destination.map_or(ClickOutcome::Invalid, |_| ClickOutcome::Fallback),
            reason: refusal.reason,
            affiliate: self.request.subject.affiliate,
            flow: flow.and_then(|f| f.number),
            wanted_offer: Some(refusal.offer_number).filter(|n| *n != 0),
            sent: None,
            offer: None,
            propensity: 1.0,
            policy_version: 0,
            eligible: Vec::new(),
            destination,
            referrer_policy: ReferrerPolicy::default(),
            permits: Vec::new(),
        }
    }

    /// A refusal of the whole link: about its one offer, where it has just one.
    fn plain(&self, reason: ClickReason) -> Refusal<'s> {
        let mut arms = self.campaign.flows.iter().flat_map(|f| &f.arms);
        let only = arms.next().filter(|_| arms.next().is_none());
        Refusal {
            reason,
            offer: only
                .and_then(|arm| self.tenant.offer(arm.offer))
                .map(Arc::as_ref),
            offer_number: only.map_or(0, |arm| arm.offer),
            is_blocked: false,
            property: None,
        }
    }
}

impl<'s> Candidate<'s> {
    fn at_cap(&self, is_blocked: bool) -> Refusal<'s> {
        Refusal {
            reason: ClickReason::Cap,
            offer: Some(self.offer),
            offer_number: self.arm.offer,
            is_blocked,
            property: None,
        }
    }
}

/// Whether an affiliate with these terms may run an offer.
fn may_run(visibility: Visibility, terms: Option<&CompiledTerms>) -> bool {
    match (visibility, terms.map(|t| t.status)) {
        (_, Some(TermsStatus::Approved)) => true,
        (_, Some(TermsStatus::Blocked | TermsStatus::Rejected)) => false,
        (Visibility::Public, _) => true,
        (Visibility::NeedsApproval | Visibility::Private, _) => false,
    }
}

/// How close a click that was refused for `reason` came to being sent.
fn rank(reason: ClickReason) -> u8 {
    match reason {
        ClickReason::Cap => 5,
        ClickReason::Targeting => 4,
        ClickReason::OfferNotApproved => 3,
        ClickReason::OfferPaused => 2,
        ClickReason::OfferArchived => 1,
        _ => 0,
    }
}
