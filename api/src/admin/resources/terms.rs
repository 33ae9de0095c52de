//! Terms: what holds between one offer and one affiliate. They win over the offer's own.

use std::sync::Arc;

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};
use weir_engine::catalog::propose::{Refusal, Target};
use weir_engine::catalog::{self, EntityKey, EntityKind, Versioned};
use weir_engine::ids::{self, TenantId};

use super::{Affiliates, Offers};
use crate::admin::answers::{Shown, etag, expected, is_unmodified};
use crate::admin::auth::{May, Reads, Writes};
use crate::admin::context::AdminContext;
use crate::admin::crud::{self, Resource, refused};
use crate::admin::drafts;
use crate::admin::dto::{
    self, AffiliateId, Cap, CapDraft, OfferId, Payout, Revenue, TermsStatus, Time,
};
use crate::admin::input::Input;
use crate::admin::list::{Page, Paging, WordFilter};
use crate::admin::tags::Tag;
use crate::problem::Problem;

/// Terms, as they are wanted.
#[derive(Debug, Object)]
pub(in crate::admin) struct TermsDraft {
    /// Whether the affiliate may run the offer.
    status: TermsStatus,
    /// Own payout, else the offer's.
    payout: Option<Payout>,
    /// Own revenue, else the offer's.
    revenue: Option<Revenue>,
    /// Own caps, beside the offer's.
    caps: Option<Vec<CapDraft>>,
}

/// What holds between one offer and one affiliate.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::admin) struct Terms {
    /// Offer and affiliate.
    id: String,
    /// The offer.
    offer_id: OfferId,
    /// The affiliate.
    affiliate_id: AffiliateId,
    /// Counts their changes.
    version: u32,
    /// When they were made.
    created_at: Time,
    /// When this version was made.
    updated_at: Time,
    /// Whether the affiliate may run the offer.
    status: TermsStatus,
    /// Own payout, else the offer's.
    payout: Option<Payout>,
    /// Own revenue, else the offer's.
    revenue: Option<Revenue>,
    /// Own caps, beside the offer's.
    #[oai(default)]
    caps: Vec<Cap>,
}

/// Terms were made or changed.
#[derive(ApiResponse)]
enum Put {
    /// They were there before.
    #[oai(status = 200)]
    Changed(Json<Terms>, #[oai(header = "ETag")] String),
    /// They are new.
    #[oai(status = 201)]
    Made(
        Json<Terms>,
        #[oai(header = "Location")] String,
        #[oai(header = "ETag")] String,
    ),
}

/// Operations on the terms of affiliates.
pub(in crate::admin) struct TermsApi(pub(in crate::admin) Arc<AdminContext>);

/// An offer and an affiliate of one tenant, by number.
#[derive(Clone, Copy)]
struct Pair {
    tenant: TenantId,
    offer: u32,
    affiliate: u32,
}

impl Pair {
    fn key(self) -> EntityKey {
        EntityKey {
            kind: EntityKind::Terms,
            number: self.offer,
            second: self.affiliate,
        }
    }

    fn view(self, terms: &Versioned<catalog::Terms>) -> Result<Terms, Problem> {
        let mut json = serde_json::to_value(&terms.body).map_err(Problem::internal)?;
        json["id"] = self.key().public_id(self.tenant).into();
        json["offer_id"] = ids::OfferId::new(self.tenant, self.offer)
            .to_string()
            .into();
        json["affiliate_id"] = ids::AffiliateId::new(self.tenant, self.affiliate)
            .to_string()
            .into();
        json["version"] = terms.version.into();
        json["created_at"] = terms.created_at.to_string().into();
        json["updated_at"] = terms.updated_at.to_string().into();
        dto::shaped(json)
    }
}

impl TermsApi {
    /// Both must be there.
    fn pair(&self, tenant: TenantId, offer: &str, affiliate: &str) -> Result<Pair, Problem> {
        let offer = crud::find::<Offers>(&self.0, tenant, offer)?.number;
        let affiliate = crud::find::<Affiliates>(&self.0, tenant, affiliate)?.number;
        Ok(Pair {
            tenant,
            offer,
            affiliate,
        })
    }

