//! Lists of documents, in pages.

use elasticsearch::http::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::ports::SearchError;
use weir_engine::search::{Order, SearchCursor, SearchPage, SearchQuery};

use crate::failure::{unavailable, unexpected};
use crate::query;
use crate::store::Index;

/// Documents are counted up to here.
const COUNTED: u64 = 10_000;

impl Index {
    /// Asks the readers' alias.
    pub(crate) async fn search(&self, alias: &str, body: &Value) -> Result<Value, SearchError> {
        let path = format!("/{alias}/_search");
        let params = [("ignore_unavailable", "true"), ("allow_no_indices", "true")];
        let found = self
            .client
            .send(Method::Post, &path, &params, body)
            .await?
            .accepted()?;
        // Half an answer is none.
        if found["_shards"]["failed"].as_u64() != Some(0) || found["timed_out"] == true {
            return Err(unexpected("all of its parts"));
        }
        Ok(found)
    }

    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        tenant: TenantId,
        question: SearchQuery,
    ) -> Result<SearchPage<T>, SearchError> {
        let watermark = self.watermark().await?;
        let time = query::time_field(&question.selection);
        let order = match question.order {
            Order::Newest => "desc",
            Order::Oldest => "asc",
        };
        let mut body = json!({
            "query": query::of_selection(tenant, &question.selection),
            "size": question.limit + 1,
            "track_total_hits": COUNTED,
            "sort": [{time: {"order": order}}, {"seq": {"order": order}}],
        });
        if let Some(after) = question.after {
            body["search_after"] = json!([after.at.0, after.seq]);
        }
        let found = self
            .search(&self.names.alias(question.selection.of), &body)
            .await?;
        let hits = found["hits"]["hits"]
            .as_array()
            .ok_or_else(|| unexpected("hits"))?;
        let shown = &hits[..hits.len().min(question.limit as usize)];
        let next = shown
            .last()
            .filter(|_| hits.len() > shown.len())
            .map(|hit| {
                let sort = |i: usize| hit["sort"][i].as_u64();
                let cursor = sort(0).zip(sort(1));
                cursor.map(|(at, seq)| SearchCursor {
                    at: UnixMs(at),
                    seq,
                })
            });
        let items = shown
            .iter()
            .map(|hit| serde_json::from_value(hit["_source"].clone()));
        let total = &found["hits"]["total"];
        Ok(SearchPage {
            items: items.collect::<Result<_, _>>().map_err(unavailable)?,
            total: total["value"]
                .as_u64()
                .ok_or_else(|| unexpected("a total"))?,
            is_total_exact: total["relation"] == "eq",
            next: next
                .map(|n| n.ok_or_else(|| unexpected("places")))
                .transpose()?,
            watermark,
        })
    }
}
