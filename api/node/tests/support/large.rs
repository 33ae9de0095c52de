//! A log of more than a million facts, with the store as it was when there were next to none.

#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::history::{History, is_release, journal_info, log, wait_for_end};
use crate::support::{Server, path_of, weir};

/// What was made: once a test binary, below cargo's folder for such things, where the next run replaces it.
pub struct Large {
    /// The data folder with everything in the books.
    pub whole: PathBuf,
    /// The store when the history had begun.
    early_store: PathBuf,
    /// Facts in the log.
    pub facts: u64,
    /// The path of a click that is always sent on.
    pub click_path: String,
}

impl Large {
    /// Makes it in a folder of this name.
    pub fn make(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        let whole = folder.join("whole");
        let history = History {
            seed: 3,
            days: if is_release() { 420 } else { 14 },
            until: "2026-11-20T00:00:00Z",
        };
        let before = log(&whole).len();
        let mut server = history.begin(&whole);
        let click_path = path_of(&server.url("/demo/click_url")).to_owned();
        let early = folder.join("early");
        let output = weir(&whole, &["backup", early.to_str().unwrap()]);
        assert!(output.status.success(), "{output:?}");
        wait_for_end(&whole, before);
        server.terminate();
        let facts = journal_info(&whole, "facts");
        assert!(facts >= 1_000_000 || !is_release(), "{facts} facts");
        Self {
            early_store: early.join("state.db"),
            whole,
            facts,
            click_path,
        }
    }

    /// A new data folder with the whole log and, if wanted, the early store; without it there is none.
    pub fn behind(&self, data: &Path, has_store: bool) {
        copy(&self.whole.join("journal"), &data.join("journal"));
        copy(&self.whole.join("secrets"), &data.join("secrets"));
        if has_store {
            fs::copy(&self.early_store, data.join("state.db")).unwrap();
        }
    }
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// How many facts are in the books of a data folder; none when it has no books yet.
pub fn stored(data: &Path) -> u64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let read = Connection::open_with_flags(data.join("state.db"), flags).and_then(|store| {
        let sum = "SELECT coalesce(sum(next_offset), 0) FROM partition_state";
        store.query_row(sum, [], |row| row.get::<_, i64>(0))
    });
    read.map_or(0, i64::unsigned_abs)
}

/// Serves a data folder.
pub fn serve(data: &Path) -> Server {
    Server::start(data, &["serve"])
}
