//! What is the same for every kind of entity: making, showing, listing, changing, archiving.
//!
//! A resource says what is its own ([`Resource`]); the engine says what is acceptable; the actors make it so.
//! Always true: an entity is found under the caller's tenant or not at all; a change is merged into the version
//! that it is checked against, by the actor, so two changes at a time never undo one another; an answer shows the entity as
//! it is after the change.

use std::sync::Arc;

use poem::http::{HeaderValue, header};
use poem_openapi::payload::Json;
use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde::Serialize;
use serde_json::{Map, Value};
use weir_actors::{Accepted, AskError};
use weir_engine::catalog::propose::{Draft, Proposal, Refusal, Target};
use weir_engine::catalog::{Catalog, Entities, EntityKey, EntityKind, Versioned};
use weir_engine::ids::TenantId;

use super::answers::{Changed, Created, Shown, etag, expected, is_unmodified};
use super::auth::Caller;
use super::context::AdminContext;
use super::list::{Page, Paging, WordFilter};
use super::{drafts, dto};
use crate::problem::{Code, FieldError, Problem};

/// What is a kind of entity's own.
pub(super) trait Resource: 'static {
    /// Its kind.
    const KIND: EntityKind;
    /// Where it lives, with a slash at the end.
    const PATH: &'static str;
    /// Words of its `status`.
    const STATUSES: &'static [&'static str];
    /// The entity.
    type Entity: Serialize;
    /// How it is shown.
    type View: ParseFromJSON + ToJSON + Send + Sync;

    /// Its number, when `id` is one of this tenant.
    fn number(tenant: TenantId, id: &str) -> Option<u32>;
    /// All of its kind.
    fn entities(catalog: &Catalog) -> &Entities<Self::Entity>;
    /// Its status as a word.
    fn status(entity: &Self::Entity) -> &'static str;

    /// Whether lists show it.
    fn is_listed(_: &Self::Entity) -> bool {
        true
    }

    /// Fields that are shown beside its own.
    fn add(_: &Scene<'_>, _: u32, _: &Self::Entity, _: &mut Map<String, Value>) {}
}

/// Where an entity is shown.
pub(super) struct Scene<'a> {
    pub(super) context: &'a AdminContext,
    pub(super) tenant: TenantId,
    pub(super) catalog: &'a Catalog,
}

/// What is asked of a list.
#[derive(Debug, Default)]
pub(super) struct ListQuery {
    pub(super) paging: Paging,
    pub(super) status: Option<String>,
}

impl AdminContext {
    /// What the caller's tenant has configured.
    pub(super) fn catalog(&self, tenant: TenantId) -> Result<Arc<Catalog>, Problem> {
        self.actors.catalog(tenant).ok_or_else(Problem::not_found)
    }

    /// Has one change made.
    pub(super) async fn propose(
        &self,
        caller: &Caller,
        target: Target,
        draft: Draft,
    ) -> Result<Result<Accepted, Refusal>, Problem> {
        let proposal = Proposal {
            by: caller.by.clone(),
            target,
            draft,
        };
        let mut answers = self.propose_all(caller, vec![proposal]).await?;
        answers
            .pop()
            .ok_or_else(|| Problem::internal("a proposal was not answered"))
    }

    /// Has changes made, each against what the ones before it leave.
    pub(super) async fn propose_all(
        &self,
        caller: &Caller,
        proposals: Vec<Proposal>,
    ) -> Result<Vec<Result<Accepted, Refusal>>, Problem> {
        let count = proposals.len();
        let draw = self.random.number() as u64;
        let answers = self
            .actors
            .propose(caller.tenant, proposals, draw)
            .await
            .map_err(not_answered)?;
        if answers.len() != count {
            return Err(Problem::internal("some proposals were not answered"));
        }
        Ok(answers)
    }
}

