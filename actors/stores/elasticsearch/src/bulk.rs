//! Writing: documents of a window in bulk requests of bounded size, answered item by item.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use elasticsearch::http::Method;
use serde_json::{Value, json};
use weir_engine::ports::{Generation, SearchError, Written};
use weir_engine::search::{AmountField, Document};

use crate::failure::{Said, is_passing, unavailable, unexpected, words_of};
use crate::store::Index;

/// Documents of one request at most.
const MOST_DOCUMENTS: usize = 5_000;
/// Parts that an amount is summed by: units and what is left of a unit.
const UNIT: i64 = weir_engine::money::MICROS_PER_UNIT;

/// A request in the making.
#[derive(Default)]
struct Bulk {
    /// Places of its documents in the window.
    places: Vec<usize>,
    /// Where each begins in the body.
    starts: Vec<usize>,
    body: Vec<u8>,
}

impl Index {
    pub(crate) async fn write(
        &self,
        generation: Generation,
        documents: Arc<[Document]>,
    ) -> Result<Vec<Written>, SearchError> {
        let mut written = vec![Written::Stored; documents.len()];
        let mut bulk = Bulk::default();
        let mut touched = BTreeSet::new();
        for (place, document) in documents.iter().enumerate() {
            let Some(index) = self.names.index_of(generation, document) else {
                written[place] = poison("its time is none that a calendar has");
                continue;
            };
            if touched.insert(index.clone()) {
                self.ensure(generation, &index).await?;
                self.written().insert(index.clone());
            }
            let lines = match lines_of(&index, document) {
                Ok(lines) => lines,
                Err(error) => {
                    written[place] = poison(&error.to_string());
                    continue;
                }
            };
            let is_full = bulk.body.len() + lines.len() > self.options.bulk_bytes
                || bulk.places.len() >= MOST_DOCUMENTS;
            if is_full && !bulk.places.is_empty() {
                self.send(std::mem::take(&mut bulk), &mut written).await?;
            }
            bulk.push(place, &lines);
        }
        if !bulk.places.is_empty() {
            self.send(bulk, &mut written).await?;
        }
        Ok(written)
    }

    /// Sends a request; in halves when it is larger than the server takes.
    async fn send(&self, bulk: Bulk, written: &mut [Written]) -> Result<(), SearchError> {
        let mut waiting = vec![bulk];
        while let Some(bulk) = waiting.pop() {
            let params = [(
                "filter_path",
                "items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason",
            )];
            let body = bulk.body.clone();
            let answer = self
                .client
                .ask(Method::Post, "/_bulk", &params, Some(body))
                .await?;
            if answer.status == 413 {
                match bulk.halves() {
                    Some(halves) => waiting.extend(halves),
                    None => written[bulk.places[0]] = poison("it is larger than the server takes"),
                }
                continue;
            }
            let answer = answer.accepted()?;
            let items = answer["items"].as_array();
            let items = items.filter(|items| items.len() == bulk.places.len());
            let items = items.ok_or_else(|| unexpected("an item for each document"))?;
            for (item, place) in items.iter().zip(&bulk.places) {
                written[*place] = judge(&item["index"])?;
            }
        }
        Ok(())
    }
}

impl Bulk {
    fn push(&mut self, place: usize, lines: &[u8]) {
        self.places.push(place);
        self.starts.push(self.body.len());
        self.body.extend_from_slice(lines);
    }

    /// The same in two; `None` when there is one document.
    fn halves(&self) -> Option<[Self; 2]> {
        let middle = self.places.len() / 2;
        if middle == 0 {
            return None;
        }
        let at = self.starts[middle];
        let first = Self {
            places: self.places[..middle].to_vec(),
            starts: self.starts[..middle].to_vec(),
            body: self.body[..at].to_vec(),
        };
        let second = Self {
            places: self.places[middle..].to_vec(),
            starts: self.starts[middle..].iter().map(|s| s - at).collect(),
            body: self.body[at..].to_vec(),
        };
        Some([second, first])
    }
}

fn poison(reason: &str) -> Written {
    Written::Poison {
        reason: reason.to_owned(),
    }
}

