//! `weir migrate {status,plan,up}`.

use std::process::ExitCode;

use weir_embedded::migrate as schema;

use super::{OK, Table};
use crate::cli::{MigrateCommand, Output};
use crate::data_folder::DataFolder;

/// Looks at the schema of the store, or brings it up.
pub fn migrate(
    command: &MigrateCommand,
    folder: &DataFolder,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let store = folder.store();
    match command {
        MigrateCommand::Status => {
            let mut table = Table::new(&["version", "name", "applied"]);
            for step in schema::status(&store)? {
                table.row([
                    step.version.to_string(),
                    step.name,
                    step.is_applied.to_string(),
                ]);
            }
            print!("{}", table.render(output));
        }
        MigrateCommand::Plan => {
            for step in schema::plan(&store)? {
                println!("-- {} {}\n{}", step.version, step.name, step.sql.trim_end());
            }
        }
        MigrateCommand::Up => {
            let applied = schema::up(&store)?;
            eprintln!("{} applied", applied.len());
        }
    }
    Ok(OK)
}