/// The actors did not answer.
pub(super) fn not_answered(error: AskError) -> Problem {
    match error {
        AskError::Overloaded => {
            Problem::unavailable("too much is asked at a time; nothing was changed", 1)
        }
        AskError::Unavailable(cause) => {
            tracing::warn!(%cause, "a change was refused by the journal");
            Problem::unavailable("the change cannot be written now; nothing was changed", 5)
        }
        AskError::NoTenant => Problem::not_found(),
        AskError::TimedOut => Problem::new(
            Code::TimedOut,
            "the change was not confirmed in time; it may still happen",
        ),
    }
}

/// A proposal was not accepted.
pub(super) fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::NotFound => Problem::not_found(),
        Refusal::Invalid(errors) => Problem::fields(errors),
        Refusal::Conflict { field, message } => {
            let error = FieldError::new(field, "taken", message.clone());
            Problem::new(Code::Conflict, message).with_fields(vec![error])
        }
        Refusal::VersionMismatch { current } => {
            let problem = Problem::new(
                Code::VersionMismatch,
                format!("the current version is {current}"),
            );
            match HeaderValue::from_str(&etag(current)) {
                Ok(tag) => problem.with_header(header::ETAG, tag),
                Err(_) => problem,
            }
        }
    }
}

/// Makes an entity of a draft.
pub(super) async fn make(
    context: &AdminContext,
    caller: &Caller,
    kind: EntityKind,
    draft: Value,
) -> Result<Accepted, Problem> {
    let draft = drafts::read(kind, draft).map_err(Problem::fields)?;
    context
        .propose(caller, Target::Create, draft)
        .await?
        .map_err(refused)
}

/// An entity with its number and version, as it is shown.
pub(super) struct Current<R: Resource> {
    pub(super) number: u32,
    pub(super) entity: Arc<Versioned<R::Entity>>,
    pub(super) catalog: Arc<Catalog>,
}

/// Finds an entity of the caller's tenant.
pub(super) fn find<R: Resource>(
    context: &AdminContext,
    tenant: TenantId,
    id: &str,
) -> Result<Current<R>, Problem> {
    let number = R::number(tenant, id).ok_or_else(Problem::not_found)?;
    find_number(context, tenant, number)
}

/// Finds an entity by its number.
pub(super) fn find_number<R: Resource>(
    context: &AdminContext,
    tenant: TenantId,
    number: u32,
) -> Result<Current<R>, Problem> {
    let catalog = context.catalog(tenant)?;
    let entity = R::entities(&catalog).get(&number).cloned();
    let entity = entity
        .filter(|e| R::is_listed(&e.body))
        .ok_or_else(Problem::not_found)?;
    Ok(Current {
        number,
        entity,
        catalog,
    })
}

impl<R: Resource> Current<R> {
    /// How it is shown.
    pub(super) fn view(
        &self,
        context: &AdminContext,
        tenant: TenantId,
    ) -> Result<R::View, Problem> {
        dto::shaped(self.json(context, tenant)?)
    }

    /// Everything that may be shown of it.
    pub(super) fn json(&self, context: &AdminContext, tenant: TenantId) -> Result<Value, Problem> {
        let scene = Scene {
            context,
            tenant,
            catalog: &self.catalog,
        };
        json_of::<R>(&scene, self.number, &self.entity)
    }
}

fn json_of<R: Resource>(
    scene: &Scene<'_>,
    number: u32,
    entity: &Versioned<R::Entity>,
) -> Result<Value, Problem> {
    let mut json = serde_json::to_value(&entity.body).map_err(Problem::internal)?;
    let Some(fields) = json.as_object_mut() else {
        return Err(Problem::internal("an entity is not an object"));
    };
    let id = EntityKey::one(R::KIND, number).public_id(scene.tenant);
    fields.insert("id".to_owned(), id.into());
    fields.insert("version".to_owned(), entity.version.into());
    fields.insert(
        "created_at".to_owned(),
        entity.created_at.to_string().into(),
    );
    fields.insert(
        "updated_at".to_owned(),
        entity.updated_at.to_string().into(),
    );
    R::add(scene, number, &entity.body, fields);
    Ok(json)
}

