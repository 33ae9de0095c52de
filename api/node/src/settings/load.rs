//! Reading settings: layers, where each value came from, and what to say when one is wrong.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Config, File, FileFormat, Map, Value};
use serde::Serialize;

use super::{Settings, TEMPLATE};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Nobody said otherwise.
    Default,
    /// This file.
    File(PathBuf),
    /// This variable.
    Environment(String),
    /// A flag of the command.
    Flag,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Environment(name) => write!(f, "the environment, {name}"),
            Self::Flag => f.write_str("the command line"),
        }
    }
}

/// Settings with the origin of each key that is not a default.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// By `section.key`.
    pub origins: BTreeMap<String, Origin>,
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read or is not TOML.
    #[error("{file}: {source}")]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: Box<config::ConfigError>,
    },
    /// A key that does not exist, or a value that does not fit it.
    #[error("{key}: {message}{hint} (from {from})")]
    Key {
        /// `section.key`.
        key: String,
        /// What is wrong.
        message: String,
        /// What was probably meant.
        hint: String,
        /// Where it was written.
        from: String,
    },
}

/// A value from outside, with where it was written.
struct Given {
    value: Value,
    origin: Origin,
}

/// Reads `file` (or the first that exists of the usual places), `environment` and `flags`.
///
/// # Errors
/// [`LoadError`].
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    flags: BTreeMap<String, String>,
) -> Result<Loaded, LoadError> {
    let mut given: BTreeMap<String, Given> = BTreeMap::new();
    if let Some(file) = file {
        for (key, value) in keys_of_file(file)? {
            let origin = Origin::File(file.to_owned());
            given.insert(key, Given { value, origin });
        }
    }
    for (name, text) in environment {
        let Some(key) = key_of_variable(&name) else {
            continue;
        };
        let value = parsed(&text);
        let origin = Origin::Environment(name);
        given.insert(key, Given { value, origin });
    }
    for (key, text) in flags {
        let (value, origin) = (parsed(&text), Origin::Flag);
        given.insert(key, Given { value, origin });
    }
    merge(given)
}

/// `WEIR_SECTION__KEY` as `section.key`.
fn key_of_variable(name: &str) -> Option<String> {
    let rest = name.strip_prefix("WEIR_")?;
    rest.contains("__")
        .then(|| rest.to_ascii_lowercase().replace("__", "."))
}

/// A value as its TOML type, else as text.
fn parsed(text: &str) -> Value {
    let document = format!("value = {text}");
    let read = Config::builder()
        .add_source(File::from_str(&document, FileFormat::Toml))
        .build()
        .and_then(|c| c.get::<Value>("value"));
    read.unwrap_or_else(|_| Value::from(text.to_owned()))
}

fn keys_of_file(file: &Path) -> Result<BTreeMap<String, Value>, LoadError> {
    let config = Config::builder()
        .add_source(File::from(file).format(FileFormat::Toml))
        .build();
    let sections: Map<String, Value> =
        config
            .and_then(Config::try_deserialize)
            .map_err(|source| LoadError::File {
                file: file.to_owned(),
                source: Box::new(source),
            })?;
    let mut keys = BTreeMap::new();
    for (section, value) in sections {
        match value.clone().into_table() {
            Ok(table) => {
                keys.extend(
                    table
                        .into_iter()
                        .map(|(key, v)| (format!("{section}.{key}"), v)),
                );
            }
            Err(_) => drop(keys.insert(section, value)),
        }
    }
    Ok(keys)
}

fn merge(given: BTreeMap<String, Given>) -> Result<Loaded, LoadError> {
    let known = known_keys();
    let mut builder = Config::builder().add_source(File::from_str(TEMPLATE, FileFormat::Toml));
    let mut origins = BTreeMap::new();
    for (key, one) in given {
        if !known.contains(&key) {
            return Err(unknown(&key, &known, &one.origin));
        }
        // A known key is a path that the builder can set.
        builder = builder
            .set_override(&key, one.value)
            .map_err(|e| wrong(&key, &e.to_string(), &one.origin))?;
        origins.insert(key, one.origin);
    }
    let config = builder
        .build()
        .map_err(|e| wrong("settings", &e.to_string(), &Origin::Default))?;
    let mut settings: Settings = serde_path_to_error::deserialize(config).map_err(|error| {
        let key = error.path().to_string();
        let origin = origins.get(&key).cloned().unwrap_or(Origin::Default);
        wrong(&key, &error.into_inner().to_string(), &origin)
    })?;
    let place = |(key, message): (&str, String)| {
        let origin = origins.get(key).cloned().unwrap_or(Origin::Default);
        wrong(key, &message, &origin)
    };
    settings.stores.read_files().map_err(place)?;
    settings.check().map_err(place)?;
    Ok(Loaded { settings, origins })
}

