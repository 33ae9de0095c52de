//! A postback, or a pixel: a conversion that somebody reports.
//!
//! The walk: readable → authenticated → journal → verdict (or 202 after the deadline). What comes after the
//! authentication is judged by the tenant actor. Always true: no answer makes a sender retry what was understood;
//! one word for all click ids that are not the tenant's; secrets never reach the log.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::Serialize;
use weir_engine::catalog::{Advertiser, PostbackAuth};
use weir_engine::click_id::{ClickId, ClickIdError, EPOCH_MS};
use weir_engine::fact::{AuthKind, ConversionReceived, Fact, Kind, ReceivedPrivate, Warning};
use weir_engine::ids::{AdvertiserId, TenantId, UnixMs};
use weir_engine::judge::Verdict;
use weir_engine::ports::{Append, AppendError, Found};
use weir_engine::record::Record;
use weir_engine::secrets::{TokenKind, advertiser_of_token, is_signature};
use weir_engine::visitor::truncate;

use super::body::BodyRefused;
use super::core::Core;
use super::inbound::{Inbound, Unreadable};
use super::respond::{self, Answer, FieldProblem};
use super::{anonymous, elsewhere, telemetry};

/// How far back `time=` may lie.
const OLDEST_TIME_MS: u64 = 90 * 86_400_000;
/// How far the timestamp of a signature may be off.
const SIGNATURE_SKEW_S: u64 = 300;

/// A postback with where it came from.
pub(super) struct Arrived<'a> {
    pub(super) inbound: &'a Inbound,
    pub(super) address: IpAddr,
    /// Method, host and path: what a signature covers beside the parameters.
    pub(super) signed: [&'a str; 3],
}

/// Who is believed to have sent it.
struct Sender {
    tenant: TenantId,
    advertiser: u32,
    auth: AuthKind,
}

/// What becomes of a postback at the door.
pub(super) enum Received {
    /// It was judged.
    Judged(Verdict),
    /// It is in the log and not judged yet.
    Accepted(ClickId),
    /// It cannot be read, or names no click.
    Unreadable(Unreadable),
    /// Its body is not taken.
    BodyRefused(BodyRefused),
    /// Its sender is not believed.
    Unauthenticated,
    /// Its address has sent too much that proves nothing: it may send again in so many seconds.
    TooMany(u64),
    /// It could not be recorded.
    Unavailable(AppendError),
}

/// The answer to a postback.
#[derive(Serialize)]
struct VerdictBody<'a> {
    outcome: &'a str,
    status: Option<&'a str>,
    reason: Option<&'a str>,
    conversion_id: Option<String>,
    warnings: Vec<&'a str>,
}

/// Takes in a postback.
pub(super) async fn receive<L: Append>(core: &Core<L>, arrived: &Arrived<'_>) -> Received {
    if arrived.inbound.click_id.is_empty() {
        return Received::Unreadable(Unreadable {
            field: "click_id",
            message: "names no click: give click_id".to_owned(),
        });
    }
    let limit = &core.edge.anonymous;
    let who = anonymous::Sender {
        address: arrived.address,
        trusted: &core.edge.options.trusted_proxies,
        now: core.edge.clock.now(),
    };
    // Before anything is looked up.
    if arrived.inbound.token.is_empty()
        && let Some(seconds) = limit.is_spent(who)
    {
        return Received::TooMany(seconds);
    }
    let sender = authenticate(core, arrived).await;
    let proves_nothing = |sender: &Sender| matches!(sender.auth, AuthKind::Pixel | AuthKind::None);
    if sender.as_ref().is_none_or(proves_nothing)
        && let Some(seconds) = limit.count(who)
    {
        return Received::TooMany(seconds);
    }
    match sender {
        Some(sender) => record(core, arrived, &sender).await,
        None => Received::Unauthenticated,
    }
}

