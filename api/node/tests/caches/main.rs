//! Redis and the search server are killed, wiped, silent, slow and full under load: no click fails or slows for it, no
//! verdict is another, and afterwards everything is there once. The books are the embedded store's.
//!
//! Redis is a server of the test's own; the search server is that of `WEIR_TEST_SEARCH_URL`, behind a wire of the test's
//! own, with indices of its own. `WEIR_TEST_FULL=1`: as long as real outages last.

#[allow(dead_code)]
#[path = "../support/sums.rs"]
mod sums;
#[path = "../support/mod.rs"]
mod support;

mod f10;
mod f9;
mod index;
mod own_redis;
mod plan;
mod scene;
mod wire;
