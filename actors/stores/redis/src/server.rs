//! A server: its connections, and the parts that use them.

use std::sync::Arc;
use std::time::Duration;

use redis::{Client, IntoConnectionInfo, RedisError, TlsCertificates};
use tokio::runtime::Handle;
use weir_engine::ports::{CacheError, ClickLookup};
use weir_engine::secrets::MasterSecret;

use crate::clicks::CachedClicks;
use crate::counters::Counters;
use crate::failure::Trouble;
use crate::limits::Limits;
use crate::link::Link;
use crate::pool::Connections;
use crate::seal::Seal;

/// How long [`Redis::version`] waits.
const EXAMINE_WITHIN: Duration = Duration::from_secs(5);

/// How long each part waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// A look-up of a click: the log answers in less than a millisecond itself.
    pub clicks: Duration,
    /// An allowance: a request waits for it.
    pub limits: Duration,
    /// Counters, which are written in the background.
    pub counters: Duration,
}

impl Default for Within {
    fn default() -> Self {
        Self {
            clicks: Duration::from_millis(5),
            limits: Duration::from_millis(20),
            counters: Duration::from_millis(250),
        }
    }
}

/// How a server is used.
#[derive(Debug, Clone)]
pub struct Options {
    /// What all keys begin with, so that installations, and tests, may share a server.
    pub prefix: String,
    /// Names the log: another one whenever a part of the log was cut off or replaced, so that nothing that followed
    /// from what is gone is found again.
    pub generation: String,
    /// How long a click is kept.
    pub click_ttl: Duration,
    /// How long parts wait.
    pub within: Within,
    /// Certificates (PEM) that sign the server's for `rediss://`; without them those of the system do.
    pub root_cert: Option<Vec<u8>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prefix: "weir".to_owned(),
            generation: String::new(),
            click_ttl: Duration::from_secs(6 * 3600),
            within: Within::default(),
            root_cert: None,
        }
    }
}

/// Why a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one, or a certificate cannot be read.
    #[error("not a URL such as redis://user:password@host:6379/0 or rediss://…")]
    Url(#[source] RedisError),
}

/// A server. Cheap to clone; the parts share its connections.
#[derive(Clone)]
pub struct Redis {
    connections: Connections,
    runtime: Handle,
    options: Arc<Options>,
    seal: Seal,
    place: String,
}

impl Redis {
    /// The server at `url`. Nothing is asked of it yet: it may be away.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn at(
        url: &str,
        options: Options,
        secrets: &MasterSecret,
        runtime: Handle,
    ) -> Result<Self, OpenError> {
        // One provider in the process: whoever comes first installs the same one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let info = url.into_connection_info().map_err(OpenError::Url)?;
        let place = info.addr().to_string();
        let client = match options.root_cert.clone() {
            Some(root_cert) => {
                let certificates = TlsCertificates {
                    client_tls: None,
                    root_cert: Some(root_cert),
                };
                Client::build_with_tls(info, certificates)
            }
            None => Client::open(info),
        };
        let client = client.map_err(OpenError::Url)?;
        let entered = runtime.enter();
        let connections = Connections::new(client);
        drop(entered);
        Ok(Self {
            connections,
            runtime,
            options: Arc::new(options),
            seal: Seal::new(secrets),
            place,
        })
    }

    /// Host and port; never the password.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The server's version, for people; fails when it does not answer.
    ///
    /// # Errors
    /// [`CacheError`].
    pub async fn version(&self) -> Result<String, CacheError> {
        let asking = self
            .connections
            .with(EXAMINE_WITHIN, |mut connection| async move {
                let info = redis::cmd("INFO").arg("server").to_owned();
                info.query_async::<String>(&mut connection).await
            });
        let info = asking.await?;
        let named = ["valkey_version:", "redis_version:"];
        let version = named.iter().find_map(|name| {
            let line = info.lines().find(|line| line.starts_with(name))?;
            Some(line.trim().replace("_version:", " "))
        });
        Ok(version.ok_or(Trouble::Unreadable("INFO without a version"))?)
    }

    /// A look-up of clicks that asks here before it asks `inner`.
    #[must_use]
    pub fn clicks(&self, inner: Arc<dyn ClickLookup>) -> CachedClicks {
        let link = self.link("clicks", self.options.within.clicks);
        let (prefix, ttl) = (self.of_generation("click"), self.options.click_ttl);
        CachedClicks::new(inner, link, self.seal.clone(), prefix, ttl)
    }

    /// Live counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let link = self.link("counters", self.options.within.counters);
        Counters::new(link, self.seal.clone(), self.of_generation("live"))
    }

    /// Allowances.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let link = self.link("limits", self.options.within.limits);
        Limits::new(link, format!("{}:limit:", self.options.prefix))
    }

    fn link(&self, part: &'static str, within: Duration) -> Link {
        Link::new(part, within, self.connections.clone(), self.runtime.clone())
    }

    fn of_generation(&self, kind: &str) -> String {
        let Options {
            prefix, generation, ..
        } = self.options.as_ref();
        format!("{prefix}:{generation}:{kind}:")
    }
}
