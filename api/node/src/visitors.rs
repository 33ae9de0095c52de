//! The data that visitors are told by, built into the binary.

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use weir_engine::visitor::{Countries, UserAgents};

const COUNTRIES: &[u8] = include_bytes!("../../data/countries.mmdb.xz");
const AGENTS: &str = include_str!("../../data/agents.json");
const CRAWLERS: &str = include_str!("../../data/crawlers.json");

/// The patterns of user agents.
///
/// # Errors
/// The data that was built in is damaged.
pub fn agents() -> anyhow::Result<UserAgents> {
    UserAgents::load(AGENTS, CRAWLERS).context("built-in patterns of user agents")
}

/// The countries of addresses: the built-in file, or one in MaxMind's format.
///
/// # Errors
/// The file cannot be read, or is none.
pub fn countries(database: &Path) -> anyhow::Result<Countries> {
    let bytes = if database.as_os_str().is_empty() {
        let mut bytes = Vec::with_capacity(8 << 20);
        lzma_rust2::XzReader::new(COUNTRIES, false)
            .read_to_end(&mut bytes)
            .context("built-in countries")?;
        bytes
    } else {
        std::fs::read(database).with_context(|| format!("geo.database {}", database.display()))?
    };
    Countries::load(bytes).context("countries")
}
