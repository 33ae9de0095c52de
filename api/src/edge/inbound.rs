//! A postback as its sender wrote it: query, form or JSON body, by canonical names and aliases.
//!
//! Always true: the canonical name wins over an alias, the query over the body; secrets are masked in what is
//! kept of the raw text; what cannot be read is refused with the field. Not here: who sent it, what it means.

use std::collections::BTreeMap;

use super::params::{MAX_PARAMETERS, MAX_VALUE, cut};

/// Deepest JSON body.
pub(super) const MAX_DEPTH: usize = 32;
/// Longest raw text kept.
const MAX_RAW: usize = 2_048;
/// Parameters that are secrets.
const SECRETS: [&str; 3] = ["token", "sig", "key"];

/// The fields of a postback; empty = not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Inbound {
    pub(super) click_id: String,
    pub(super) amount: String,
    pub(super) currency: String,
    pub(super) status: String,
    pub(super) event: String,
    pub(super) txid: String,
    pub(super) time: String,
    pub(super) token: String,
    pub(super) sig: String,
    pub(super) ts: String,
    pub(super) key: String,
    /// `adv1` to `adv10`.
    pub(super) adv: BTreeMap<String, String>,
    /// Query and body with secrets masked.
    pub(super) raw: String,
    /// All pairs of query and body as sent, for the signature.
    pub(super) pairs: Vec<(String, String)>,
    /// Whether a field came more than once, so that their order decides.
    pub(super) is_repetitive: bool,
}

/// Why a postback cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) field: &'static str,
    pub(super) message: String,
}

/// How the body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    None,
    Form,
    Json,
}

impl BodyKind {
    /// By the content type; a body without one is a form.
    pub(super) fn of(content_type: Option<&str>) -> Self {
        let essence = content_type.map(|t| t.split(';').next().unwrap_or("").trim());
        match essence {
            Some(t) if t.eq_ignore_ascii_case("application/json") => Self::Json,
            _ => Self::Form,
        }
    }
}

impl Inbound {
    /// Reads query and body.
    pub(super) fn read(query: &str, kind: BodyKind, body: &[u8]) -> Result<Self, Unreadable> {
        let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        match kind {
            BodyKind::None => {}
            BodyKind::Form => pairs.extend(form_urlencoded::parse(body).into_owned()),
            BodyKind::Json => pairs.extend(json_pairs(body)?),
        }
        if pairs.len() > MAX_PARAMETERS {
            let message = format!("more than {MAX_PARAMETERS} parameters");
            return Err(Unreadable {
                field: "query",
                message,
            });
        }
        let mut inbound = Self {
            raw: masked(&pairs),
            ..Self::default()
        };
        for is_canonical in [true, false] {
            for (name, value) in &pairs {
                inbound.put(name, value, is_canonical);
            }
        }
        inbound.pairs = pairs;
        Ok(inbound)
    }

    fn put(&mut self, name: &str, value: &str, is_canonical: bool) {
        let field = match canonical(name) {
            Some((canonical, is_its_name)) if is_its_name == is_canonical => self.field(canonical),
            None if is_canonical && is_adv(name) => self.adv.entry(name.to_owned()).or_default(),
            _ => return,
        };
        if field.is_empty() {
            *field = cut(value.into()).into_owned();
        } else {
            self.is_repetitive = true;
        }
    }

    fn field(&mut self, canonical: &str) -> &mut String {
        match canonical {
            "click_id" => &mut self.click_id,
            "amount" => &mut self.amount,
            "currency" => &mut self.currency,
            "status" => &mut self.status,
            "event" => &mut self.event,
            "txid" => &mut self.txid,
            "time" => &mut self.time,
            "token" => &mut self.token,
            "sig" => &mut self.sig,
            "ts" => &mut self.ts,
            _ => &mut self.key,
        }
    }
}

/// The canonical name of a parameter, and whether it is written so.
fn canonical(name: &str) -> Option<(&'static str, bool)> {
    let canonical = match name {
        "click_id" | "clickid" | "transaction_id" | "cid" | "subid" => "click_id",
        "amount" | "payout" | "sum" | "revenue" => "amount",
        "txid" | "order_id" | "tid" => "txid",
        "event" | "goal" | "et" => "event",
        "currency" => "currency",
        "status" => "status",
        "time" => "time",
        "token" => "token",
        "sig" => "sig",
        "ts" => "ts",
        "key" => "key",
        _ => return None,
    };
    Some((canonical, canonical == name))
}

