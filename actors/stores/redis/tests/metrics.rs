//! What the cache says is counted.

mod support;

use support::own_server::OwnServer;
use support::{Log, PATIENT, eventually, find, found, id, node, options};

#[test]
fn hits_misses_errors_and_the_breaker_are_on_the_metrics() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new();
    let metrics = recorder.install_recorder().expect("the only recorder");
    let value = |outcome: &str| {
        let text = metrics.render();
        let name = format!("weir_cache_answers_total{{part=\"clicks\",outcome=\"{outcome}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |number| number.parse::<u64>().expect("a number"))
    };
    let is_resting = || {
        let text = metrics.render();
        text.contains("weir_cache_breaker{part=\"clicks\"} 2")
    };
    let mut server = OwnServer::start();
    let clicks = node(&server.url(), options("weir", PATIENT)).clicks(Log::with(2));
    assert_eq!(find(&clicks, id(0)), found(0));
    assert_eq!(value("miss"), 1);
    eventually("it is filled in", || {
        find(&clicks, id(0));
        value("hit") > 0
    });
    assert!(!is_resting());
    server.kill();
    eventually("the breaker rests", || {
        find(&clicks, id(1));
        is_resting()
    });
    assert!(value("error") >= 3, "{}", metrics.render());
    find(&clicks, id(1));
    assert!(value("resting") >= 1, "{}", metrics.render());
}
