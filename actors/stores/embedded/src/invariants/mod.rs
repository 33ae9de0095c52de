//! What must hold of the books and the reports, as questions that have no answer when it does.
//!
//! Always true: each check reads the rows themselves and none of the code that wrote them.

use rusqlite::Connection;
use weir_engine::ids::TenantId;
use weir_engine::ports::StoreError;

use crate::query::all;
use crate::rows::Fields;
use crate::sums;

/// Violations shown of each invariant at most; one is enough to look further.
const SHOWN: u32 = 100;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant, as `I1`.
    pub invariant: &'static str,
    /// What it says.
    pub says: &'static str,
    /// Whose rows break it.
    pub tenant: TenantId,
    /// Which rows.
    pub what: String,
}

/// An invariant: its number, what it says, and a question whose rows (tenant, text) break it.
struct Invariant(&'static str, &'static str, &'static str);

const ALL: [Invariant; 12] = [
    Invariant(
        "I1",
        "debits and credits of a tenant and currency are equal",
        include_str!("i1_balanced.sql"),
    ),
    Invariant(
        "I2",
        "a stored balance is the sum of its entries",
        include_str!("i2_balances.sql"),
    ),
    Invariant(
        "I4",
        "a conversion that counts has exactly its accrual, any other none",
        include_str!("i4_accruals.sql"),
    ),
    Invariant(
        "I4",
        "an entry is of its conversion's affiliate, advertiser and currency",
        include_str!("i4_owners.sql"),
    ),
    Invariant(
        "I4",
        "an identity is taken by one conversion",
        include_str!("i4_identities.sql"),
    ),
    Invariant(
        "I4",
        "a conversion stands where its last change put it",
        include_str!("i4_statuses.sql"),
    ),
    Invariant(
        "I7",
        "no row names a conversion of another tenant, or none",
        include_str!("i7_tenants.sql"),
    ),
    Invariant(
        "I8",
        "nothing is stored of facts that are not",
        include_str!("i8_offsets.sql"),
    ),
    Invariant(
        "I10",
        "reports by posting are the ledger",
        include_str!("i10_ledger.sql"),
    ),
    Invariant(
        "I10",
        "reports by click time are the conversions",
        include_str!("i10_click.sql"),
    ),
    Invariant(
        "I10",
        "reports by conversion time are the conversions",
        include_str!("i10_conversion.sql"),
    ),
    Invariant(
        "I10",
        "reports by posting add up to the conversions",
        include_str!("i10_posting.sql"),
    ),
];

/// By how many micros the books are off: entries against balances, debits against credits, reports against the
/// ledger and against the conversions; 0 when they are right.
pub fn drift_micros(connection: &Connection) -> Result<i64, StoreError> {
    let pairs = all(connection, include_str!("drift.sql"), [], sums::difference)?;
    let drift = pairs.into_iter().fold(0i128, i128::saturating_add);
    Ok(i64::try_from(drift).unwrap_or(i64::MAX))
}

/// Everything that does not hold, invariant by invariant.
pub fn check(connection: &Connection) -> Result<Vec<Violation>, StoreError> {
    let mut violations = Vec::new();
    for Invariant(invariant, says, question) in &ALL {
        let sql = format!("SELECT * FROM ({question}) LIMIT {SHOWN}");
        violations.extend(all(connection, &sql, [], |row| {
            let mut fields = Fields::of("invariants", row);
            Ok(Violation {
                invariant,
                says,
                tenant: TenantId(fields.take()?),
                what: fields.take()?,
            })
        })?);
    }
    Ok(violations)
}
