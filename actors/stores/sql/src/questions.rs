//! Questions of [`LedgerStore`](weir_engine::ports::LedgerStore) and [`CatalogStore`](weir_engine::ports::CatalogStore),
//! and of verdicts and balances.

use weir_engine::catalog::EntityKey;
use weir_engine::fact::ReceivedId;
use weir_engine::ids::{ConversionId, Position, TenantId, partition_of};
use weir_engine::judge::{Conversion, Identity};
use weir_engine::ledger::AccountKind;
use weir_engine::ports::{StoreError, UNIQUE_BLOCK, VerdictRow};

use crate::dialect::Dialect;
use crate::fields::Fields;
use crate::rows::{
    balance, cap_counter, conversion, entity, id_bytes, status_change, unique_block, verdict,
};
use crate::value::{Query, Value};

/// All entities, in order of tenant, kind and number: rows of [`entity`].
#[must_use]
pub fn entities() -> Query {
    let sql = format!(
        "SELECT {} FROM entities ORDER BY tenant_id, kind, number, second",
        entity::COLUMNS
    );
    Query::new(sql, [])
}

/// One entity: a row of [`entity`].
#[must_use]
pub fn entity(tenant: TenantId, key: EntityKey) -> Query {
    let sql = format!(
        "SELECT {} FROM entities WHERE tenant_id = ? AND kind = ? AND number = ? AND second = ?",
        entity::COLUMNS
    );
    let values: [Value; 4] = [
        tenant.0.into(),
        key.kind.code().into(),
        key.number.into(),
        key.second.into(),
    ];
    Query::new(sql, values)
}

/// The conversion that took an identity: a row of [`conversion`].
#[must_use]
pub fn conversion_by_identity(dialect: Dialect, tenant: TenantId, identity: Identity) -> Query {
    let sql = dialect.render(&format!(
        "SELECT {} FROM conversions {{use conversions_by_identity}} WHERE tenant_id = ? AND identity = ?
         ORDER BY partition_id, seq LIMIT 1",
        conversion::COLUMNS
    ));
    Query::new(sql, [tenant.0.into(), identity.0.to_be_bytes().into()])
}

/// Identities that are taken, in order, each once: rows of [`identity`].
#[must_use]
pub fn identities(
    dialect: Dialect,
    tenant: TenantId,
    after: Option<Identity>,
    limit: u32,
) -> Query {
    let is_above = after.map_or("IS NOT NULL", |_| "> ?");
    let sql = dialect.render(&format!(
        "SELECT DISTINCT identity FROM conversions {{use conversions_by_identity}}
         WHERE tenant_id = ? AND identity {is_above} ORDER BY identity LIMIT ?"
    ));
    let after = after.map(|identity| identity.0.to_be_bytes().into());
    let values = [Value::from(tenant.0)].into_iter().chain(after);
    Query::new(sql, values.chain([limit.into()]))
}

/// Reads a row of [`identities`].
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn identity(mut f: Fields<'_>) -> Result<Identity, StoreError> {
    Ok(Identity(u128::from_be_bytes(f.take()?)))
}

/// A conversion by its id: a row of [`conversion`].
#[must_use]
pub fn conversion(dialect: Dialect, tenant: TenantId, id: ConversionId) -> Query {
    let sql = dialect.render(&format!(
        "SELECT {} FROM conversions {{use conversions_by_id}} WHERE tenant_id = ? AND conversion_id = ?",
        conversion::COLUMNS
    ));
    Query::new(sql, [tenant.0.into(), id_bytes(id).into()])
}

/// All counters of a tenant's caps: rows of [`cap_counter`].
#[must_use]
pub fn cap_counters(tenant: TenantId) -> Query {
    let sql = format!(
        "SELECT {} FROM cap_counters WHERE tenant_id = ? ORDER BY cap, period_from",
        cap_counter::COLUMNS
    );
    Query::new(sql, [tenant.0.into()])
}

/// Blocks of unique clicks that touch facts `from..to`: rows of [`unique_block`].
#[must_use]
pub fn unique_blocks(partition: u16, from: u64, to: u64) -> Query {
    let sql = format!(
        "SELECT {} FROM unique_blocks WHERE partition_id = ? AND block >= ? AND block < ? ORDER BY block",
        unique_block::COLUMNS
    );
    let end = if from < to {
        to.div_ceil(UNIQUE_BLOCK)
    } else {
        0
    };
    let values: [Value; 3] = [partition.into(), (from / UNIQUE_BLOCK).into(), end.into()];
    Query::new(sql, values)
}

