//! A store in a folder of its own.

use std::ops::Deref;
use std::path::Path;

use weir_embedded::Embedded;

/// A store that goes with its folder.
pub struct Opened {
    store: Embedded,
    folder: tempfile::TempDir,
}

impl Deref for Opened {
    type Target = Embedded;

    fn deref(&self) -> &Embedded {
        &self.store
    }
}

impl Opened {
    /// A folder beside the store's file.
    #[allow(dead_code)] // Not every test crate needs it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A store without any row.
pub fn open() -> Opened {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Embedded::open(folder.path().join("store.sqlite")).expect("opened");
    Opened { store, folder }
}
