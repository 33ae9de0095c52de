//! Where the index is and how it is laid out.

use std::path::PathBuf;
use std::time::Duration;

/// Copies of each index beside the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicas {
    /// One where there is a second node for it, else none: one node stays green.
    Auto,
    /// So many.
    Fixed(u32),
}

/// Where the index is and how it is laid out. Settings of indices hold for those that are made from then on.
#[derive(Debug, Clone)]
pub struct Options {
    /// `http://` or `https://`, with user and password before the host where the server asks for them.
    pub url: String,
    /// Certificates (PEM) of the authority that signed the server's, when the machine does not know it.
    pub ca: Option<PathBuf>,
    /// What the names of all indices and templates begin with: one an installation.
    pub prefix: String,
    /// What tells this installation from others: an index of another one is neither read nor written.
    pub owner: String,
    /// Copies.
    pub replicas: Replicas,
    /// Shards of each monthly index.
    pub shards: u32,
    /// How often the server itself has new documents found; the writer asks for it whenever it keeps its cursor.
    pub refresh_interval: String,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Bytes of one bulk request; below the 10 MB that small hosted servers take.
    pub bulk_bytes: usize,
}

impl Options {
    /// The usual layout at `url`.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ca: None,
            prefix: "weir".to_owned(),
            owner: String::new(),
            replicas: Replicas::Auto,
            shards: 1,
            refresh_interval: "30s".to_owned(),
            timeout: Duration::from_secs(30),
            bulk_bytes: 4 << 20,
        }
    }
}
