//! Chapters of the OpenAPI document.

use poem_openapi::Tags;

/// Chapters of the OpenAPI document.
#[derive(Tags)]
pub(super) enum Tag {
    /// Customers of the installation.
    Tenants,
    /// Keys to this API.
    ApiKeys,
    /// Who pays.
    Advertisers,
    /// Who sends clicks and is paid.
    Affiliates,
    /// What is sold, and its terms.
    Offers,
    /// Links that distribute clicks over offers.
    Campaigns,
    /// Hosts that links live on.
    Domains,
    /// Sums.
    Reports,
    /// Single clicks.
    Clicks,
    /// Single conversions.
    Conversions,
    /// Single clicks and conversions, found by anything and counted by anything.
    Search,
    /// Where a click would go.
    Routing,
}
