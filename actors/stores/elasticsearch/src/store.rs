//! The index: its client, what it remembers between requests, and the runtime that its tasks run on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::ports::{
    Generation, IndexStats, PortFuture, SearchError, SearchIndex, Watermark, Written,
};
use weir_engine::search::{
    ClickDocument, ConversionDocument, Document, DocumentKind, Drilldown, DrilldownPage,
    SearchPage, SearchQuery,
};

use crate::client::Client;
use crate::control::{self, Indices};
use crate::failure::{Stopped, TooLong, unavailable};
use crate::generations::has_all;
use crate::names::Names;
use crate::options::Options;
use crate::product::Product;

/// Why the index cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is not one.
    #[error("not a URL such as https://user:password@host:9200")]
    Url,
    /// The prefix is no beginning of the name of an index.
    #[error("a prefix is lower-case letters, digits and underscores, and begins with a letter")]
    Prefix,
    /// The file of certificates cannot be read.
    #[error("cannot read the certificates in {}", .0.display())]
    Ca(PathBuf, #[source] std::io::Error),
    /// The client cannot be made of it.
    #[error("the client cannot be made")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl OpenError {
    pub(crate) fn client(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Client(Box::new(error))
    }
}

/// What the tasks share.
pub(crate) struct Index {
    pub(crate) client: Client,
    pub(crate) names: Names,
    pub(crate) options: Options,
    /// Unique ids of the indices that were found or made, by generation.
    known: Mutex<BTreeMap<Generation, Indices>>,
    /// Indices with documents that may not be found yet.
    written: Mutex<BTreeSet<String>>,
}

impl Index {
    pub(crate) fn known(&self) -> MutexGuard<'_, BTreeMap<Generation, Indices>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn written(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which product it is; one that lacks what is needed is refused.
    pub(crate) async fn product(&self) -> Result<Product, SearchError> {
        let product = Product::of(&self.client).await?;
        let suits = product.suits();
        suits.map_err(|e| SearchError::Refused(e.to_string()))?;
        Ok(product)
    }

    /// What the live generation is complete to.
    pub(crate) async fn watermark(&self) -> Result<Option<Watermark>, SearchError> {
        let Some(held) = control::state(&self.client, &self.names).await? else {
            return Ok(None);
        };
        let kept = control::cursor(&self.client, &self.names, held.state.live);
        let there = control::indices(&self.client, &self.names);
        let (kept, there) = tokio::try_join!(kept, there)?;
        Ok(kept
            .filter(|k| has_all(&there, &k.indices))
            .map(|k| k.watermark))
    }

    async fn stats(&self) -> Result<IndexStats, SearchError> {
        let product = self.product().await?;
        let path = format!("/{}/_stats/docs,store", self.names.all());
        let params = [("ignore_unavailable", "true"), ("allow_no_indices", "true")];
        let found = self
            .client
            .get(&path, &params)
            .await?
            .found()?
            .unwrap_or_default();
        let state = control::state(&self.client, &self.names).await?;
        let live = state.map(|held| held.state.live);
        let (mut clicks, mut conversions, mut bytes) = (0, 0, 0);
        let indices = found["indices"].as_object();
        for (name, index) in indices.into_iter().flatten() {
            let Some(monthly) = self.names.read(name) else {
                continue;
            };
            let number = |value: &Value| value.as_u64().unwrap_or(0);
            bytes += number(&index["total"]["store"]["size_in_bytes"]);
            let documents = number(&index["primaries"]["docs"]["count"]);
            match monthly.kind {
                _ if Some(monthly.generation) != live => {}
                DocumentKind::Clicks => clicks += documents,
                DocumentKind::Conversions => conversions += documents,
            }
        }
        Ok(IndexStats {
            product: product.to_string(),
            live,
            clicks,
            conversions,
            bytes,
            cursor: self.watermark().await?,
        })
    }
}

/// The index on one server or cluster.
#[derive(Clone)]
pub struct Elasticsearch {
    index: Arc<Index>,
    /// Turns of questions.
    questions: Arc<Semaphore>,
    runtime: Handle,
}

/// Questions at a time, and how long one may take with all its pages.
const QUESTIONS: usize = 8;
const QUESTION_WITHIN: Duration = Duration::from_secs(30);