    fn current(&self, pair: Pair) -> Result<Option<Arc<Versioned<catalog::Terms>>>, Problem> {
        let catalog = self.0.catalog(pair.tenant)?;
        Ok(catalog.terms.get(&(pair.offer, pair.affiliate)).cloned())
    }
}

#[OpenApi(prefix_path = "/v1/offers", tag = "Tag::Offers")]
impl TermsApi {
    /// Sets the terms of an affiliate on an offer
    #[oai(
        path = "/:offer_id/affiliates/:affiliate_id",
        method = "put",
        operation_id = "putTerms"
    )]
    async fn put(
        &self,
        caller: May<Writes>,
        offer_id: Path<String>,
        affiliate_id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        draft: Input<TermsDraft>,
    ) -> Result<Put, Problem> {
        let pair = self.pair(caller.tenant, &offer_id, &affiliate_id)?;
        let before = self.current(pair)?;
        let version = before.as_ref().map_or(0, |terms| terms.version);
        let expected = expected(if_match.as_deref(), version)?;
        let is_wildcard_on_nothing = if_match.is_some() && expected.is_none() && before.is_none();
        if is_wildcard_on_nothing || expected.is_some_and(|expected| expected != version) {
            return Err(refused(Refusal::VersionMismatch { current: version }));
        }
        let draft = drafts::read(EntityKind::Terms, draft.value).map_err(Problem::fields)?;
        let target = Target::Update {
            key: pair.key(),
            expected,
        };
        self.0
            .propose(&caller, target, draft)
            .await?
            .map_err(refused)?;
        let terms = self.current(pair)?.ok_or_else(Problem::not_found)?;
        let (view, tag) = (Json(pair.view(&terms)?), etag(terms.version));
        Ok(match before {
            Some(_) => Put::Changed(view, tag),
            None => {
                let location = format!(
                    "{}{}/affiliates/{}",
                    Offers::PATH,
                    offer_id.0,
                    affiliate_id.0
                );
                Put::Made(view, location, tag)
            }
        })
    }

    /// Shows the terms of an affiliate on an offer
    #[oai(
        path = "/:offer_id/affiliates/:affiliate_id",
        method = "get",
        operation_id = "getTerms"
    )]
    async fn show(
        &self,
        caller: May<Reads>,
        offer_id: Path<String>,
        affiliate_id: Path<String>,
        #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>,
    ) -> Result<Shown<Terms>, Problem> {
        let pair = self.pair(caller.tenant, &offer_id, &affiliate_id)?;
        let terms = self.current(pair)?.ok_or_else(Problem::not_found)?;
        let tag = etag(terms.version);
        if is_unmodified(if_none_match.as_deref(), terms.version) {
            return Ok(Shown::NotModified(tag));
        }
        Ok(Shown::Entity(Json(pair.view(&terms)?), tag))
    }

    /// Lists the affiliates that have terms on an offer
    #[oai(
        path = "/:offer_id/affiliates",
        method = "get",
        operation_id = "listTerms"
    )]
    async fn list(
        &self,
        caller: May<Reads>,
        offer_id: Path<String>,
        /// Statuses to keep, by comma; `-` before one excludes it.
        status: Query<Option<String>>,
        /// Entries of the page, at most 500.
        limit: Query<Option<u32>>,
        /// `next` of the page before.
        after: Query<Option<String>>,
        /// `previous` of the page after.
        before: Query<Option<String>>,
    ) -> Result<Json<Page<Terms>>, Problem> {
        let offer = crud::find::<Offers>(&self.0, caller.tenant, &offer_id)?;
        let paging = Paging {
            limit: limit.0,
            after: after.0,
            before: before.0,
        };
        let known = ["pending", "approved", "rejected", "blocked"];
        let statuses = WordFilter::read("status", status.as_deref(), &known)?;
        let of_offer = offer
            .catalog
            .terms
            .range((offer.number, 0)..=(offer.number, u32::MAX))
            .rev();
        let wanted = of_offer.filter(|(_, terms)| statuses.passes(terms.body.status.as_str()));
        let placed =
            wanted.map(|((_, affiliate), terms)| ((0, u64::from(*affiliate)), (*affiliate, terms)));
        let view = |(affiliate, terms): (u32, &Arc<Versioned<catalog::Terms>>)| {
            let pair = Pair {
                tenant: caller.tenant,
                offer: offer.number,
                affiliate,
            };
            pair.view(terms)
        };
        paging.read()?.page(placed, view).map(Json)
    }
}
