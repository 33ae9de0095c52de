//! Conversions: listed, shown with their history, decided on by staff.

mod view;

use std::sync::Arc;

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;
use weir_actors::{AskError, SetStatusError, StatusWanted};
use weir_engine::catalog::Catalog;
use weir_engine::click_id::ClickId;
use weir_engine::fact::ConversionStatus as Status;
use weir_engine::ids::{self, Position, TenantId, UnixMs};
use weir_engine::judge::{self, ConversionReason};
use weir_engine::ports::ConversionFilter;

pub(super) use self::view::{Conversion, conversion};
use self::view::{ConversionWithHistory, history};
use super::auth::{Caller, Decides, Looks, May};
use super::clicks::verified;
use super::context::AdminContext;
use super::crud::{self, not_answered};
use super::dto;
use super::input::Input;
use super::list::{Page, Paging, Wanted, WordFilter};
use super::resources::{Affiliates, Campaigns, Offers};
use super::stores::not_readable;
use super::tags::Tag;
use crate::problem::{Code, FieldError, Problem};

/// Characters that the reason of a person may have.
const REASON_MAX: usize = 500;

/// A decision on a conversion.
#[derive(Debug, Object)]
struct StatusDraft {
    /// What it is to be.
    status: dto::ConversionStatus,
    /// Why, in a person's words.
    #[oai(validator(max_length = 500))]
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusRead {
    status: Status,
    #[serde(default)]
    reason: Option<String>,
}

/// Operations on conversions.
pub(super) struct ConversionsApi(pub(super) Arc<AdminContext>);

/// Filters as they came.
struct Asked {
    click_id: Option<String>,
    txid: Option<String>,
    status: Option<String>,
    affiliate_id: Option<String>,
    offer_id: Option<String>,
    campaign_id: Option<String>,
    reason: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

impl ConversionsApi {
    /// The filter; `None` when nothing can pass it.
    fn filter(
        &self,
        tenant: TenantId,
        asked: &Asked,
        wanted: Wanted,
    ) -> Result<Option<ConversionFilter>, Problem> {
        let statuses = statuses(asked.status.as_deref())?;
        let click_id = match asked.click_id.as_deref() {
            None => None,
            Some(text) => match verified(&self.0.secrets, tenant, text) {
                Some(click_id) => Some(click_id),
                None => return Ok(None),
            },
        };
        if statuses.is_empty() {
            return Ok(None);
        }
        let place = |(partition, seq)| Position { partition, seq };
        Ok(Some(ConversionFilter {
            click_id,
            txid: asked.txid.clone(),
            statuses,
            affiliate: crud::id_filter::<Affiliates>(
                tenant,
                "affiliate_id",
                asked.affiliate_id.as_deref(),
            )?,
            offer: crud::id_filter::<Offers>(tenant, "offer_id", asked.offer_id.as_deref())?,
            campaign: crud::id_filter::<Campaigns>(
                tenant,
                "campaign_id",
                asked.campaign_id.as_deref(),
            )?,
            reason: reason("reason", asked.reason.as_deref())?,
            from: time("from", asked.from.as_deref())?,
            to: time("to", asked.to.as_deref())?,
            after: wanted.after.map(place),
            before: wanted.before.map(place),
            limit: u32::try_from(wanted.limit + 1).unwrap_or(u32::MAX),
        }))
    }

    async fn page(
        &self,
        caller: &Caller,
        asked: &Asked,
        paging: &Paging,
    ) -> Result<Page<Conversion>, Problem> {
        let wanted = paging.read()?;
        let Some(filter) = self.filter(caller.tenant, asked, wanted)? else {
            let (items, next, previous) = (Vec::new(), None, None);
            return Ok(Page {
                items,
                next,
                previous,
            });
        };
        self.0.actors.settled(caller.tenant).await;
        let found = self
            .0
            .reports
            .conversions(caller.tenant, filter)
            .await
            .map_err(not_readable)?;
        let placed = found
            .into_iter()
            .map(|c| ((c.position.partition, c.position.seq), c))
            .collect();
        let (found, edges) = wanted.cut(placed);
        let (next, previous) = edges.cursors();
        let catalog = self.0.catalog(caller.tenant)?;
        let items = found.iter().map(|(_, c)| conversion(&catalog, c)).collect();
        Ok(Page {
            items,
            next,
            previous,
        })
    }

