//! The decision on a click.

use std::sync::Arc;

use super::snapshot::{
    CampaignSnapshot, CompiledArm, CompiledFlow, CompiledOffer, CompiledTerms, TenantSnapshot,
};
use super::trace::{Recorder, Silent, Step, Target};
use crate::caps::{CapGate, CapRule, CapSubject, Permit};
use crate::catalog::{
    AffiliateStatus, CapMetric, OfferStatus, OnCap, ReferrerPolicy, TermsStatus, Visibility,
};
use crate::fact::{ClickOutcome, ClickReason, Sent};
use crate::ids::{AffiliateId, UnixMs};
use crate::policy::ArmSet;
use crate::targeting::{Matcher, Rule, Subject};
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

/// An arm that may have the click, as far as is known without taking permits.
struct Candidate<'s> {
    arm: &'s CompiledArm,
    offer: &'s CompiledOffer,
    terms: Option<&'s CompiledTerms>,
    url: &'s Template,
}

/// Why an arm may not have the click.
#[derive(Clone, Copy)]
struct Refusal<'s> {
    reason: ClickReason,
    offer: Option<&'s CompiledOffer>,
    offer_number: u32,
    /// Whether not even a fallback is wanted.
    is_blocked: bool,
    property: Option<Rule>,
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
        return click.not_sent(None, click.plain(ClickReason::CampaignArchived), recorder);
    }
    let (affiliate, reason) = match affiliate_of(request.aff, tenant, campaign) {
        Ok(affiliate) => (affiliate, ClickReason::None),
        Err((reason, affiliate)) => (affiliate, reason),
    };
    click.request.subject.affiliate = affiliate;
    recorder.step(Step::Affiliate { affiliate, reason });
    if reason != ClickReason::None {
        return click.not_sent(None, click.plain(reason), recorder);
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
            let refused = self.refused_by(&flow.matcher, recorder);
            recorder.step(Step::Flow {
                flow: flow.number,
                refused,
            });
            refused.is_none()
        };
        let found = flows.iter().find(is_for);
        found.unwrap_or(&flows[flows.len() - 1])
    }

    /// The first property that refuses the click.
    fn refused_by(&self, matcher: &Matcher, recorder: &mut impl Recorder) -> Option<Rule> {
        let ClickRequest { subject, now, .. } = &self.request;
        if seen(recorder) {
            let rules = matcher.rules(subject, *now);
            rules.for_each(|(rule, holds)| recorder.step(Step::Condition { rule, holds }));
        }
        matcher.refuses(subject, *now)
    }

    /// Draws an arm and takes its permits; an arm whose last permit went meanwhile leaves the draw.
    fn draw(&self, flow: &'s CompiledFlow, recorder: &mut impl Recorder) -> Decision<'s> {
        let (mut eligible, mut refusal) = self.eligible(flow, recorder);
        while let Some(choice) = flow.policy.choose(eligible, self.request.draw) {
            let arm = &flow.arms[choice.index];
            // It was a candidate a moment ago, of the same snapshot.
            let Ok(candidate) = self.candidate(arm, &mut Silent) else {
                break;
            };
            match self.take_permits(&candidate) {
                Ok(permits) => {
                    let eligible: Vec<u32> = eligible.iter().map(|i| flow.arms[i].number).collect();
                    if seen(recorder) {
                        recorder.step(Step::Drawn {
                            arm: arm.number,
                            propensity: choice.propensity,
                            eligible: eligible.clone(),
                        });
                    }
                    return Decision {
                        propensity: choice.propensity,
                        policy_version: flow.policy.version(),
                        eligible,
                        permits,
                        ..self.sent(flow, &candidate, recorder)
                    };
                }
                Err(is_blocked) => {
                    eligible.remove(choice.index);
                    refusal = Some(candidate.at_cap(is_blocked));
                }
            }
        }
        let refusal = refusal.unwrap_or(self.plain(ClickReason::NoArm));
        self.not_sent(Some(flow), refusal, recorder)
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
            let refusal = match self.candidate(arm, recorder) {
                Ok(candidate) => self.has_room(&candidate, recorder).err(),
                Err(refusal) => Some(refusal),
            };
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

    fn candidate(
        &self,
        arm: &'s CompiledArm,
        recorder: &mut impl Recorder,
    ) -> Result<Candidate<'s>, Refusal<'s>> {
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
        let Some(url) = arm.url.as_ref().or(offer.url.as_ref()) else {
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
        if let Some(property) = self.refused_by(&offer.matcher, recorder) {
            return Err(refuse(ClickReason::Targeting, Some(property)));
        }
        Ok(Candidate {
            arm,
            offer,
            terms,
            url,
        })
    }

    /// Whether every cap of an arm has room; a gate that is not open has none.
    fn has_room(
        &self,
        candidate: &Candidate<'s>,
        recorder: &mut impl Recorder,
    ) -> Result<(), Refusal<'s>> {
        let mut reached = None;
        for (rule, gate) in self.gates(candidate) {
            let has_room = gate.is_some_and(|gate| gate.has_room(self.request.now));
            recorder.step(Step::Cap {
                metric: rule.metric,
                level: rule.level,
                limit: rule.limit,
                has_room,
            });
            if !has_room {
                // A cap that blocks wins over one that does not.
                let is_blocked = rule.on_cap == OnCap::Block || reached == Some(true);
                reached = Some(is_blocked);
            }
        }
        reached.map_or(Ok(()), |is_blocked| Err(candidate.at_cap(is_blocked)))
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

    fn sent(
        &self,
        flow: &'s CompiledFlow,
        candidate: &Candidate<'s>,
        recorder: &mut impl Recorder,
    ) -> Decision<'s> {
        let Candidate {
            arm, offer, url, ..
        } = candidate;
        let of_arm = arm.url.as_ref().map(|_| Target::Arm);
        let to = of_arm.unwrap_or(Target::Offer);
        recorder.step(Step::Sent { to });
        Decision {
            outcome: ClickOutcome::Redirected,
            reason: ClickReason::None,
            affiliate: self.request.subject.affiliate,
            flow: flow.number,
            wanted_offer: Some(arm.offer),
            sent: Some(Sent {
                offer: arm.offer,
                offer_version: offer.version,
                arm: arm.number,
            }),
            offer: Some(offer),
            propensity: 1.0,
            policy_version: 0,
            eligible: Vec::new(),
            destination: Some(url),
            referrer_policy: offer.referrer_policy,
            permits: Vec::new(),
        }
    }

    /// Offer's, campaign's, tenant's fallback, else the 404 page.
    fn not_sent(
        &self,
        flow: Option<&'s CompiledFlow>,
        refusal: Refusal<'s>,
        recorder: &mut impl Recorder,
    ) -> Decision<'s> {
        let fallbacks = [
            (
                Target::OfferFallback,
                refusal.offer.and_then(|o| o.fallback.as_ref()),
            ),
            (Target::CampaignFallback, self.campaign.fallback.as_ref()),
            (Target::TenantFallback, self.tenant.fallback.as_ref()),
        ];
        let mut set = fallbacks.into_iter().filter(|_| !refusal.is_blocked);
        let first = set.find_map(|(to, template)| Some((to, template?)));
        let to = first.map_or(Target::NotFound, |(to, _)| to);
        recorder.step(Step::Sent { to });
        let destination = first.map(|(_, template)| template);
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

/// Whether somebody looks on.
fn seen<R: Recorder>(_: &R) -> bool {
    R::SEES
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