/// Who sent it: by token or pixel key, which say whose they are, else by the click's offer.
async fn authenticate<L: Append>(core: &Core<L>, arrived: &Arrived<'_>) -> Option<Sender> {
    let inbound = arrived.inbound;
    let by_key = |kind, text: &str| {
        let id = advertiser_of_token(kind, text)?;
        let advertiser = advertiser(core, id)?;
        core.edge
            .secrets
            .is_token(kind, id, versions(core, &advertiser), text)
            .then_some((id, advertiser))
    };
    if !inbound.token.is_empty() {
        let (id, advertiser) = by_key(TokenKind::Postback, &inbound.token)?;
        let may_come_from = is_allowed(&advertiser, arrived.address);
        let is_enough = advertiser.postback_auth != PostbackAuth::Hmac
            || is_signed(core, id, &advertiser, arrived);
        return (may_come_from && is_enough).then(|| sender(id, AuthKind::Token));
    }
    if !inbound.key.is_empty() {
        let (id, _) = by_key(TokenKind::Pixel, &inbound.key)?;
        return Some(sender(id, AuthKind::Pixel));
    }
    let id = advertiser_of_click(core, &inbound.click_id).await?;
    let advertiser = advertiser(core, id)?;
    let is_allowed = is_allowed(&advertiser, arrived.address);
    let auth = match advertiser.postback_auth {
        PostbackAuth::Token => return None,
        PostbackAuth::Hmac if is_signed(core, id, &advertiser, arrived) => AuthKind::Hmac,
        PostbackAuth::Hmac => return None,
        PostbackAuth::Ip if !advertiser.postback_ips.is_empty() => AuthKind::Ip,
        PostbackAuth::Ip => return None,
        PostbackAuth::None => AuthKind::None,
    };
    is_allowed.then(|| sender(id, auth))
}

fn sender(id: AdvertiserId, auth: AuthKind) -> Sender {
    Sender {
        tenant: id.tenant(),
        advertiser: id.number(),
        auth,
    }
}

fn advertiser<L: Append>(core: &Core<L>, id: AdvertiserId) -> Option<Advertiser> {
    let catalog = core.routes.catalog(id.tenant())?;
    catalog
        .advertisers
        .get(&id.number())
        .map(|a| a.body.clone())
}

/// Versions of an advertiser's secrets that are good now.
fn versions<L: Append>(
    core: &Core<L>,
    advertiser: &Advertiser,
) -> impl Iterator<Item = u32> + use<L> {
    let now = core.edge.clock.now();
    let overlap = advertiser.previous_token_until.filter(|until| now < *until);
    let current = advertiser.token_version;
    [Some(current), overlap.map(|_| current.saturating_sub(1))]
        .into_iter()
        .flatten()
}

fn is_allowed(advertiser: &Advertiser, address: IpAddr) -> bool {
    let ranges = &advertiser.postback_ips;
    ranges.is_empty() || ranges.iter().any(|range| range.contains(address))
}

/// The advertiser of the offer that a genuine click was sent to or wanted.
async fn advertiser_of_click<L: Append>(core: &Core<L>, text: &str) -> Option<AdvertiserId> {
    let unverified = ClickId::read_unverified(text).ok()?;
    let tenant = TenantId(unverified.parts().tenant);
    let catalog = core.routes.catalog(tenant)?;
    let click_id = genuine(core, tenant, text)?;
    // A log that cannot be read now leaves the sender unknown; it will try again after the 401.
    let clicks = Arc::clone(&core.edge.clicks);
    let finding = async move { clicks.find(click_id).await };
    let found = elsewhere::read(&core.edge.runtime, finding).await;
    let Some(Ok(Found::Click(record))) = found else {
        return None;
    };
    let Ok(Fact::Clicked(click)) = Fact::read(&record.logged()) else {
        return None;
    };
    let offer = click.sent.map(|s| s.offer).or(click.wanted_offer)?;
    Some(catalog.offers.get(&offer)?.body.advertiser_id)
}

