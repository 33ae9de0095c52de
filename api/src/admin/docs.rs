//! The OpenAPI document, its page, and the pages of errors.

use std::collections::HashMap;
use std::marker::PhantomData;

use poem::endpoint::BoxEndpoint;
use poem::http::{Method, StatusCode};
use poem::web::Html;
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Value, json};
use weir_engine::catalog::propose::Scope;

use crate::problem::Code;

/// A style sheet that the page would load from elsewhere; it does without.
const FOREIGN_STYLE: &str = r#"<link href="https://fonts.googleapis.com/css2?family=Open+Sans:wght@300;600&family=Roboto+Mono&display=swap" rel="stylesheet">"#;

/// Operations that are documented but not carried out.
struct Documented<A>(PhantomData<fn() -> A>);

impl<A: OpenApi> OpenApi for Documented<A> {
    fn meta() -> Vec<MetaApi> {
        A::meta()
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

fn service<A: OpenApi>() -> OpenApiService<Documented<A>, ()> {
    OpenApiService::new(
        Documented(PhantomData),
        "Weir admin API",
        env!("CARGO_PKG_VERSION"),
    )
    .description(introduction())
}

/// The document of operations as JSON.
pub(super) fn document<A: OpenApi>() -> String {
    let spec = service::<A>().spec();
    // What the framework wrote is JSON; if ever not, the document is as it wrote it.
    let Ok(mut document) = serde_json::from_str::<Value>(&spec) else {
        return spec;
    };
    if let Some(paths) = document["paths"].as_object_mut() {
        for operations in paths.values_mut().filter_map(Value::as_object_mut) {
            for (method, operation) in operations {
                add_headers(method, operation);
            }
        }
    }
    refuse_unknown_fields(&mut document);
    format!("{document:#}")
}

/// Headers that every operation understands.
fn add_headers(method: &str, operation: &mut Value) {
    let header = |name: &str, what: &str| {
        json!({
            "name": name, "in": "header", "required": false, "description": what, "schema": {"type": "string"},
        })
    };
    let mut headers = vec![header("X-Tenant", "The tenant, with the operator's key.")];
    if method == "post" {
        let what =
            "Makes a repetition safe: the same key and body get the first answer, for 24 hours.";
        let mut key = header("Idempotency-Key", what);
        key["schema"] =
            json!({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"});
        headers.push(key);
    }
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.extend(headers),
        None => operation["parameters"] = headers.into(),
    }
}

/// Bodies that come in may have no fields but those that are documented.
fn refuse_unknown_fields(document: &mut Value) {
    let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for (name, schema) in schemas {
        let is_input = ["Draft", "Patch", "Query", "Simulation"]
            .iter()
            .any(|end| name.ends_with(end));
        if is_input && schema["properties"].is_object() {
            schema["additionalProperties"] = false.into();
        }
    }
}

/// What stands at the top of the document.
fn introduction() -> String {
    let scopes: Vec<String> = Scope::ALL
        .iter()
        .map(|scope| format!("`{scope}`"))
        .collect();
    format!(
        "Every answer has an `X-Request-Id`; every error is a problem (RFC 9457) with a `code`. Amounts are decimal \
         strings in major units, times are RFC 3339 in UTC, lists go by cursors and are newest first. `ETag` and \
         `If-Match` guard changes, `Idempotency-Key` repetitions of POST (answers are kept 24 hours in memory).\n\n\
         Scopes of keys: {}; `*` is everything of the tenant.",
        scopes.join(", ")
    )
}

/// The page that shows the document, with nothing loaded from elsewhere.
pub(super) fn page<A: OpenApi>(document: &str) -> String {
    let service = service::<A>();
    // In a script, `</` would end it.
    let document = document.replace("</", "<\\/");
    service
        .rapidoc_html()
        .replace(FOREIGN_STYLE, "")
        .replace(&service.spec(), &document)
}

/// The page of an error.
pub(super) fn error_page(code: &str) -> Response {
    let Some(code) = Code::ALL.iter().find(|c| c.as_str() == code) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    Html(format!(
        "<!doctype html><title>{code}</title><h1>{}</h1><p><code>{code}</code>, HTTP {}</p><p>{}</p>",
        code.title(),
        code.status().as_u16(),
        code.explanation(),
    ))
    .into_response()
}
