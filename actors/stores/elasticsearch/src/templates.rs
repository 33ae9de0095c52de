//! Settings and fields of the indices: explicit and strict, so that no type is ever guessed.

use elasticsearch::http::Method;
use serde_json::{Map, Value, json};
use weir_engine::ports::SearchError;
use weir_engine::search::{AmountField, DocumentKind, FlagField, SearchField};

use crate::client::Client;
use crate::control;
use crate::names::Names;
use crate::options::{Options, Replicas};

/// Version of what stands here; a newer one replaces an older.
const VERSION: u32 = 1;
/// Longer words are kept in the document, and not found by.
const WORD_MOST: u32 = 1_024;

fn word() -> Value {
    json!({"type": "keyword", "ignore_above": WORD_MOST})
}

/// Kept, shown, never asked by.
fn kept(kind: &str) -> Value {
    json!({"type": kind, "index": false, "doc_values": false})
}

fn time() -> Value {
    json!({"type": "date", "format": "epoch_millis"})
}

/// Fields of a kind of documents.
fn properties(kind: DocumentKind) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    put("tenant", json!({"type": "keyword"}));
    put("seq", json!({"type": "long"}));
    put("offer_version", json!({"type": "long"}));
    put("ip", json!({"type": "ip"}));
    put("user_agent", json!({"type": "text"}));
    // A host is one word for the standard analyser; the simple one cuts it at its dots.
    put(
        "referrer",
        json!({"type": "text", "fields": {"parts": {"type": "text", "analyzer": "simple"}}}),
    );
    for field in SearchField::ALL.iter().filter(|f| f.is_of(kind)) {
        put(field.as_str(), word());
    }
    for flag in FlagField::ALL.iter().filter(|f| f.is_of(kind)) {
        put(flag.as_str(), json!({"type": "boolean"}));
    }
    for amount in AmountField::ALL.iter().filter(|f| f.is_of(kind)) {
        put(&format!("{amount}_micros"), json!({"type": "long"}));
        // Sums are made of doubles: of these two parts they are exact.
        put(
            &format!("{amount}_units"),
            json!({"type": "long", "index": false}),
        );
        put(
            &format!("{amount}_rest"),
            json!({"type": "integer", "index": false}),
        );
    }
    match kind {
        DocumentKind::Clicks => {
            put("at", time());
            put("propensity", json!({"type": "double"}));
        }
        DocumentKind::Conversions => {
            for name in ["clicked_at", "converted_at", "booked_at"] {
                put(name, time());
            }
            put("changed_seq", json!({"type": "long"}));
            put("note", kept("keyword"));
            put("rule_id", kept("keyword"));
        }
    }
    fields
}

fn settings(options: &Options) -> Value {
    let mut settings = json!({
        "number_of_shards": options.shards,
        "refresh_interval": options.refresh_interval,
        "mapping.total_fields.limit": 500,
    });
    match options.replicas {
        Replicas::Auto => settings["auto_expand_replicas"] = "0-1".into(),
        Replicas::Fixed(replicas) => settings["number_of_replicas"] = replicas.into(),
    }
    settings
}

fn template(names: &Names, options: &Options, kind: DocumentKind) -> Value {
    json!({
        "index_patterns": [names.pattern(kind)],
        "priority": 500,
        "version": VERSION,
        "_meta": {"made_by": "weir"},
        "template": {
            "settings": {"index": settings(options)},
            "mappings": {"dynamic": "strict", "properties": properties(kind)},
        },
    })
}

/// The index of control documents: nothing in them is searched by.
pub(crate) fn control(options: &Options) -> Value {
    let mut settings = settings(options);
    settings["number_of_shards"] = 1.into();
    json!({
        "settings": {"index": settings},
        "mappings": {"dynamic": "strict", "properties": {"body": {"type": "object", "enabled": false}}},
    })
}

/// Puts the templates, and adds fields that are new to indices that are there.
pub(crate) async fn put(
    client: &Client,
    names: &Names,
    options: &Options,
) -> Result<(), SearchError> {
    for kind in DocumentKind::ALL.iter().copied() {
        let path = format!("/_index_template/{}", names.alias(kind));
        let body = template(names, options, kind);
        client
            .send(Method::Put, &path, &[], &body)
            .await?
            .accepted()?;
        let path = format!("/{}/_mapping", names.pattern(kind));
        let body = json!({"properties": properties(kind)});
        let added = client.send(Method::Put, &path, &[], &body).await?.found();
        match added {
            Err(SearchError::Refused(_)) => add_to_each(client, names, kind, &body).await?,
            other => drop(other?),
        }
    }
    Ok(())
}

/// Adds fields index by index: one that somebody made otherwise keeps no other from them. Its documents that do not fit
/// are poison, and the rest of them are written.
async fn add_to_each(
    client: &Client,
    names: &Names,
    kind: DocumentKind,
    body: &Value,
) -> Result<(), SearchError> {
    for name in control::indices(client, names).await?.into_keys() {
        if names.read(&name).is_none_or(|monthly| monthly.kind != kind) {
            continue;
        }
        let path = format!("/{name}/_mapping");
        match client.send(Method::Put, &path, &[], body).await?.found() {
            Err(SearchError::Refused(reason)) => {
                tracing::error!(
                    index = name,
                    reason,
                    "somebody made an index with fields of other types"
                );
            }
            other => drop(other?),
        }
    }
    Ok(())
}
