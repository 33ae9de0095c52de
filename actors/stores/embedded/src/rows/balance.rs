//! `balances`: the sums of each account's entries (invariant I2), kept in the transaction that appends them.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};
use weir_engine::ids::TenantId;
use weir_engine::ledger::{Account, AccountKind, Transfer};
use weir_engine::money::{Currency, Micros};
use weir_engine::ports::{Balance, StoreError};

use super::{Fields, saturating};

/// What entries add: debits and credits by tenant, account and currency.
#[derive(Debug, Default)]
pub struct Balances(BTreeMap<(TenantId, Account, Currency), (i64, i64)>);

impl Balances {
    /// Adds one entry to both of its accounts.
    pub fn add(&mut self, transfer: &Transfer) {
        let of = |account| (transfer.tenant, account, transfer.currency);
        let amount = transfer.amount.0;
        let debited = self.0.entry(of(transfer.debit)).or_default();
        debited.0 = debited.0.saturating_add(amount);
        let credited = self.0.entry(of(transfer.credit)).or_default();
        credited.1 = credited.1.saturating_add(amount);
    }

    /// Adds the sums to the stored ones.
    pub fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut add = connection.prepare_cached(&format!(
            "INSERT INTO balances (tenant_id, kind, owner, currency, debits, credits) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET {}, {}",
            saturating("debits"),
            saturating("credits")
        ))?;
        for ((tenant, account, currency), (debits, credits)) in &self.0 {
            add.execute(params![
                tenant.0,
                account.kind.code(),
                account.owner,
                currency.code(),
                debits,
                credits
            ])?;
        }
        Ok(())
    }
}

/// Columns that [`read`] reads.
pub const COLUMNS: &str = "kind, currency, debits, credits";

/// What an account holds.
pub fn read(row: &Row<'_>) -> Result<Balance, StoreError> {
    let mut f = Fields::of("balances", row);
    let account = f.make("a kind of account", AccountKind::from_code)?;
    let currency = f.currency()?;
    let (debits, credits): (i64, i64) = (f.take()?, f.take()?);
    let amount = if grows_by_debits(account) {
        debits.saturating_sub(credits)
    } else {
        credits.saturating_sub(debits)
    };
    Ok(Balance {
        account,
        currency,
        amount: Micros(amount),
    })
}

/// Whether an account grows on the debit side: claims and expenses do, debts and earnings do not.
fn grows_by_debits(kind: AccountKind) -> bool {
    match kind {
        AccountKind::AdvPending | AccountKind::AdvReceivable | AccountKind::CommissionExpense => {
            true
        }
        AccountKind::AffPending
        | AccountKind::AffPayable
        | AccountKind::AffHold
        | AccountKind::TenantRevenue => false,
    }
}
