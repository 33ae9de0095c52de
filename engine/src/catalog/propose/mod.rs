//! Whether a change of configuration is allowed, and what it is as facts.
//!
//! The one writer of a tenant calls [`propose`] with the catalog as of now (and, in a batch, what it has accepted
//! already) and puts what it gets into the log. It is a function of its arguments, so a dry run is a call too.
//! Always true: an accepted proposal gives entities that the catalog can read and the click path can compile: every
//! reference exists, every URL template and zone is known; P1 versions count on by one; P2 a part (goal, flow, arm)
//! that a draft names by its id keeps it; P3 a new number is greater than any that the tenant has used; P4 an edit
//! that changes nothing gives no fact.
//! Not here: who may propose (API keys and scopes), whether a link on the shared host or a domain is free in the whole
//! installation (the registry), secrets (only their hashes come in), the JSON of answers.
//!
//! What a client may set is a *draft*, other than the entity: it has defaults, parts without ids, money as text.
//! PATCH is a merge patch on the draft of the present entity, so it goes through the same checks as a POST.
//! Archiving needs no checks, and is undone by setting the status; only a revoked API key stays revoked.
//! Entities that others refer to may be archived: the references stay, clicks get the reason.

mod access;
mod campaign;
mod cap;
mod conditions;
mod distribution;
mod merge;
mod money;
mod offer;
mod people;
mod review;
mod shape;

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::access::{ApiKeyDraft, DomainDraft, KeyHash, Scope};
pub use self::campaign::{CampaignDraft, CostDraft, FlowDraft};
pub use self::cap::CapDraft;
pub use self::distribution::{ArmDraft, DistributionDraft};
pub use self::merge::merge_patch;
pub use self::money::{Decimal, PayoutDraft, PayoutType, RevenueDraft, RevenueType, RuleDraft};
pub use self::offer::{GoalDraft, OfferDraft, TermsDraft};
pub use self::people::{AdvertiserDraft, AffiliateDraft, TenantDraft, UNIQUENESS_CAPACITY};
pub use self::review::NAME_MAX;
pub use self::shape::parse_draft;

use self::review::Review;
use super::{
    Advertiser, Campaign, CampaignKind, Catalog, Change, EntityKey, EntityKind, Versioned,
};
use crate::ids::{TenantId, UnixMs};

/// Greatest number of a tenant: 24 bits.
const TENANT_MAX: u32 = 0xff_ffff;

/// Codes of what is wrong with a field. Part of the API.
pub mod code {
    /// Missing, or blank where something must stand.
    pub const REQUIRED: &str = "required";
    /// Another type of JSON value is needed.
    pub const WRONG_TYPE: &str = "wrong_type";
    /// Too small, too great, too long or too many.
    pub const OUT_OF_RANGE: &str = "out_of_range";
    /// The object has no such field.
    pub const UNKNOWN_FIELD: &str = "unknown_field";
    /// Cannot be read as what it should be.
    pub const INVALID: &str = "invalid";
    /// Names something that this tenant does not have.
    pub const UNKNOWN_REFERENCE: &str = "unknown_reference";
    /// Twice where once is allowed.
    pub const DUPLICATE: &str = "duplicate";
    /// Will be possible later.
    pub const NOT_AVAILABLE_YET: &str = "not_available_yet";
    /// Has no meaning beside the rest.
    pub const NOT_APPLICABLE: &str = "not_applicable";
    /// Something else needs what would go.
    pub const IN_USE: &str = "in_use";
    /// No number is left.
    pub const EXHAUSTED: &str = "exhausted";
}

/// What is wrong with one field of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Its path, such as `caps[0].limit`; empty = the whole.
    pub field: String,
    /// One of [`code`].
    pub code: &'static str,
    /// In words.
    pub message: String,
}

/// Why a proposal is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such entity.
    #[error("not found")]
    NotFound,
    /// Something else has the name, the link or the host.
    #[error("{message}")]
    Conflict {
        /// The field.
        field: &'static str,
        /// In words.
        message: String,
    },
    /// The entity was changed since the client read it.
    #[error("the current version is {current}")]
    VersionMismatch {
        /// Its version now; 0 = it does not exist.
        current: u32,
    },
    /// The draft is wrong.
    #[error("the draft has {} errors", .0.len())]
    Invalid(Vec<FieldError>),
}

