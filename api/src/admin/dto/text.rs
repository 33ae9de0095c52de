//! Texts with a form: ids, amounts, times. What has the form is the engine's to say; here it is documented.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;

macro_rules! text_types {
    ($($name:ident $format:literal $pattern:expr, $example:literal, $what:literal;)*) => {$(
        #[doc = $what]
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(pub String);

        impl<T: std::fmt::Display> From<T> for $name {
            fn from(value: T) -> Self {
                Self(value.to_string())
            }
        }

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
                    let pattern: &str = $pattern;
                    MetaSchema {
                        description: Some($what),
                        pattern: (!pattern.is_empty()).then(|| pattern.to_owned()),
                        example: Some($example.into()),
                        ..MetaSchema::new_with_format("string", $format)
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
                match value.unwrap_or_default() {
                    Value::String(text) => Ok(Self(text)),
                    other => Err(ParseError::expected_type(other)),
                }
            }
        }

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                Some(self.0.clone().into())
            }
        }
    )*};
}

text_types! {
    Amount "decimal" r"^-?[0-9]{1,13}(\.[0-9]{1,6})?$", "12.50", "An amount in major units of its currency.";
    Percentage "decimal" r"^[0-9]{1,3}(\.[0-9]{1,6})?$", "10", "A percentage.";
    CurrencyCode "iso-4217" "^[A-Z]{3}$", "USD", "An ISO 4217 currency code.";
    Time "date-time" "", "2026-03-29T12:00:00.000Z", "A time, RFC 3339 in UTC.";
    Zone "iana-time-zone" "", "Europe/Berlin", "An IANA time zone.";
    TenantId "id" "^ten_[0-9a-hjkmnp-tv-z]{1,26}$", "ten_1", "Id of a tenant.";
    AdvertiserId "id" "^adv_[0-9a-hjkmnp-tv-z]{1,26}$", "adv_4000002", "Id of an advertiser.";
    AffiliateId "id" "^aff_[0-9a-hjkmnp-tv-z]{1,26}$", "aff_4000003", "Id of an affiliate.";
    OfferId "id" "^off_[0-9a-hjkmnp-tv-z]{1,26}$", "off_4000004", "Id of an offer.";
    CampaignId "id" "^cmp_[0-9a-hjkmnp-tv-z]{1,26}$", "cmp_4000006", "Id of a campaign.";
    ArmId "id" "^arm_[0-9a-hjkmnp-tv-z]{1,26}$", "arm_4000007", "Id of an arm; survives edits.";
    FlowId "id" "^flw_[0-9a-hjkmnp-tv-z]{1,26}$", "flw_4000008", "Id of a flow; survives edits.";
    GoalId "id" "^gol_[0-9a-hjkmnp-tv-z]{1,26}$", "gol_4000009", "Id of a goal; survives edits.";
    DomainId "id" "^dom_[0-9a-hjkmnp-tv-z]{1,26}$", "dom_400000a", "Id of a domain.";
    ApiKeyId "id" "^key_[0-9a-hjkmnp-tv-z]{1,26}$", "key_400000b", "Id of an API key.";
    ConversionId "id" "^cnv_[0-9a-hjkmnp-tv-z]{1,26}$", "cnv_4000000000000000000000000a", "Id of a conversion.";
    ClickId "id" "^[0-9A-Za-z]{32}$", "20000jm4v2e0000g4000f0e0v8k2a9tz", "Id of a click: 32 characters, in any case.";
}
