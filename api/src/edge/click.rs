//! A click: `GET /c/{link}`.
//!
//! The walk: link → visitor → decision → fact → journal → answer. Everything but the journal's acknowledgement is
//! done at once, the answer included, so that nothing of the request is held while it is waited for: what waits
//! is small, and the connection reads its next request into the same buffer.

use std::borrow::Cow;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use hyper::{HeaderMap, Method, StatusCode};
use weir_actors::Route;
use weir_engine::caps::Permit;
use weir_engine::catalog::ReferrerPolicy;
use weir_engine::click_id::ClickId;
use weir_engine::fact::{ClickOutcome, ClickReason};
use weir_engine::ids::{Position, UnixMs};
use weir_engine::policy;
use weir_engine::ports::{Append, AppendError};
use weir_engine::routing::{
    CampaignSnapshot, ClickRequest, ClickTexts, Decided, Decision, DestinationValues, Silent,
    Subject, TenantSnapshot, decide, destination, facts,
};
use weir_engine::visitor::{Hints, Language, Visitor, truncate};

use super::address;
use super::core::{Core, OnUnavailable};
use super::params::ClickParams;
use super::respond::{self, Answer, X_WEIR_CLICK};
use super::service::Begun;
use super::telemetry;

/// Longest user agent and referrer kept, in bytes.
const MAX_TEXT: usize = 1_024;

/// Who clicked, as the request (or the tracking API) says.
pub(super) struct Person<'a> {
    pub(super) address: IpAddr,
    pub(super) user_agent: &'a str,
    pub(super) hints: Hints<'a>,
    pub(super) referrer: &'a str,
    pub(super) language: &'a str,
}

/// What a click reads of its headers, found in one walk over them; of repeated ones the first counts.
#[derive(Debug, Default)]
struct ClickHeaders<'a> {
    user_agent: &'a [u8],
    referrer: &'a [u8],
    language: &'a [u8],
    /// `Sec-CH-UA`, `-Mobile`, `-Platform`.
    hints: [&'a [u8]; 3],
    /// Prefetches and previews of browsers say so.
    is_prefetch: bool,
}

impl<'a> ClickHeaders<'a> {
    fn read(headers: &'a HeaderMap) -> Self {
        let mut read = Self::default();
        for (name, value) in headers {
            let field = match name.as_str() {
                "user-agent" => &mut read.user_agent,
                "referer" => &mut read.referrer,
                "accept-language" => &mut read.language,
                "sec-ch-ua" => &mut read.hints[0],
                "sec-ch-ua-mobile" => &mut read.hints[1],
                "sec-ch-ua-platform" => &mut read.hints[2],
                "sec-purpose" | "purpose" | "x-purpose" | "x-moz" => {
                    let value = value.as_bytes();
                    read.is_prefetch |=
                        value.starts_with(b"prefetch") || value.starts_with(b"preview");
                    continue;
                }
                _ => continue,
            };
            if field.is_empty() {
                *field = value.as_bytes();
            }
        }
        read
    }

    /// The person behind a request.
    fn person(&self, address: IpAddr) -> Person<'a> {
        let [brands, mobile, platform] = self.hints.map(text);
        Person {
            address,
            user_agent: text(self.user_agent),
            hints: Hints {
                brands,
                mobile,
                platform,
            },
            referrer: text(self.referrer),
            language: text(self.language),
        }
    }
}

/// A header as text, cut to what is kept; visible ASCII or nothing.
fn text(value: &[u8]) -> &str {
    let is_visible = |byte: &u8| (b' '..=b'~').contains(byte) || *byte == b'\t';
    let shown = std::str::from_utf8(value)
        .ok()
        .filter(|_| value.iter().all(is_visible));
    let shown = shown.unwrap_or_default();
    &shown[..shown.len().min(MAX_TEXT)]
}

/// A click that is in the log.
pub(super) struct Clicked {
    pub(super) click_id: ClickId,
    outcome: ClickOutcome,
    pub(super) url: String,
    pub(super) arm: Option<u32>,
    pub(super) propensity: f64,
    referrer_policy: ReferrerPolicy,
    is_test: bool,
}

/// Begins to answer a request for a link: the answer at once, or a click on its way into the log.
pub(super) fn begin<L: Append>(
    core: &Core<L>,
    peer: IpAddr,
    method: &Method,
    headers: &HeaderMap,
    (host, link): (&str, &str),
    query: &str,
) -> Begun<L> {
    let read = ClickHeaders::read(headers);
    if read.is_prefetch {
        metrics::counter!(telemetry::NOT_CLICKS_TOTAL, "reason" => "prefetch").increment(1);
        return Begun::answered(respond::not_a_navigation());
    }
    let Some(route) = core.routes.find(host, link) else {
        metrics::counter!(telemetry::NOT_CLICKS_TOTAL, "reason" => "unknown_link").increment(1);
        return Begun::answered(respond::not_found());
    };
    let Ok(params) = ClickParams::read(query) else {
        telemetry::bad_request("parameters");
        return Begun::answered(respond::problem(
            StatusCode::BAD_REQUEST,
            "bad_request",
            "too many parameters",
            &[],
        ));
    };
    let address = address::client(peer, headers, &core.edge.options.trusted_proxies);
    let person = read.person(address);
    if method == Method::HEAD {
        metrics::counter!(telemetry::NOT_CLICKS_TOTAL, "reason" => "head").increment(1);
        return Begun::answered(answer_head(core, &route, &person, &params));
    }
    Begun::Click(record(core, &route, &person, &params))
}

