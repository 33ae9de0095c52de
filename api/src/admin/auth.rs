//! Who is asking, and what they may do.
//!
//! A key comes as `Authorization: Bearer …` or `X-Api-Key: …`, never in the query. A tenant's key is bound to its
//! tenant and its scopes; the operator's key stands for the whole installation and names a tenant by `X-Tenant`.
//! An operation says what it needs by the type of its argument ([`May`], [`Operator`], [`Anyone`]), and there is
//! no other way to a [`Caller`], so that an operation without a check does not compile into anything useful.
//! Always true: the operator's key is compared in a time that does not depend on where it differs; a refusal does
//! not say whether a key exists. Not here: rate limits (the door).

use std::marker::PhantomData;
use std::sync::Arc;

use poem::http::{HeaderValue, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use weir_actors::PublishedKey;
use weir_engine::catalog::propose::Scope;
use weir_engine::catalog::{Catalog, Liveness};
use weir_engine::ids::{ApiKeyId, TenantId};

use super::actors::Actors;
use crate::api_key;
use crate::problem::{Code, Problem};

/// The installation itself, as a tenant.
const INSTALLATION: TenantId = TenantId(0);

/// Who is asking: found once, at the door.
#[derive(Debug, Clone)]
pub(super) enum Identity {
    /// The operator of the installation, by the derived key (0) or one of the installation's own, with the tenant
    /// that was named.
    Operator { tenant: Option<TenantId>, key: u32 },
    /// A tenant's key.
    Key(PublishedKey),
}

impl Identity {
    /// The identity as numbers, for idempotency and rate limits: (tenant, key). Numbers of keys differ from those of
    /// the installation's keys only by chance, which costs nothing but a shared allowance.
    pub(super) fn number(&self) -> (u32, u32) {
        match self {
            Self::Operator { tenant, key } => (tenant.map_or(0, |t| t.0), *key),
            Self::Key(key) => (key.tenant.0, key.number),
        }
    }

    /// Who, as it stands in the log.
    fn by(&self) -> String {
        match self {
            Self::Operator { key: 0, .. } => "operator".to_owned(),
            Self::Operator { key, .. } => ApiKeyId::new(INSTALLATION, *key).to_string(),
            Self::Key(key) => ApiKeyId::new(key.tenant, key.number).to_string(),
        }
    }

    fn scopes(&self) -> Scopes {
        match self {
            Self::Operator { .. } => Scopes::All,
            Self::Key(key) => Scopes::Of(Arc::clone(&key.scopes)),
        }
    }
}

/// Checks keys.
pub(super) struct KeyRing {
    actors: Arc<dyn Actors>,
    operator_sha256: [u8; 32],
}

impl KeyRing {
    pub(super) fn new(actors: Arc<dyn Actors>, operator_key: &str) -> Self {
        Self {
            actors,
            operator_sha256: Sha256::digest(operator_key).into(),
        }
    }

    /// Who is asking.
    ///
    /// # Errors
    /// 401 when nobody is, 404 when the operator names a tenant that is not there.
    pub(super) fn identify(&self, request: &Request) -> Result<Identity, Problem> {
        let key = key_of(request)?;
        let sha256: [u8; 32] = Sha256::digest(key).into();
        if bool::from(sha256.ct_eq(&self.operator_sha256)) {
            let tenant = self.named_tenant(request)?;
            return Ok(Identity::Operator { tenant, key: 0 });
        }
        let digest = api_key::digest(key).ok_or_else(|| {
            unauthorized("the key is not well formed: is a character missing or mistyped?")
        })?;
        let holder = self.actors.api_key(&digest);
        let holder = holder.ok_or_else(|| unauthorized("the key is not known, or is revoked"))?;
        if holder.tenant == INSTALLATION {
            return self.of_installation(request, &holder);
        }
        let catalog = self.actors.catalog(holder.tenant);
        let is_live = catalog.is_some_and(|c| is_live(&c));
        if !is_live {
            return Err(unauthorized("the key is not known, or is revoked"));
        }
        Ok(Identity::Key(holder))
    }

    /// A key of the installation itself stands for the operator when it may do everything.
    fn of_installation(
        &self,
        request: &Request,
        holder: &PublishedKey,
    ) -> Result<Identity, Problem> {
        if !holder.scopes.iter().any(|s| s == Scope::All.as_str()) {
            return Err(Problem::new(
                Code::Forbidden,
                "a key of the installation needs the scope *",
            ));
        }
        Ok(Identity::Operator {
            tenant: self.named_tenant(request)?,
            key: holder.number,
        })
    }

    fn named_tenant(&self, request: &Request) -> Result<Option<TenantId>, Problem> {
        let Some(named) = request.headers().get("x-tenant") else {
            return Ok(None);
        };
        let tenant = named.to_str().ok().and_then(|text| text.parse().ok());
        let tenant = tenant.filter(|t| self.actors.catalog(*t).is_some());
        let problem = || {
            Problem::new(
                Code::NotFound,
                "X-Tenant names no tenant of this installation",
            )
        };
        tenant.map(Some).ok_or_else(problem)
    }
}

fn is_live(catalog: &Catalog) -> bool {
    let tenant = catalog.tenant.as_ref();
    tenant.is_some_and(|t| t.body.status == Liveness::Active)
}

fn key_of(request: &Request) -> Result<&str, Problem> {
    let key = api_key::of_headers(request.headers());
    key.ok_or_else(|| unauthorized("there is no key: send Authorization: Bearer …"))
}

fn unauthorized(detail: &str) -> Problem {
    let challenge = HeaderValue::from_static("Bearer realm=\"weir\"");
    Problem::new(Code::Unauthorized, detail).with_header(header::WWW_AUTHENTICATE, challenge)
}

/// Somebody who may do what was asked for, in a tenant.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// In which tenant.
    pub(super) tenant: TenantId,
    /// Who, as it stands in the log.
    pub(super) by: String,
}