/// A change of configuration that somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Who asks for it: an API key's id, or a command.
    pub by: String,
    /// What it is about.
    pub target: Target,
    /// What it shall become.
    pub draft: Draft,
}

/// What a proposal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A new entity.
    Create,
    /// An entity that is there. Terms are made by this too, since their key is known beforehand.
    Update {
        /// Which.
        key: EntityKey,
        /// The version that the client has read, if it says so (`If-Match`).
        expected: Option<u32>,
    },
}

/// What an entity shall become.
#[derive(Debug, Clone, PartialEq)]
pub enum Draft {
    /// The tenant's own settings; `Create` makes its first ones.
    Tenant(TenantDraft),
    /// A tenant more in the list of the installation; only in the catalog of tenant 0.
    NewTenant(TenantDraft),
    /// An advertiser.
    Advertiser(AdvertiserDraft),
    /// A new token for an advertiser.
    RotateToken {
        /// Until when the one before is good too.
        overlap_until: UnixMs,
    },
    /// An affiliate.
    Affiliate(AffiliateDraft),
    /// An offer, with its own link.
    Offer(Box<OfferDraft>),
    /// The terms of an affiliate on an offer; only with `Update`, which makes them when they are not there.
    Terms(TermsDraft),
    /// A campaign.
    Campaign(CampaignDraft),
    /// A domain.
    Domain(DomainDraft),
    /// An API key.
    ApiKey(ApiKeyDraft),
    /// A merge patch on the draft of the entity as it is; for every kind, only with `Update`.
    Patch(Value),
    /// Out of use, with everything kept. Only with `Update`, not for terms.
    Archive,
}

/// What a client may set of an entity.
trait EntityDraft: Serialize + DeserializeOwned + for<'e> From<&'e Self::Entity> {
    /// The entity.
    type Entity: Serialize + PartialEq + Clone;

    /// The draft of this kind, if it is one.
    fn of(draft: &Draft) -> Option<&Self>;

