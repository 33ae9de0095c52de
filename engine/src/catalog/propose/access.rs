//! Drafts of domains and API keys: through which doors a tenant is reached.

use serde::{Deserialize, Serialize};

use super::review::Review;
use super::{Draft, EntityDraft, code};
use crate::as_text::words;
use crate::catalog::{ApiKey, Domain, Liveness};
use crate::ids::TenantId;

/// What may be set of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainDraft {
    /// The host; kept in lower case.
    pub host: String,
    /// Live or archived.
    #[serde(default)]
    pub status: Liveness,
}

impl EntityDraft for DomainDraft {
    type Entity = Domain;

    fn of(draft: &Draft) -> Option<&Self> {
        match draft {
            Draft::Domain(draft) => Some(draft),
            _ => None,
        }
    }

    fn build(&self, review: &mut Review<'_>, _: Option<&Domain>) -> Domain {
        let host = self.host.to_ascii_lowercase();
        if !is_host_name(&host) {
            let message =
                "must be a host name such as go.brand.example (other alphabets in punycode)";
            review.error("host", code::INVALID, message);
        }
        let mut domains = review.catalog.domains.iter();
        let own = review.key.number;
        if domains.any(|(&number, other)| number != own && other.body.host == host) {
            review.conflict("host", format!("the domain {host} exists already"));
        }
        Domain {
            host,
            status: self.status,
        }
    }

    fn archived(domain: &Domain) -> Option<Domain> {
        Some(Domain {
            status: Liveness::Archived,
            ..domain.clone()
        })
    }
}

impl From<&Domain> for DomainDraft {
    fn from(domain: &Domain) -> Self {
        Self {
            host: domain.host.clone(),
            status: domain.status,
        }
    }
}

/// A name of at least two labels; the last one is no number, so that an address is none.
fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && host.contains('.')
        && host.split('.').all(is_label)
        && !last.bytes().all(|b| b.is_ascii_digit())
}

words! {
    /// What an API key may do.
    Scope {
        /// Everything of its tenant; with a key of tenant 0, of the installation.
        All = 1 "*",
        /// Record clicks by `POST /v1/track/click`.
        Track = 2 "track",
        /// Read the configuration.
        CatalogRead = 3 "catalog:read",
        /// Change the configuration.
        CatalogWrite = 4 "catalog:write",
        /// Read clicks and conversions.
        ConversionsRead = 5 "conversions:read",
        /// Approve and reject conversions.
        ConversionsWrite = 6 "conversions:write",
        /// Query reports.
        ReportsRead = 7 "reports:read",
        /// Read balances.
        BalancesRead = 8 "balances:read",
        /// Make and revoke API keys.
        KeysWrite = 9 "keys:write",
        /// Make tenants; only with a key of tenant 0.
        TenantsWrite = 10 "tenants:write",
    }
}

/// The secret of an API key as it is stored. Made by the caller: chance and secrets come from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHash {
    /// What may be shown.
    pub prefix: String,
    /// SHA-256 of the whole key, in lower-case hex.
    pub sha256: String,
}

/// What may be set of an API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyDraft {
    /// Name for people.
    pub name: String,
    /// What it may do, see [`Scope`].
    pub scopes: Vec<String>,
    /// Its secret, needed to make one; never part of a request. An edit without it keeps the secret.
    #[serde(skip)]
    pub hash: Option<KeyHash>,
}

impl EntityDraft for ApiKeyDraft {
    type Entity = ApiKey;

    fn of(draft: &Draft) -> Option<&Self> {
        match draft {
            Draft::ApiKey(draft) => Some(draft),
            _ => None,
        }
    }

    /// A revoked key stays revoked: what was leaked must not come back by an edit.
    fn build(&self, review: &mut Review<'_>, current: Option<&ApiKey>) -> ApiKey {
        self.check_scopes(review);
        let hash = self.hash.clone().or_else(|| {
            current.map(|key| KeyHash {
                prefix: key.prefix.clone(),
                sha256: key.sha256.clone(),
            })
        });
        let KeyHash { prefix, sha256 } = hash.unwrap_or_else(|| KeyHash {
            prefix: String::new(),
            sha256: String::new(),
        });
        let is_lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if sha256.len() != 64 || !sha256.bytes().all(is_lower_hex) || prefix.is_empty() {
            review.error("", code::REQUIRED, "an API key needs a prefix and a hash");
        }
        ApiKey {
            name: review.name("name", &self.name),
            prefix,
            sha256,
            scopes: self.scopes.clone(),
            status: current.map_or(Liveness::Active, |key| key.status),
        }
    }

    fn archived(key: &ApiKey) -> Option<ApiKey> {
        Some(ApiKey {
            status: Liveness::Archived,
            ..key.clone()
        })
    }
}

impl ApiKeyDraft {
    fn check_scopes(&self, review: &mut Review<'_>) {
        if self.scopes.is_empty() {
            review.error("scopes", code::REQUIRED, "at least one scope");
        }
        for (index, text) in self.scopes.iter().enumerate() {
            let field = format!("scopes[{index}]");
            match text.parse::<Scope>() {
                Err(unknown) => review.error(field, code::INVALID, unknown),
                Ok(Scope::TenantsWrite) if review.tenant != TenantId(0) => {
                    let message = "only keys of the installation make tenants";
                    review.error(field, code::NOT_APPLICABLE, message);
                }
                Ok(_) if self.scopes[..index].contains(text) => {
                    review.error(field, code::DUPLICATE, format!("{text} is twice"));
                }
                Ok(_) => {}
            }
        }
    }
}

impl From<&ApiKey> for ApiKeyDraft {
    fn from(key: &ApiKey) -> Self {
        Self {
            name: key.name.clone(),
            scopes: key.scopes.clone(),
            hash: None,
        }
    }
}