/// The answer to a click of which it is known whether it is in the log.
pub(super) fn answer(recorded: Result<Clicked, Unrecorded>) -> Answer {
    match recorded {
        Ok(clicked) => shown(clicked),
        Err(unrecorded) => unrecorded.answer(),
    }
}

fn shown(clicked: Clicked) -> Answer {
    let mut answer = match clicked.outcome {
        ClickOutcome::Invalid => respond::not_found(),
        _ => respond::redirect(clicked.url, clicked.referrer_policy),
    };
    if clicked.is_test {
        let id = hyper::header::HeaderValue::from_str(&clicked.click_id.to_string());
        id.into_iter()
            .for_each(|id| drop(answer.headers_mut().insert(X_WEIR_CLICK, id)));
    }
    answer
}

/// A click that is not in the log.
pub(super) struct Unrecorded {
    error: AppendError,
    /// Where it goes all the same, without a click id; empty = nowhere.
    elsewhere: String,
    referrer_policy: ReferrerPolicy,
}

impl Unrecorded {
    /// That it is refused, and why; counted.
    pub(super) fn refused(&self) -> Answer {
        telemetry::shed(self.error);
        respond::unavailable(respond::code_of(self.error))
    }

    fn answer(self) -> Answer {
        if self.elsewhere.is_empty() {
            return self.refused();
        }
        telemetry::shed(self.error);
        metrics::counter!(telemetry::NOT_CLICKS_TOTAL, "reason" => "redirected_unrecorded")
            .increment(1);
        respond::redirect(self.elsewhere, self.referrer_policy)
    }
}

/// A click that the log was given. What becomes of it is known but for whether it is kept.
pub(super) struct Recording<A> {
    appending: A,
    given: Option<Given>,
}

struct Given {
    permits: Vec<Permit>,
    clicked: Clicked,
    /// See [`Unrecorded::elsewhere`].
    elsewhere: String,
    reason: ClickReason,
    started: Instant,
}

impl<A: Future<Output = Result<Position, AppendError>> + Unpin> Recording<A> {
    /// Whether it is in the log. A visitor who leaves before that is known is recorded all the same.
    ///
    /// # Panics
    /// When asked again after it was ready.
    pub(super) fn poll_done<L: Append>(
        &mut self,
        core: &Core<L>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Clicked, Unrecorded>> {
        let appended = ready!(Pin::new(&mut self.appending).poll(cx));
        let given = self.given.take().expect("a click is recorded once");
        let clicked = given.clicked;
        if let Err(error) = appended {
            given.permits.into_iter().for_each(Permit::put_back);
            return Poll::Ready(Err(Unrecorded {
                error,
                elsewhere: given.elsewhere,
                referrer_policy: clicked.referrer_policy,
            }));
        }
        let taken = given.started.elapsed();
        core.meters.clicked(clicked.outcome, taken);
        if given.reason != ClickReason::None {
            let reason = given.reason.as_str();
            metrics::counter!(telemetry::CLICKS_NOT_SENT_TOTAL, "reason" => reason).increment(1);
        }
        Poll::Ready(Ok(clicked))
    }
}

/// A click on its way: what the decision and the fact are made from.
struct OnItsWay<'a> {
    tenant: Arc<TenantSnapshot>,
    campaign: Arc<CampaignSnapshot>,
    now: UnixMs,
    visitor: Visitor<'a>,
    address: IpAddr,
    texts: ClickTexts<'a>,
    aff: &'a str,
    is_test: bool,
}

impl<'a> OnItsWay<'a> {
    fn decide(&self, draw: u64) -> Decision<'_> {
        let request = ClickRequest {
            now: self.now,
            aff: self.aff,
            subject: Subject {
                visitor: self.visitor,
                address: self.address,
                affiliate: None,
                referrer: self.texts.referrer,
                source: self.texts.source,
                sub: self.texts.sub,
            },
            draw,
            is_test: self.is_test,
        };
        decide(&request, &self.tenant, &self.campaign, &mut Silent)
    }

    fn url(&self, decision: &Decision<'_>, click_id: Option<ClickId>, rand: u64) -> String {
        let values = DestinationValues {
            tenant: self.tenant.tenant,
            click_id,
            now: self.now,
            campaign: self.campaign.number,
            visitor: self.visitor,
            ip: self.texts.ip,
            user_agent: self.texts.user_agent,
            referrer: self.texts.referrer,
            aff_click_id: self.texts.aff_click_id,
            source: self.texts.source,
            sub: self.texts.sub,
            ad_ids: self.texts.ad_ids,
            rand,
        };
        let mut url = String::with_capacity(256);
        destination(decision, &values, &mut url);
        url
    }
}

