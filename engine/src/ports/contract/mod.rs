//! What every store must keep, as a suite: a store is done when it passes.
//!
//! Each function is one sentence of the contract and is given a store without any row; a test crate of a store
//! runs them all by [`store_contract`](crate::store_contract). Always true: the list of sentences is in one place, so that none is left
//! out; the rows are made by the engine's own functions, so that they agree with each other as judged ones do.
//! Not here: how fast a store is, what it does when the disk fails.

mod catalog;
mod commits;
mod counters;
mod evidence;
mod limits;
mod owner;
mod questions;
mod reports;
mod search;

pub use self::catalog::*;
pub use self::commits::*;
pub use self::counters::*;
pub use self::evidence::*;
pub use self::limits::*;
pub use self::owner::{Owner, Sale};
pub use self::questions::*;
pub use self::reports::*;
pub use self::search::*;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Waits for a future on this thread: the suite asks for no runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// A test for each sentence of the contract. `$open` makes a store without any row, or something that
/// dereferences to one and keeps what the store needs.
#[macro_export]
macro_rules! store_contract {
    ($open:expr) => {
        $crate::store_contract! { $open;
            a_new_partition_begins_at_zero_and_each_claim_has_a_later_epoch
            an_owner_that_was_replaced_writes_nothing
            a_window_is_never_added_twice
            a_window_that_skips_facts_is_refused
            a_commit_of_two_partitions_is_all_or_nothing
            a_refused_commit_comes_back_as_it_was
            sums_are_added_and_rows_stand_as_written_last
            every_field_of_every_row_is_read_back
            an_identity_is_found_when_committed_and_only_where_it_was_taken
            taken_identities_are_read_page_by_page
            what_was_judged_is_read_by_its_places
            unique_blocks_are_read_by_the_facts_they_touch
            counters_come_in_order_of_cap_and_period
            checkpoints_are_kept_by_actor
            a_tenant_sees_nothing_of_another
            entities_come_in_order_and_as_of_their_latest_change
            balances_are_the_sums_of_entries
            conversions_are_listed_newest_first_and_paged_both_ways
            each_filter_of_conversions_keeps_what_it_says
            a_conversion_has_its_whole_history
            the_answer_to_a_postback_is_found_by_its_id
            the_watermark_tells_offsets_and_the_newest_fact
            a_report_is_cut_at_midnight_of_its_zone
            a_report_joins_clicks_by_click_time_with_conversions_by_its_basis
            a_change_of_status_moves_a_report_and_posting_keeps_the_past
            a_report_filters_groups_sorts_and_pages
            a_report_by_advertiser_follows_the_offers
        }
    };
    ($open:expr; $($sentence:ident)*) => {$(
        #[test]
        fn $sentence() {
            let store = $open;
            $crate::ports::contract::block_on($crate::ports::contract::$sentence(&*store));
        }
    )*};
}

/// A test for each sentence of the contract of an index. `$open` makes one without any document, or something that
/// dereferences to one.
#[macro_export]
macro_rules! search_contract {
    ($open:expr) => {
        $crate::store_contract! { $open;
            a_new_index_has_come_nowhere_and_finds_nothing
            what_was_written_is_read_back_when_the_cursor_is_kept
            a_document_is_there_once_in_its_newest_version
            a_document_that_cannot_be_indexed_does_not_block_the_others
            texts_of_any_length_are_taken
            clicks_are_found_by_what_they_hold
            conversions_are_found_by_their_click_too
            pages_give_each_document_once
            a_tenant_finds_nothing_of_another
            a_drilldown_counts_by_any_fields
            sums_are_exact_and_by_currency
            periods_are_cut_in_the_zone
            a_drilldown_is_paged_to_its_end
            a_generation_is_seen_when_it_is_published
            old_months_are_forgotten_and_the_cursor_stays
        }
    };
}

/// A test for each sentence of the contract of [`SharedCounters`](crate::ports::SharedCounters); `$open` as in
/// [`store_contract`](crate::store_contract), without any counter.
#[macro_export]
macro_rules! counters_contract {
    ($open:expr) => {
        $crate::store_contract! { $open;
            counters_are_read_back_in_order_of_campaigns
            counters_never_go_backwards
            counters_of_another_tenant_or_day_are_not_seen
            an_incarnation_lasts_while_counters_do
        }
    };
}

/// A test for each sentence of the contract of [`RateLimits`](crate::ports::RateLimits); `$open` as in
/// [`store_contract`](crate::store_contract), with all buckets full.
#[macro_export]
macro_rules! limits_contract {
    ($open:expr) => {
        $crate::store_contract! { $open;
            a_burst_passes_then_the_rate_holds
            keys_and_scopes_have_buckets_of_their_own
            what_is_refused_takes_nothing
            every_answer_is_that_of_one_bucket
        }
    };
}
