//! What is counted and summed of the documents of a bucket.

use serde_json::{Map, Value, json};
use weir_engine::fact::ConversionStatus;
use weir_engine::money::{Currency, MICROS_PER_UNIT};
use weir_engine::ports::SearchError;
use weir_engine::search::{
    AmountField, CurrencySum, Distinct, DocumentKind, Drilldown, EARNING, Measured,
};

use crate::failure::unexpected;

/// More than there are currencies.
const CURRENCIES: u32 = 400;
/// Up to so many different ones are counted nearly exactly.
const PRECISE: u32 = 3_000;

fn field_of(distinct: Distinct) -> &'static str {
    match distinct {
        Distinct::Visitors => "visitor",
        Distinct::Affiliates => "affiliate_id",
        Distinct::Addresses => "ip",
        Distinct::Clicks => "click_id",
    }
}

/// The aggregations that a bucket needs.
pub(crate) fn wanted(question: &Drilldown) -> Value {
    let mut wanted = Map::new();
    let mut sums = Map::new();
    for amount in question.amounts() {
        let sum = |part: &str| json!({"sum": {"field": format!("{amount}_{part}")}});
        let by_currency = json!({
            "terms": {"field": amount.currency().as_str(), "size": CURRENCIES},
            "aggs": {"units": sum("units"), "rest": sum("rest")},
        });
        sums.insert(amount.to_string(), by_currency);
    }
    match question.selection.of {
        DocumentKind::Clicks => {
            for flag in ["unique", "valid"] {
                wanted.insert(flag.to_owned(), json!({"filter": {"term": {flag: true}}}));
            }
            wanted.extend(sums);
        }
        DocumentKind::Conversions => {
            wanted.insert("statuses".to_owned(), json!({"terms": {"field": "status"}}));
            let earning = EARNING.map(ConversionStatus::as_str);
            let earned = json!({"filter": {"terms": {"status": earning}}, "aggs": sums});
            wanted.insert("earned".to_owned(), earned);
        }
    }
    for distinct in &question.distinct {
        let count =
            json!({"cardinality": {"field": field_of(*distinct), "precision_threshold": PRECISE}});
        wanted.insert(format!("distinct_{distinct}"), count);
    }
    Value::Object(wanted)
}

/// What a bucket of `count` documents says.
pub(crate) fn read(
    question: &Drilldown,
    count: u64,
    bucket: &Value,
) -> Result<Measured, SearchError> {
    let of = question.selection.of;
    let sums = match of {
        DocumentKind::Clicks => bucket,
        DocumentKind::Conversions => &bucket["earned"],
    };
    let mut measured = Measured {
        count,
        ..Measured::default()
    };
    for amount in question.amounts() {
        read_sums(amount, &sums[amount.as_str()], &mut measured.sums)?;
    }
    match of {
        DocumentKind::Clicks => {
            measured.unique = counted(&bucket["unique"])?;
            measured.valid = counted(&bucket["valid"])?;
        }
        DocumentKind::Conversions => {
            for status in buckets(&bucket["statuses"])? {
                let word = status["key"].as_str().and_then(|w| w.parse().ok());
                let word: ConversionStatus = word.ok_or_else(|| unexpected("a known status"))?;
                measured.statuses.push((word, counted(status)?));
            }
            measured.statuses.sort_unstable();
        }
    }
    for distinct in &question.distinct {
        let value = bucket[format!("distinct_{distinct}")]["value"].as_u64();
        let value = value.ok_or_else(|| unexpected("a cardinality"))?;
        measured.distinct.push((*distinct, value));
    }
    Ok(measured)
}

fn read_sums(
    amount: AmountField,
    found: &Value,
    sums: &mut Vec<CurrencySum>,
) -> Result<(), SearchError> {
    let first = sums.len();
    for bucket in buckets(found)? {
        let currency = bucket["key"].as_str().and_then(|c| c.parse().ok());
        let currency: Currency = currency.ok_or_else(|| unexpected("a known currency"))?;
        let (units, rest) = (whole(&bucket["units"])?, whole(&bucket["rest"])?);
        let sum = units * i128::from(MICROS_PER_UNIT) + rest;
        sums.push(CurrencySum {
            amount,
            currency,
            sum,
        });
    }
    sums[first..].sort_unstable_by(|a, b| a.currency.as_str().cmp(b.currency.as_str()));
    Ok(())
}

fn counted(bucket: &Value) -> Result<u64, SearchError> {
    bucket["doc_count"]
        .as_u64()
        .ok_or_else(|| unexpected("a count"))
}

pub(crate) fn buckets(found: &Value) -> Result<&[Value], SearchError> {
    let buckets = found["buckets"].as_array();
    buckets
        .map(Vec::as_slice)
        .ok_or_else(|| unexpected("buckets"))
}

/// A sum of whole numbers. It is made of doubles, and exact below 2^53.
fn whole(sum: &Value) -> Result<i128, SearchError> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let value = sum["value"].as_f64().ok_or_else(|| unexpected("a sum"))?;
    if value.abs() > EXACT || value.fract() != 0.0 {
        return Err(SearchError::Refused(
            "a sum is too large to be exact: ask for less".to_owned(),
        ));
    }
    Ok(value as i128)
}
