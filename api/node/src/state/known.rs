//! What is configured, copied beside the log, so that a start without the store can answer clicks.
//!
//! One file of JSON, `known.json`, private to its owner like the store: it holds what the store holds, and the hashes of
//! API keys. Always true: it is written whole or not at all; a file that this build cannot read is as if there were none.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use weir_actors::{Known, Mesh};
use weir_engine::catalog::{Change, EntityKey, EntityKind};
use weir_engine::ids::{PARTITIONS, Position, TenantId, UnixMs};
use weir_engine::ports::EntityRow;
use weir_journal::Cursors;

use super::State;
use crate::data_folder::{DataFolder, private_file};

/// How often is looked whether something was configured.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Looks after which it is copied though nothing was, so that the next start reads little of the log.
const COPY_ANYWAY: u32 = 300;

#[derive(Serialize, Deserialize)]
struct Written {
    format: u32,
    offsets: [u64; PARTITIONS as usize],
    entities: Vec<Entity>,
}

/// The only format so far.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Entity {
    tenant: u32,
    partition: u16,
    seq: u64,
    created_at: u64,
    updated_at: u64,
    kind: u8,
    number: u32,
    second: u32,
    version: u32,
    by: String,
    body: serde_json::Value,
}

impl From<EntityRow> for Entity {
    fn from(row: EntityRow) -> Self {
        let Change {
            key,
            version,
            by,
            body,
        } = row.change;
        Self {
            tenant: row.tenant.0,
            partition: row.position.partition,
            seq: row.position.seq,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            kind: key.kind.code(),
            number: key.number,
            second: key.second,
            version,
            by,
            body,
        }
    }
}

impl Entity {
    fn row(self) -> Option<EntityRow> {
        let key = EntityKey {
            kind: EntityKind::from_code(self.kind)?,
            number: self.number,
            second: self.second,
        };
        Some(EntityRow {
            tenant: TenantId(self.tenant),
            position: Position {
                partition: self.partition,
                seq: self.seq,
            },
            created_at: UnixMs(self.created_at),
            updated_at: UnixMs(self.updated_at),
            change: Change {
                key,
                version: self.version,
                by: self.by,
                body: self.body,
            },
        })
    }
}

/// What was copied; `None` when nothing was, or nothing that this build can read.
pub fn read(folder: &DataFolder) -> Option<Known> {
    let file = File::open(folder.known()).ok()?;
    let read = serde_json::from_reader::<_, Written>(BufReader::new(file));
    let written = match read {
        Ok(written) if written.format == FORMAT => written,
        Ok(_) | Err(_) => {
            tracing::warn!(file = %folder.known().display(), "cannot be read by this build; passed over");
            return None;
        }
    };
    let entities: Option<Vec<_>> = written.entities.into_iter().map(Entity::row).collect();
    Some(Known {
        offsets: Cursors(written.offsets),
        entities: entities?,
    })
}

/// Copies what the store has.
///
/// # Errors
/// The store cannot be read, or the folder not be written.
pub async fn write(state: &State, folder: &DataFolder) -> anyhow::Result<()> {
    // First the offsets, then the rows: the rows hold every change before the offsets.
    let offsets = state.cursors().await?;
    let entities = state.catalog().entities().await?;
    let written = Written {
        format: FORMAT,
        offsets: offsets.0,
        entities: entities.into_iter().map(Entity::from).collect(),
    };
    let folder = folder.clone();
    tokio::task::spawn_blocking(move || {
        let (temporary, file) = private_file(&folder.path().join("known.json.new"))?;
        let mut out = BufWriter::new(file);
        serde_json::to_writer(&mut out, &written)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        std::fs::rename(temporary, folder.known()).context("known.json")
    })
    .await?
}

/// Copies what is configured whenever it has changed, for as long as the task runs.
pub fn keep(state: State, mesh: Mesh, folder: DataFolder) -> JoinHandle<()> {
    tokio::spawn(async move {
        mesh.at_head().await;
        let routes = Arc::clone(mesh.routes());
        let mut copied: Option<u64> = None;
        let mut looks = 0;
        loop {
            let changes = routes.changes();
            looks += 1;
            if copied != Some(changes) || looks >= COPY_ANYWAY {
                match write(&state, &folder).await {
                    Ok(()) => (copied, looks) = (Some(changes), 0),
                    Err(error) => tracing::debug!(%error, "what is configured was not copied"),
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(number: u32) -> EntityRow {
        EntityRow {
            tenant: TenantId(3),
            position: Position {
                partition: 5,
                seq: u64::MAX,
            },
            created_at: UnixMs(1),
            updated_at: UnixMs(2),
            change: Change {
                key: EntityKey {
                    kind: EntityKind::Terms,
                    number,
                    second: 9,
                },
                version: 7,
                by: "key_1".to_owned(),
                body: json!({"payout": {"type": "cpa", "amount": "1.50"}}),
            },
        }
    }

    #[test]
    fn a_row_is_read_back_as_it_was() {
        let text = serde_json::to_string(&Entity::from(row(4))).unwrap();
        let back: Entity = serde_json::from_str(&text).unwrap();
        assert_eq!(back.row(), Some(row(4)));
    }

    #[test]
    fn a_file_of_another_build_is_as_if_there_were_none() {
        let folder = tempfile::tempdir().unwrap();
        let folder = DataFolder::create(folder.path()).unwrap();
        assert!(read(&folder).is_none());
        let offsets = [0; PARTITIONS as usize];
        let of_format = |format| json!({"format": format, "offsets": offsets, "entities": []});
        for text in ["".to_owned(), "{".to_owned(), of_format(2).to_string()] {
            std::fs::write(folder.known(), &text).unwrap();
            assert!(read(&folder).is_none(), "{text}");
        }
        std::fs::write(folder.known(), of_format(1).to_string()).unwrap();
        assert!(read(&folder).is_some());
    }
}
