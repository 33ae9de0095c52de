//! What must hold of the books and the reports, as questions that have no answer when it does.
//!
//! Always true: each check reads the rows themselves and none of the code that wrote them.

use weir_engine::ids::TenantId;
use weir_engine::ports::StoreError;

use crate::dialect::Dialect;
use crate::fields::{Columns, Fields, Raw, Take};

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

/// An invariant.
pub struct Invariant {
    /// Its number, as `I1` (reliability: the ten invariants of the books).
    pub number: &'static str,
    /// What it says.
    pub says: &'static str,
    /// Text of a violation: `{}` is the next column after the tenant.
    text: &'static str,
    /// A question whose rows (tenant, columns of the text) break it.
    sql: &'static str,
}

const SUMS: &str = "bucket {}, campaign {}, offer {}, affiliate {}, goal {}: reports have {} pending, {} approved, \
     {} rejected, {} of payout, {} of revenue more than the conversions";

/// All of them, in order.
pub const ALL: [Invariant; 12] = [
    Invariant {
        number: "I1",
        says: "debits and credits of a tenant and currency are equal",
        text: "{}: debits {}, credits {}",
        sql: include_str!("i1_balanced.sql"),
    },
    Invariant {
        number: "I2",
        says: "a stored balance is the sum of its entries",
        text: "account {} of {} in {}: entries say debits {}, credits {}; stored are {}, {}",
        sql: include_str!("i2_balances.sql"),
    },
    Invariant {
        number: "I4",
        says: "a conversion that counts has exactly its accrual, any other none",
        text: "conversion {}: aff_pending {} for {}, aff_payable {} for {}, adv_pending {} for {}, adv_receivable {} for {}",
        sql: include_str!("i4_accruals.sql"),
    },
    Invariant {
        number: "I4",
        says: "an entry is of its conversion's affiliate, advertiser and currency",
        text: "entry {} of conversion {}",
        sql: include_str!("i4_owners.sql"),
    },
    Invariant {
        number: "I4",
        says: "an identity is taken by one conversion",
        text: "identity {}: {} conversions",
        sql: include_str!("i4_identities.sql"),
    },
    Invariant {
        number: "I4",
        says: "a conversion stands where its last change put it",
        text: "conversion {}: status {}, last change to {}",
        sql: include_str!("i4_statuses.sql"),
    },
    Invariant {
        number: "I7",
        says: "no row names a conversion of another tenant, or none",
        text: "{} at {}/{} names conversion {}",
        sql: include_str!("i7_tenants.sql"),
    },
    Invariant {
        number: "I8",
        says: "nothing is stored of facts that are not",
        text: "{} at {}/{}",
        sql: include_str!("i8_offsets.sql"),
    },
    Invariant {
        number: "I10",
        says: "reports by posting are the ledger",
        text: "{}: payout {} in reports, {} in the ledger; revenue {}, {}",
        sql: include_str!("i10_ledger.sql"),
    },
    Invariant {
        number: "I10",
        says: "reports by click time are the conversions",
        text: SUMS,
        sql: concat!("{time=clicked_at}{basis=0}", include_str!("i10_sums.sql")),
    },
    Invariant {
        number: "I10",
        says: "reports by conversion time are the conversions",
        text: SUMS,
        sql: concat!("{time=converted_at}{basis=1}", include_str!("i10_sums.sql")),
    },
    Invariant {
        number: "I10",
        says: "reports by posting add up to the conversions",
        text: "campaign {}, offer {}, affiliate {}, goal {}: by posting {} pending, {} approved, {} rejected, {} of payout, \
               {} of revenue too many",
        sql: include_str!("i10_posting.sql"),
    },
];

/// Questions whose rows are pairs of sums that must be the same: what they differ by is the drift of the books.
pub const DRIFT: [&str; 4] = [
    include_str!("drift_sides.sql"),
    include_str!("drift_balances.sql"),
    include_str!("drift_ledger.sql"),
    include_str!("drift_conversions.sql"),
];

impl Invariant {
    /// The question: its rows break the invariant; [`violation`] reads one.
    #[must_use]
    pub fn question(&self, dialect: Dialect) -> String {
        let mut sql = self.sql.to_owned();
        // `{name=value}` at the beginning sets `{name}` in the rest.
        while let Some((set, rest)) = sql.strip_prefix('{').and_then(|s| s.split_once('}')) {
            let Some((name, value)) = set.split_once('=') else {
                break;
            };
            sql = rest.replace(&format!("{{{name}}}"), value);
        }
        format!(
            "SELECT * FROM ({}) AS broken LIMIT {SHOWN}",
            dialect.render(&sql)
        )
    }
}

/// Reads a row of [`Invariant::question`].
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn violation(of: &Invariant, row: &dyn Columns) -> Result<Violation, StoreError> {
    let mut fields = Fields::of("invariants", row);
    let tenant = TenantId(fields.take()?);
    let mut pieces = of.text.split("{}");
    let mut what = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let Shown(value) = fields.take()?;
        what.push_str(&value);
        what.push_str(piece);
    }
    Ok(Violation {
        invariant: of.number,
        says: of.says,
        tenant,
        what,
    })
}

/// A value as a person reads it.
struct Shown(String);

impl Take for Shown {
    fn take(raw: Raw<'_>) -> Option<Self> {
        Some(Self(match raw {
            Raw::Null => "nothing".to_owned(),
            Raw::Int(number) => number.to_string(),
            Raw::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        }))
    }
}

/// A sum as a column holds it: a number, or its digits where it leaves 64 bits.
struct Sum(i128);

impl Take for Sum {
    fn take(raw: Raw<'_>) -> Option<Self> {
        Some(Self(match raw {
            Raw::Null => 0,
            Raw::Int(number) => number.into(),
            Raw::Bytes(digits) => std::str::from_utf8(digits).ok()?.parse().ok()?,
        }))
    }
}

/// `|a − b|` of a row of [`DRIFT`].
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn difference(row: &dyn Columns) -> Result<i128, StoreError> {
    let mut fields = Fields::of("invariants", row);
    let (Sum(a), Sum(b)) = (fields.take()?, fields.take()?);
    Ok(a.saturating_sub(b).saturating_abs())
}
