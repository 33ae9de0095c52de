//! `weir migrate {status,plan,up}`.

use std::process::ExitCode;

use super::{OK, Table};
use crate::cli::{MigrateCommand, Output};
use crate::server;
use crate::settings::Settings;
use crate::state::State;

/// Looks at the schema of the store, or brings it up.
pub fn migrate(
    command: &MigrateCommand,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let runtime = server::runtime()?;
    match command {
        MigrateCommand::Status => {
            let mut table = Table::new(&["version", "name", "applied"]);
            for step in runtime.block_on(State::migrations(settings))? {
                table.row([
                    step.version.to_string(),
                    step.name,
                    step.is_applied.to_string(),
                ]);
            }
            print!("{}", table.render(output));
        }
        MigrateCommand::Plan => {
            let steps = runtime.block_on(State::migrations(settings))?;
            for step in steps.into_iter().filter(|step| !step.is_applied) {
                println!("-- {} {}\n{}", step.version, step.name, step.sql.trim_end());
            }
        }
        MigrateCommand::Up => {
            let applied = runtime.block_on(State::migrate(settings))?;
            eprintln!("{} applied", applied.len());
        }
    }
    Ok(OK)
}
