//! `weir verify`: the books checked by their invariants.

use std::process::ExitCode;

use super::{OK, Table, failed};
use crate::cli::Output;
use crate::data_folder::DataFolder;
use crate::server;
use crate::settings::Settings;
use crate::state;

/// Checks the books and names each violation.
pub fn verify(
    settings: &Settings,
    folder: &DataFolder,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let books = server::runtime()?.block_on(state::checked(settings, folder))?;
    let violations = books.read.violations;
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