/// Whether the canonical signature is the advertiser's: method, host, path, sorted parameters of query and body
/// without `sig`, timestamp, one a line. Sorting loses the order, so no field may come twice.
fn is_signed<L: Append>(
    core: &Core<L>,
    id: AdvertiserId,
    advertiser: &Advertiser,
    arrived: &Arrived<'_>,
) -> bool {
    let inbound = arrived.inbound;
    let now_s = core.edge.clock.now().0 / 1000;
    let is_fresh = inbound
        .ts
        .parse::<u64>()
        .is_ok_and(|ts| ts.abs_diff(now_s) <= SIGNATURE_SKEW_S);
    if !is_fresh || inbound.is_repetitive {
        return false;
    }
    let mut pairs: Vec<&(String, String)> = inbound
        .pairs
        .iter()
        .filter(|(name, _)| name != "sig")
        .collect();
    pairs.sort();
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs.iter().map(|(name, value)| (name, value)))
        .finish();
    let [method, host, path] = arrived.signed;
    let base = format!("{method}\n{host}\n{path}\n{query}\n{}", inbound.ts);
    versions(core, advertiser).any(|version| {
        let secret = core.edge.secrets.token(TokenKind::Hmac, id, version);
        is_signature(&secret, base.as_bytes(), &inbound.sig)
    })
}

/// The click id, when its signature is the tenant's.
fn genuine<L: Append>(core: &Core<L>, tenant: TenantId, text: &str) -> Option<ClickId> {
    let unverified = ClickId::read_unverified(text).ok()?;
    if unverified.parts().tenant != tenant.0 {
        return None;
    }
    let key = core
        .edge
        .secrets
        .click_key(tenant, unverified.parts().key_number);
    match unverified.verify(&key) {
        Ok(id) => Some(id),
        Err(ClickIdError::BadMac | ClickIdError::Malformed) => {
            metrics::counter!(telemetry::UNAUTHENTICATED_TOTAL, "reason" => "bad_mac").increment(1);
            None
        }
    }
}

/// Writes the fact and waits for the verdict, no longer than the deadline.
async fn record<L: Append>(core: &Core<L>, arrived: &Arrived<'_>, sender: &Sender) -> Received {
    let now = core.edge.clock.now();
    let key = core.keys(sender.tenant, now).click;
    let received_id = core.mint(sender.tenant, &key, now);
    let received = ConversionReceived {
        received_id,
        ..received(core, arrived.inbound, sender, now)
    };
    let Ok(waiting) = core.edge.mesh.verdicts().expect(received_id) else {
        return Received::Unavailable(AppendError::Overloaded);
    };
    let appended = append(core, arrived, sender, &received, now).await;
    if let Err(error) = appended {
        return Received::Unavailable(error);
    }
    let deadline: Duration = core.edge.options.verdict_deadline;
    match tokio::time::timeout(deadline, waiting).await {
        Ok(Some(verdict)) => Received::Judged(verdict),
        Ok(None) | Err(_) => Received::Accepted(received_id),
    }
}

fn append<L: Append>(
    core: &Core<L>,
    arrived: &Arrived<'_>,
    sender: &Sender,
    received: &ConversionReceived,
    now: UnixMs,
) -> L::Appending {
    let private = ReceivedPrivate {
        ip: Some(truncate(arrived.address)),
        adv: arrived.inbound.adv.clone(),
        raw: arrived.inbound.raw.clone(),
    };
    let (mut open, mut private_bytes) = (Vec::new(), Vec::new());
    received.write(&mut open);
    private.write(&mut private_bytes);
    core.lane.append(&Record {
        tenant: sender.tenant,
        at: now,
        kind: Kind::ConversionReceived.code(),
        version: ConversionReceived::VERSION,
        click_id: None,
        open: &open,
        private_key: 0,
        private: &private_bytes,
        texts: ["", ""],
    })
}

