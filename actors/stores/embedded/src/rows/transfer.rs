//! `transfers`: the entries of the ledger, never edited.

use rusqlite::{Connection, Row, params};
use weir_engine::ids::{DerivedId, TenantId};
use weir_engine::ledger::{Account, AccountKind, Transfer, TransferKind};
use weir_engine::ports::StoreError;

use super::balance::Balances;
use super::{Fields, id_bytes, int};

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "tenant_id, partition_id, seq, transfer_id, booked_at, kind, debit_kind, debit_owner, \
     credit_kind, credit_owner, amount, currency, conversion_id";

/// Appends entries and gives what they add to the balances. An entry that is there already adds nothing.
pub fn write(connection: &Connection, rows: &[Transfer]) -> rusqlite::Result<Balances> {
    let mut put = connection.prepare_cached(&format!(
        "INSERT INTO transfers ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT DO NOTHING"
    ))?;
    let mut added = Balances::default();
    for row in rows {
        let is_new = put.execute(params![
            row.tenant.0,
            row.position.partition,
            int(row.position.seq),
            row.id.0.to_be_bytes(),
            int(row.at.0),
            row.kind.code(),
            row.debit.kind.code(),
            row.debit.owner,
            row.credit.kind.code(),
            row.credit.owner,
            row.amount.0,
            row.currency.code(),
            id_bytes(row.conversion_id),
        ])?;
        if is_new == 1 {
            added.add(row);
        }
    }
    Ok(added)
}

/// Reads [`COLUMNS`].
pub fn read(row: &Row<'_>) -> Result<Transfer, StoreError> {
    let mut f = Fields::of("transfers", row);
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