fn is_adv(name: &str) -> bool {
    let number = name.strip_prefix("adv").and_then(|n| n.parse::<u8>().ok());
    number.is_some_and(|n| (1..=10).contains(&n))
}

/// A flat JSON object as pairs; nested values are passed over, numbers and booleans as they are written.
fn json_pairs(body: &[u8]) -> Result<Vec<(String, String)>, Unreadable> {
    let refuse = |message: String| Unreadable {
        field: "body",
        message,
    };
    if depth_of(body) > MAX_DEPTH {
        return Err(refuse(format!("JSON nested deeper than {MAX_DEPTH}")));
    }
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(body).map_err(|_| refuse("not a JSON object".to_owned()))?;
    let text = |value| match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    };
    Ok(object
        .into_iter()
        .filter_map(|(name, value)| Some((name, text(value)?)))
        .collect())
}

/// How deep brackets are nested; those in strings count too, which only makes the limit stricter.
pub(super) fn depth_of(body: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut deepest = 0;
    for byte in body {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The pairs as a query with secrets masked and long values cut.
fn masked(pairs: &[(String, String)]) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        let is_secret = SECRETS.contains(&name.as_str());
        let shown = if is_secret { "***" } else { value.as_str() };
        out.append_pair(
            &cut(name.into()),
            &shown[..shown.floor_char_boundary(MAX_VALUE)],
        );
    }
    let mut raw = out.finish();
    raw.truncate(raw.floor_char_boundary(MAX_RAW));
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Inbound {
        Inbound::read(query, BodyKind::None, b"").unwrap()
    }

    #[test]
    fn query_form_and_json_say_the_same() {
        let expect = |i: &Inbound| {
            assert_eq!((&*i.click_id, &*i.amount, &*i.txid), ("c1", "12.50", "t1"));
        };
        expect(&read("click_id=c1&amount=12.50&txid=t1"));
        let form = b"click_id=c1&amount=12.50&txid=t1";
        expect(&Inbound::read("", BodyKind::Form, form).unwrap());
        let json = br#"{"click_id":"c1","amount":"12.50","txid":"t1"}"#;
        expect(&Inbound::read("", BodyKind::Json, json).unwrap());
        let number = br#"{"click_id":"c1","amount":12.50,"txid":"t1","extra":{"a":[1]}}"#;
        assert_eq!(
            Inbound::read("", BodyKind::Json, number).unwrap().amount,
            "12.5"
        );
    }

    #[test]
    fn aliases_are_understood_and_the_canonical_name_wins() {
        let inbound = read("subid=c2&sum=3&tid=t2&goal=lead&adv1=x&adv11=no");
        assert_eq!((&*inbound.click_id, &*inbound.amount), ("c2", "3"));
        assert_eq!((&*inbound.txid, &*inbound.event), ("t2", "lead"));
        assert_eq!(inbound.adv.len(), 1);
        assert_eq!(read("payout=1&amount=2").amount, "2");
        let both = Inbound::read("amount=1", BodyKind::Form, b"amount=2").unwrap();
        assert_eq!(both.amount, "1", "the query wins over the body");
    }

    #[test]
    fn secrets_are_masked_in_the_raw_text() {
        let raw = read("click_id=c&token=s3cr3t&sig=abc&key=k3y").raw;
        assert_eq!(raw, "click_id=c&token=***&sig=***&key=***");
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_field() {
        let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
        for body in ["[1]", "{", "\"x\"", &format!("{{\"a\":{deep}}}")] {
            let refused = Inbound::read("", BodyKind::Json, body.as_bytes()).unwrap_err();
            assert_eq!(refused.field, "body", "{body}");
        }
        let many = "a=1&".repeat(65);
        assert_eq!(
            Inbound::read(&many, BodyKind::None, b"").unwrap_err().field,
            "query"
        );
    }
}
