//! What nodes share on a real server keeps the contract of the ports.

mod support;

mod counters {
    use super::support;

    weir_engine::counters_contract!(support::counters());
}

mod limits {
    use super::support;

    weir_engine::limits_contract!(support::limits());
}
