//! From JSON to the engine's drafts. What a key's secret is does not come from the client.

use serde::de::DeserializeOwned;
use serde_json::Value;
use weir_engine::catalog::EntityKind;
use weir_engine::catalog::propose::{Draft, FieldError, parse_draft};

/// The draft of an entity that `value` is.
pub(super) fn read(kind: EntityKind, value: Value) -> Result<Draft, Vec<FieldError>> {
    fn of<T: DeserializeOwned>(
        value: Value,
        draft: fn(T) -> Draft,
    ) -> Result<Draft, Vec<FieldError>> {
        parse_draft(value).map(draft)
    }
    match kind {
        EntityKind::Tenant => of(value, Draft::Tenant),
        EntityKind::Advertiser => of(value, Draft::Advertiser),
        EntityKind::Affiliate => of(value, Draft::Affiliate),
        EntityKind::Offer => of(value, |draft| Draft::Offer(Box::new(draft))),
        EntityKind::Terms => of(value, Draft::Terms),
        EntityKind::Campaign => of(value, Draft::Campaign),
        EntityKind::Domain => of(value, Draft::Domain),
        EntityKind::ApiKey => of(value, Draft::ApiKey),
    }
}
