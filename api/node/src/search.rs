//! The search index that the settings name, and where documents go that it will never take.
//!
//! ```text
//! [stores] search = ""          ─▶ none
//!          search = "http://…"  ─▶ Elasticsearch or OpenSearch; dead letters in DIR/search-dead-letters.ndjson
//! ```
//! Not here: what is written (the actors), what the index is asked (the admin API).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tokio::runtime::Handle;
use weir_actors::{
    Clock, DeadLetter, DeadLetters, Journal, SearchFollower, SearchOptions, SearchPorts,
};
use weir_elasticsearch::{Elasticsearch, OpenError, Options};
use weir_engine::secrets::MasterSecret;

use crate::data_folder::DataFolder;
use crate::settings::Settings;
use crate::state::State;

/// Bytes after which the file of dead letters is put aside; the one before goes.
const DEAD_LETTERS_MOST: u64 = 64 << 20;

/// The index that the settings name; nothing is asked of it yet.
///
/// # Errors
/// The URL or the certificates cannot be used.
pub fn index(
    settings: &Settings,
    owner: String,
    runtime: Handle,
) -> Result<Option<Elasticsearch>, OpenError> {
    let stores = &settings.stores;
    if stores.search.is_empty() {
        return Ok(None);
    }
    let options = Options {
        prefix: settings.search.prefix.clone(),
        owner,
        ca: (!stores.ca.as_os_str().is_empty()).then(|| stores.ca.clone()),
        ..Options::at(&stores.search)
    };
    Elasticsearch::at(options, runtime).map(Some)
}

/// What tells the indices of this installation from those of others.
pub fn owner(secrets: &MasterSecret) -> String {
    format!(
        "{:032x}",
        u128::from_be_bytes(secrets.internal_key("search"))
    )
}

/// The projection that follows the log into `index`, at work.
pub fn follow(
    index: Arc<Elasticsearch>,
    settings: &Settings,
    state: &State,
    journal: &Journal,
    folder: &DataFolder,
) -> SearchFollower {
    let ports = SearchPorts {
        ledger: state.ledger(),
        clicks: Arc::new(journal.clone()),
        index,
        dead_letters: dead_letters(folder),
    };
    let options = SearchOptions {
        catch_up_percent: u8::try_from(settings.stores.catch_up_percent).unwrap_or(100),
        retention: settings.search.retention.age(),
        ..SearchOptions::default()
    };
    SearchFollower::start(journal.clone(), ports, Clock::system(), options)
}

/// Dead letters into a file of the data folder, one JSON object a line. A disk that does not take them costs a line in
/// the log, and no document.
pub fn dead_letters(folder: &DataFolder) -> DeadLetters {
    let file = Arc::new(Mutex::new(LetterFile {
        path: folder.path().join("search-dead-letters.ndjson"),
        file: None,
    }));
    Arc::new(move |letter| {
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.append(letter) {
            tracing::error!(%error, id = letter.id, reason = letter.reason, "a dead letter cannot be kept");
        }
    })
}

struct LetterFile {
    path: PathBuf,
    file: Option<File>,
}

impl LetterFile {
    fn append(&mut self, letter: &DeadLetter) -> io::Result<()> {
        let line = json!({
            "kind": letter.kind, "id": letter.id, "version": letter.version, "reason": letter.reason,
            "document": letter.document,
        });
        let mut file = match self.file.take() {
            Some(file) => file,
            None => open(&self.path)?,
        };
        if file.metadata()?.len() >= DEAD_LETTERS_MOST {
            std::fs::rename(&self.path, self.path.with_extension("ndjson.1"))?;
            file = open(&self.path)?;
        }
        file.write_all(format!("{line}\n").as_bytes())?;
        self.file = Some(file);
        Ok(())
    }
}

/// Documents name people: nobody else reads the file.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::Value;
    use weir_engine::search::DocumentKind;

    use super::*;

    #[test]
    fn dead_letters_are_lines_of_a_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let folder = DataFolder::create(&folder.path().join("data")).unwrap();
        for id in ["a", "b"] {
            let letter = DeadLetter {
                kind: DocumentKind::Clicks,
                id: id.to_owned(),
                version: 7,
                reason: "no date\nthat is one".to_owned(),
                document: json!({"click_id": id}),
            };
            // Another start of the process goes on with the file.
            dead_letters(&folder)(&letter);
        }
        let path = folder.path().join("search-dead-letters.ndjson");
        let text = std::fs::read_to_string(&path).unwrap();
        let ids: Vec<Value> = text
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).unwrap()["id"].clone())
            .collect();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn without_a_url_there_is_no_index() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mut settings = Settings::default();
        assert!(
            index(&settings, String::new(), runtime.handle().clone())
                .unwrap()
                .is_none()
        );
        settings.stores.search = "http://127.0.0.1:9200".to_owned();
        assert!(
            index(&settings, String::new(), runtime.handle().clone())
                .unwrap()
                .is_some()
        );
        settings.stores.ca = "/nowhere/ca.pem".into();
        assert!(index(&settings, String::new(), runtime.handle().clone()).is_err());
    }
}