    async fn decide(
        &self,
        caller: &Caller,
        id: &str,
        wanted: StatusRead,
    ) -> Result<judge::Conversion, Problem> {
        let id: ids::ConversionId = id.parse().map_err(|_| Problem::not_found())?;
        let reason = wanted.reason.unwrap_or_default();
        if reason.chars().count() > REASON_MAX {
            let message = format!("may have {REASON_MAX} characters");
            return Err(Problem::fields([FieldError::new(
                "reason", "too_long", message,
            )]));
        }
        let change = StatusWanted {
            id,
            to: wanted.status,
            reason,
            by: caller.by.clone(),
        };
        let answer = self.0.actors.set_status(caller.tenant, change).await;
        answer.map_err(not_answered)?.map_err(|error| match error {
            SetStatusError::NotFound => Problem::not_found(),
            SetStatusError::NotLegal { .. } => {
                let field = FieldError::new("status", "not_legal", error.to_string());
                Problem::new(Code::Conflict, error.to_string()).with_fields(vec![field])
            }
            SetStatusError::Conflict => Problem::new(Code::Conflict, error.to_string()),
            SetStatusError::Unavailable(cause) => not_answered(AskError::Unavailable(cause)),
        })
    }
}

/// The statuses that pass.
fn statuses(text: Option<&str>) -> Result<Vec<Status>, Problem> {
    let words: Vec<&str> = Status::ALL.iter().map(|s| s.as_str()).collect();
    let filter = WordFilter::read("status", text, &words)?;
    let all = Status::ALL.iter().copied();
    Ok(all.filter(|s| filter.passes(s.as_str())).collect())
}

fn reason(name: &str, text: Option<&str>) -> Result<Option<ConversionReason>, Problem> {
    let read = |text: &str| {
        text.parse().map_err(|e: weir_engine::UnknownWord| {
            Problem::parameter(name, "invalid_value", e.to_string())
        })
    };
    text.map(read).transpose()
}

fn time(name: &str, text: Option<&str>) -> Result<Option<UnixMs>, Problem> {
    let read = |text: &str| {
        let at = UnixMs::parse_rfc3339(text);
        let message = "must be RFC 3339 with an offset, as 2026-03-29T12:00:00Z";
        at.ok_or_else(|| Problem::parameter(name, "invalid_value", message))
    };
    text.map(read).transpose()
}

/// Conversions of a click, newest first.
pub(super) async fn of_click(
    context: &AdminContext,
    catalog: &Catalog,
    tenant: TenantId,
    click_id: ClickId,
) -> Result<Vec<Conversion>, Problem> {
    let filter = ConversionFilter {
        click_id: Some(click_id),
        limit: 500,
        ..ConversionFilter::default()
    };
    let found = context
        .reports
        .conversions(tenant, filter)
        .await
        .map_err(not_readable)?;
    Ok(found.iter().map(|c| conversion(catalog, c)).collect())
}

#[OpenApi(prefix_path = "/v1/conversions", tag = "Tag::Conversions")]
impl ConversionsApi {
    /// Lists conversions
    ///
    /// Newest first. Everything that is set must hold.
    #[oai(path = "/", method = "get", operation_id = "listConversions")]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the query"
    )]
    async fn list(
        &self,
        caller: May<Looks>,
        /// Of this click.
        click_id: Query<Option<String>>,
        /// With this transaction id.
        txid: Query<Option<String>>,
        /// Statuses to keep, by comma; `-` before one excludes it.
        status: Query<Option<String>>,
        /// Of this affiliate.
        affiliate_id: Query<Option<String>>,
        /// Of this offer.
        offer_id: Query<Option<String>>,
        /// Of this campaign.
        campaign_id: Query<Option<String>>,
        /// With this reason.
        reason: Query<Option<String>>,
        /// Booked at or after (RFC 3339).
        from: Query<Option<String>>,
        /// Booked before (RFC 3339).
        to: Query<Option<String>>,
        /// Entries of the page, at most 500.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        after: Query<Option<String>>,
        /// `previous` of the page after.
        before: Query<Option<String>>,
    ) -> Result<Json<Page<Conversion>>, Problem> {
        let asked = Asked {
            click_id: click_id.0,
            txid: txid.0,
            status: status.0,
            affiliate_id: affiliate_id.0,
            offer_id: offer_id.0,
            campaign_id: campaign_id.0,
            reason: reason.0,
            from: from.0,
            to: to.0,
        };
        let paging = Paging {
            limit: limit.0,
            after: after.0,
            before: before.0,
        };
        self.page(&caller, &asked, &paging).await.map(Json)
    }

    /// Shows a conversion with its history
    #[oai(path = "/:id", method = "get", operation_id = "getConversion")]
    async fn show(
        &self,
        caller: May<Looks>,
        id: Path<String>,
    ) -> Result<Json<ConversionWithHistory>, Problem> {
        let id: ids::ConversionId = id.parse().map_err(|_| Problem::not_found())?;
        self.0.actors.settled(caller.tenant).await;
        let found = self
            .0
            .reports
            .conversion_history(caller.tenant, id)
            .await
            .map_err(not_readable)?;
        let found = found.ok_or_else(Problem::not_found)?;
        let catalog = self.0.catalog(caller.tenant)?;
        Ok(Json(history(&catalog, &found)))
    }

    /// Decides on a conversion
    ///
    /// pending → approved or rejected, approved → rejected, rejected → approved; each with its ledger entries.
    #[oai(
        path = "/:id/status",
        method = "post",
        operation_id = "setConversionStatus"
    )]
    async fn set_status(
        &self,
        caller: May<Decides>,
        id: Path<String>,
        draft: Input<StatusDraft>,
    ) -> Result<Json<Conversion>, Problem> {
        let wanted = draft.read_as::<StatusRead>()?;
        let changed = self.decide(&caller, &id, wanted).await?;
        let catalog = self.0.catalog(caller.tenant)?;
        Ok(Json(conversion(&catalog, &changed)))
    }
}
