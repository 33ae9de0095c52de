//! Names of what the edge measures, and the meters of the click path.

use std::time::Duration;

use metrics::{Counter, Histogram};
use weir_actors::telemetry::SHED_TOTAL;
use weir_engine::fact::ClickOutcome;
use weir_engine::ports::AppendError;

use super::respond;

/// Clicks by `outcome`.
pub const CLICKS_TOTAL: &str = "weir_clicks_total";
/// Clicks that were not sent to an offer, by `reason`.
pub const CLICKS_NOT_SENT_TOTAL: &str = "weir_clicks_not_sent_total";
/// From decision to answer, in seconds.
pub const CLICK_SECONDS: &str = "weir_click_seconds";
/// Requests that are no clicks, by `reason`: head, prefetch, unknown_link, unknown_path,
/// redirected_unrecorded.
pub const NOT_CLICKS_TOTAL: &str = "weir_not_clicks_total";
/// Requests that could not be read, by `reason`.
pub const BAD_REQUESTS_TOTAL: &str = "weir_bad_requests_total";
/// Postbacks that were not believed, by `reason`.
pub const UNAUTHENTICATED_TOTAL: &str = "weir_unauthenticated_total";
/// Postbacks by `answer`: verdict, accepted (202), unreadable, bad_token, rate_limit, unavailable.
pub const POSTBACKS_TOTAL: &str = "weir_postbacks_total";
/// Connections that are open.
pub const CONNECTIONS: &str = "weir_connections";
/// Connections that were closed by us, by `reason`.
pub const CONNECTIONS_CLOSED_TOTAL: &str = "weir_connections_closed_total";

/// A request could not be read.
pub(super) fn bad_request(reason: &'static str) {
    metrics::counter!(BAD_REQUESTS_TOTAL, "reason" => reason).increment(1);
}

/// A click or a postback could not be recorded.
pub(super) fn shed(error: AppendError) {
    metrics::counter!(SHED_TOTAL, "reason" => respond::code_of(error)).increment(1);
}

/// An address has sent too much that proves nothing.
pub(super) fn too_many() {
    metrics::counter!(SHED_TOTAL, "reason" => "rate_limit").increment(1);
}

/// What every click is counted by, looked up once.
pub(super) struct Meters {
    clicks: Box<[(ClickOutcome, Counter)]>,
    click_seconds: Histogram,
}

impl Meters {
    pub(super) fn new() -> Self {
        let clicks = ClickOutcome::ALL.iter().map(|&outcome| {
            let counter = metrics::counter!(CLICKS_TOTAL, "outcome" => outcome.as_str());
            (outcome, counter)
        });
        Self {
            clicks: clicks.collect(),
            click_seconds: metrics::histogram!(CLICK_SECONDS),
        }
    }

    /// A click is in the log, `taken` after its decision began.
    pub(super) fn clicked(&self, outcome: ClickOutcome, taken: Duration) {
        let mut clicks = self.clicks.iter();
        if let Some((_, counter)) = clicks.find(|(of, _)| *of == outcome) {
            counter.increment(1);
        }
        self.click_seconds.record(taken);
    }
}