fn known_keys() -> Vec<String> {
    let defaults: serde_json::Value = serde_json::to_value(Settings::default()).unwrap_or_default();
    let sections = defaults.as_object().into_iter().flatten();
    let keys = sections.flat_map(|(section, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        keys.map(move |(key, _)| format!("{section}.{key}"))
    });
    keys.collect()
}

fn wrong(key: &str, message: &str, origin: &Origin) -> LoadError {
    LoadError::Key {
        key: key.to_owned(),
        message: message.to_owned(),
        hint: String::new(),
        from: origin.to_string(),
    }
}

fn unknown(key: &str, known: &[String], origin: &Origin) -> LoadError {
    let nearest = known
        .iter()
        .min_by_key(|k| strsim::levenshtein(k, key))
        .filter(|k| strsim::levenshtein(k, key) <= 1 + key.len() / 3);
    LoadError::Key {
        key: key.to_owned(),
        message: "no such key".to_owned(),
        hint: nearest.map_or_else(String::new, |k| format!("; did you mean {k}?")),
        from: origin.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Durability, Retention, RetentionWord};
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Loaded, LoadError> {
        let environment = variables
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()));
        load(None, environment, BTreeMap::new())
    }

    #[test]
    fn the_template_is_the_defaults() {
        let loaded = with(&[]).unwrap();
        assert_eq!(loaded.settings, Settings::default());
        assert_eq!(loaded.settings.journal.durability, Durability::Fsync);
        assert_eq!(
            loaded.settings.journal.retention,
            Retention::Word(RetentionWord::Off)
        );
        assert!(loaded.origins.is_empty());
    }

    #[test]
    fn the_environment_is_over_the_file_and_flags_over_both() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weir.toml");
        std::fs::write(&file, "[journal]\nretention = 90\n[edge]\nmax_per_ip = 1\n").unwrap();
        let environment = [
            ("WEIR_EDGE__MAX_PER_IP".to_owned(), "2".to_owned()),
            ("PATH".to_owned(), "x".to_owned()),
        ];
        let flags = BTreeMap::from([("listen.traffic_port".to_owned(), "0".to_owned())]);
        let loaded = load(Some(&file), environment.into_iter(), flags).unwrap();
        assert_eq!(loaded.settings.journal.retention, Retention::Days(90));
        assert_eq!(
            (
                loaded.settings.edge.max_per_ip,
                loaded.settings.listen.traffic_port
            ),
            (2, 0)
        );
        assert_eq!(loaded.origins["listen.traffic_port"], Origin::Flag);
    }

    #[test]
    fn the_url_of_a_store_may_stand_in_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state_url");
        std::fs::write(&file, "mysql://weir:secret@db/weir\n").unwrap();
        let value = format!("file:{}", file.display());
        let loaded = with(&[("WEIR_STORES__STATE", &value)]).unwrap();
        assert_eq!(loaded.settings.stores.state, "mysql://weir:secret@db/weir");
    }

    #[test]
    fn a_mistake_is_named_with_its_place_and_what_was_meant() {
        let cases = [
            (
                "WEIR_JOURNAL__DURABILTY",
                "os",
                "did you mean journal.durability?",
            ),
            ("WEIR_JOURNAL__DURABILITY", "never", "journal.durability"),
            ("WEIR_EDGE__MAX_PER_IP", "many", "edge.max_per_ip"),
            ("WEIR_JOURNAL__MAX_BYTES", "much", "not a size"),
            ("WEIR_JOURNAL__MAX_BYTES", "1 MiB", "two segments"),
            ("WEIR_JOURNAL__RETENTION", "0", "at least a day"),
            ("WEIR_NODE__ID", "4096", "0 to 4095"),
            ("WEIR_NODE__PUBLIC_URL", "trk.example.com", "https://"),
            ("WEIR_UNIQUENESS__CAPACITY", "10", "1000 to 64000000"),
            ("WEIR_STORES__STATE", "postgres://u:secret@h/db", "mysql://"),
            ("WEIR_STORES__CACHE", "memcached://h", "memcached"),
            ("WEIR_STORES__SEARCH", "nonsense", "not a URL"),
            ("WEIR_STORES__STATE", "file:/nowhere/url", "/nowhere/url"),
            ("WEIR_STORES__CATCH_UP_PERCENT", "0", "5 to 100"),
        ];
        for (name, value, expect) in cases {
            let message = with(&[(name, value)]).unwrap_err().to_string();
            assert!(message.contains(expect), "{message}");
            assert!(message.contains(name), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
