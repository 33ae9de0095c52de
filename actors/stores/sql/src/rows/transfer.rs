//! `transfers`: the entries of the ledger, never edited.

use weir_engine::ids::{DerivedId, TenantId};
use weir_engine::ledger::{Account, AccountKind, Transfer, TransferKind};
use weir_engine::ports::StoreError;

use super::id_bytes;
use crate::fields::Fields;
use crate::value::Row;

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "tenant_id, partition_id, seq, transfer_id, booked_at, kind, debit_kind, debit_owner, \
     credit_kind, credit_owner, amount, currency, conversion_id";

/// An entry.
#[must_use]
pub fn row(of: &Transfer) -> Row {
    vec![
        of.tenant.0.into(),
        of.position.partition.into(),
        of.position.seq.into(),
        of.id.0.to_be_bytes().into(),
        of.at.0.into(),
        of.kind.code().into(),
        of.debit.kind.code().into(),
        of.debit.owner.into(),
        of.credit.kind.code().into(),
        of.credit.owner.into(),
        of.amount.0.into(),
        of.currency.code().into(),
        id_bytes(of.conversion_id).into(),
    ]
}

/// Reads [`COLUMNS`].
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read(mut f: Fields<'_>) -> Result<Transfer, StoreError> {
    let tenant = TenantId(f.take()?);
    let position = f.position()?;
    let id = DerivedId(u128::from_be_bytes(f.take()?));
    let at = f.at()?;
    let kind = f.make("a kind of transfer", TransferKind::from_code)?;
    Ok(Transfer {
        id,
        tenant,
        position,
        at,
        kind,
        debit: account(&mut f)?,
        credit: account(&mut f)?,
        amount: f.micros()?,
        currency: f.currency()?,
        conversion_id: f.conversion_id()?,
    })
}

fn account(f: &mut Fields<'_>) -> Result<Account, StoreError> {
    Ok(Account {
        kind: f.make("a kind of account", AccountKind::from_code)?,
        owner: f.take()?,
    })
}
