//! `POST /v1/track/click`: a click without a redirect, for servers.

use std::future::poll_fn;
use std::net::IpAddr;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use weir_actors::PublishedKey;
use weir_engine::ids::{ArmId, TenantId};
use weir_engine::ports::Append;
use weir_engine::visitor::Hints;

use super::click::{self, Person};
use super::core::Core;
use super::inbound::{MAX_DEPTH, depth_of};
use super::params::{ClickParams, cut};
use super::respond::{self, Answer, FieldProblem};
use super::telemetry;

/// What a server says of a click.
#[derive(Debug, Deserialize)]
struct TrackClick {
    link: String,
    ip: IpAddr,
    user_agent: String,
    #[serde(default)]
    referrer: String,
    #[serde(default)]
    language: String,
    /// The rest by the names of click links: aff, sub1.., source, aff_click_id, cost, test.
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
struct Tracked<'a> {
    click_id: String,
    destination: Option<&'a str>,
    arm: Option<ArmId>,
    propensity: f64,
}

/// The scope that this asks of a key.
const SCOPE: &str = "track";

/// Records a click that a server reports.
pub(super) async fn answer<L: Append>(
    core: &Core<L>,
    host: &str,
    key: Option<PublishedKey>,
    body: &[u8],
) -> Answer {
    let Some(key) = key else {
        let title = "give an API key with the scope track: Authorization: Bearer …";
        return respond::problem(StatusCode::UNAUTHORIZED, "unauthorized", title, &[]);
    };
    if !key.scopes.iter().any(|s| s == "*" || s == SCOPE) {
        let title = "the key lacks the scope track";
        return respond::problem(StatusCode::FORBIDDEN, "forbidden", title, &[]);
    }
    let said = match read(body) {
        Ok(said) => said,
        Err(message) => return refused("body", &message),
    };
    let route = core.routes.find(host, &said.link);
    let Some(route) = route.filter(|r| r.tenant.id == key.tenant) else {
        return respond::problem(StatusCode::NOT_FOUND, "not_found", "no such link", &[]);
    };
    let query = query_of(&said);
    let Ok(params) = ClickParams::read(&query) else {
        return refused("body", "too many parameters");
    };
    let (user_agent, referrer) = (cut_text(&said.user_agent), cut_text(&said.referrer));
    let person = Person {
        address: said.ip,
        user_agent,
        hints: Hints::default(),
        referrer,
        language: &said.language,
    };
    let mut recording = click::record(core, &route, &person, &params);
    match poll_fn(|cx| recording.poll_done(core, cx)).await {
        Ok(clicked) => respond::json(StatusCode::OK, &tracked(&clicked, key.tenant)),
        Err(unrecorded) => unrecorded.refused(),
    }
}

fn read(body: &[u8]) -> Result<TrackClick, String> {
    if depth_of(body) > MAX_DEPTH {
        return Err(format!("JSON nested deeper than {MAX_DEPTH}"));
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn tracked(clicked: &click::Clicked, tenant: TenantId) -> Tracked<'_> {
    Tracked {
        click_id: clicked.click_id.to_string(),
        destination: Some(clicked.url.as_str()).filter(|url| !url.is_empty()),
        arm: clicked.arm.map(|arm| ArmId::new(tenant, arm)),
        propensity: clicked.propensity,
    }
}

fn cut_text(text: &str) -> &str {
    &text[..text.floor_char_boundary(1_024)]
}

/// The rest of the body as the query of a click link.
fn query_of(said: &TrackClick) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &said.rest {
        let text = match value {
            serde_json::Value::String(text) => cut(text.as_str().into()).into_owned(),
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::Bool(flag) => flag.to_string(),
            _ => continue,
        };
        query.append_pair(name, &text);
    }
    query.finish()
}

fn refused(field: &'static str, message: &str) -> Answer {
    telemetry::bad_request(field);
    let field = FieldProblem { field, message };
    respond::problem(
        StatusCode::BAD_REQUEST,
        "bad_request",
        "the click cannot be read",
        &[field],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_nested_no_deeper_than_a_postbacks() {
        let nested = |levels: usize| {
            let inner = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            let body =
                format!(r#"{{"link":"x","ip":"203.0.113.9","user_agent":"a","sub1":{inner}}}"#);
            read(body.as_bytes())
        };
        assert!(nested(MAX_DEPTH - 1).is_ok());
        let refused = nested(MAX_DEPTH).err().unwrap_or_default();
        assert!(refused.contains("nested deeper"), "{refused}");
    }
}
