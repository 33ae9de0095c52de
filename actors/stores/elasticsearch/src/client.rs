//! One request and its answer.

use std::time::Duration;

use elasticsearch::Elasticsearch;
use elasticsearch::auth::Credentials;
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::Method;
use elasticsearch::http::headers::HeaderMap;
use elasticsearch::http::request::Body;
use elasticsearch::http::transport::{SingleNodeConnectionPool, TransportBuilder};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::Url;
use weir_engine::ports::SearchError;

use crate::failure::{of_answer, unavailable};
use crate::options::Options;
use crate::store::OpenError;

/// Parameters of a request.
pub(crate) type Params<'a> = &'a [(&'a str, &'a str)];

/// The server at one URL.
pub(crate) struct Client {
    server: Elasticsearch,
    place: String,
}

/// An answer, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    retry_after: Option<Duration>,
}

impl Answer {
    /// The body of an answer that says yes.
    pub(crate) fn accepted(self) -> Result<Value, SearchError> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        Err(self.refused())
    }

    /// The body, or nothing where there is nothing.
    pub(crate) fn found(self) -> Result<Option<Value>, SearchError> {
        match self.status {
            404 => Ok(None),
            _ => self.accepted().map(Some),
        }
    }

    pub(crate) fn refused(&self) -> SearchError {
        of_answer(self.status, &self.body, self.retry_after)
    }

    pub(crate) fn error_type(&self) -> &str {
        self.body["error"]["type"].as_str().unwrap_or_default()
    }
}

impl Client {
    /// A client of the server that `options` name. Nothing is asked of it yet: it may be away.
    pub(crate) fn new(options: &Options) -> Result<Self, OpenError> {
        let mut url: Url = options.url.parse().map_err(|_| OpenError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(OpenError::Url);
        }
        let credentials = credentials_of(&mut url)?;
        let place = url.to_string();
        let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url))
            // The machine's proxy is for the internet, not for the store.
            .disable_proxy()
            .enable_meta_header(false)
            .timeout(options.timeout);
        if let Some(credentials) = credentials {
            builder = builder.auth(credentials);
        }
        if let Some(file) = &options.ca {
            let pem = std::fs::read(file).map_err(|error| OpenError::Ca(file.clone(), error))?;
            let certificates = Certificate::from_pem(&pem).map_err(OpenError::client)?;
            builder = builder.cert_validation(CertificateValidation::Full(certificates));
        }
        let transport = builder.build().map_err(OpenError::client)?;
        Ok(Self {
            server: Elasticsearch::new(transport),
            place,
        })
    }

    /// Where the server is; never the password.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Asks, and gives the answer whatever it says.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        params: Params<'_>,
        body: Option<impl Body>,
    ) -> Result<Answer, SearchError> {
        let answer = self
            .server
            .send(method, path, HeaderMap::new(), Some(params), body, None)
            .await
            .map_err(unavailable)?;
        let status = answer.status_code().as_u16();
        let header = answer.headers().get("retry-after");
        let seconds = header.and_then(|v| v.to_str().ok()?.parse().ok());
        let retry_after = seconds.map(Duration::from_secs);
        let bytes = answer.text().await.map_err(unavailable)?;
        // A proxy before the server answers in HTML: that is no answer of the server's, whatever its status says.
        let body = serde_json::from_str(&bytes);
        let body = match body {
            Ok(body) => body,
            Err(_) if bytes.is_empty() => Value::Null,
            Err(error) if (200..300).contains(&status) => return Err(unavailable(error)),
            Err(_) => Value::Null,
        };
        Ok(Answer {
            status,
            body,
            retry_after,
        })
    }

    /// Asks with a body of JSON.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        params: Params<'_>,
        body: &Value,
    ) -> Result<Answer, SearchError> {
        self.ask(method, path, params, Some(body.to_string())).await
    }

    /// Asks without a body.
    pub(crate) async fn get(&self, path: &str, params: Params<'_>) -> Result<Answer, SearchError> {
        self.ask(Method::Get, path, params, None::<String>).await
    }

    /// Deletes.
    pub(crate) async fn delete(&self, path: &str) -> Result<Answer, SearchError> {
        self.ask(Method::Delete, path, &[], None::<String>).await
    }
}

/// Takes user and password out of a URL.
fn credentials_of(url: &mut Url) -> Result<Option<Credentials>, OpenError> {
    if url.username().is_empty() {
        return Ok(None);
    }
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(|t| t.into_owned()).map_err(|_| OpenError::Url)
    };
    let user = decoded(url.username())?;
    let password = decoded(url.password().unwrap_or_default())?;
    url.set_username("").map_err(|()| OpenError::Url)?;
    url.set_password(None).map_err(|()| OpenError::Url)?;
    Ok(Some(Credentials::Basic(user, password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_leaves_the_url_before_anything_is_said_of_it() {
        let client = Client::new(&Options::at("https://weir:p%40ss@search.example:9200/base"));
        let client = client.expect("a client");
        assert_eq!(client.place(), "https://search.example:9200/base");
        let mut url: Url = "https://weir:p%40ss@search.example".parse().expect("a URL");
        let credentials = credentials_of(&mut url).expect("readable");
        assert!(
            matches!(credentials, Some(Credentials::Basic(u, p)) if u == "weir" && p == "p@ss")
        );
    }

    #[test]
    fn only_a_url_of_a_server_is_taken() {
        for url in ["search.example:9200", "redis://search.example", "", "http:"] {
            assert!(Client::new(&Options::at(url)).is_err(), "{url}");
        }
    }
}