/// The scopes that a caller has.
#[derive(Debug, Clone)]
pub(super) enum Scopes {
    /// The operator's: all.
    All,
    /// A key's.
    Of(Arc<[String]>),
}

impl Scopes {
    /// Whether a key may be given `scope` by somebody who has these.
    pub(super) fn include(&self, scope: &str) -> bool {
        match self {
            Self::All => true,
            Self::Of(scopes) => scopes
                .iter()
                .any(|s| s == scope || s == Scope::All.as_str()),
        }
    }
}

/// A scope as a type.
pub(super) trait Needs: Send + Sync + 'static {
    /// What is needed; `*` always does.
    const SCOPE: Scope;
}

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $scope:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(super) enum $name {}
        impl Needs for $name {
            const SCOPE: Scope = $scope;
        }
    )*};
}

scopes! {
    /// To read the configuration.
    Reads = Scope::CatalogRead;
    /// To change the configuration.
    Writes = Scope::CatalogWrite;
    /// To read clicks and conversions.
    Looks = Scope::ConversionsRead;
    /// To decide on conversions.
    Decides = Scope::ConversionsWrite;
    /// To query reports.
    Reports = Scope::ReportsRead;
    /// To read balances.
    Balances = Scope::BalancesRead;
    /// To make and revoke keys.
    Keys = Scope::KeysWrite;
}

/// Somebody who has scope `S` in a tenant.
pub(super) struct May<S> {
    caller: Caller,
    /// What else the caller may do.
    pub(super) scopes: Scopes,
    scope: PhantomData<fn() -> S>,
}

impl<S> std::ops::Deref for May<S> {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// The operator of the installation.
pub(super) struct Operator {
    /// As it stands in the log.
    pub(super) by: String,
}

/// Anybody with a good key and scope `S`: the operator sees all tenants, a key its own.
pub(super) struct Anyone<S> {
    /// The only tenant that is seen; `None` = all.
    pub(super) only: Option<TenantId>,
    /// Who, as it stands in the log.
    pub(super) by: String,
    scope: PhantomData<fn() -> S>,
}

fn identity(request: &Request) -> Result<&Identity, Problem> {
    let identity = request.extensions().get::<Identity>();
    identity.ok_or_else(|| Problem::internal("an operation was reached without passing the door"))
}

fn allow<S: Needs>(identity: &Identity) -> Result<(), Problem> {
    if identity.scopes().include(S::SCOPE.as_str()) {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        format!("the key needs the scope {}", S::SCOPE),
    ))
}

impl<S: Needs> May<S> {
    fn of(request: &Request) -> Result<Self, Problem> {
        let identity = identity(request)?;
        allow::<S>(identity)?;
        let tenant = match identity {
            Identity::Key(key) => key.tenant,
            Identity::Operator {
                tenant: Some(tenant),
                ..
            } => *tenant,
            Identity::Operator { tenant: None, .. } => {
                let detail = "the operator's key needs X-Tenant here";
                return Err(Problem::new(Code::TenantRequired, detail));
            }
        };
        Ok(Self {
            caller: Caller {
                tenant,
                by: identity.by(),
            },
            scopes: identity.scopes(),
            scope: PhantomData,
        })
    }
}

impl Operator {
    fn of(request: &Request) -> Result<Self, Problem> {
        match identity(request)? {
            identity @ Identity::Operator { .. } => Ok(Self { by: identity.by() }),
            Identity::Key(_) => {
                let detail = "only the operator of the installation may do this";
                Err(Problem::new(Code::Forbidden, detail))
            }
        }
    }
}

impl<S: Needs> Anyone<S> {
    fn of(request: &Request) -> Result<Self, Problem> {
        let identity = identity(request)?;
        allow::<S>(identity)?;
        let only = match identity {
            Identity::Operator { .. } => None,
            Identity::Key(key) => Some(key.tenant),
        };
        Ok(Self {
            only,
            by: identity.by(),
            scope: PhantomData,
        })
    }
}

macro_rules! extracted {
    ($type:ty $(, $scope:ident)?) => {
        impl<'a $(, $scope: Needs)?> ApiExtractor<'a> for $type {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                register_schemes(registry);
            }

            fn security_schemes() -> Vec<&'static str> {
                vec!["Bearer", "ApiKey"]
            }

            async fn from_request(
                request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok(Self::of(request)?)
            }
        }
    };
}

extracted!(May<S>, S);
extracted!(Anyone<S>, S);
extracted!(Operator);

fn register_schemes(registry: &mut Registry) {
    let scheme = |ty: &'static str| MetaSecurityScheme {
        ty,
        description: Some("An API key of a tenant, or the operator's key."),
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    let bearer = MetaSecurityScheme {
        scheme: Some("bearer"),
        ..scheme("http")
    };
    let header = MetaSecurityScheme {
        name: Some("X-Api-Key"),
        key_in: Some("header"),
        ..scheme("apiKey")
    };
    registry.create_security_scheme("Bearer", bearer);
    registry.create_security_scheme("ApiKey", header);
}
