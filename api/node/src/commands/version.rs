//! `weir version`.

use std::process::ExitCode;

use super::OK;

/// Prints the version.
pub fn version(is_json: bool) -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    if is_json {
        let rules = 1;
        let body = serde_json::json!({"version": version, "judging_rules": rules, "target": std::env::consts::ARCH});
        println!("{body}");
    } else {
        println!("weir {version}");
    }
    OK
}
