//! `checkpoints`: states of actors, a cache of the log.

use weir_engine::ports::{ActorKey, Checkpoint, StoreError};

use crate::fields::Fields;
use crate::value::{Query, Row, Value};

/// The columns, in the order in which they are written.
pub const COLUMNS: &str = "tenant_id, actor, number, part, parts, folded_to, state";

/// Bytes of a part: a packet of MySQL has a greatest size.
const PART: usize = 1 << 20;

/// Tenant, kind of actor (1 = the tenant's, 2 = a campaign's) and number of the campaign.
fn key(actor: ActorKey) -> [Value; 3] {
    let (tenant, kind, number) = match actor {
        ActorKey::Tenant(tenant) => (tenant.0, 1u8, 0u32),
        ActorKey::Campaign(tenant, campaign) => (tenant.0, 2, campaign),
    };
    [tenant.into(), kind.into(), number.into()]
}

/// The parts of the latest checkpoint of an actor; parts of a longer one before it may stay behind them.
#[must_use]
pub fn rows(of: &Checkpoint) -> Vec<Row> {
    let parts = of.bytes.len().div_ceil(PART).max(1);
    let row = |part: usize| {
        let from = part * PART;
        let to = of.bytes.len().min(from + PART);
        let mut row = Vec::from(key(of.actor));
        row.extend([
            (part as u64).into(),
            (parts as u64).into(),
            of.folded_to.into(),
            of.bytes[from..to].into(),
        ]);
        row
    };
    (0..parts).map(row).collect()
}

/// Asks for the parts of an actor's checkpoint in order; [`read`] reads one, [`join`] joins them.
#[must_use]
pub fn query(actor: ActorKey) -> Query {
    Query::new(
        "SELECT part, parts, folded_to, state FROM checkpoints WHERE tenant_id = ? AND actor = ? AND number = ? ORDER BY part",
        key(actor),
    )
}

/// A part of a checkpoint.
pub struct Part {
    part: u64,
    parts: u64,
    folded_to: u64,
    state: Vec<u8>,
}

/// Reads a row of [`query`].
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read(mut f: Fields<'_>) -> Result<Part, StoreError> {
    Ok(Part {
        part: f.take()?,
        parts: f.take()?,
        folded_to: f.number()?,
        state: f.take()?,
    })
}

/// The checkpoint of which these are the parts.
///
/// # Errors
/// [`StoreError::Unreadable`] when one is missing or of another checkpoint.
pub fn join(actor: ActorKey, parts: Vec<Part>) -> Result<Option<Checkpoint>, StoreError> {
    let Some((count, folded_to)) = parts.first().map(|p| (p.parts, p.folded_to)) else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    let mut next = 0;
    for part in parts.into_iter().take(count as usize) {
        if (part.part, part.parts, part.folded_to) != (next, count, folded_to) {
            break;
        }
        next += 1;
        bytes.extend(part.state);
    }
    if next != count {
        return Err(StoreError::Unreadable {
            table: "checkpoints",
            what: format!("{next} of {count} parts"),
        });
    }
    Ok(Some(Checkpoint {
        actor,
        folded_to,
        bytes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_engine::ids::TenantId;

    fn part(row: &Row) -> Part {
        let number = |at: usize| match row[at] {
            Value::Int(number) => number.cast_unsigned(),
            _ => panic!("not a number"),
        };
        let Value::Blob(state) = &row[6] else {
            panic!("not bytes");
        };
        Part {
            part: number(3),
            parts: number(4),
            folded_to: number(5),
            state: state.clone(),
        }
    }

    fn of(length: usize, folded_to: u64) -> Checkpoint {
        Checkpoint {
            actor: ActorKey::Tenant(TenantId(1)),
            folded_to,
            bytes: (0..length).map(|i| (i % 251) as u8).collect(),
        }
    }

    #[test]
    fn a_state_of_any_length_is_cut_and_joined() {
        for length in [0, 1, PART - 1, PART, PART + 1, 3 * PART + 7] {
            let checkpoint = of(length, 9);
            let parts = rows(&checkpoint).iter().map(part).collect();
            let joined = join(checkpoint.actor, parts).expect("whole");
            assert_eq!(joined, Some(checkpoint), "{length}");
        }
        assert_eq!(join(of(0, 0).actor, Vec::new()).expect("none"), None);
    }

    #[test]
    fn parts_of_a_longer_state_before_are_passed_over_and_a_missing_part_is_an_error() {
        let actor = of(0, 0).actor;
        let long: Vec<Part> = rows(&of(3 * PART, 5)).iter().map(part).collect();
        let mut stored: Vec<Part> = rows(&of(PART + 1, 9)).iter().map(part).collect();
        stored.extend(long.into_iter().skip(2));
        let joined = join(actor, stored).expect("whole").expect("there");
        assert_eq!(joined, of(PART + 1, 9));
        let mut torn: Vec<Part> = rows(&of(2 * PART, 9)).iter().map(part).collect();
        torn.pop();
        assert!(join(actor, torn).is_err());
    }
}
