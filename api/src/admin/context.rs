//! What the admin API works with.

use std::sync::Arc;

use weir_engine::ids::UnixMs;
use weir_engine::ports::{
    ClickLookup, LedgerStore, RateLimits, ReportStore, SearchIndex, SharedCounters,
};
use weir_engine::secrets::MasterSecret;
use weir_engine::visitor::{Countries, UserAgents};

use super::actors::Actors;
use super::rate_limit::Allowance;

/// What the admin API works with: everything comes in, so that a test decides what time it is.
pub struct AdminContext {
    /// The actors.
    pub actors: Arc<dyn Actors>,
    /// Sums, conversions, balances.
    pub reports: Arc<dyn ReportStore>,
    /// The store that answers come from, by its word in the ready file.
    pub source: &'static str,
    /// What was judged of a click.
    pub ledger: Arc<dyn LedgerStore>,
    /// Clicks by id.
    pub clicks: Arc<dyn ClickLookup>,
    /// Single clicks and conversions, searched; `None` = there is no index.
    pub search: Option<Arc<dyn SearchIndex>>,
    /// Tokens and click keys are derived from it.
    pub secrets: MasterSecret,
    /// The operator's key.
    pub operator_key: String,
    /// Where links and postbacks are answered, without a slash at the end: `https://track.example.com`.
    pub public_url: String,
    /// Whether `public_url` was set by the operator: without it no host is known to be the installation's own, and
    /// a tenant could take that one.
    pub is_public_url_set: bool,
    /// Tells devices and bots, for simulated visitors; without it they are unknown.
    pub agents: Option<Arc<UserAgents>>,
    /// Tells countries, for simulated visitors; without it they are unknown.
    pub countries: Option<Arc<Countries>>,
    /// Visitors remembered to tell unique clicks, for tenants that are made from now on and say nothing else.
    pub uniqueness_capacity: u32,
    /// Requests that a key may make.
    pub allowance: Allowance,
    /// Counts requests of keys over all nodes; without it, and while it does not answer, each process counts its own.
    pub limits: Option<Arc<dyn RateLimits>>,
    /// Live counters of campaigns; without them, and while they do not answer, the store tells.
    pub counters: Option<Arc<dyn SharedCounters>>,
    /// What time it is.
    pub now: Box<dyn Fn() -> UnixMs + Send + Sync>,
    /// Chance.
    pub random: Random,
}

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// A source of random bytes.
pub struct Random(Box<Fill>);

impl Random {
    /// The source that `fill` is.
    pub fn from(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Box::new(fill))
    }

    /// Random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// A random number.
    #[must_use]
    pub fn number(&self) -> u128 {
        u128::from_be_bytes(self.bytes())
    }
}
