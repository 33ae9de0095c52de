//! `checkpoints`: states of actors, a cache of the log.

use rusqlite::{Connection, params};
use weir_engine::ports::{ActorKey, Checkpoint, StoreError};

use super::{Fields, int};

/// Tenant, kind of actor (1 = the tenant's, 2 = a campaign's) and number of the campaign.
fn key(actor: ActorKey) -> (u32, u8, u32) {
    match actor {
        ActorKey::Tenant(tenant) => (tenant.0, 1, 0),
        ActorKey::Campaign(tenant, campaign) => (tenant.0, 2, campaign),
    }
}

/// Writes the latest checkpoint of each actor.
pub fn write(connection: &Connection, rows: &[Checkpoint]) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO checkpoints (tenant_id, actor, number, folded_to, state) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for row in rows {
        let (tenant, kind, number) = key(row.actor);
        put.execute(params![tenant, kind, number, int(row.folded_to), row.bytes])?;
    }
    Ok(())
}

/// The latest checkpoint of an actor.
pub fn read(connection: &Connection, actor: ActorKey) -> Result<Option<Checkpoint>, StoreError> {
    let sql = "SELECT folded_to, state FROM checkpoints WHERE tenant_id = ?1 AND actor = ?2 AND number = ?3";
    crate::query::first(connection, sql, key(actor), |row| {
        let mut f = Fields::of("checkpoints", row);
        Ok(Checkpoint {
            actor,
            folded_to: f.number()?,
            bytes: f.take()?,
        })
    })
}