/// The fact of a postback, but for its id.
fn received<L: Append>(
    core: &Core<L>,
    inbound: &Inbound,
    sender: &Sender,
    now: UnixMs,
) -> ConversionReceived {
    let click_id = genuine(core, sender.tenant, &inbound.click_id);
    let mut warnings = Vec::new();
    let clicked_at = click_id.map_or(0, |id| id.parts().ms + EPOCH_MS);
    let occurred_at = occurred_at(&inbound.time, now, clicked_at);
    let occurred_at = match occurred_at {
        Ok(at) if at.is_none() || sender.auth.is_authenticated() => at,
        Ok(_) => {
            warnings.push(Warning::TimeIgnored);
            None
        }
        Err(BadTime) => {
            warnings.push(Warning::BadTime);
            None
        }
    };
    ConversionReceived {
        received_id: ClickId::from_bytes([0; 20]),
        advertiser: Some(sender.advertiser),
        click_id,
        auth: sender.auth,
        occurred_at,
        event: inbound.event.clone(),
        txid: inbound.txid.clone(),
        amount: inbound.amount.clone(),
        currency: inbound.currency.clone(),
        status: inbound.status.to_ascii_lowercase(),
        warnings,
    }
}

/// A `time` that cannot be used.
struct BadTime;

/// RFC 3339 or Unix seconds; between the click and now, at most 90 days back.
fn occurred_at(text: &str, now: UnixMs, clicked_at: u64) -> Result<Option<UnixMs>, BadTime> {
    if text.is_empty() {
        return Ok(None);
    }
    let ms = match text.parse::<u64>() {
        Ok(seconds) => seconds.checked_mul(1000).ok_or(BadTime)?,
        Err(_) => UnixMs::parse_rfc3339(text).ok_or(BadTime)?.0,
    };
    // Seconds are coarser than the click's milliseconds: the second of the click is not before it.
    let is_between = ms.saturating_add(999) >= clicked_at && ms <= now.0;
    let is_recent = now.0.saturating_sub(ms) <= OLDEST_TIME_MS;
    (is_between && is_recent)
        .then_some(Some(UnixMs(ms)))
        .ok_or(BadTime)
}

/// The answer of `/postback`.
pub(super) fn answer(received: &Received, public_url: &str) -> Answer {
    count(received);
    match received {
        Received::Judged(verdict) => respond::json(StatusCode::OK, &body(verdict)),
        Received::Accepted(id) => {
            let url = format!("{public_url}/postback/status/{id}");
            let body = serde_json::json!({"outcome": "accepted", "received_id": id.to_string(), "status_url": url});
            respond::json(StatusCode::ACCEPTED, &body)
        }
        Received::Unreadable(what) => unreadable(what),
        Received::BodyRefused(why) => why.answer(),
        Received::Unauthenticated => {
            let title = "the token, key or signature is not the advertiser's, or the address is not allowed";
            respond::problem(StatusCode::UNAUTHORIZED, "bad_token", title, &[])
        }
        Received::TooMany(seconds) => respond::too_many(*seconds),
        Received::Unavailable(error) => respond::unavailable(respond::code_of(*error)),
    }
}

/// The answer of `/px`: always the pixel.
pub(super) fn pixel(received: &Received) -> Answer {
    count(received);
    match received {
        Received::Judged(verdict) => match verdict.reason {
            Some(reason) => respond::pixel(&format!("{}; reason={reason}", verdict.outcome)),
            None => respond::pixel(verdict.outcome.as_str()),
        },
        Received::Accepted(_) => respond::pixel("accepted"),
        Received::Unreadable(what) => respond::pixel(&format!("unreadable; field={}", what.field)),
        Received::BodyRefused(why) => respond::pixel(&format!("unreadable; code={}", why.code)),
        Received::Unauthenticated => respond::pixel("bad_token"),
        Received::TooMany(_) => respond::pixel("rate_limit"),
        Received::Unavailable(error) => {
            respond::pixel(&format!("unavailable; code={}", respond::code_of(*error)))
        }
    }
}

