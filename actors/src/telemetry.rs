//! Names of what the actors measure.

/// Facts between a reader and the head of the log, by `reader`.
pub const JOURNAL_LAG_FACTS: &str = "weir_journal_lag_facts";
/// Conversions judged, by `outcome` and `reason`.
pub const CONVERSIONS_TOTAL: &str = "weir_conversions_total";
/// What was refused for want of room, by `reason`.
pub const SHED_TOTAL: &str = "weir_shed_total";
/// Every `reason` to refuse for want of room: questions to actors, connections of the admin and ops listeners,
/// rate of the admin listener and of addresses that prove nothing, then why a fact is not in the log.
pub const SHED_REASONS: [&str; 7] = [
    "asks",
    "connections",
    "rate_limit",
    "journal_full",
    "journal_stopped",
    "overloaded",
    "too_large",
];
/// Identities of conversions that were looked for among those taken, by `answer`: `surely_new` by the filter in memory,
/// `asked` of the store.
pub const IDENTITY_LOOKUPS_TOTAL: &str = "weir_identity_lookups_total";
/// Restarts of the fold: the log says which actor failed.
pub const RESTARTS_TOTAL: &str = "weir_fold_restarts_total";
/// Facts that this build could not read.
pub const UNREADABLE_FACTS_TOTAL: &str = "weir_unreadable_facts_total";
/// Commits that were tried again.
pub const COMMIT_RETRIES_TOTAL: &str = "weir_store_commit_retries_total";
/// Campaign actors awake.
pub const CAMPAIGNS_AWAKE: &str = "weir_campaigns_awake";
/// Facts folded.
pub const FOLDED_FACTS_TOTAL: &str = "weir_folded_facts_total";
/// Unique clicks forgotten before their time, for want of capacity.
pub const UNIQUENESS_EVICTIONS_TOTAL: &str = "weir_uniqueness_evictions_total";
/// Reads that were answered before the store had everything that was in the log.
pub const READS_BEHIND_TOTAL: &str = "weir_reads_behind_total";
/// Documents given to the search index, by `outcome`.
pub const SEARCH_DOCUMENTS_TOTAL: &str = "weir_search_documents_total";
/// Steps of the search projection that are taken again, by `reason`.
pub const SEARCH_RETRIES_TOTAL: &str = "weir_search_retries_total";
/// Campaigns whose live counters are not written, or not known, yet.
pub const LIVE_BEHIND: &str = "weir_live_behind_campaigns";
/// Rounds of live counters that failed, by what failed: `of` = `report` or `cache`.
pub const LIVE_FAILURES_TOTAL: &str = "weir_live_failures_total";