    /// The entity that it makes of `current`; it counts only when the review found nothing.
    fn build(&self, review: &mut Review<'_>, current: Option<&Self::Entity>) -> Self::Entity;

    /// The entity out of use; `None` where that does not exist.
    fn archived(current: &Self::Entity) -> Option<Self::Entity>;

    /// What changes beside the entity, given what it is now.
    fn beside(_: &mut Review<'_>, _: &Self::Entity) -> Vec<Change> {
        Vec::new()
    }
}

/// Checks `proposal` against the catalog of `tenant`. `draw` is a random number, for generated links.
///
/// Gives the changes to append, in order: none when nothing would change, usually one; an offer brings its hidden
/// link campaign along.
///
/// # Errors
/// [`Refusal`], with every wrong value at once.
pub fn propose(
    catalog: &Catalog,
    tenant: TenantId,
    proposal: &Proposal,
    draw: u64,
) -> Result<Vec<Change>, Refusal> {
    let mut changes = match proposal.target {
        Target::Create => {
            let key = new_key(catalog, tenant, &proposal.draft)?;
            let review = Review::new(catalog, tenant, key, draw);
            create(review, &proposal.draft)
        }
        Target::Update { key, expected } => {
            let review = Review::new(catalog, tenant, key, draw);
            let draft = &proposal.draft;
            update(review, Edit { expected, draft })
        }
    }?;
    for change in &mut changes {
        change.by.clone_from(&proposal.by);
    }
    Ok(changes)
}

/// The key that the new entity of `draft` gets.
fn new_key(catalog: &Catalog, tenant: TenantId, draft: &Draft) -> Result<EntityKey, Refusal> {
    let kind = match draft {
        Draft::Tenant(_) if catalog.tenant.is_some() => {
            let message = "the tenant has its settings already".to_owned();
            let field = "name";
            return Err(Refusal::Conflict { field, message });
        }
        Draft::Tenant(_) => return Ok(EntityKey::one(EntityKind::Tenant, 0)),
        Draft::NewTenant(_) if tenant == TenantId(0) => {
            let last = catalog.tenants.keys().next_back().copied().unwrap_or(0);
            return match last {
                TENANT_MAX.. => Err(whole(code::EXHAUSTED, "no number of a tenant is left")),
                _ => Ok(EntityKey::one(EntityKind::Tenant, last + 1)),
            };
        }
        Draft::Advertiser(_) => EntityKind::Advertiser,
        Draft::Affiliate(_) => EntityKind::Affiliate,
        Draft::Offer(_) => EntityKind::Offer,
        Draft::Campaign(_) => EntityKind::Campaign,
        Draft::Domain(_) => EntityKind::Domain,
        Draft::ApiKey(_) => EntityKind::ApiKey,
        Draft::NewTenant(_) => {
            let message = "only the installation, tenant 0, makes tenants";
            return Err(whole(code::NOT_APPLICABLE, message));
        }
        Draft::Terms(_) | Draft::RotateToken { .. } | Draft::Patch(_) | Draft::Archive => {
            let message = "this needs an entity that is there";
            return Err(whole(code::NOT_APPLICABLE, message));
        }
    };
    match catalog.last_number.checked_add(1) {
        Some(number) => Ok(EntityKey::one(kind, number)),
        None => Err(whole(code::EXHAUSTED, "no number is left")),
    }
}

fn create(review: Review<'_>, draft: &Draft) -> Result<Vec<Change>, Refusal> {
    match review.key.kind {
        EntityKind::Tenant => create_as::<TenantDraft>(review, draft),
        EntityKind::Advertiser => create_as::<AdvertiserDraft>(review, draft),
        EntityKind::Affiliate => create_as::<AffiliateDraft>(review, draft),
        EntityKind::Offer => create_as::<OfferDraft>(review, draft),
        EntityKind::Terms => create_as::<TermsDraft>(review, draft),
        EntityKind::Campaign => create_as::<CampaignDraft>(review, draft),
        EntityKind::Domain => create_as::<DomainDraft>(review, draft),
        EntityKind::ApiKey => create_as::<ApiKeyDraft>(review, draft),
    }
}

fn create_as<D: EntityDraft>(
    mut review: Review<'_>,
    draft: &Draft,
) -> Result<Vec<Change>, Refusal> {
    let draft = D::of(draft).ok_or_else(other_kind)?;
    let entity = draft.build(&mut review, None);
    put(review, 1, &entity, D::beside)
}

/// What is asked of an entity that is there.
#[derive(Clone, Copy)]
struct Edit<'a> {
    expected: Option<u32>,
    draft: &'a Draft,
}

fn update(review: Review<'_>, edit: Edit<'_>) -> Result<Vec<Change>, Refusal> {
    let (of, n) = (review.catalog, review.key.number);
    match review.key.kind {
        EntityKind::Tenant if n == 0 => update_as::<TenantDraft>(review, of.tenant.as_ref(), edit),
        EntityKind::Tenant => update_as::<TenantDraft>(review, of.tenants.get(&n), edit),
        EntityKind::Advertiser => update_advertiser(review, of.advertisers.get(&n), edit),
        EntityKind::Affiliate => update_as::<AffiliateDraft>(review, of.affiliates.get(&n), edit),
        EntityKind::Offer => update_as::<OfferDraft>(review, of.offers.get(&n), edit),
        EntityKind::Terms => update_terms(review, edit),
        EntityKind::Campaign => {
            // The link of an offer changes with its offer only.
            let is_own = |c: &&Arc<Versioned<Campaign>>| c.body.kind == CampaignKind::Campaign;
            update_as::<CampaignDraft>(review, of.campaigns.get(&n).filter(is_own), edit)
        }
        EntityKind::Domain => update_as::<DomainDraft>(review, of.domains.get(&n), edit),
        EntityKind::ApiKey => update_as::<ApiKeyDraft>(review, of.api_keys.get(&n), edit),
    }
}