/// 201 with the entity.
pub(super) async fn create<R: Resource>(
    context: &AdminContext,
    caller: &Caller,
    draft: Value,
) -> Result<Created<R::View>, Problem> {
    let done = make(context, caller, R::KIND, draft).await?;
    let current = find_number::<R>(context, caller.tenant, done.key.number)?;
    let view = current.view(context, caller.tenant)?;
    Ok(created::<R, _>(caller.tenant, &current, view))
}

/// 201 with `view` of an entity.
pub(super) fn created<R: Resource, V: ParseFromJSON + ToJSON + Send + Sync>(
    tenant: TenantId,
    current: &Current<R>,
    view: V,
) -> Created<V> {
    let id = EntityKey::one(R::KIND, current.number).public_id(tenant);
    let location = format!("{}{id}", R::PATH);
    Created::Created(Json(view), location, etag(current.entity.version))
}

/// 200 with the entity, or 304.
pub(super) fn show<R: Resource>(
    context: &AdminContext,
    caller: &Caller,
    id: &str,
    if_none_match: Option<&str>,
) -> Result<Shown<R::View>, Problem> {
    let current = find::<R>(context, caller.tenant, id)?;
    let tag = etag(current.entity.version);
    if is_unmodified(if_none_match, current.entity.version) {
        return Ok(Shown::NotModified(tag));
    }
    Ok(Shown::Entity(
        Json(current.view(context, caller.tenant)?),
        tag,
    ))
}

/// A page of entities, newest first.
pub(super) fn list<R: Resource>(
    context: &AdminContext,
    caller: &Caller,
    query: &ListQuery,
    is_wanted: impl Fn(&R::Entity) -> bool,
) -> Result<Json<Page<R::View>>, Problem> {
    let wanted = query.paging.read()?;
    let statuses = WordFilter::read("status", query.status.as_deref(), R::STATUSES)?;
    let catalog = context.catalog(caller.tenant)?;
    let scene = Scene {
        context,
        tenant: caller.tenant,
        catalog: &catalog,
    };
    let passes = |e: &R::Entity| R::is_listed(e) && statuses.passes(R::status(e)) && is_wanted(e);
    let entities = R::entities(&catalog)
        .iter()
        .rev()
        .filter(|(_, e)| passes(&e.body));
    let placed = entities.map(|(number, e)| ((0, u64::from(*number)), (*number, e)));
    let view = |(number, e): (u32, &Arc<Versioned<R::Entity>>)| {
        dto::shaped(json_of::<R>(&scene, number, e)?)
    };
    wanted.page(placed, view).map(Json)
}

/// 200 with the entity after a change, such as a merge patch.
pub(super) async fn change<R: Resource>(
    context: &AdminContext,
    caller: &Caller,
    id: &str,
    if_match: Option<&str>,
    draft: Draft,
) -> Result<Changed<R::View>, Problem> {
    let changed = changed::<R>(context, caller, id, if_match, draft).await?;
    let view = changed.view(context, caller.tenant)?;
    Ok(Changed::Entity(Json(view), etag(changed.entity.version)))
}

/// The entity after a change.
pub(super) async fn changed<R: Resource>(
    context: &AdminContext,
    caller: &Caller,
    id: &str,
    if_match: Option<&str>,
    draft: Draft,
) -> Result<Current<R>, Problem> {
    let current = find::<R>(context, caller.tenant, id)?;
    let target = Target::Update {
        key: EntityKey::one(R::KIND, current.number),
        expected: expected(if_match, current.entity.version)?,
    };
    context
        .propose(caller, target, draft)
        .await?
        .map_err(refused)?;
    find_number::<R>(context, caller.tenant, current.number)
}

/// A field that is taken from the query and must be an id of this tenant.
pub(super) fn id_filter<R: Resource>(
    tenant: TenantId,
    name: &str,
    id: Option<&str>,
) -> Result<Option<u32>, Problem> {
    let Some(id) = id else {
        return Ok(None);
    };
    let number = R::number(tenant, id);
    let error = || FieldError::new(name, "unknown_id", "names nothing of this tenant");
    let problem = || {
        Problem::new(
            Code::BadRequest,
            format!("the parameter {name} names nothing"),
        )
        .with_fields(vec![error()])
    };
    number.map(Some).ok_or_else(problem)
}