/// Counts what became of a postback, the same at both doors.
fn count(received: &Received) {
    let answer = match received {
        Received::Judged(_) => "verdict",
        Received::Accepted(_) => "accepted",
        Received::Unreadable(Unreadable { field: why, .. })
        | Received::BodyRefused(BodyRefused { code: why, .. }) => {
            telemetry::bad_request(why);
            "unreadable"
        }
        Received::Unauthenticated => {
            metrics::counter!(telemetry::UNAUTHENTICATED_TOTAL, "reason" => "bad_token")
                .increment(1);
            "bad_token"
        }
        Received::TooMany(_) => {
            telemetry::too_many();
            "rate_limit"
        }
        Received::Unavailable(error) => {
            telemetry::shed(*error);
            "unavailable"
        }
    };
    metrics::counter!(telemetry::POSTBACKS_TOTAL, "answer" => answer).increment(1);
}

/// The answer to a postback that cannot be read.
fn unreadable(what: &Unreadable) -> Answer {
    let field = FieldProblem {
        field: what.field,
        message: &what.message,
    };
    respond::problem(
        StatusCode::BAD_REQUEST,
        "bad_request",
        "the postback cannot be read",
        &[field],
    )
}

fn body(verdict: &Verdict) -> VerdictBody<'_> {
    VerdictBody {
        outcome: verdict.outcome.as_str(),
        status: verdict.status.map(|s| s.as_str()),
        reason: verdict.reason.map(|r| r.as_str()),
        conversion_id: verdict.conversion_id.map(|id| id.to_string()),
        warnings: verdict.warnings.iter().map(|w| w.as_str()).collect(),
    }
}

/// `/postback/status/{received_id}`: the verdict, or that there is none yet.
pub(super) async fn status<L: Append>(core: &Core<L>, text: &str) -> Answer {
    let unverified = ClickId::read_unverified(text).ok();
    let tenant = unverified.map(|u| TenantId(u.parts().tenant));
    let id = tenant.and_then(|tenant| Some((tenant, genuine(core, tenant, text)?)));
    let Some((tenant, id)) = id else {
        return respond::problem(StatusCode::NOT_FOUND, "not_found", "no such postback", &[]);
    };
    let reports = Arc::clone(&core.edge.reports);
    let asking = async move { reports.verdict(tenant, id).await };
    let Some(answered) = elsewhere::read(&core.edge.runtime, asking).await else {
        return respond::unavailable("store_unavailable");
    };
    match answered {
        Ok(Some(row)) => respond::json(StatusCode::OK, &body(&row.verdict)),
        Ok(None) => {
            let body = serde_json::json!({"outcome": "accepted", "received_id": text});
            respond::json(StatusCode::ACCEPTED, &body)
        }
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "status of a postback cannot be read"
            );
            respond::unavailable("store_unavailable")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_must_lie_between_the_click_and_now() {
        let now = UnixMs(1_800_000_000_000);
        let clicked = 1_799_999_000_500;
        let cases = [
            ("", Some(None)),
            ("1799999500", Some(Some(1_799_999_500_000))),
            ("1799999000", Some(Some(1_799_999_000_000))),
            ("1799998999", None),
            ("1800000001", None),
            ("yesterday", None),
            ("2027-01-15T07:58:20Z", Some(Some(1_799_999_900_000))),
        ];
        for (text, expect) in cases {
            let got = occurred_at(text, now, clicked)
                .ok()
                .map(|at| at.map(|ms| ms.0));
            assert_eq!(got, expect, "{text}");
        }
        assert!(
            occurred_at("1700000000", now, 0).is_err(),
            "more than 90 days back"
        );
    }
}
