//! Many entities in one request, with a result for each.
//!
//! Always true: results stand in the order of the items; one bad item does not keep the others from being made;
//! items are made in order, so that none sees half of the ones before it. An item that cannot be made changes
//! nothing.

use poem_openapi::Object;
use poem_openapi::payload::Json;
use poem_openapi::types::Type;
use serde_json::Value;
use weir_actors::Accepted;
use weir_engine::catalog::EntityKey;
use weir_engine::catalog::propose::{Proposal, Refusal, Target};

use super::auth::Caller;
use super::context::AdminContext;
use super::crud::{Resource, refused};
use super::drafts;
use crate::problem::{FieldError, Problem};

/// Items that a request may have.
const ITEMS_MAX: usize = 500;

/// Entities to make.
#[derive(Debug, Object)]
pub(super) struct Items<T: poem_openapi::types::ParseFromJSON + poem_openapi::types::ToJSON + Type>
{
    /// At most 500.
    #[oai(validator(max_items = 500))]
    items: Vec<T>,
}

/// What became of the items, in their order.
#[derive(Debug, Object)]
pub(super) struct Results {
    /// One for each item.
    results: Vec<Row>,
}

/// What became of an item.
#[derive(Debug, Default, Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct Row {
    /// 201, or the status that the item would have got by itself.
    status: u16,
    /// Id of what was made.
    id: Option<String>,
    /// Its version.
    version: Option<u32>,
    /// Why nothing was made.
    problem: Option<RowProblem>,
}

/// Why nothing was made of an item.
#[derive(Debug, Object)]
pub(super) struct RowProblem {
    /// A word for programs.
    code: String,
    /// What went wrong.
    detail: String,
    /// Which fields, by their path within the item.
    field_errors: Vec<RowFieldError>,
}

/// A wrong field of an item.
#[derive(Debug, Object)]
pub(super) struct RowFieldError {
    /// Its path within the item.
    field: String,
    /// A word for programs.
    code: String,
    /// A sentence for people.
    message: String,
}

impl From<Problem> for Row {
    fn from(problem: Problem) -> Self {
        let field_error = |e: FieldError| RowFieldError {
            field: e.field,
            code: e.code.to_owned(),
            message: e.message,
        };
        Self {
            status: problem.code.status().as_u16(),
            problem: Some(RowProblem {
                code: problem.code.to_string(),
                detail: problem.detail,
                field_errors: problem.field_errors.into_iter().map(field_error).collect(),
            }),
            ..Self::default()
        }
    }
}

/// Makes entities of drafts.
pub(super) async fn create<R: Resource>(
    context: &AdminContext,
    caller: &Caller,
    body: Value,
) -> Result<Json<Results>, Problem> {
    let items = items(body)?;
    let mut results: Vec<Option<Row>> = Vec::with_capacity(items.len());
    let mut proposals = Vec::new();
    for item in items {
        match drafts::read(R::KIND, item) {
            Ok(draft) => {
                results.push(None);
                proposals.push(Proposal {
                    by: caller.by.clone(),
                    target: Target::Create,
                    draft,
                });
            }
            Err(errors) => results.push(Some(Problem::fields(errors).into())),
        }
    }
    let answers = match proposals.is_empty() {
        true => Vec::new(),
        false => context.propose_all(caller, proposals).await?,
    };
    let mut answers = answers.into_iter();
    let row = |row: Option<Row>| row.or_else(|| Some(answered::<R>(caller, answers.next()?)));
    let results: Option<Vec<Row>> = results.into_iter().map(row).collect();
    let results = results.ok_or_else(|| Problem::internal("an item was not answered"))?;
    Ok(Json(Results { results }))
}

fn answered<R: Resource>(caller: &Caller, answer: Result<Accepted, Refusal>) -> Row {
    match answer {
        Ok(done) => Row {
            status: 201,
            id: Some(EntityKey::one(R::KIND, done.key.number).public_id(caller.tenant)),
            version: Some(done.version),
            problem: None,
        },
        Err(refusal) => refused(refusal).into(),
    }
}

fn items(body: Value) -> Result<Vec<Value>, Problem> {
    let error = |field: &str, code, message: &str| {
        Err(Problem::fields([FieldError::new(field, code, message)]))
    };
    let Value::Object(mut fields) = body else {
        return error("", "invalid_type", "must be an object");
    };
    let items = fields.remove("items");
    if let Some(name) = fields.keys().next() {
        return error(name, "unknown_field", "no such field; known: items");
    }
    match items {
        Some(Value::Array(items)) if items.len() <= ITEMS_MAX => Ok(items),
        Some(Value::Array(_)) => error("items", "too_many", "may have 500 items"),
        Some(_) => error("items", "invalid_type", "must be a list"),
        None => error("items", "required", "must be set"),
    }
}
