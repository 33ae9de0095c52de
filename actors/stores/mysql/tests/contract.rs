//! The store on a real server keeps the contract of the ports.

mod support;

weir_engine::store_contract!(support::open());
