//! `checkpoints`: states of actors, a cache of the log.

use weir_engine::ports::{ActorKey, Checkpoint, StoreError};

use crate::fields::Fields;
use crate::value::{Query, Row};

/// The columns, in the order in which they are written.
pub const COLUMNS: &str = "tenant_id, actor, number, folded_to, state";

/// Tenant, kind of actor (1 = the tenant's, 2 = a campaign's) and number of the campaign.
fn key(actor: ActorKey) -> (u32, u8, u32) {
    match actor {
        ActorKey::Tenant(tenant) => (tenant.0, 1, 0),
        ActorKey::Campaign(tenant, campaign) => (tenant.0, 2, campaign),
    }
}

/// The latest checkpoint of an actor.
#[must_use]
pub fn row(of: &Checkpoint) -> Row {
    let (tenant, kind, number) = key(of.actor);
    vec![
        tenant.into(),
        kind.into(),
        number.into(),
        of.folded_to.into(),
        of.bytes.as_slice().into(),
    ]
}

/// Asks for the checkpoint of an actor; [`read`] reads the answer.
#[must_use]
pub fn query(actor: ActorKey) -> Query {
    let (tenant, kind, number) = key(actor);
    Query::new(
        "SELECT folded_to, state FROM checkpoints WHERE tenant_id = ? AND actor = ? AND number = ?",
        [tenant.into(), kind.into(), number.into()],
    )
}

/// Reads the answer of [`query`].
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read(actor: ActorKey, mut f: Fields<'_>) -> Result<Checkpoint, StoreError> {
    Ok(Checkpoint {
        actor,
        folded_to: f.number()?,
        bytes: f.take()?,
    })
}
