//! What goes wrong with a server.

use std::time::Duration;

use redis::RedisError;
use weir_engine::ports::CacheError;

/// Why the server did not say.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It failed lately and is left alone.
    #[error("redis is left alone for a while")]
    Resting,
    /// No answer in time; with what went wrong with a connection last, if anything did.
    #[error("no answer from redis within {0:?}")]
    TimedOut(Duration, #[source] Option<ConnectError>),
    /// It refused, or the connection broke.
    #[error("redis failed")]
    Failed(#[from] RedisError),
    /// Its answer makes no sense.
    #[error("redis said what cannot be read: {0}")]
    Unreadable(&'static str),
    /// The runtime of the connections has ended.
    #[error("cache has stopped")]
    Stopped,
}

/// What went wrong with a connection last.
#[derive(Debug, Clone, thiserror::Error)]
#[error("connecting failed: {0}")]
pub struct ConnectError(pub std::sync::Arc<RedisError>);

impl From<Trouble> for CacheError {
    fn from(trouble: Trouble) -> Self {
        Self(Box::new(trouble))
    }
}
