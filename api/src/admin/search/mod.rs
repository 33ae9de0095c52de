//! Search: single clicks and conversions by anything that is known of them, and counts and sums by any of it.
//!
//! Always true: the tenant is the caller's; every answer says that it is from the index and what the index was complete
//! to; without an index, or while it is away or silent, the answer is a 503 of its own, and nothing else is touched.

mod view;

use std::sync::Arc;
use std::time::Duration;

use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;
use weir_engine::ids::TenantId;
use weir_engine::ports::{SearchError, SearchIndex};
use weir_engine::search::{DocumentKind, Drilldown, SearchQuery};

use self::view::{DrilldownAnswer, Found};
use super::auth::{May, Reports};
use super::context::AdminContext;
use super::dto::Zone;
use super::input::Input;
use super::stores::not_searched;
use super::tags::Tag;
use crate::problem::{Code, Problem};

/// How long the index is waited for, whatever it promises itself.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);

/// The index has not answered in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", ANSWERED_WITHIN.as_secs())]
struct Late;

/// The answer of the index, if it comes in time.
async fn in_time<T>(answer: impl Future<Output = Result<T, SearchError>>) -> Result<T, Problem> {
    let answer = tokio::time::timeout(ANSWERED_WITHIN, answer).await;
    let answer = answer.unwrap_or_else(|_| Err(SearchError::Unavailable(Box::new(Late))));
    answer.map_err(not_searched)
}

/// Which documents, and in which order.
#[derive(Debug, Object)]
#[oai(rename = "SearchQuery")]
struct Question {
    /// Inclusive: a date (its first moment in the zone), or RFC 3339.
    from: Option<String>,
    /// Exclusive: as `from`.
    to: Option<String>,
    /// Zone of plain dates; without it the tenant's.
    timezone: Option<Zone>,
    /// Conversions: by which time, `click`, `conversion` (default) or `booking`.
    time_basis: Option<String>,
    /// Any id: of the click, conversion or postback, the transaction's, the partner's or an ad platform's.
    id: Option<String>,
    /// An address or a block of them, as 203.0.113.0/24.
    ip: Option<String>,
    /// Words that are all in the user agent, or all in the referrer.
    text: Option<String>,
    /// A value of any of the 20 sub-ids.
    sub: Option<String>,
    /// Conditions; all must hold.
    filters: Option<Vec<Filter>>,
    /// `newest` (default) or `oldest` first.
    order: Option<String>,
    /// Entries of the page, at most 500.
    limit: Option<u32>,
    /// `cursor` of the page before.
    cursor: Option<String>,
}

/// A condition on a field.
#[derive(Debug, Object)]
#[oai(rename = "SearchFilter")]
struct Filter {
    /// The field, by its name in the documents: `sub1`, `browser`, `offer_id`, `payout`, `valid`, `user_agent`.
    field: String,
    /// `eq` (default), `ne`, `in`, `not_in`, `begins`, `words`, `gte`, `lte`: as the field takes them.
    op: Option<String>,
    /// With what; null: has no value.
    value: Value,
}

/// What to count and sum.
#[derive(Debug, Object)]
#[oai(rename = "DrilldownQuery")]
struct DrilldownQuestion {
    /// `clicks` or `conversions`.
    of: String,
    /// Inclusive: a date (its first moment in the zone), or RFC 3339.
    from: Option<String>,
    /// Exclusive: as `from`.
    to: Option<String>,
    /// Zone of periods and plain dates; without it the tenant's.
    timezone: Option<Zone>,
    /// Conversions: by which time, `click`, `conversion` (default) or `booking`.
    time_basis: Option<String>,
    /// As in a search.
    id: Option<String>,
    /// As in a search.
    ip: Option<String>,
    /// As in a search.
    text: Option<String>,
    /// As in a search.
    sub: Option<String>,
    /// Conditions; all must hold. Tests are left out unless one is on `test`.
    filters: Option<Vec<Filter>>,
    /// Fields and periods (`hour`, `day`, `week`, `month`) of the rows, at most five.
    group_by: Option<Vec<String>>,
    /// What to count once, roughly: `visitors`, `affiliates`, `addresses`, `clicks`.
    distinct: Option<Vec<String>>,
    /// `group` (default), `-count`, or an amount in a currency, as `-payout:USD`.
    sort: Option<String>,
    /// Rows of the page, at most 10,000.
    limit: Option<u32>,
    /// `cursor` of the page before.
    cursor: Option<String>,
}

/// Operations of the search.
pub(super) struct SearchApi(pub(super) Arc<AdminContext>);

impl SearchApi {
    fn index(&self) -> Result<&Arc<dyn SearchIndex>, Problem> {
        let none = || {
            Problem::new(
                Code::SearchNotConfigured,
                "this installation has no search index",
            )
        };
        self.0.search.as_ref().ok_or_else(none)
    }

    fn own_zone(&self, tenant: TenantId) -> Result<String, Problem> {
        let catalog = self.0.catalog(tenant)?;
        let zone = catalog
            .tenant
            .as_ref()
            .map_or("UTC", |t| t.body.timezone.as_str());
        Ok(zone.to_owned())
    }

    fn query(
        &self,
        tenant: TenantId,
        of: DocumentKind,
        asked: &Value,
    ) -> Result<SearchQuery, Problem> {
        let zone = self.own_zone(tenant)?;
        SearchQuery::read(tenant, of, &zone, asked).map_err(Problem::fields)
    }
}

#[OpenApi(prefix_path = "/v1", tag = "Tag::Search")]
impl SearchApi {
    /// Searches clicks
    ///
    /// Documents have the fields of an exported `clicked` fact, with `unique` and `valid`; absent = none.
    #[oai(
        path = "/clicks/search",
        method = "post",
        operation_id = "searchClicks"
    )]
    async fn clicks(
        &self,
        caller: May<Reports>,
        question: Input<Question>,
    ) -> Result<Json<Found>, Problem> {
        let query = self.query(caller.tenant, DocumentKind::Clicks, &question.value)?;
        let page = in_time(self.index()?.clicks(caller.tenant, query)).await?;
        view::found(page).map(Json)
    }

    /// Searches conversions
    ///
    /// As they stand, each with what is known of its click; absent = none.
    #[oai(
        path = "/conversions/search",
        method = "post",
        operation_id = "searchConversions"
    )]
    async fn conversions(
        &self,
        caller: May<Reports>,
        question: Input<Question>,
    ) -> Result<Json<Found>, Problem> {
        let query = self.query(caller.tenant, DocumentKind::Conversions, &question.value)?;
        let page = in_time(self.index()?.conversions(caller.tenant, query)).await?;
        view::found(page).map(Json)
    }

    /// Counts and sums clicks or conversions by anything
    ///
    /// Counts and sums are exact; what is counted once is not.
    #[oai(
        path = "/search/drilldown",
        method = "post",
        operation_id = "drillDown"
    )]
    async fn drilldown(
        &self,
        caller: May<Reports>,
        question: Input<DrilldownQuestion>,
    ) -> Result<Json<DrilldownAnswer>, Problem> {
        let zone = self.own_zone(caller.tenant)?;
        let asked =
            Drilldown::read(caller.tenant, &zone, &question.value).map_err(Problem::fields)?;
        let groups: Vec<&str> = asked.group_by.iter().map(|g| g.name()).collect();
        let of = asked.selection.of;
        let page = in_time(self.index()?.drilldown(caller.tenant, asked.clone())).await?;
        view::drilldown(of, &groups, page).map(Json)
    }
}
