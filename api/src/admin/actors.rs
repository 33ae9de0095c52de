//! What the admin API asks of the actors.
//!
//! A trait, because the API's own tests answer for the actors without starting any: what is tested here is what
//! the API makes of their answers. The mesh implements it below.

use std::sync::Arc;

use weir_engine::catalog::propose::{Proposal, Refusal};
use weir_engine::catalog::{Catalog, EntityKey};
use weir_engine::fact::ConversionStatus;
use weir_engine::ids::{ConversionId, TenantId};
use weir_engine::judge::Conversion;
use weir_engine::ports::PortFuture;
use weir_engine::routing::TenantSnapshot;

/// A change that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// The entity.
    pub key: EntityKey,
    /// Its version now.
    pub version: u32,
}

/// Why the actors did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Not now, and nothing was done.
    #[error("cannot be done now")]
    Unavailable,
    /// No answer in time; it may still be done.
    #[error("no answer in time")]
    TimedOut,
}

/// Why a status was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// No such conversion in this tenant.
    #[error("no such conversion")]
    NotFound,
    /// The change is not legal from where the conversion stands.
    #[error("a conversion that is {from} cannot become {to}")]
    NotLegal {
        /// Where it stands.
        from: ConversionStatus,
        /// What was asked for.
        to: ConversionStatus,
    },
    /// Another fact changed it in the meantime.
    #[error("conversion was changed meanwhile")]
    Conflict,
    /// The actors did not answer.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// A change of status that staff wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusWanted {
    /// Of which conversion.
    pub id: ConversionId,
    /// To what.
    pub to: ConversionStatus,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
}

/// Whose API key it is, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The tenant.
    pub tenant: TenantId,
    /// The key's number.
    pub number: u32,
    /// Its scopes.
    pub scopes: Vec<String>,
}

/// What is known of an arm of a campaign.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ArmKnown {
    /// Number of the arm.
    pub arm: u32,
    /// Valid clicks sent to it.
    pub clicks: u64,
    /// Conversions of the base goal now pending or approved.
    pub conversions: i64,
    /// Revenue of conversions now pending or approved, in micros.
    pub revenue: i64,
    /// Sum of squares of the revenue of single conversions, in squared major units.
    pub revenue_squares: f64,
    /// Share of the clicks' conversions that should have come by now; `None` without clicks.
    pub matured_share: Option<f64>,
}

/// The actors, for the admin API.
pub trait Actors: Send + Sync + 'static {
    /// All tenants, in order.
    fn tenants(&self) -> Vec<TenantId>;

    /// What a tenant has configured, compiled, with every change that was answered.
    fn snapshot(&self, tenant: TenantId) -> Option<Arc<TenantSnapshot>>;

    /// What a tenant has configured.
    fn catalog(&self, tenant: TenantId) -> Option<Arc<Catalog>> {
        let snapshot = self.snapshot(tenant)?;
        // A tenant that was never made may have been asked for.
        snapshot.catalog.tenant.as_ref()?;
        Some(Arc::clone(&snapshot.catalog))
    }

    /// Whose live key has this SHA-256, in hex.
    fn api_key(&self, sha256: &str) -> Option<KeyHolder>;

    /// Has changes checked and made, all in one go, each against what the ones before it leave.
    fn propose(
        &self,
        tenant: TenantId,
        proposals: Vec<Proposal>,
        draw: u128,
    ) -> PortFuture<'_, Result<Vec<Result<Done, Refusal>>, AskError>>;

    /// Has a conversion's status changed.
    fn set_status(
        &self,
        tenant: TenantId,
        wanted: StatusWanted,
    ) -> PortFuture<'_, Result<Conversion, StatusError>>;

    /// What is known of a campaign's arms, in order of their numbers.
    fn arms(
        &self,
        tenant: TenantId,
        campaign: u32,
    ) -> PortFuture<'_, Result<Vec<ArmKnown>, AskError>>;
}
