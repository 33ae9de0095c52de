//! The engine's closed lists of words as types of the OpenAPI document: each list stands in one place.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;
use weir_engine::{catalog, fact, judge, ledger, visitor};

macro_rules! word_types {
    ($($name:ident = $word:ty, $what:literal;)*) => {$(
        #[doc = $what]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub $word);

        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Reference(stringify!($name).to_owned())
            }

            fn register(registry: &mut Registry) {
                registry.create_schema::<Self, _>(stringify!($name).to_owned(), |_| {
                    let words = <$word>::ALL.iter().map(|word| word.as_str().into());
                    MetaSchema {
                        description: Some($what),
                        enum_items: words.collect(),
                        ..MetaSchema::new("string")
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

        impl ParseFromJSON for $name {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                let value = value.unwrap_or_default();
                let word = value.as_str().and_then(|text| text.parse().ok());
                word.map(Self).ok_or_else(|| ParseError::expected_type(value))
            }
        }

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                Some(self.0.as_str().into())
            }
        }
    )*};
}

word_types! {
    Liveness = catalog::Liveness, "Whether it is in use.";
    PostbackAuth = catalog::PostbackAuth, "How postbacks prove that they are the advertiser's.";
    TxidScope = catalog::TxidScope, "Within which bounds a transaction id is unique.";
    AffiliateStatus = catalog::AffiliateStatus, "Where an affiliate stands.";
    Repeat = catalog::Repeat, "What a second conversion with the same identity is.";
    OfferStatus = catalog::OfferStatus, "Whether an offer takes clicks.";
    Visibility = catalog::Visibility, "Which affiliates may run an offer.";
    DefaultStatus = catalog::DefaultStatus, "Status of an authenticated conversion that names none.";
    CapMetric = catalog::CapMetric, "What a cap counts.";
    CapPeriod = catalog::CapPeriod, "When a cap starts again, in its zone.";
    CapLevel = catalog::CapLevel, "What a cap counts together.";
    OnCap = catalog::OnCap, "What later clicks get when a cap is reached.";
    OverCap = catalog::OverCap, "What conversions of clicks sent before get when a cap is reached.";
    ReferrerPolicy = catalog::ReferrerPolicy, "What the destination learns of where the visitor came from.";
    TermsStatus = catalog::TermsStatus, "Whether an affiliate may run an offer.";
    DistributionMode = catalog::DistributionMode, "How a distribution gives out clicks.";
    FlowKind = catalog::FlowKind, "When a flow is looked at.";
    CostModel = catalog::CostModel, "How the cost of a click is known.";
    ConversionStatus = fact::ConversionStatus, "Where a conversion stands.";
    ConversionReason = judge::ConversionReason, "Why a conversion is rejected, or pending.";
    Outcome = judge::Outcome, "What became of a postback.";
    Warning = fact::Warning, "What was odd about a postback without deciding its verdict.";
    AccountKind = ledger::AccountKind, "What an account stands for.";
    TransferKind = ledger::TransferKind, "What made a transfer.";
    DeviceType = visitor::DeviceType, "The kind of a device.";
    BotClass = visitor::BotClass, "What kind of bot a click is of.";
    ClickOutcome = fact::ClickOutcome, "Where a click was sent.";
    ClickReason = fact::ClickReason, "Why a click was not sent to an offer.";

}
