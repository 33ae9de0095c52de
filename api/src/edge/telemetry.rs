//! Names of what the edge measures.

/// Clicks by `outcome`.
pub const CLICKS_TOTAL: &str = "weir_clicks_total";
/// Clicks that were not sent to an offer, by `reason`.
pub const CLICKS_NOT_SENT_TOTAL: &str = "weir_clicks_not_sent_total";
/// From decision to answer, in seconds.
pub const CLICK_SECONDS: &str = "weir_click_seconds";
/// What was refused for want of room, by `reason`.
pub const SHED_TOTAL: &str = "weir_shed_total";
/// Requests that are no clicks, by `reason`: head, prefetch, unknown_link, redirected_unrecorded.
pub const NOT_CLICKS_TOTAL: &str = "weir_not_clicks_total";
/// Requests that could not be read, by `reason`.
pub const BAD_REQUESTS_TOTAL: &str = "weir_bad_requests_total";
/// Postbacks that were not believed, by `reason`.
pub const UNAUTHENTICATED_TOTAL: &str = "weir_unauthenticated_total";
/// Postbacks by `answer`: verdict, accepted (202), refused, unavailable.
pub const POSTBACKS_TOTAL: &str = "weir_postbacks_total";
/// Connections that are open.
pub const CONNECTIONS: &str = "weir_connections";
/// Connections that were closed by us, by `reason`.
pub const CONNECTIONS_CLOSED_TOTAL: &str = "weir_connections_closed_total";
