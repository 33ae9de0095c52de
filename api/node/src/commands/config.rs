//! `weir config {template,check,show}`.

use std::process::ExitCode;

use super::{OK, Table};
use crate::cli::{ConfigCommand, Output};
use crate::settings::{Loaded, Origin, TEMPLATE};

/// Prints or checks settings.
pub fn config(command: &ConfigCommand, loaded: &Loaded, output: Output) -> ExitCode {
    match command {
        ConfigCommand::Template => print!("{TEMPLATE}"),
        // They were read to come here.
        ConfigCommand::Check => eprintln!("settings are good"),
        ConfigCommand::Show => print!("{}", show(loaded).render(output)),
    }
    OK
}

fn show(loaded: &Loaded) -> Table {
    let mut table = Table::new(&["key", "value", "from"]);
    // Settings hold only texts, numbers and lists.
    let settings = serde_json::to_value(&loaded.settings).unwrap_or_default();
    for (section, keys) in settings.as_object().into_iter().flatten() {
        for (name, value) in keys.as_object().into_iter().flatten() {
            let key = format!("{section}.{name}");
            let from = loaded
                .origins
                .get(&key)
                .unwrap_or(&Origin::Default)
                .to_string();
            table.row([key, value.to_string(), from]);
        }
    }
    table
}
