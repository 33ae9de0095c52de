//! Balances: who owes whom, from the ledger.

use std::collections::BTreeMap;
use std::sync::Arc;

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use weir_engine::ids::TenantId;
use weir_engine::ledger::AccountKind;
use weir_engine::money::{Currency, Micros};

use super::auth::{Balances, May};
use super::context::AdminContext;
use super::crud;
use super::dto::{Amount, CurrencyCode};
use super::resources::{Advertisers, Affiliates};
use super::stores::not_readable;
use super::tags::Tag;
use crate::problem::Problem;

const OF_AFFILIATE: [AccountKind; 3] = [
    AccountKind::AffPending,
    AccountKind::AffHold,
    AccountKind::AffPayable,
];
const OF_ADVERTISER: [AccountKind; 2] = [AccountKind::AdvPending, AccountKind::AdvReceivable];

/// What is owed to an affiliate.
#[derive(Debug, Object)]
struct AffiliateBalances {
    /// One a currency.
    balances: Vec<AffiliateBalance>,
}

/// What is owed to an affiliate in a currency.
#[derive(Debug, Object)]
struct AffiliateBalance {
    /// The currency.
    currency: CurrencyCode,
    /// For conversions that are not decided.
    pending: Amount,
    /// Not payable before a date.
    hold: Amount,
    /// To be paid.
    payable: Amount,
}

/// What an advertiser owes.
#[derive(Debug, Object)]
struct AdvertiserBalances {
    /// One a currency.
    balances: Vec<AdvertiserBalance>,
}

/// What an advertiser owes in a currency.
#[derive(Debug, Object)]
struct AdvertiserBalance {
    /// The currency.
    currency: CurrencyCode,
    /// For conversions that are not decided.
    pending: Amount,
    /// To be received.
    receivable: Amount,
}

/// Operations on balances.
pub(super) struct BalancesApi(pub(super) Arc<AdminContext>);

impl BalancesApi {
    /// Amounts of `accounts` by currency, in the order of `accounts`.
    async fn amounts<const N: usize>(
        &self,
        tenant: TenantId,
        accounts: &'static [AccountKind; N],
        owner: u32,
    ) -> Result<BTreeMap<Currency, [Micros; N]>, Problem> {
        self.0.actors.settled(tenant).await;
        let balances = self
            .0
            .reports
            .balances(tenant, accounts, owner)
            .await
            .map_err(not_readable)?;
        let mut amounts: BTreeMap<Currency, [Micros; N]> = BTreeMap::new();
        for balance in balances {
            if let Some(index) = accounts.iter().position(|kind| *kind == balance.account) {
                amounts.entry(balance.currency).or_insert([Micros::ZERO; N])[index] =
                    balance.amount;
            }
        }
        Ok(amounts)
    }
}

#[OpenApi(prefix_path = "/v1")]
impl BalancesApi {
    /// Shows what is owed to an affiliate
    #[oai(
        path = "/affiliates/:id/balance",
        method = "get",
        tag = "Tag::Affiliates",
        operation_id = "getAffiliateBalance"
    )]
    async fn of_affiliate(
        &self,
        caller: May<Balances>,
        id: Path<String>,
    ) -> Result<Json<AffiliateBalances>, Problem> {
        let affiliate = crud::find::<Affiliates>(&self.0, caller.tenant, &id)?;
        let amounts = self
            .amounts(caller.tenant, &OF_AFFILIATE, affiliate.number)
            .await?;
        let balance =
            |(currency, [pending, hold, payable]): (Currency, [Micros; 3])| AffiliateBalance {
                currency: currency.into(),
                pending: pending.into(),
                hold: hold.into(),
                payable: payable.into(),
            };
        Ok(Json(AffiliateBalances {
            balances: amounts.into_iter().map(balance).collect(),
        }))
    }

    /// Shows what an advertiser owes
    #[oai(
        path = "/advertisers/:id/balance",
        method = "get",
        tag = "Tag::Advertisers",
        operation_id = "getAdvertiserBalance"
    )]
    async fn of_advertiser(
        &self,
        caller: May<Balances>,
        id: Path<String>,
    ) -> Result<Json<AdvertiserBalances>, Problem> {
        let advertiser = crud::find::<Advertisers>(&self.0, caller.tenant, &id)?;
        let amounts = self
            .amounts(caller.tenant, &OF_ADVERTISER, advertiser.number)
            .await?;
        let balance =
            |(currency, [pending, receivable]): (Currency, [Micros; 2])| AdvertiserBalance {
                currency: currency.into(),
                pending: pending.into(),
                receivable: receivable.into(),
            };
        Ok(Json(AdvertiserBalances {
            balances: amounts.into_iter().map(balance).collect(),
        }))
    }
}
