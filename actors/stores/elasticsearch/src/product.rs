//! Which product answers, and in which version.

use std::fmt;

use serde_json::Value;
use weir_engine::ports::SearchError;

use crate::client::Client;
use crate::failure::unexpected;

/// Which product answers, and in which version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Whether it is OpenSearch; else Elasticsearch.
    pub is_opensearch: bool,
    /// Its version.
    pub version: String,
}

/// A server that lacks what is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is too old: OpenSearch from 2.0 or Elasticsearch from 7.17")]
pub struct Unsuitable(pub Product);

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.is_opensearch {
            "OpenSearch"
        } else {
            "Elasticsearch"
        };
        write!(f, "{name} {}", self.version)
    }
}

impl Product {
    /// Asks the server.
    pub(crate) async fn of(client: &Client) -> Result<Self, SearchError> {
        let body = client.get("/", &[]).await?.accepted()?;
        Self::read(&body).ok_or_else(|| unexpected("a version"))
    }

    fn read(body: &Value) -> Option<Self> {
        let version = body["version"]["number"].as_str()?;
        Some(Self {
            is_opensearch: body["version"]["distribution"] == "opensearch",
            version: version.to_owned(),
        })
    }

    /// Whether it has what is needed.
    ///
    /// # Errors
    /// [`Unsuitable`].
    pub fn suits(&self) -> Result<(), Unsuitable> {
        let mut parts = self
            .version
            .split('.')
            .map(|p| p.parse::<u32>().unwrap_or(0));
        let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        let least = if self.is_opensearch { (2, 0) } else { (7, 17) };
        if version < least {
            return Err(Unsuitable(self.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn products_are_told_by_their_greeting_and_old_ones_are_refused() {
        let greeting = |distribution: Value, number: &str| json!({"version": {"distribution": distribution, "number": number}});
        let cases = [
            (json!("opensearch"), "2.19.6", "OpenSearch 2.19.6", true),
            (json!("opensearch"), "1.3.2", "OpenSearch 1.3.2", false),
            (Value::Null, "7.17.29", "Elasticsearch 7.17.29", true),
            (Value::Null, "8.19.21", "Elasticsearch 8.19.21", true),
            (Value::Null, "7.10.2", "Elasticsearch 7.10.2", false),
        ];
        for (distribution, number, name, suits) in cases {
            let product = Product::read(&greeting(distribution, number)).expect("a product");
            assert_eq!(product.to_string(), name);
            assert_eq!(product.suits().is_ok(), suits, "{name}");
        }
        assert_eq!(Product::read(&json!({"hello": "world"})), None);
    }
}
