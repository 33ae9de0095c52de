//! Selections as queries. Everything is a filter: nothing is scored, and the tenant is always one of them.

use serde_json::{Value, json};
use weir_engine::ids::TenantId;
use weir_engine::search::{
    DocumentKind, Filter, SearchField, Selection, TextField, TimeBasis, sub_fields,
};

/// The field of the time that counts.
pub(crate) fn time_field(selection: &Selection) -> &'static str {
    match (selection.of, selection.basis) {
        (DocumentKind::Clicks, _) => "at",
        (DocumentKind::Conversions, TimeBasis::Click) => "clicked_at",
        (DocumentKind::Conversions, TimeBasis::Conversion) => "converted_at",
        (DocumentKind::Conversions, TimeBasis::Booking) => "booked_at",
    }
}

/// The query of a selection of `tenant`.
pub(crate) fn of_selection(tenant: TenantId, selection: &Selection) -> Value {
    let mut all = vec![json!({"term": {"tenant": tenant}})];
    if selection.from.is_some() || selection.to.is_some() {
        // The same kind of value at both ends: newer servers refuse a mix.
        let mut range = json!({"format": "epoch_millis"});
        if let Some(from) = selection.from {
            range["gte"] = from.0.into();
        }
        if let Some(to) = selection.to {
            range["lt"] = to.0.into();
        }
        all.push(json!({"range": {time_field(selection): range}}));
    }
    all.extend(selection.filters.iter().map(|f| of_filter(selection.of, f)));
    json!({"bool": {"filter": all}})
}

fn any(queries: Vec<Value>) -> Value {
    json!({"bool": {"should": queries, "minimum_should_match": 1}})
}

fn not(query: Value) -> Value {
    json!({"bool": {"must_not": [query]}})
}

fn of_filter(of: DocumentKind, filter: &Filter) -> Value {
    match filter {
        Filter::OneOf(field, values) => one_of(*field, values),
        Filter::NoneOf(field, values) => not(one_of(*field, values)),
        Filter::Begins(field, text) => json!({"prefix": {field.as_str(): {"value": text}}}),
        Filter::Is(flag, value) => json!({"term": {flag.as_str(): value}}),
        Filter::Between(amount, least, most) => {
            let mut range = json!({});
            if let Some(least) = least {
                range["gte"] = least.0.into();
            }
            if let Some(most) = most {
                range["lte"] = most.0.into();
            }
            json!({"range": {format!("{amount}_micros"): range}})
        }
        Filter::Words(TextField::UserAgent, words) => all_words("user_agent", words),
        Filter::Words(TextField::Referrer, words) => any(referrer(words)),
        Filter::AnyWords(words) => {
            let mut fields = referrer(words);
            fields.push(all_words("user_agent", words));
            any(fields)
        }
        Filter::Network(network) => json!({"term": {"ip": network.to_string()}}),
        Filter::AnyId(ids) => any(id_fields(of)
            .map(|f| json!({"terms": {f.as_str(): ids}}))
            .collect()),
        Filter::AnySub(text) => any(sub_fields()
            .map(|f| json!({"term": {f.as_str(): text}}))
            .collect()),
    }
}

/// Fields that hold an id of one click or conversion.
fn id_fields(of: DocumentKind) -> impl Iterator<Item = SearchField> {
    use SearchField as F;
    let all = [
        F::ClickId,
        F::ConversionId,
        F::ReceivedId,
        F::Txid,
        F::AffClickId,
        F::Gclid,
        F::Gbraid,
        F::Wbraid,
        F::Fbclid,
        F::Ttclid,
        F::Msclkid,
        F::Visitor,
    ];
    all.into_iter().filter(move |f| f.is_of(of))
}

fn one_of(field: SearchField, values: &[Option<String>]) -> Value {
    let name = field.as_str();
    let given: Vec<&String> = values.iter().flatten().collect();
    let terms = json!({"terms": {name: given}});
    let none = not(json!({"exists": {"field": name}}));
    match (given.is_empty(), given.len() < values.len()) {
        (false, false) => terms,
        (true, _) => none,
        (false, true) => any(vec![terms, none]),
    }
}

fn all_words(field: &str, words: &str) -> Value {
    json!({"match": {field: {"query": words, "operator": "and"}}})
}

/// Words of the referrer as they stand, or cut at whatever is no letter.
fn referrer(words: &str) -> Vec<Value> {
    vec![
        all_words("referrer", words),
        all_words("referrer.parts", words),
    ]
}
