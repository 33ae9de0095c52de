//! The admin API: what people and programs configure, ask and decide. `/v1/…`, documented at `/docs`.
//!
//! ```text
//! request ─▶ door (size, key, rate, idempotency) ─▶ operation ─▶ engine draft ─▶ actors ─▶ 201, 200
//!                                                      └─▶ stores (sums, conversions, clicks)
//! ```
//! Always true: an operation reaches a tenant only through the caller's key, so another tenant's ids are 404; an
//! error is a problem (RFC 9457); what a request may say is checked by the engine, in one place; a change that was
//! answered is seen by the next read. Not here: clicks and postbacks (the edge), health (ops), how a listener is
//! bound and on which runtime (the node).

mod actors;
mod answers;
mod auth;
mod balances;
mod bulk;
mod clicks;
mod context;
mod conversions;
mod crud;
mod distribution;
mod docs;
mod door;
mod drafts;
mod dto;
mod errors;
mod idempotency;
mod input;
mod links;
mod list;
mod live;
mod rate_limit;
mod refined;
mod reports;
mod request_id;
mod resources;
mod search;
mod simulate;
mod stores;
mod tags;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use poem::web::{Html, Path};
use poem::{Endpoint, EndpointExt, IntoEndpoint, IntoResponse, Response, Route, get, handler};
use poem_openapi::OpenApiService;

pub use self::actors::Actors;
use self::balances::BalancesApi;
use self::clicks::ClicksApi;
pub use self::context::{AdminContext, Random};
use self::conversions::ConversionsApi;
use self::distribution::DistributionApi;
use self::door::Door;
use self::live::LiveApi;
pub use self::rate_limit::Allowance;
use self::refined::Refined;
use self::reports::ReportsApi;
use self::resources::{
    AdvertisersApi, AffiliatesApi, ApiKeysApi, CampaignsApi, DomainsApi, OffersApi, TenantsApi,
    TermsApi,
};
use self::search::SearchApi;
use self::simulate::SimulateApi;

type Resources = (
    TenantsApi,
    ApiKeysApi,
    AdvertisersApi,
    AffiliatesApi,
    OffersApi,
    TermsApi,
    CampaignsApi,
    DomainsApi,
);
type Answers = (
    DistributionApi,
    LiveApi,
    ReportsApi,
    BalancesApi,
    ClicksApi,
    ConversionsApi,
    SearchApi,
    SimulateApi,
);
type Operations = (Resources, Answers);

/// The OpenAPI document as JSON, without starting anything.
#[must_use]
pub fn openapi() -> String {
    docs::document::<Operations>()
}

fn operations(context: &Arc<AdminContext>) -> Operations {
    let c = || Arc::clone(context);
    let resources = (
        TenantsApi(c()),
        ApiKeysApi(c()),
        AdvertisersApi(c()),
        AffiliatesApi(c()),
        OffersApi(c()),
        TermsApi(c()),
        CampaignsApi(c()),
        DomainsApi(c()),
    );
    let answers = (
        DistributionApi(c()),
        LiveApi(c()),
        ReportsApi(c()),
        BalancesApi(c()),
        ClicksApi(c()),
        ConversionsApi(c()),
        SearchApi(c()),
        SimulateApi(c()),
    );
    (resources, answers)
}

/// The admin API as an endpoint.
pub fn app(context: AdminContext) -> impl Endpoint<Output = Response> + 'static {
    let context = Arc::new(context);
    let document: Arc<str> = openapi().into();
    let page: Arc<str> = docs::page::<Operations>(&document).into();
    let service = OpenApiService::new(
        Refined(operations(&context)),
        "Weir admin API",
        env!("CARGO_PKG_VERSION"),
    );
    let routes = Route::new()
        .at(
            "/v1/openapi.json",
            get(show_document.data(Document(document))),
        )
        .at("/docs", get(show_page.data(Page(page))))
        .at("/docs/errors/:code", get(show_error))
        .nest_no_strip("/", service.into_endpoint());
    Door::new(routes, context)
}

#[derive(Clone)]
struct Document(Arc<str>);

#[derive(Clone)]
struct Page(Arc<str>);

#[handler]
fn show_document(document: poem::web::Data<&Document>) -> Response {
    Response::builder()
        .content_type("application/json")
        .body(document.0.0.to_string())
}

#[handler]
fn show_page(page: poem::web::Data<&Page>) -> Response {
    Html(page.0.0.to_string()).into_response()
}

#[handler]
fn show_error(Path(code): Path<String>) -> Response {
    docs::error_page(&code)
}
