//! Doors of a tenant: its domains and API keys.

use serde::{Deserialize, Serialize};

use super::Liveness;

/// A host name that links of a tenant live on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// The host, in lower case.
    pub host: String,
    /// Live or archived.
    #[serde(default)]
    pub status: Liveness,
}

/// A key to the API: its public prefix and the hash of the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Name for people.
    pub name: String,
    /// What may be shown: the first characters of the key.
    pub prefix: String,
    /// SHA-256 of the whole key, hex.
    pub sha256: String,
    /// What it may do; `*` is everything of its tenant.
    pub scopes: Vec<String>,
    /// Live or revoked.
    #[serde(default)]
    pub status: Liveness,
}
