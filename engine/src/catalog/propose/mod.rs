//! Whether a change of configuration is allowed, and what it makes of the entity: pure.
//!
//! A client says what it wants as a draft (the fields that it may set); this gives the changes that become facts,
//! or says, field by field, why not. Always true: a change that was accepted can be applied and compiled; parts
//! of an entity (arms, flows, goals) keep their numbers through every edit that names them; numbers are given out
//! once. Not here: JSON answers (the API), who may ask (the doors), links of other tenants (the registry).

use crate::catalog::{Catalog, Change, EntityKey};
use crate::ids::TenantId;

/// A change that somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Who: an API key's id, or a command.
    pub by: String,
    /// A new entity, or which one.
    pub target: Target,
    /// What it should be.
    pub draft: Draft,
}

/// What a proposal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A new entity.
    Create,
    /// An entity that is there (for terms: also one that is not yet).
    Update {
        /// Which.
        key: EntityKey,
        /// The version it must have now; `None` = whichever.
        expected: Option<u32>,
    },
}

/// Why a proposal is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No such entity.
    NotFound,
    /// It is taken by another entity.
    Conflict(FieldError),
    /// It has another version than was expected.
    VersionMismatch {
        /// The version that it has.
        current: u32,
    },
    /// The draft is not one that can be taken.
    Invalid(Vec<FieldError>),
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field: `caps[0].limit`.
    pub field: String,
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
}

/// A proposal that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposed {
    /// The entity.
    pub key: EntityKey,
    /// Its version after the changes.
    pub version: u32,
    /// The facts to write, in order; none when nothing is different.
    pub changes: Vec<Change>,
}
/// What an entity should be.
#[derive(Debug, Clone, PartialEq)]
pub enum Draft {
    /// A change that was checked elsewhere.
    Checked(Change),
}

/// Checks a proposal.
///
/// # Errors
/// [`Refusal`].
pub fn propose(
    _tenant: TenantId,
    _catalog: &Catalog,
    proposal: &Proposal,
    _draw: u128,
) -> Result<Proposed, Refusal> {
    let Draft::Checked(change) = &proposal.draft;
    Ok(Proposed {
        key: change.key,
        version: change.version,
        changes: vec![change.clone()],
    })
}
