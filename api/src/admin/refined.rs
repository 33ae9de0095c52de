//! Around every operation: errors of the framework become problems, unknown parameters are refused, and a path
//! answers every method, if only with what it takes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use poem::endpoint::{BoxEndpoint, make};
use poem::http::{HeaderValue, Method, header};
use poem::{Endpoint, EndpointExt, Request, Response};
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, MetaParamIn, Registry};

use super::errors::problem_of;
use crate::problem::{Code, Problem};

/// Methods that are answered with 405 where a path does not take them.
const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// An API with the module's promises.
pub(super) struct Refined<A>(pub(super) A);

type Table = HashMap<String, HashMap<Method, BoxEndpoint<'static>>>;

/// Names of query parameters by operation: (path with its parameters as `*`, method).
type Known = BTreeMap<(String, String), Arc<[String]>>;

impl<A: OpenApi> OpenApi for Refined<A> {
    fn meta() -> Vec<MetaApi> {
        A::meta()
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
    }

    fn add_routes(self, table: &mut Table) {
        let mut plain = Table::new();
        self.0.add_routes(&mut plain);
        let known = known_parameters(&A::meta());
        for (path, methods) in plain {
            let taken: Vec<Method> = METHODS
                .into_iter()
                .filter(|m| methods.contains_key(m))
                .collect();
            let refined = methods.into_iter().map(|(method, operation)| {
                let names = known
                    .get(&(shape(&path), method.to_string()))
                    .cloned()
                    .unwrap_or_default();
                (method, refine(operation, names))
            });
            let mut at_path: HashMap<_, _> = refined.collect();
            for method in METHODS {
                at_path.entry(method).or_insert_with(|| not_taken(&taken));
            }
            table.insert(path, at_path);
        }
    }
}

fn known_parameters(apis: &[MetaApi]) -> Known {
    let mut known = Known::new();
    for path in apis.iter().flat_map(|api| &api.paths) {
        for operation in &path.operations {
            let in_query = operation
                .params
                .iter()
                .filter(|p| p.in_type == MetaParamIn::Query);
            let names = in_query.map(|p| p.name.clone()).collect();
            known.insert((shape(&path.path), operation.method.to_string()), names);
        }
    }
    known
}

/// A path with its parameters as `*`, however they are named.
fn shape(path: &str) -> String {
    let is_parameter = |part: &str| part.starts_with(':') || part.starts_with('{');
    let parts = path
        .split('/')
        .map(|part| if is_parameter(part) { "*" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn refine(operation: BoxEndpoint<'static>, names: Arc<[String]>) -> BoxEndpoint<'static> {
    let operation = Arc::new(operation);
    make(move |request: Request| {
        let (operation, names) = (Arc::clone(&operation), Arc::clone(&names));
        async move {
            check_parameters(&request, &names)?;
            let answered = operation.call(request).await;
            answered.map_err(|error| poem::Error::from(problem_of(&error)))
        }
    })
    .boxed()
}

fn check_parameters(request: &Request, names: &[String]) -> Result<(), Problem> {
    let query = request.uri().query().unwrap_or_default();
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        if !names.iter().any(|known| *known == name) {
            let message = match names {
                [] => "this operation has no parameters".to_owned(),
                names => format!("no such parameter; known: {}", names.join(", ")),
            };
            return Err(Problem::parameter(&name, "unknown_parameter", message));
        }
    }
    Ok(())
}

fn not_taken(taken: &[Method]) -> BoxEndpoint<'static> {
    let mut names: Vec<&str> = taken.iter().map(Method::as_str).collect();
    if taken.contains(&Method::GET) {
        names.push("HEAD");
    }
    let allow = HeaderValue::from_str(&names.join(", "));
    make(move |_| {
        let problem = Problem::new(
            Code::MethodNotAllowed,
            "this path does not take this method",
        );
        let problem = match &allow {
            Ok(allow) => problem.with_header(header::ALLOW, allow.clone()),
            Err(_) => problem,
        };
        async move { Err::<Response, poem::Error>(problem.into()) }
    })
    .boxed()
}
