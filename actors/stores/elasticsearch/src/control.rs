//! Control documents: which generation is live, and how far each has come over which indices.
//!
//! ```text
//! state      {"live": 1, "building": 2, "owner": "what tells the installation from others"}
//! cursor-1   {"at": …, "offsets": [[0, 1024], …], "indices": {"weir-clicks-g1-2026.03": "its unique id", …}}
//! ```

use std::collections::BTreeMap;

use elasticsearch::http::Method;
use serde_json::{Value, json};
use weir_engine::ids::UnixMs;
use weir_engine::ports::{Generation, SearchError, Watermark};

use crate::client::Client;
use crate::failure::unexpected;
use crate::names::Names;

/// Unique ids of indices, by name.
pub(crate) type Indices = BTreeMap<String, String>;

/// Which generations there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) live: Generation,
    pub(crate) building: Option<Generation>,
}

impl State {
    /// Whether a generation is there to be written.
    pub(crate) fn has(&self, generation: Generation) -> bool {
        self.live == generation || self.building == Some(generation)
    }
}

/// A state with what a change of it must name, so that two changes at a time are one.
pub(crate) struct Held {
    pub(crate) state: State,
    seq_no: String,
    term: String,
}

/// How far a generation has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) watermark: Watermark,
    pub(crate) indices: Indices,
}

fn path(names: &Names, verb: &str, id: &str) -> String {
    format!("/{}/{verb}/{id}", names.control())
}

fn cursor_id(generation: Generation) -> String {
    format!("cursor-{}", generation.0)
}

/// The state; `None` when there is none.
pub(crate) async fn state(client: &Client, names: &Names) -> Result<Option<Held>, SearchError> {
    let answer = client
        .get(&path(names, "_doc", "state"), &[])
        .await?
        .found()?;
    let Some(answer) = answer else {
        return Ok(None);
    };
    let body = &answer["_source"]["body"];
    if body["owner"]
        .as_str()
        .is_some_and(|owner| owner != names.owner)
    {
        let what = "the index is another installation's: give each a [search] prefix of its own, or delete what is there";
        return Err(SearchError::Refused(what.to_owned()));
    }
    let generation = |value: &Value| {
        let number = value.as_u64().and_then(|n| u32::try_from(n).ok());
        number.map(Generation)
    };
    Ok(Some(Held {
        state: State {
            live: generation(&body["live"]).ok_or_else(|| unexpected("a live generation"))?,
            building: generation(&body["building"]),
        },
        seq_no: answer["_seq_no"].to_string(),
        term: answer["_primary_term"].to_string(),
    }))
}

fn body_of(names: &Names, state: State) -> Value {
    let building = state.building.map(|g| g.0);
    json!({"body": {"live": state.live.0, "building": building, "owner": names.owner}})
}

/// Makes the first state; whether nobody did so before.
pub(crate) async fn make_state(
    client: &Client,
    names: &Names,
    state: State,
) -> Result<bool, SearchError> {
    let path = path(names, "_create", "state");
    let answer = client
        .send(Method::Put, &path, &[], &body_of(names, state))
        .await?;
    match answer.status {
        409 => Ok(false),
        _ => answer.accepted().map(|_| true),
    }
}

/// Changes the state that was read; [`SearchError::Lost`] when somebody else did so meanwhile.
pub(crate) async fn change_state(
    client: &Client,
    names: &Names,
    held: &Held,
    state: State,
) -> Result<(), SearchError> {
    let params = [
        ("if_seq_no", held.seq_no.as_str()),
        ("if_primary_term", held.term.as_str()),
    ];
    let path = path(names, "_doc", "state");
    let answer = client
        .send(Method::Put, &path, &params, &body_of(names, state))
        .await?;
    match answer.status {
        409 => Err(SearchError::Lost),
        _ => answer.accepted().map(drop),
    }
}

/// How far a generation has come by its own word.
pub(crate) async fn cursor(
    client: &Client,
    names: &Names,
    generation: Generation,
) -> Result<Option<Cursor>, SearchError> {
    let path = path(names, "_doc", &cursor_id(generation));
    let answer = client.get(&path, &[]).await?.found()?;
    let Some(answer) = answer else {
        return Ok(None);
    };
    let body = answer["_source"]["body"].clone();
    let (at, offsets, indices) = (&body["at"], &body["offsets"], &body["indices"]);
    let read = || {
        Some(Cursor {
            watermark: Watermark {
                at: UnixMs(at.as_u64()?),
                offsets: serde_json::from_value(offsets.clone()).ok()?,
            },
            indices: serde_json::from_value(indices.clone()).ok()?,
        })
    };
    read().map(Some).ok_or_else(|| unexpected("a cursor"))
}

/// Keeps how far a generation has come.
pub(crate) async fn put_cursor(
    client: &Client,
    names: &Names,
    generation: Generation,
    cursor: &Cursor,
) -> Result<(), SearchError> {
    let body = json!({"body": {
        "at": cursor.watermark.at, "offsets": cursor.watermark.offsets, "indices": cursor.indices,
    }});
    let path = path(names, "_doc", &cursor_id(generation));
    client
        .send(Method::Put, &path, &[], &body)
        .await?
        .accepted()?;
    Ok(())
}

/// Forgets how far a generation has come.
pub(crate) async fn forget_cursor(
    client: &Client,
    names: &Names,
    generation: Generation,
) -> Result<(), SearchError> {
    let path = path(names, "_doc", &cursor_id(generation));
    client.delete(&path).await?.found()?;
    Ok(())
}

/// All indices of all generations with their unique ids.
pub(crate) async fn indices(client: &Client, names: &Names) -> Result<Indices, SearchError> {
    let path = format!("/{}/_settings/index.uuid", names.all());
    let params = [
        ("ignore_unavailable", "true"),
        ("allow_no_indices", "true"),
        ("expand_wildcards", "all"),
    ];
    let answer = client
        .get(&path, &params)
        .await?
        .found()?
        .unwrap_or_default();
    let Some(found) = answer.as_object() else {
        return Err(unexpected("indices"));
    };
    let mut indices = Indices::new();
    for (name, index) in found {
        let uuid = index["settings"]["index"]["uuid"].as_str();
        let uuid = uuid.ok_or_else(|| unexpected("the unique id of an index"))?;
        if names.read(name).is_some() {
            indices.insert(name.clone(), uuid.to_owned());
        }
    }
    Ok(indices)
}
