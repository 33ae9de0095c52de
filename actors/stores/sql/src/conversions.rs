//! Lists of conversions, and one with all that happened to it.

use weir_engine::fact::ConversionStatus;
use weir_engine::ids::{ConversionId, Position, TenantId};
use weir_engine::judge::ConversionReason;
use weir_engine::ports::{ConversionFilter, StatusEvent, StatusRow};

use crate::dialect::Dialect;
use crate::questions::list as numbers;
use crate::rows::{conversion, id_bytes, status_change, transfer, verdict};
use crate::value::{Query, Value};

/// The conversions of a tenant that a filter keeps: rows of [`conversion`], newest first unless
/// [`is_backwards`].
#[must_use]
pub fn query(dialect: Dialect, tenant: TenantId, filter: &ConversionFilter) -> Query {
    let wanted = Wanted::new(tenant, filter);
    let order = if is_backwards(filter) { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {} FROM conversions {} WHERE {} ORDER BY partition_id {order}, seq {order} LIMIT {}",
        conversion::COLUMNS,
        index_for(filter).map_or_else(String::new, |name| dialect.index(name)),
        wanted.conditions.join(" AND "),
        filter.limit
    );
    Query::new(sql, wanted.values)
}

/// Whether the rows come oldest first: those before a place are the nearest to it, so they are read from there
/// and turned round.
#[must_use]
pub fn is_backwards(filter: &ConversionFilter) -> bool {
    filter.before.is_some() && filter.after.is_none()
}

/// The index that leads to the wanted rows in their order; without one, rows are passed from the newest on until
/// enough of them are found.
fn index_for(filter: &ConversionFilter) -> Option<&'static str> {
    if filter.click_id.is_some() {
        Some("conversions_by_click")
    } else if filter.txid.is_some() {
        Some("conversions_by_txid")
    } else if filter.statuses.len() == 1 {
        Some("conversions_by_status")
    } else {
        None
    }
}

/// Conditions with their values, in order.
struct Wanted {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Wanted {
    fn new(tenant: TenantId, filter: &ConversionFilter) -> Self {
        let mut wanted = Self {
            conditions: Vec::new(),
            values: Vec::new(),
        };
        wanted.must("tenant_id = ?", [tenant.0.into()]);
        wanted.must_if(
            "click_id = ?",
            filter.click_id.map(|id| id.as_bytes().to_vec()),
        );
        // An empty transaction id is none, and names nothing.
        let txid = filter.txid.as_deref();
        wanted.must_if("txid <> '' AND txid = ?", txid);
        wanted.must_if("affiliate = ?", filter.affiliate);
        wanted.must_if("offer = ?", filter.offer);
        wanted.must_if("campaign = ?", filter.campaign);
        wanted.must_if("reason = ?", filter.reason.map(ConversionReason::code));
        wanted.must_if("booked_at >= ?", filter.from.map(|at| at.0));
        wanted.must_if("booked_at < ?", filter.to.map(|at| at.0));
        wanted.must_stand(&filter.statuses);
        wanted.must_lie("<", filter.after);
        wanted.must_lie(">", filter.before);
        wanted
    }

    fn must(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.conditions.push(condition.to_owned());
        self.values.extend(values);
    }

    fn must_if(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.must(condition, [value.into()]);
        }
    }

    fn must_stand(&mut self, statuses: &[ConversionStatus]) {
        if !statuses.is_empty() {
            let codes = numbers(statuses.iter().map(|s| u32::from(s.code())));
            self.must(&format!("status IN ({codes})"), []);
        }
    }

    fn must_lie(&mut self, side: &str, of: Option<Position>) {
        if let Some(place) = of {
            // Written out: a comparison of pairs does not use the key everywhere.
            let condition =
                format!("(partition_id {side} ? OR (partition_id = ? AND seq {side} ?))");
            let partition = Value::from(place.partition);
            self.must(&condition, [partition.clone(), partition, place.seq.into()]);
        }
    }
}

/// What is asked about one conversion, each in order of places.
pub struct History {
    /// Postbacks: rows of [`verdict`].
    pub verdicts: Query,
    /// Changes: rows of [`status_change`].
    pub changes: Query,
    /// Entries: rows of [`transfer`].
    pub transfers: Query,
}

/// Asks for all that happened to a conversion.
#[must_use]
pub fn history(dialect: Dialect, tenant: TenantId, id: ConversionId) -> History {
    let of = |table: &str, columns: &str, last: &str| {
        let sql = format!(
            "SELECT {columns} FROM {table} {}
             WHERE tenant_id = ? AND conversion_id = ? ORDER BY partition_id, seq{last}",
            dialect.index(&format!("{table}_by_conversion"))
        );
        Query::new(sql, [tenant.0.into(), id_bytes(id).into()])
    };
    History {
        verdicts: of("verdicts", verdict::COLUMNS, ""),
        changes: of("status_changes", status_change::COLUMNS, ""),
        transfers: of("transfers", transfer::COLUMNS, ", transfer_id"),
    }
}

/// A change as a step in a conversion's life.
#[must_use]
pub fn event(row: StatusRow) -> StatusEvent {
    StatusEvent {
        position: row.position,
        at: row.at,
        from: row.from,
        to: row.to,
        reason: row.reason,
        note: row.note,
        by: row.by,
    }
}
