//! `weir verify`: the books checked by their invariants.

use std::process::ExitCode;

use anyhow::Context;
use weir_embedded::Snapshot;

use super::{OK, Table, failed};
use crate::cli::Output;
use crate::data_folder::DataFolder;

/// Checks the books and names each violation.
pub fn verify(folder: &DataFolder, output: Output) -> anyhow::Result<ExitCode> {
    let snapshot = Snapshot::open(&folder.store()).context("store")?;
    let violations = snapshot.violations()?;
    if violations.is_empty() {
        eprintln!("no violations");
        if output == Output::Table {
            return Ok(OK);
        }
    }
    let mut table = Table::new(&["invariant", "says", "tenant", "what"]);
    for violation in &violations {
        let tenant = violation.tenant.to_string();
        table.row([
            violation.invariant,
            violation.says,
            &tenant,
            &violation.what,
        ]);
    }
    print!("{}", table.render(output));
    Ok(if violations.is_empty() { OK } else { failed() })
}
