//! What the admin API asks of the actors.
//!
//! A trait, because the API's own tests answer for the actors without starting any: what is tested here is what
//! the API makes of their answers. The mesh implements it below.

use std::sync::Arc;

use weir_actors::{
    Accepted, AskError, CampaignState, Chance, Mesh, PublishedKey, SetStatusError, StatusWanted,
};
use weir_engine::catalog::Catalog;
use weir_engine::catalog::propose::{Proposal, Refusal};
use weir_engine::ids::TenantId;
use weir_engine::judge::Conversion;
use weir_engine::ports::PortFuture;
use weir_engine::routing::TenantSnapshot;

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
    fn api_key(&self, sha256: &str) -> Option<PublishedKey>;

    /// Has changes checked and made, all in one go, each against what the ones before it leave; answers when they
    /// are in force and published.
    fn propose(
        &self,
        tenant: TenantId,
        proposals: Vec<Proposal>,
        draw: u64,
    ) -> PortFuture<'_, Result<Vec<Result<Accepted, Refusal>>, AskError>>;

    /// Has a conversion's status changed.
    fn set_status(
        &self,
        tenant: TenantId,
        wanted: StatusWanted,
    ) -> PortFuture<'_, Result<Result<Conversion, SetStatusError>, AskError>>;

    /// Waits, at most a second, until the store has what is in the log of `tenant` now: reads see what was answered.
    fn settled(&self, tenant: TenantId) -> PortFuture<'_, ()>;

    /// What a campaign's actor knows of its arms.
    fn campaign(
        &self,
        tenant: TenantId,
        campaign: u32,
    ) -> PortFuture<'_, Result<CampaignState, AskError>>;
}

impl Actors for Mesh {
    fn tenants(&self) -> Vec<TenantId> {
        self.routes().tenants()
    }

    fn snapshot(&self, tenant: TenantId) -> Option<Arc<TenantSnapshot>> {
        Some(self.routes().tenant(tenant)?.snapshot.load_full())
    }

    fn api_key(&self, sha256: &str) -> Option<PublishedKey> {
        self.routes().api_key(sha256)
    }

    fn propose(
        &self,
        tenant: TenantId,
        proposals: Vec<Proposal>,
        draw: u64,
    ) -> PortFuture<'_, Result<Vec<Result<Accepted, Refusal>>, AskError>> {
        let chance = Chance { draw, at: None };
        Box::pin(Mesh::propose(self, tenant, proposals, chance))
    }

    fn set_status(
        &self,
        tenant: TenantId,
        wanted: StatusWanted,
    ) -> PortFuture<'_, Result<Result<Conversion, SetStatusError>, AskError>> {
        Box::pin(Mesh::set_status(self, tenant, wanted))
    }

    fn settled(&self, tenant: TenantId) -> PortFuture<'_, ()> {
        Box::pin(Mesh::settled(self, tenant))
    }

    fn campaign(
        &self,
        tenant: TenantId,
        campaign: u32,
    ) -> PortFuture<'_, Result<CampaignState, AskError>> {
        Box::pin(Mesh::campaign(self, tenant, campaign))
    }
}
