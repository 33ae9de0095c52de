//! The index on a real server keeps the contract of the port.

mod support;

weir_engine::search_contract!(support::open());
