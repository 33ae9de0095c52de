//! The product under measurement: its parts put together as the server does, in a folder of its own.

pub mod catalog;
pub mod facts;
mod world;

pub mod visitors {
    //! The data that visitors are told by, from the repository.

    use std::io::Read;

    use weir_engine::visitor::{Countries, UserAgents};

    /// Countries of addresses.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn countries() -> anyhow::Result<Countries> {
        const FILE: &[u8] = include_bytes!("../../../api/data/countries.mmdb.xz");
        let mut bytes = Vec::with_capacity(8 << 20);
        lzma_rust2::XzReader::new(FILE, false).read_to_end(&mut bytes)?;
        Ok(Countries::load(bytes)?)
    }

    /// Patterns of user agents.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn agents() -> anyhow::Result<UserAgents> {
        const AGENTS: &str = include_str!("../../../api/data/agents.json");
        const CRAWLERS: &str = include_str!("../../../api/data/crawlers.json");
        Ok(UserAgents::load(AGENTS, CRAWLERS)?)
    }
}

pub use self::world::World;