impl Elasticsearch {
    /// An index as `options` say. Nothing is asked of the server yet: it may be away.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn at(options: Options, runtime: Handle) -> Result<Self, OpenError> {
        let prefix = options.prefix.as_bytes();
        let is_word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_';
        let is_good = prefix.first().is_some_and(u8::is_ascii_lowercase)
            && prefix.len() <= 64
            && prefix.iter().all(is_word);
        if !is_good {
            return Err(OpenError::Prefix);
        }
        Ok(Self {
            index: Arc::new(Index {
                client: Client::new(&options)?,
                names: Names {
                    prefix: options.prefix.clone(),
                    owner: options.owner.clone(),
                },
                options,
                known: Mutex::default(),
                written: Mutex::default(),
            }),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            runtime,
        })
    }

    /// Where the server is; never the password.
    #[must_use]
    pub fn place(&self) -> &str {
        self.index.client.place()
    }

    /// Which product answers, in which version; one that lacks what is needed is refused.
    ///
    /// # Errors
    /// [`SearchError`].
    pub async fn product(&self) -> Result<Product, SearchError> {
        self.task(|index| async move { index.product().await })
            .await
    }

    fn list<T: DeserializeOwned + Send + 'static>(
        &self,
        kind: DocumentKind,
        tenant: TenantId,
        query: SearchQuery,
    ) -> PortFuture<'static, Result<SearchPage<T>, SearchError>> {
        self.question(move |index| async move {
            if query.selection.of != kind {
                let what = format!(
                    "a question about {} was asked of {kind}",
                    query.selection.of
                );
                return Err(SearchError::Refused(what));
            }
            index.list(tenant, query).await
        })
    }

    /// Answers a question if few are asked at a time, within a time: each may hold many rows.
    fn question<T: Send + 'static, F: Future<Output = Result<T, SearchError>> + Send + 'static>(
        &self,
        work: impl FnOnce(Arc<Index>) -> F + Send + 'static,
    ) -> PortFuture<'static, Result<T, SearchError>> {
        let Ok(turn) = Arc::clone(&self.questions).try_acquire_owned() else {
            let retry_after = Some(Duration::from_secs(1));
            return Box::pin(async move { Err(SearchError::Overloaded { retry_after }) });
        };
        self.task(move |index| async move {
            let _turn = turn;
            let answer = tokio::time::timeout(QUESTION_WITHIN, work(index)).await;
            answer.map_err(|_| unavailable(TooLong))?
        })
    }

    /// Runs work in a task of its own, so that whoever waits needs no runtime.
    fn task<T: Send + 'static, F: Future<Output = Result<T, SearchError>> + Send + 'static>(
        &self,
        work: impl FnOnce(Arc<Index>) -> F,
    ) -> PortFuture<'static, Result<T, SearchError>> {
        let task = self.runtime.spawn(work(Arc::clone(&self.index)));
        Box::pin(async move { task.await.map_err(|_| unavailable(Stopped))? })
    }
}

impl SearchIndex for Elasticsearch {
    fn live(&self) -> PortFuture<'_, Result<Generation, SearchError>> {
        self.task(|index| async move { index.live().await })
    }

    fn begin(&self) -> PortFuture<'_, Result<Generation, SearchError>> {
        self.task(|index| async move { index.begin().await })
    }

    fn write(
        &self,
        generation: Generation,
        documents: Arc<[Document]>,
    ) -> PortFuture<'_, Result<Vec<Written>, SearchError>> {
        self.task(move |index| async move { index.write(generation, documents).await })
    }

    fn cursor(
        &self,
        generation: Generation,
    ) -> PortFuture<'_, Result<Option<Watermark>, SearchError>> {
        self.task(move |index| async move { index.cursor(generation).await })
    }

    fn set_cursor(
        &self,
        generation: Generation,
        cursor: Watermark,
    ) -> PortFuture<'_, Result<(), SearchError>> {
        self.task(move |index| async move { index.set_cursor(generation, cursor).await })
    }

    fn publish(&self, generation: Generation) -> PortFuture<'_, Result<(), SearchError>> {
        self.task(move |index| async move { index.publish(generation).await })
    }

    fn forget(&self, before: UnixMs) -> PortFuture<'_, Result<Vec<String>, SearchError>> {
        self.task(move |index| async move { index.forget(before).await })
    }

    fn clicks(
        &self,
        tenant: TenantId,
        query: SearchQuery,
    ) -> PortFuture<'_, Result<SearchPage<ClickDocument>, SearchError>> {
        self.list(DocumentKind::Clicks, tenant, query)
    }

    fn conversions(
        &self,
        tenant: TenantId,
        query: SearchQuery,
    ) -> PortFuture<'_, Result<SearchPage<ConversionDocument>, SearchError>> {
        self.list(DocumentKind::Conversions, tenant, query)
    }

    fn drilldown(
        &self,
        tenant: TenantId,
        question: Drilldown,
    ) -> PortFuture<'_, Result<DrilldownPage, SearchError>> {
        self.question(move |index| async move { index.drilldown(tenant, question).await })
    }

    fn stats(&self) -> PortFuture<'_, Result<IndexStats, SearchError>> {
        self.task(|index| async move { index.stats().await })
    }
}
