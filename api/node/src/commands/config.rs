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
            let value = match section.as_str() {
                "stores" => masked(value),
                _ => value.to_string(),
            };
            table.row([key, value, from]);
        }
    }
    table
}

/// A value without what stands before the host of a URL: it may be a password.
fn masked(value: &serde_json::Value) -> String {
    let text = value.to_string();
    let Some((scheme, rest)) = text.split_once("://") else {
        return text;
    };
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}://…@{place}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_stands_before_a_host_is_not_shown() {
        let cases = [
            (
                json!("mysql://u:p%40@db:3306/weir"),
                r#""mysql://…@db:3306/weir""#,
            ),
            (json!("redis://:p@s@host/0"), r#""redis://…@host/0""#),
            (json!("http://host:9200"), r#""http://host:9200""#),
            (json!(""), r#""""#),
            (json!(80), "80"),
        ];
        for (value, expect) in cases {
            assert_eq!(masked(&value), expect);
        }
    }
}
