//! Single clicks: what was recorded, and why it went where it went.

mod explain;
mod view;

use std::sync::Arc;

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use weir_engine::click_id::ClickId;
use weir_engine::fact::{ClickCore, ClickDetail, ClickPrivate};
use weir_engine::ids::{Position, TenantId};
use weir_engine::ports::{Found, UniqueClicks};
use weir_engine::secrets::MasterSecret;

use self::explain::Explanation;
pub(super) use self::explain::reason as reason_in_words;
use self::view::Click;
use super::auth::{Looks, May};
use super::context::AdminContext;
use super::conversions;
use super::stores::{not_found_now, not_readable};
use super::tags::Tag;
use crate::problem::{Code, Problem};

/// The click id that `text` is, if this tenant minted it.
pub(super) fn verified(secrets: &MasterSecret, tenant: TenantId, text: &str) -> Option<ClickId> {
    let unverified = ClickId::read_unverified(text).ok()?;
    let parts = unverified.parts();
    if parts.tenant != tenant.0 {
        return None;
    }
    unverified
        .verify(&secrets.click_key(tenant, parts.key_number))
        .ok()
}

/// A click as it was recorded, with what was judged of it.
struct Recorded {
    core: ClickCore,
    detail: ClickDetail,
    private: ClickPrivate,
    /// Whether it is unique; `None` = not judged or not stored yet.
    is_unique: Option<bool>,
}

/// Operations on clicks.
pub(super) struct ClicksApi(pub(super) Arc<AdminContext>);

impl ClicksApi {
    async fn find(&self, tenant: TenantId, text: &str) -> Result<Recorded, Problem> {
        let click_id = verified(&self.0.secrets, tenant, text).ok_or_else(Problem::not_found)?;
        let found = self.0.clicks.find(click_id).await.map_err(not_found_now)?;
        let record = match found {
            Found::Click(record) if record.tenant == tenant => record,
            Found::Click(_) | Found::Absent => return Err(Problem::not_found()),
            Found::Expired => {
                return Err(Problem::new(
                    Code::ClickExpired,
                    "the click lies before what is kept",
                ));
            }
        };
        self.0.actors.settled(tenant).await;
        let logged = record.logged();
        let unreadable = |error: weir_engine::fact::Malformed| Problem::internal(error);
        let (core, detail) = ClickCore::read_with_detail(&logged.record).map_err(unreadable)?;
        let private = ClickPrivate::read(&logged.record).map_err(unreadable)?;
        Ok(Recorded {
            is_unique: self.is_unique(record.position).await?,
            core,
            detail,
            private,
        })
    }

    async fn is_unique(&self, at: Position) -> Result<Option<bool>, Problem> {
        let watermark = self.0.reports.watermark().await.map_err(not_readable)?;
        let stored = watermark
            .offsets
            .iter()
            .find(|(partition, _)| *partition == at.partition);
        if stored.is_none_or(|(_, next)| *next <= at.seq) {
            return Ok(None);
        }
        let blocks = self
            .0
            .ledger
            .unique_blocks(at.partition, at.seq, at.seq + 1)
            .await;
        let unique: UniqueClicks = blocks.map_err(not_readable)?.into_iter().collect();
        Ok(Some(unique.contains(at)))
    }
}

#[OpenApi(prefix_path = "/v1/clicks", tag = "Tag::Clicks")]
impl ClicksApi {
    /// Shows a click
    ///
    /// What was recorded, and whether it is unique and valid.
    #[oai(path = "/:id", method = "get", operation_id = "getClick")]
    async fn show(&self, caller: May<Looks>, id: Path<String>) -> Result<Json<Click>, Problem> {
        let recorded = self.find(caller.tenant, &id).await?;
        Ok(Json(Click::from(&recorded)))
    }

    /// Explains a click
    ///
    /// Why it went where it went, by which versions, and what came of it.
    #[oai(path = "/:id/explain", method = "get", operation_id = "explainClick")]
    async fn explain(
        &self,
        caller: May<Looks>,
        id: Path<String>,
    ) -> Result<Json<Explanation>, Problem> {
        let recorded = self.find(caller.tenant, &id).await?;
        let catalog = self.0.catalog(caller.tenant)?;
        let click_id = recorded.core.click_id;
        let conversions = conversions::of_click(&self.0, &catalog, caller.tenant, click_id).await?;
        Ok(Json(explain::explain(&catalog, &recorded, conversions)))
    }
}
