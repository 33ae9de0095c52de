//! Generations: made, found again, swapped, dropped.

use std::collections::BTreeSet;

use elasticsearch::http::Method;
use serde_json::{Value, json};
use weir_engine::ids::UnixMs;
use weir_engine::ports::{Generation, SearchError, Watermark};
use weir_engine::search::DocumentKind;

use crate::control::{self, Cursor, Held, Indices, State};
use crate::store::Index;
use crate::templates;

impl Index {
    /// Templates, control index and state are there.
    async fn prepared(&self) -> Result<Held, SearchError> {
        let (client, names) = (&self.client, &self.names);
        if let Some(held) = control::state(client, names).await? {
            return Ok(held);
        }
        self.product().await?;
        templates::put(client, names, &self.options).await?;
        let path = format!("/{}", names.control());
        let made = client
            .send(Method::Put, &path, &[], &templates::control(&self.options))
            .await?;
        if made.error_type() != "resource_already_exists_exception" {
            made.accepted()?;
        }
        let live = self.seen_by_readers().await?.unwrap_or(Generation(1));
        let state = State {
            live,
            building: None,
        };
        control::make_state(client, names, state).await?;
        control::state(client, names)
            .await?
            .ok_or(SearchError::Lost)
    }

    /// The generation behind the aliases: what readers see stays when only the control index was lost.
    async fn seen_by_readers(&self) -> Result<Option<Generation>, SearchError> {
        let path = format!("/_alias/{}", self.names.alias(DocumentKind::Clicks));
        let found = self
            .client
            .get(&path, &[])
            .await?
            .found()?
            .unwrap_or_default();
        let indices = found.as_object().into_iter().flat_map(|o| o.keys());
        Ok(indices
            .filter_map(|name| self.names.read(name))
            .map(|m| m.generation)
            .max())
    }

    pub(crate) async fn live(&self) -> Result<Generation, SearchError> {
        // Once a start, and whenever the writer has lost its way: fields of a newer build are added.
        templates::put(&self.client, &self.names, &self.options).await?;
        let held = self.prepared().await?;
        self.expose(held.state.live).await?;
        self.sweep(held.state).await?;
        Ok(held.state.live)
    }

    /// Lets readers see every index of the live generation: a publication may have been cut off half-way.
    async fn expose(&self, live: Generation) -> Result<(), SearchError> {
        let indices = control::indices(&self.client, &self.names).await?;
        let monthly = indices
            .keys()
            .filter_map(|n| Some((n, self.names.read(n)?)));
        let actions: Vec<Value> = monthly
            .filter(|(_, monthly)| monthly.generation == live)
            .map(|(name, monthly)| {
                json!({"add": {"index": name, "alias": self.names.alias(monthly.kind)}})
            })
            .collect();
        if actions.is_empty() {
            return Ok(());
        }
        let body = json!({"actions": actions});
        let answer = self.client.send(Method::Post, "/_aliases", &[], &body);
        answer.await?.accepted().map(drop)
    }

    /// Drops indices of generations that are neither live nor being built.
    async fn sweep(&self, state: State) -> Result<(), SearchError> {
        let indices = control::indices(&self.client, &self.names).await?;
        let is_old = |name: &&String| {
            self.names
                .read(name)
                .is_some_and(|m| !state.has(m.generation))
        };
        let old: Vec<String> = indices.keys().filter(is_old).cloned().collect();
        let generations = old
            .iter()
            .filter_map(|n| self.names.read(n))
            .map(|m| m.generation);
        for generation in generations.collect::<BTreeSet<_>>() {
            control::forget_cursor(&self.client, &self.names, generation).await?;
        }
        self.drop_indices(&old).await
    }

    async fn drop_indices(&self, names: &[String]) -> Result<(), SearchError> {
        // A few at a time: names go in the path.
        for some in names.chunks(20) {
            let path = format!("/{}", some.join(","));
            let params = [("ignore_unavailable", "true")];
            let answer = self
                .client
                .ask(Method::Delete, &path, &params, None::<String>)
                .await?;
            answer.found()?;
        }
        Ok(())
    }

    pub(crate) async fn begin(&self) -> Result<Generation, SearchError> {
        let held = self.prepared().await?;
        let last = held
            .state
            .building
            .unwrap_or(held.state.live)
            .max(held.state.live);
        let fresh = Generation(last.0 + 1);
        let state = State {
            live: held.state.live,
            building: Some(fresh),
        };
        control::change_state(&self.client, &self.names, &held, state).await?;
        self.sweep(state).await?;
        Ok(fresh)
    }

    pub(crate) async fn publish(&self, generation: Generation) -> Result<(), SearchError> {
        let held = control::state(&self.client, &self.names)
            .await?
            .ok_or(SearchError::Lost)?;
        if !held.state.has(generation) {
            return Err(SearchError::Lost);
        }
        let state = State {
            live: generation,
            building: None,
        };
        control::change_state(&self.client, &self.names, &held, state).await?;
        let indices = control::indices(&self.client, &self.names).await?;
        let mut actions: Vec<Value> = Vec::new();
        for name in indices.keys() {
            let Some(monthly) = self.names.read(name) else {
                continue;
            };
            let alias = json!({"index": name, "alias": self.names.alias(monthly.kind)});
            if monthly.generation == generation {
                actions.push(json!({"add": alias}));
            } else {
                // One step with the adding: readers see the one or the other, whole.
                actions.push(json!({"remove_index": {"index": name}}));
            }
        }
        if !actions.is_empty() {
            let body = json!({"actions": actions});
            self.client
                .send(Method::Post, "/_aliases", &[], &body)
                .await?
                .accepted()?;
        }
        self.sweep(state).await
    }

