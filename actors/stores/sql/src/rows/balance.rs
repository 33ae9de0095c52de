//! `balances`: the sums of each account's entries (invariant I2), kept in the transaction that appends them.

use std::collections::BTreeMap;

use weir_engine::ids::TenantId;
use weir_engine::ledger::{Account, AccountKind, Transfer};
use weir_engine::money::{Currency, Micros};
use weir_engine::ports::{Balance, StoreError};

use crate::fields::Fields;
use crate::value::Row;

/// The columns in the order in which they are written.
pub const COLUMNS: &str = "tenant_id, kind, owner, currency, debits, credits";

/// What entries add: debits and credits by tenant, account and currency, in that order.
#[must_use]
pub fn rows(transfers: &[Transfer]) -> Vec<Row> {
    let mut sums: BTreeMap<(TenantId, Account, Currency), (i64, i64)> = BTreeMap::new();
    for transfer in transfers {
        let of = |account| (transfer.tenant, account, transfer.currency);
        let amount = transfer.amount.0;
        let debited = sums.entry(of(transfer.debit)).or_default();
        debited.0 = debited.0.saturating_add(amount);
        let credited = sums.entry(of(transfer.credit)).or_default();
        credited.1 = credited.1.saturating_add(amount);
    }
    let row = |((tenant, account, currency), (debits, credits)): (_, (i64, i64))| {
        let (tenant, account, currency): (TenantId, Account, Currency) =
            (tenant, account, currency);
        vec![
            tenant.0.into(),
            account.kind.code().into(),
            account.owner.into(),
            currency.code().into(),
            debits.into(),
            credits.into(),
        ]
    };
    sums.into_iter().map(row).collect()
}

/// Columns that [`read`] reads.
pub const READ_COLUMNS: &str = "kind, currency, debits, credits";

/// What an account holds.
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read(mut f: Fields<'_>) -> Result<Balance, StoreError> {
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
