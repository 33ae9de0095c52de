//! `weir version`.

use std::process::ExitCode;

use super::{OK, Table};
use crate::cli::Output;

/// Prints the version. `--json` is short for `--output json`.
pub fn version(is_json: bool, output: Output) -> ExitCode {
    let version = env!("CARGO_PKG_VERSION");
    let (rules, target) = (1, std::env::consts::ARCH);
    match output {
        Output::Json => println!("{}", json(version, rules, target)),
        _ if is_json => println!("{}", json(version, rules, target)),
        Output::Csv => {
            let mut table = Table::new(&["version", "judging_rules", "target"]);
            table.row([version, &rules.to_string(), target]);
            print!("{}", table.render(output));
        }
        Output::Table => println!("weir {version}"),
    }
    OK
}

fn json(version: &str, rules: u32, target: &str) -> serde_json::Value {
    serde_json::json!({"version": version, "judging_rules": rules, "target": target})
}