/// The two lines of a document.
fn lines_of(index: &str, document: &Document) -> Result<Vec<u8>, serde_json::Error> {
    let action = json!({"index": {
        "_index": index, "_id": document.id(), "version": document.version(), "version_type": "external",
    }});
    let mut lines = Vec::with_capacity(2_048);
    serde_json::to_writer(&mut lines, &action)?;
    lines.push(b'\n');
    match document {
        Document::Click(click) => serde_json::to_writer(&mut lines, click)?,
        Document::Conversion(conversion) => serde_json::to_writer(&mut lines, conversion)?,
    }
    for (amount, micros) in amounts(document) {
        // Into the object, before its end.
        lines.pop();
        let (units, rest) = (micros.div_euclid(UNIT), micros.rem_euclid(UNIT));
        let parts = write!(
            lines,
            r#","{amount}_units":{units},"{amount}_rest":{rest}}}"#
        );
        parts.map_err(serde_json::Error::io)?;
    }
    lines.push(b'\n');
    Ok(lines)
}

/// The amounts of a document.
fn amounts(document: &Document) -> Vec<(AmountField, i64)> {
    let all = match document {
        Document::Click(click) => vec![(AmountField::Cost, click.cost_micros)],
        Document::Conversion(conversion) => vec![
            (AmountField::Payout, Some(conversion.payout_micros)),
            (AmountField::Revenue, Some(conversion.revenue_micros)),
            (AmountField::Sale, conversion.sale_amount_micros),
        ],
    };
    let given = all.into_iter();
    given
        .filter_map(|(amount, micros)| Some((amount, micros?)))
        .collect()
}

/// What became of a document, by its item in the answer.
fn judge(item: &Value) -> Result<Written, SearchError> {
    let status = item["status"].as_u64().unwrap_or(0) as u16;
    let error = &item["error"];
    let kind = error["type"].as_str().unwrap_or_default();
    match status {
        200..=299 => Ok(Written::Stored),
        409 => Ok(Written::AlreadyThere),
        429 => Err(SearchError::Overloaded {
            retry_after: None::<Duration>,
        }),
        // The index went away under it.
        404 => Err(SearchError::Lost),
        400 if !is_passing(kind) => Ok(poison(&words_of(error))),
        _ => Err(unavailable(Said {
            status,
            what: words_of(error),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(status: u16, kind: &str) -> Value {
        json!({"status": status, "error": {"type": kind, "reason": "because"}})
    }

    #[test]
    fn only_what_is_wrong_with_the_document_itself_is_poison() {
        assert!(matches!(
            judge(&json!({"status": 201})),
            Ok(Written::Stored)
        ));
        assert!(matches!(
            judge(&item(409, "version_conflict_engine_exception")),
            Ok(Written::AlreadyThere)
        ));
        for kind in [
            "mapper_parsing_exception",
            "document_parsing_exception",
            "strict_dynamic_mapping_exception",
            "illegal_argument_exception",
        ] {
            assert!(
                matches!(judge(&item(400, kind)), Ok(Written::Poison { .. })),
                "{kind}"
            );
        }
        let passing = [
            (429, "es_rejected_execution_exception"),
            (429, "circuit_breaking_exception"),
            (429, "cluster_block_exception"),
            (403, "cluster_block_exception"),
            (403, "security_exception"),
            (400, "index_closed_exception"),
            (404, "index_not_found_exception"),
            (500, "null_pointer_exception"),
            (503, "unavailable_shards_exception"),
        ];
        for (status, kind) in passing {
            assert!(judge(&item(status, kind)).is_err(), "{status} {kind}");
        }
    }

    #[test]
    fn a_request_is_halved_down_to_one_document() {
        let mut bulk = Bulk::default();
        for (place, lines) in [b"a\n".as_slice(), b"bb\n", b"ccc\n"]
            .into_iter()
            .enumerate()
        {
            bulk.push(place, lines);
        }
        let [second, first] = bulk.halves().expect("two");
        assert_eq!((first.places, first.body), (vec![0], b"a\n".to_vec()));
        assert_eq!(
            (&second.places, &second.body),
            (&vec![1, 2], &b"bb\nccc\n".to_vec())
        );
        let [third, _] = second.halves().expect("two");
        assert_eq!((&third.places, &third.body), (&vec![2], &b"ccc\n".to_vec()));
        assert!(third.halves().is_none());
    }
}