fn borrowed<'a, const N: usize>(values: &'a [Cow<'_, str>; N]) -> [&'a str; N] {
    std::array::from_fn(|i| &*values[i])
}

/// Decides a click and gives its fact to the log.
pub(super) fn record<L: Append>(
    core: &Core<L>,
    route: &Route,
    person: &Person<'_>,
    params: &ClickParams<'_>,
) -> Recording<L::Appending> {
    let started = Instant::now();
    on_its_way(core, route, person, params, |click| {
        give(core, person, &click, started)
    })
}

/// Decides, and gives the fact to the log.
fn give<L: Append>(
    core: &Core<L>,
    person: &Person<'_>,
    click: &OnItsWay<'_>,
    started: Instant,
) -> Recording<L::Appending> {
    let tenant = click.tenant.tenant;
    let keys = core.keys(tenant, click.now);
    let click_id = core.mint(tenant, &keys.click, click.now);
    let draw = policy::draw_of(click.campaign.seed, &click_id);
    let mut decision = click.decide(draw);
    let decided = Decided {
        click_id,
        now: click.now,
        visitor: click.visitor,
        hashes: keys.visitor.hashes(person.address, person.user_agent),
        is_test: click.is_test,
    };
    let fact = facts(
        &decided,
        &click.texts,
        &decision,
        &click.tenant,
        &click.campaign,
    );
    let appending = {
        let mut buffer = core.facts.borrow_mut();
        let link = &click.campaign.link;
        let record = buffer.encode(&fact, &click.visitor, &click.texts, &decision, link);
        core.lane.append(&record)
    };
    let given = given(core, click, &mut decision, (click_id, draw), started);
    Recording {
        appending,
        given: Some(given),
    }
}

/// What becomes of a click once it is known whether it is kept.
fn given<L: Append>(
    core: &Core<L>,
    click: &OnItsWay<'_>,
    decision: &mut Decision<'_>,
    (click_id, draw): (ClickId, u64),
    started: Instant,
) -> Given {
    let elsewhere = match core.edge.options.on_unavailable {
        OnUnavailable::Refuse => String::new(),
        OnUnavailable::Redirect => click.url(decision, None, draw),
    };
    let url = click.url(decision, Some(click_id), draw);
    Given {
        permits: std::mem::take(&mut decision.permits),
        elsewhere,
        reason: decision.reason,
        started,
        clicked: Clicked {
            click_id,
            outcome: decision.outcome,
            url,
            arm: decision.sent.map(|s| s.arm),
            propensity: decision.propensity,
            referrer_policy: decision.referrer_policy,
            is_test: click.is_test,
        },
    }
}

/// Finds out about the visitor and does something with the click, which borrows of all that was found.
fn on_its_way<L: Append, T>(
    core: &Core<L>,
    route: &Route,
    person: &Person<'_>,
    params: &ClickParams<'_>,
    then: impl FnOnce(OnItsWay<'_>) -> T,
) -> T {
    let device = core.device(person.user_agent, person.hints);
    let mut places = core.places.borrow_mut();
    let sub = borrowed(&params.sub);
    let (ad_ids, utm) = (borrowed(&params.ad_ids), borrowed(&params.utm));
    then(OnItsWay {
        tenant: route.tenant.snapshot.load_full(),
        campaign: route.campaign.load_full(),
        now: core.edge.clock.now(),
        visitor: Visitor {
            place: places.get(&core.edge.countries, person.address),
            device: &device,
            language: Language::of_header(person.language),
        },
        address: person.address,
        texts: ClickTexts {
            ip: Some(truncate(person.address)),
            user_agent: person.user_agent,
            referrer: person.referrer,
            aff_click_id: &params.aff_click_id,
            source: &params.source,
            sub: &sub,
            ad_ids: &ad_ids,
            utm: &utm,
            cost: &params.cost,
        },
        aff: &params.aff,
        is_test: params.is_test,
    })
}

/// `HEAD`: where the link leads, with an empty click id; no click.
fn answer_head<L: Append>(
    core: &Core<L>,
    route: &Route,
    person: &Person<'_>,
    params: &ClickParams<'_>,
) -> Answer {
    on_its_way(core, route, person, params, |mut click| {
        // A test takes no permits.
        click.is_test = true;
        let decision = click.decide(0);
        match decision.outcome {
            ClickOutcome::Invalid => respond::not_found(),
            _ => respond::redirect(click.url(&decision, None, 0), decision.referrer_policy),
        }
    })
}
