//! Where a click would go: the decision of the click path, with nothing recorded and no cap used.

mod told;
mod visitor;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;
use weir_engine::fact::ClickReason;
use weir_engine::ids::{self, TenantId, UnixMs};
use weir_engine::routing::{
    self, CampaignSnapshot, ClickRequest, Decision, DestinationValues, Subject,
};

use self::told::Told;
use self::visitor::{SimulatedVisitor, VisitorRead};
use super::auth::{Caller, May, Reads};
use super::clicks::reason_in_words;
use super::context::AdminContext;
use super::crud;
use super::dto::{self, AffiliateId, ArmId, CampaignId, ClickOutcome, FlowId, OfferId, Time};
use super::input::Input;
use super::resources::Campaigns;
use super::tags::Tag;
use crate::problem::{FieldError, Problem};

/// Sub-ids of a click.
const SUBS: usize = 20;
/// The address of a visitor of whom none is said: in no network.
const NO_ADDRESS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// A click that might be.
#[derive(Debug, Object)]
struct Simulation {
    /// Of this campaign.
    campaign_id: CampaignId,
    /// Who clicks.
    visitor: Option<SimulatedVisitor>,
    /// The `aff` parameter; absent = house traffic.
    aff: Option<AffiliateId>,
    /// The `source` parameter.
    source: Option<String>,
    /// Sub-ids by number, `"1"` to `"20"`.
    sub: Option<std::collections::BTreeMap<String, String>>,
    /// When; absent = now.
    time: Option<Time>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SimulationRead {
    campaign_id: String,
    #[serde(default)]
    visitor: VisitorRead,
    #[serde(default)]
    aff: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    sub: std::collections::BTreeMap<String, String>,
    time: Option<String>,
}

/// Where the click would go, and why.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Simulated {
    /// Where, as a class.
    outcome: ClickOutcome,
    /// Why not to an offer.
    reason: dto::ClickReason,
    /// The URL; absent = the 404 page. `click_id` is empty in it.
    url: Option<String>,
    /// Who sent it, if that is known.
    affiliate_id: Option<AffiliateId>,
    /// The flow that would take it; absent = the default flow.
    flow_id: Option<FlowId>,
    /// The offer that it would be sent to.
    offer_id: Option<OfferId>,
    /// The offer's version.
    offer_version: Option<u32>,
    /// The arm that was drawn; another draw may give another.
    arm: Option<ArmId>,
    /// Probability with which it was drawn.
    propensity: f64,
    /// The arms that it was drawn from.
    eligible: Vec<ArmId>,
    /// The decision, a sentence a step.
    steps: Vec<String>,
}

/// Operations on routing.
pub(super) struct SimulateApi(pub(super) Arc<AdminContext>);

#[OpenApi(prefix_path = "/v1/route", tag = "Tag::Routing")]
impl SimulateApi {
    /// Says where a click would go
    ///
    /// Nothing is recorded and no cap is used.
    #[oai(path = "/simulate", method = "post", operation_id = "simulateRoute")]
    async fn simulate(
        &self,
        caller: May<Reads>,
        click: Input<Simulation>,
    ) -> Result<Json<Simulated>, Problem> {
        let asked = click.read_as::<SimulationRead>()?;
        self.decide(&caller, &asked).map(Json)
    }
}

