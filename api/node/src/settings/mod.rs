//! Settings: what an operator may configure, each with its unit, its default and its reason.
//!
//! Layers, each over the one before: built in, file, environment (`WEIR_SECTION__KEY`), flags. No key is
//! mandatory. An unknown key is an error that says what was probably meant. `weir config template` prints this
//! very file of defaults; a test holds it equal to the structs.

mod check;
mod load;
mod size;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_engine::catalog::AddressRange;

pub use self::load::{Loaded, Origin, load};
pub use self::size::ByteSize;

/// The defaults, as a file with comments.
pub const TEMPLATE: &str = include_str!("template.toml");

/// Everything that may be configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// This process.
    pub node: Node,
    /// What stands behind the ports.
    pub stores: Stores,
    /// The index to search in.
    pub search: Search,
    /// Where to listen.
    pub listen: Listen,
    /// The log.
    pub journal: Journal,
    /// The public listener.
    pub edge: Edge,
    /// Unique clicks.
    pub uniqueness: Uniqueness,
    /// Countries of addresses.
    pub geo: Geo,
    /// What is logged.
    pub log: Log,
    /// The end.
    pub shutdown: Shutdown,
}

/// See [`Settings::node`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Number of the node in click ids, 0-4095.
    pub id: u16,
    /// Data folder.
    pub data: PathBuf,
    /// The URL that links are given out with; empty = the traffic listener's own.
    pub public_url: String,
    /// Hosts that no tenant may claim, beside that of `public_url`.
    pub shared_hosts: Vec<String>,
}

/// See [`Settings::stores`]. URLs, which may hold passwords: they are never printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stores {
    /// The system of record; empty = the embedded store in the data folder.
    pub state: String,
    /// A shared cache; empty = the memory of this process.
    pub cache: String,
    /// An index to search in; empty = none.
    pub search: String,
    /// Certificates in PEM that the stores' must be signed by; empty = the usual ones, where a URL asks for TLS.
    pub ca: PathBuf,
    /// Share of the time that a store is given work when much waits for it, in percent.
    pub catch_up_percent: u32,
}

/// See [`Settings::search`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// What the names of all its indices begin with; each installation on a server has its own.
    pub prefix: String,
    /// Days that clicks can be searched, or `off` for as long as the log is there.
    pub retention: Retention,
}

/// See [`Settings::listen`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address of the traffic and admin listeners.
    pub host: IpAddr,
    /// Port of clicks and postbacks; 0 = any free one.
    pub traffic_port: u16,
    /// Port of the admin API.
    pub admin_port: u16,
    /// Port of health and metrics.
    pub ops_port: u16,
    /// Address of the ops listener.
    pub ops_host: IpAddr,
    /// Edge runtimes; 0 = one a core.
    pub edge_threads: usize,
}

/// See [`Settings::journal`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// When a click is acknowledged.
    pub durability: Durability,
    /// Most disk for the log; 80 % warns, full answers 503.
    pub max_bytes: ByteSize,
    /// Days that facts are kept once every store has them, or `off`.
    pub retention: Retention,
}

/// When a fact counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// After fdatasync: survives a power cut.
    Fsync,
    /// After the write: survives a crash of the process, not of the machine.
    Os,
}

/// How long facts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Retention {
    /// Days, at least 1.
    Days(u32),
    /// For ever.
    Word(RetentionWord),
}

impl Retention {
    /// How old a fact must be to go; `None` = none goes.
    #[must_use]
    pub fn age(self) -> Option<Duration> {
        match self {
            Self::Days(days) => Some(Duration::from_secs(86_400 * u64::from(days))),
            Self::Word(RetentionWord::Off) => None,
        }
    }
}

/// The one word that retention knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetentionWord {
    /// Keep everything.
    Off,
}

/// See [`Settings::edge`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// What a click gets that cannot be recorded.
    pub on_journal_unavailable: OnJournalUnavailable,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<AddressRange>,
    /// Connections an address may hold; 0 = any number. Loopback and trusted proxies are exempt.
    pub max_per_ip: u32,
    /// Connections in all.
    pub max_connections: u32,
    /// How long a postback waits for its verdict before it gets 202.
    pub verdict_deadline_ms: u64,
}

/// See [`Edge::on_journal_unavailable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnJournalUnavailable {
    /// 503 with `Retry-After`.
    Refuse,
    /// The visitor is sent on without a record; counted.
    Redirect,
}

/// See [`Settings::uniqueness`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uniqueness {
    /// Visitors remembered a tenant, for tenants that are made from now on.
    pub capacity: u32,
}

/// See [`Settings::geo`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geo {
    /// A country or city file in MaxMind's format; empty = the one that is built in.
    pub database: PathBuf,
}

/// See [`Settings::log`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Filter as of `RUST_LOG`: `info`, `weir_actors=debug`.
    pub level: String,
    /// Lines for people or for machines.
    pub format: LogFormat,
}

/// See [`Log::format`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// See [`Settings::shutdown`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// How long `/readyz` says 503 while everything is still served.
    pub grace_ms: u64,
    /// How long the whole end may take.
    pub timeout_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        // A test reads the template, so this never fails in a build that passed.
        toml_of_template().unwrap_or_else(|error| panic!("built-in settings: {error}"))
    }
}

fn toml_of_template() -> Result<Settings, config::ConfigError> {
    config::Config::builder()
        .add_source(config::File::from_str(TEMPLATE, config::FileFormat::Toml))
        .build()?
        .try_deserialize()
}
