//! Limits.

use std::borrow::Cow;

use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;

use super::{Amount, CapLevel, CapMetric, CapPeriod, OnCap, OverCap, Zone};

/// How much a cap allows: a count, or an amount as a decimal string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit(Value);

impl Type for Limit {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "Limit".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference("Limit".to_owned())
    }

    fn register(registry: &mut Registry) {
        Amount::register(registry);
        registry.create_schema::<Self, _>("Limit".to_owned(), |_| {
            let count = MetaSchema {
                minimum: Some(0.0),
                ..MetaSchema::new_with_format("integer", "int64")
            };
            MetaSchema {
                description: Some(
                    "A count of clicks or conversions, or an amount of payout or revenue.",
                ),
                one_of: vec![MetaSchemaRef::Inline(Box::new(count)), Amount::schema_ref()],
                ..MetaSchema::ANY
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for Limit {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Ok(Self(value.unwrap_or_default()))
    }
}

impl ToJSON for Limit {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone())
    }
}

/// A limit, as it is wanted.
#[derive(Debug, Object)]
pub struct CapDraft {
    /// What is counted.
    metric: CapMetric,
    /// When it starts again.
    period: CapPeriod,
    /// How much.
    limit: Limit,
    /// What is counted together.
    level: Option<CapLevel>,
    /// Only this goal; without it a conversion cap counts the base goal, amounts count all.
    goal: Option<String>,
    /// Zone of the period, else the tenant's.
    timezone: Option<Zone>,
    /// Whether it stops anything; a soft cap only alerts. Default true.
    hard: Option<bool>,
    /// What later clicks get. Default `fallback`.
    on_cap: Option<OnCap>,
    /// What conversions of clicks sent before get. Default `reject`.
    over_cap: Option<OverCap>,
}

/// A limit.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Cap {
    /// What is counted.
    metric: CapMetric,
    /// When it starts again.
    period: CapPeriod,
    /// How much.
    limit: Limit,
    /// What is counted together.
    level: CapLevel,
    /// Only this goal; without it a conversion cap counts the base goal, amounts count all.
    goal: Option<String>,
    /// Zone of the period, else the tenant's.
    timezone: Option<Zone>,
    /// Whether it stops anything; a soft cap only alerts.
    hard: bool,
    /// What later clicks get.
    on_cap: OnCap,
    /// What conversions of clicks sent before get.
    over_cap: OverCap,
}