impl SimulateApi {
    fn decide(&self, caller: &Caller, asked: &SimulationRead) -> Result<Simulated, Problem> {
        let tenant = caller.tenant;
        let unknown = |_| refused("campaign_id", "unknown_id", "names nothing of this tenant");
        let found = crud::find::<Campaigns>(&self.0, tenant, &asked.campaign_id);
        let number = found.map_err(unknown)?.number;
        let snapshot = self.0.actors.snapshot(tenant);
        let snapshot = snapshot.ok_or_else(Problem::not_found)?;
        let campaign = CampaignSnapshot::compile(tenant, &snapshot.catalog, number);
        let campaign = campaign.ok_or_else(Problem::not_found)?;
        let sub = subs(asked)?;
        let resolved = asked.visitor.resolve(&self.0)?;
        let visitor = resolved.visitor();
        let request = ClickRequest {
            now: self.time(asked)?,
            aff: &asked.aff,
            subject: Subject {
                visitor,
                address: asked.visitor.ip.unwrap_or(NO_ADDRESS),
                affiliate: None,
                referrer: asked.visitor.referrer(),
                source: &asked.source,
                sub: &sub,
            },
            draw: self.0.random.number() as u64,
            is_test: true,
        };
        let mut told = Told::of(tenant);
        let decision = routing::decide(&request, &snapshot, &campaign, &mut told);
        let url = asked.destination(&request, &decision, &campaign, tenant);
        Ok(simulated(tenant, &decision, url, told.steps))
    }

    fn time(&self, asked: &SimulationRead) -> Result<UnixMs, Problem> {
        let Some(text) = &asked.time else {
            return Ok((self.0.now)());
        };
        let at = UnixMs::parse_rfc3339(text);
        at.ok_or_else(|| refused("time", "invalid_value", "must be RFC 3339 with an offset"))
    }
}

impl SimulationRead {
    /// The URL of a decision, without a click id.
    fn destination(
        &self,
        request: &ClickRequest<'_>,
        decision: &Decision<'_>,
        campaign: &CampaignSnapshot,
        tenant: TenantId,
    ) -> String {
        let values = DestinationValues {
            tenant,
            click_id: None,
            now: request.now,
            campaign: campaign.number,
            visitor: request.subject.visitor,
            ip: self.visitor.ip,
            user_agent: self.visitor.user_agent.as_deref().unwrap_or_default(),
            referrer: self.visitor.referrer(),
            aff_click_id: "",
            source: &self.source,
            sub: request.subject.sub,
            ad_ids: &[""; 6],
            rand: 0,
        };
        let mut url = String::new();
        routing::destination(decision, &values, &mut url);
        url
    }
}

fn refused(field: impl Into<String>, code: &'static str, message: &str) -> Problem {
    Problem::fields([FieldError::new(field, code, message)])
}

fn subs(asked: &SimulationRead) -> Result<[&str; SUBS], Problem> {
    let mut sub = [""; SUBS];
    for (number, text) in &asked.sub {
        let index = number
            .parse::<usize>()
            .ok()
            .filter(|n| (1..=SUBS).contains(n));
        let index = index
            .ok_or_else(|| refused(format!("sub.{number}"), "unknown_field", "must be 1 to 20"))?;
        sub[index - 1] = text;
    }
    Ok(sub)
}

fn simulated(
    tenant: TenantId,
    decision: &Decision<'_>,
    url: String,
    mut steps: Vec<String>,
) -> Simulated {
    if decision.reason != ClickReason::None {
        steps.push(format!(
            "It is sent to no offer: {}.",
            reason_in_words(decision.reason)
        ));
    }
    Simulated {
        outcome: ClickOutcome(decision.outcome),
        reason: dto::ClickReason(decision.reason),
        url: decision.destination.map(|_| url),
        affiliate_id: decision
            .affiliate
            .map(|n| ids::AffiliateId::new(tenant, n).into()),
        flow_id: decision.flow.map(|n| ids::FlowId::new(tenant, n).into()),
        offer_id: decision
            .sent
            .map(|s| ids::OfferId::new(tenant, s.offer).into()),
        offer_version: decision.sent.map(|s| s.offer_version),
        arm: decision.sent.map(|s| ids::ArmId::new(tenant, s.arm).into()),
        propensity: decision.propensity,
        eligible: decision
            .eligible
            .iter()
            .map(|n| ids::ArmId::new(tenant, *n).into())
            .collect(),
        steps,
    }
}