    pub(crate) async fn cursor(
        &self,
        generation: Generation,
    ) -> Result<Option<Watermark>, SearchError> {
        let kept = control::cursor(&self.client, &self.names, generation).await?;
        let there = control::indices(&self.client, &self.names).await?;
        let kept = kept.filter(|kept| has_all(&there, &kept.indices));
        self.known().insert(
            generation,
            kept.clone().map(|k| k.indices).unwrap_or_default(),
        );
        Ok(kept.map(|kept| kept.watermark))
    }

    pub(crate) async fn set_cursor(
        &self,
        generation: Generation,
        watermark: Watermark,
    ) -> Result<(), SearchError> {
        let (client, names) = (&self.client, &self.names);
        let held = control::state(client, names).await?;
        if !held.is_some_and(|held| held.state.has(generation)) {
            return Err(SearchError::Lost);
        }
        let indices = self.known().get(&generation).cloned().unwrap_or_default();
        self.refresh(generation).await?;
        let there = control::indices(client, names).await?;
        if !has_all(&there, &indices) {
            self.known().remove(&generation);
            return Err(SearchError::Lost);
        }
        let cursor = Cursor { watermark, indices };
        control::put_cursor(client, names, generation, &cursor).await
    }

    /// Has what was written found by the next question.
    async fn refresh(&self, generation: Generation) -> Result<(), SearchError> {
        let written = std::mem::take(&mut *self.written());
        let of_generation = |name: &&String| {
            self.names
                .read(name)
                .is_some_and(|m| m.generation == generation)
        };
        let names: Vec<&str> = written
            .iter()
            .filter(of_generation)
            .map(String::as_str)
            .collect();
        for some in names.chunks(20) {
            let path = format!("/{}/_refresh", some.join(","));
            let params = [("ignore_unavailable", "true")];
            let answer = self
                .client
                .ask(Method::Post, &path, &params, None::<String>)
                .await;
            let answer = answer.and_then(crate::client::Answer::found);
            if let Err(error) = answer {
                self.written().extend(written.iter().cloned());
                return Err(error);
            }
        }
        Ok(())
    }

    /// The index is there and its unique id is known.
    pub(crate) async fn ensure(
        &self,
        generation: Generation,
        name: &str,
    ) -> Result<(), SearchError> {
        let is_known = |known: &Indices| known.contains_key(name);
        if self.known().get(&generation).is_some_and(is_known) {
            return Ok(());
        }
        let held = control::state(&self.client, &self.names)
            .await?
            .ok_or(SearchError::Lost)?;
        let Some(monthly) = self.names.read(name).filter(|_| held.state.has(generation)) else {
            return Err(SearchError::Lost);
        };
        let is_live = held.state.live == generation;
        let alias = self.names.alias(monthly.kind);
        let body = match is_live {
            true => json!({"aliases": {&alias: {}}}),
            false => json!({}),
        };
        let path = format!("/{name}");
        let made = self.client.send(Method::Put, &path, &[], &body).await?;
        if made.error_type() != "resource_already_exists_exception" {
            made.accepted()?;
        } else if is_live {
            // The server may have made it by itself, when it was deleted and written to: without the alias.
            let body = json!({"actions": [{"add": {"index": name, "alias": alias}}]});
            let answer = self.client.send(Method::Post, "/_aliases", &[], &body);
            answer.await?.accepted()?;
        }
        let there = control::indices(&self.client, &self.names).await?;
        let uuid = there.get(name).ok_or(SearchError::Lost)?.clone();
        self.known()
            .entry(generation)
            .or_default()
            .insert(name.to_owned(), uuid);
        Ok(())
    }

    pub(crate) async fn forget(&self, before: UnixMs) -> Result<Vec<String>, SearchError> {
        let held = self.prepared().await?;
        let there = control::indices(&self.client, &self.names).await?;
        // A generation that is being built is let be: whoever builds it knows what must be there.
        let building = held.state.building;
        let is_past = |name: &&String| {
            let monthly = self.names.read(name);
            monthly.is_some_and(|m| m.end <= before && Some(m.generation) != building)
        };
        let past: Vec<String> = there.keys().filter(is_past).cloned().collect();
        if past.is_empty() {
            return Ok(past);
        }
        // First out of the list of what must be there, then away: in the other order it would look like a loss.
        let state = held.state;
        for generation in [Some(state.live), state.building].into_iter().flatten() {
            if let Some(known) = self.known().get_mut(&generation) {
                known.retain(|name, _| !past.contains(name));
            }
            let kept = control::cursor(&self.client, &self.names, generation).await?;
            if let Some(mut kept) = kept.filter(|kept| has_all(&there, &kept.indices)) {
                kept.indices.retain(|name, _| !past.contains(name));
                control::put_cursor(&self.client, &self.names, generation, &kept).await?;
            }
        }
        self.drop_indices(&past).await?;
        Ok(past)
    }
}

/// Whether all of `wanted` are still the ones they were.
pub(crate) fn has_all(there: &Indices, wanted: &Indices) -> bool {
    wanted
        .iter()
        .all(|(name, uuid)| there.get(name) == Some(uuid))
}
