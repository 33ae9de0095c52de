//! An index in memory that fails when it is told to: for faults only, it answers no question.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::ports::{
    Generation, IndexStats, PortFuture, SearchError, SearchIndex, Watermark, Written,
};
use weir_engine::search::{
    ClickDocument, ConversionDocument, Document, Drilldown, DrilldownPage, SearchPage, SearchQuery,
};

/// How a write fails.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    Unavailable,
    Overloaded,
    /// It does all, and says that it did not.
    AnswerLost,
}

#[derive(Default)]
pub struct Inside {
    pub documents: BTreeMap<(Generation, String), Document>,
    pub cursors: BTreeMap<Generation, Watermark>,
    pub live: Option<Generation>,
    building: Option<Generation>,
    /// How the next writes fail.
    pub faults: VecDeque<Fault>,
    pub is_away: bool,
    /// Documents that it will never take.
    pub poison: BTreeSet<String>,
    /// How many documents each write had.
    pub writes: Vec<usize>,
    pub already_there: u64,
}

#[derive(Clone, Default)]
pub struct FaultIndex(Arc<Mutex<Inside>>);

#[derive(Debug, thiserror::Error)]
#[error("as told")]
struct AsTold;

fn unavailable() -> SearchError {
    SearchError::Unavailable(Box::new(AsTold))
}

impl FaultIndex {
    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    /// Everything is gone, as when somebody deletes the index.
    pub fn delete(&self) {
        let mut inside = self.inside();
        inside.documents.clear();
        inside.cursors.clear();
        (inside.live, inside.building) = (None, None);
    }

    /// Documents that readers see.
    pub fn seen(&self) -> Vec<Document> {
        let inside = self.inside();
        let of_live = inside
            .documents
            .iter()
            .filter(|((g, _), _)| Some(*g) == inside.live);
        of_live.map(|(_, d)| d.clone()).collect()
    }

    fn answer<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Inside) -> Result<T, SearchError>,
    ) -> PortFuture<'static, Result<T, SearchError>> {
        let mut inside = self.inside();
        let answer = match inside.is_away {
            true => Err(unavailable()),
            false => act(&mut inside),
        };
        Box::pin(std::future::ready(answer))
    }
}

impl Inside {
    fn has(&self, generation: Generation) -> bool {
        self.live == Some(generation) || self.building == Some(generation)
    }

    fn write(&mut self, generation: Generation, document: &Document) -> Written {
        if self.poison.contains(&document.id()) {
            let reason = "as told".to_owned();
            return Written::Poison { reason };
        }
        let key = (generation, document.id());
        let is_there = self
            .documents
            .get(&key)
            .is_some_and(|d| d.version() >= document.version());
        if is_there {
            self.already_there += 1;
            return Written::AlreadyThere;
        }
        self.documents.insert(key, document.clone());
        Written::Stored
    }
}

impl SearchIndex for FaultIndex {
    fn live(&self) -> PortFuture<'_, Result<Generation, SearchError>> {
        self.answer(|inside| Ok(*inside.live.get_or_insert(Generation(1))))
    }

    fn begin(&self) -> PortFuture<'_, Result<Generation, SearchError>> {
        self.answer(|inside| {
            let last = inside.building.max(inside.live).map_or(0, |g| g.0);
            inside.building = Some(Generation(last + 1));
            Ok(Generation(last + 1))
        })
    }

    fn write(
        &self,
        generation: Generation,
        documents: Arc<[Document]>,
    ) -> PortFuture<'_, Result<Vec<Written>, SearchError>> {
        self.answer(|inside| {
            inside.writes.push(documents.len());
            let fault = inside.faults.pop_front();
            match fault {
                Some(Fault::Unavailable) => return Err(unavailable()),
                Some(Fault::Overloaded) => {
                    let retry_after = Some(Duration::from_millis(10));
                    return Err(SearchError::Overloaded { retry_after });
                }
                Some(Fault::AnswerLost) | None => {}
            }
            let written = documents
                .iter()
                .map(|d| inside.write(generation, d))
                .collect();
            fault.map_or(Ok(written), |_| Err(unavailable()))
        })
    }

    fn cursor(
        &self,
        generation: Generation,
    ) -> PortFuture<'_, Result<Option<Watermark>, SearchError>> {
        self.answer(|inside| Ok(inside.cursors.get(&generation).cloned()))
    }

    fn set_cursor(
        &self,
        generation: Generation,
        cursor: Watermark,
    ) -> PortFuture<'_, Result<(), SearchError>> {
        self.answer(|inside| {
            if !inside.has(generation) {
                return Err(SearchError::Lost);
            }
            inside.cursors.insert(generation, cursor);
            Ok(())
        })
    }

    fn publish(&self, generation: Generation) -> PortFuture<'_, Result<(), SearchError>> {
        self.answer(|inside| {
            if !inside.has(generation) {
                return Err(SearchError::Lost);
            }
            (inside.live, inside.building) = (Some(generation), None);
            inside.documents.retain(|(g, _), _| *g == generation);
            inside.cursors.retain(|g, _| *g == generation);
            Ok(())
        })
    }

    fn forget(&self, _: UnixMs) -> PortFuture<'_, Result<Vec<String>, SearchError>> {
        self.answer(|_| Ok(Vec::new()))
    }

    fn clicks(
        &self,
        _: TenantId,
        _: SearchQuery,
    ) -> PortFuture<'_, Result<SearchPage<ClickDocument>, SearchError>> {
        self.answer(|_| Err(unavailable()))
    }

    fn conversions(
        &self,
        _: TenantId,
        _: SearchQuery,
    ) -> PortFuture<'_, Result<SearchPage<ConversionDocument>, SearchError>> {
        self.answer(|_| Err(unavailable()))
    }

    fn drilldown(
        &self,
        _: TenantId,
        _: Drilldown,
    ) -> PortFuture<'_, Result<DrilldownPage, SearchError>> {
        self.answer(|_| Err(unavailable()))
    }

    fn stats(&self) -> PortFuture<'_, Result<IndexStats, SearchError>> {
        self.answer(|_| Err(unavailable()))
    }
}