/// The answer to a postback: a row of [`verdict`].
#[must_use]
pub fn verdict(dialect: Dialect, tenant: TenantId, received_id: ReceivedId) -> Query {
    let sql = dialect.render(&format!(
        "SELECT {} FROM verdicts {{use verdicts_by_received_id}} WHERE tenant_id = ? AND received_id = ?",
        verdict::COLUMNS
    ));
    Query::new(
        sql,
        [tenant.0.into(), received_id.as_bytes().as_slice().into()],
    )
}

/// Balances of one owner's accounts: rows of [`balance`].
#[must_use]
pub fn balances(tenant: TenantId, accounts: &[AccountKind], owner: u32) -> Query {
    let sql = format!(
        "SELECT {} FROM balances WHERE tenant_id = ? AND owner = ? AND kind IN ({}) ORDER BY kind, currency",
        balance::READ_COLUMNS,
        list(accounts.iter().map(|kind| u32::from(kind.code())))
    );
    Query::new(sql, [tenant.0.into(), owner.into()])
}

/// Numbers as the inside of an `IN (…)`.
pub(crate) fn list(numbers: impl Iterator<Item = u32>) -> String {
    let words: Vec<String> = numbers.map(|n| n.to_string()).collect();
    words.join(", ")
}

/// Facts `from..to` of a tenant.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// Whose.
    pub tenant: TenantId,
    /// The first.
    pub from: u64,
    /// The first after them.
    pub to: u64,
}

impl Stretch {
    /// Its answers: rows of [`verdict`].
    #[must_use]
    pub fn verdicts(self) -> Query {
        self.of("verdicts", verdict::COLUMNS)
    }

    /// The conversions that it made: rows of [`conversion`].
    #[must_use]
    pub fn conversions(self) -> Query {
        self.of("conversions", conversion::COLUMNS)
    }

    /// Its changes of status: rows of [`status_change`].
    #[must_use]
    pub fn status_changes(self) -> Query {
        self.of("status_changes", status_change::COLUMNS)
    }

    /// The conversions that its changes of status are of, as they stand now: rows of [`conversion`].
    #[must_use]
    pub fn changed_conversions(self) -> Query {
        let sql = format!(
            "SELECT {} FROM conversions WHERE tenant_id = ? AND conversion_id IN
             (SELECT conversion_id FROM status_changes WHERE tenant_id = ? AND partition_id = ? AND seq >= ? AND seq < ?)",
            conversion::COLUMNS
        );
        let values: [Value; 5] = [
            self.tenant.0.into(),
            self.tenant.0.into(),
            partition_of(self.tenant).into(),
            self.from.into(),
            self.to.min(i64::MAX as u64).into(),
        ];
        Query::new(sql, values)
    }

    fn of(self, table: &str, columns: &str) -> Query {
        let sql = format!(
            "SELECT {columns} FROM {table}
             WHERE tenant_id = ? AND partition_id = ? AND seq >= ? AND seq < ? ORDER BY seq"
        );
        let values: [Value; 4] = [
            self.tenant.0.into(),
            partition_of(self.tenant).into(),
            self.from.into(),
            self.to.min(i64::MAX as u64).into(),
        ];
        Query::new(sql, values)
    }
}

/// Joins answers with the conversions made at their places; both in order of places.
///
/// # Errors
/// A conversion that an answer made is missing.
pub fn with_made(
    verdicts: Vec<VerdictRow>,
    made: Vec<Conversion>,
) -> Result<Vec<(VerdictRow, Option<Conversion>)>, StoreError> {
    let mut made = made.into_iter().peekable();
    verdicts
        .into_iter()
        .map(|verdict| {
            let conversion = made.next_if(|c| verdict.is_made && c.position == verdict.position);
            if verdict.is_made && conversion.is_none() {
                return Err(missing("verdicts", verdict.position));
            }
            Ok((verdict, conversion))
        })
        .collect()
}

/// A row speaks of a conversion that is not there.
#[must_use]
pub fn missing(table: &'static str, at: Position) -> StoreError {
    StoreError::Unreadable {
        table,
        what: format!("the conversion of {}/{} is missing", at.partition, at.seq),
    }
}