fn update_as<D: EntityDraft>(
    mut review: Review<'_>,
    current: Option<&Arc<Versioned<D::Entity>>>,
    edit: Edit<'_>,
) -> Result<Vec<Change>, Refusal> {
    let current = present(current, edit.expected)?;
    let before = &current.body;
    let entity = match edit.draft {
        Draft::Archive => D::archived(before).ok_or_else(|| {
            whole(
                code::NOT_APPLICABLE,
                "terms end by their status, not by archiving",
            )
        })?,
        Draft::Patch(patch) => {
            let mut value = as_json(&D::from(before));
            merge::merge_draft(&mut value, patch);
            let draft: D = parse_draft(value).map_err(Refusal::Invalid)?;
            draft.build(&mut review, Some(before))
        }
        _ => {
            let draft = D::of(edit.draft).ok_or_else(other_kind)?;
            draft.build(&mut review, Some(before))
        }
    };
    if entity == *before {
        return review.verdict().map(|()| Vec::new());
    }
    put(review, current.version + 1, &entity, D::beside)
}

/// Terms are made by the same call as they are changed, when offer and affiliate are there.
fn update_terms(review: Review<'_>, edit: Edit<'_>) -> Result<Vec<Change>, Refusal> {
    let (catalog, key) = (review.catalog, review.key);
    let has_both =
        catalog.offers.contains_key(&key.number) && catalog.affiliates.contains_key(&key.second);
    if !has_both {
        return Err(Refusal::NotFound);
    }
    let current = catalog.terms.get(&(key.number, key.second));
    if current.is_some() || TermsDraft::of(edit.draft).is_none() {
        return update_as::<TermsDraft>(review, current, edit);
    }
    if edit.expected.is_some() {
        return Err(Refusal::VersionMismatch { current: 0 });
    }
    create_as::<TermsDraft>(review, edit.draft)
}

/// An advertiser has an edit of its own beside the usual ones: a new token.
fn update_advertiser(
    review: Review<'_>,
    current: Option<&Arc<Versioned<Advertiser>>>,
    edit: Edit<'_>,
) -> Result<Vec<Change>, Refusal> {
    let Draft::RotateToken { overlap_until } = *edit.draft else {
        return update_as::<AdvertiserDraft>(review, current, edit);
    };
    let current = present(current, edit.expected)?;
    let Some(token_version) = current.body.token_version.checked_add(1) else {
        return Err(whole(code::EXHAUSTED, "no version of a token is left"));
    };
    let rotated = Advertiser {
        token_version,
        previous_token_until: Some(overlap_until),
        ..current.body.clone()
    };
    put(review, current.version + 1, &rotated, |_, _| Vec::new())
}

/// The entity, in the version that the client expects.
fn present<E>(
    current: Option<&Arc<Versioned<E>>>,
    expected: Option<u32>,
) -> Result<&Versioned<E>, Refusal> {
    let current = current.ok_or(Refusal::NotFound)?;
    let version = current.version;
    if expected.is_some_and(|e| e != version) {
        return Err(Refusal::VersionMismatch { current: version });
    }
    Ok(current)
}

/// The change to `entity` and what changes beside it, when the review found nothing.
fn put<E: Serialize>(
    mut review: Review<'_>,
    version: u32,
    entity: &E,
    beside: fn(&mut Review<'_>, &E) -> Vec<Change>,
) -> Result<Vec<Change>, Refusal> {
    let mut changes = vec![change(review.key, version, entity)];
    changes.extend(beside(&mut review, entity));
    review.verdict()?;
    Ok(changes)
}

/// A change without its author, who is filled in at the end.
fn change<E: Serialize>(key: EntityKey, version: u32, entity: &E) -> Change {
    Change {
        key,
        version,
        by: String::new(),
        body: as_json(entity),
    }
}

fn as_json<T: Serialize>(value: &T) -> Value {
    let json = serde_json::to_value(value);
    assert!(json.is_ok(), "entities and drafts are JSON");
    json.unwrap_or_default()
}

fn whole(code: &'static str, message: &str) -> Refusal {
    Refusal::Invalid(vec![FieldError {
        field: String::new(),
        code,
        message: message.to_owned(),
    }])
}

fn other_kind() -> Refusal {
    whole(code::NOT_APPLICABLE, "the draft is of another kind")
}

#[cfg(test)]
mod tests;
