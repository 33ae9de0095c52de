//! Lists of conversions, and one with all that happened to it.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use weir_engine::fact::ConversionStatus;
use weir_engine::ids::{ConversionId, Position, TenantId};
use weir_engine::judge::{Conversion, ConversionReason};
use weir_engine::ports::{ConversionFilter, ConversionHistory, StatusEvent, StatusRow, StoreError};

use super::list as numbers;
use crate::ledger::conversion_of;
use crate::query::all;
use crate::rows::{conversion, id_bytes, int, status_change, transfer, verdict};

/// The conversions of a tenant that a filter keeps, newest first.
pub fn list(
    connection: &Connection,
    tenant: TenantId,
    filter: &ConversionFilter,
) -> Result<Vec<Conversion>, StoreError> {
    let wanted = Wanted::new(tenant, filter);
    // Before a place: those nearest to it, so they are read from there and turned round.
    let is_backwards = filter.before.is_some() && filter.after.is_none();
    let order = if is_backwards { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {} FROM conversions {} WHERE {} ORDER BY partition_id {order}, seq {order} LIMIT {}",
        conversion::COLUMNS,
        index_for(filter),
        wanted.conditions.join(" AND "),
        filter.limit
    );
    let params = params_from_iter(wanted.values);
    let mut found = all(connection, &sql, params, conversion::read)?;
    if is_backwards {
        found.reverse();
    }
    Ok(found)
}

/// The index that leads to the wanted rows in their order; without one, rows are passed from the newest on until
/// enough of them are found.
fn index_for(filter: &ConversionFilter) -> &'static str {
    if filter.click_id.is_some() {
        "INDEXED BY conversions_by_click"
    } else if filter.txid.is_some() {
        "INDEXED BY conversions_by_txid"
    } else if filter.statuses.len() == 1 {
        "INDEXED BY conversions_by_status"
    } else {
        ""
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
        let number = |n: u32| Value::Integer(i64::from(n));
        wanted.must("tenant_id = ?", [number(tenant.0)]);
        wanted.must_if(
            "click_id = ?",
            filter
                .click_id
                .map(|id| Value::Blob(id.as_bytes().to_vec())),
        );
        wanted.must_txid(filter.txid.clone());
        wanted.must_if("affiliate = ?", filter.affiliate.map(number));
        wanted.must_if("offer = ?", filter.offer.map(number));
        wanted.must_if("campaign = ?", filter.campaign.map(number));
        let code = |reason: ConversionReason| number(u32::from(reason.code()));
        wanted.must_if("reason = ?", filter.reason.map(code));
        wanted.must_if(
            "booked_at >= ?",
            filter.from.map(|at| Value::Integer(int(at.0))),
        );
        wanted.must_if(
            "booked_at < ?",
            filter.to.map(|at| Value::Integer(int(at.0))),
        );
        wanted.must_stand(&filter.statuses);
        wanted.must_lie("<", filter.after);
        wanted.must_lie(">", filter.before);
        wanted
    }

    fn must(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.conditions.push(condition.to_owned());
        self.values.extend(values);
    }

    fn must_if(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.must(condition, [value]);
        }
    }

    /// An empty transaction id is none, and names nothing.
    fn must_txid(&mut self, txid: Option<String>) {
        self.must_if("txid <> '' AND txid = ?", txid.map(Value::Text));
    }

    fn must_stand(&mut self, statuses: &[ConversionStatus]) {
        if !statuses.is_empty() {
            let codes = numbers(statuses.iter().map(|s| u32::from(s.code())));
            self.must(&format!("status IN ({codes})"), []);
        }
    }

    fn must_lie(&mut self, side: &str, of: Option<Position>) {
        if let Some(place) = of {
            let numbers = [i64::from(place.partition), int(place.seq)].map(Value::Integer);
            self.must(&format!("(partition_id, seq) {side} (?, ?)"), numbers);
        }
    }
}

/// A conversion with its postbacks, changes and entries, in order.
pub fn history(
    connection: &Connection,
    tenant: TenantId,
    id: ConversionId,
) -> Result<Option<ConversionHistory>, StoreError> {
    let Some(conversion) = conversion_of(connection, tenant, id)? else {
        return Ok(None);
    };
    let of = (tenant.0, id_bytes(id));
    let sql = |table: &str, columns: &str| {
        format!(
            "SELECT {columns} FROM {table} INDEXED BY {table}_by_conversion
             WHERE tenant_id = ?1 AND conversion_id = ?2 ORDER BY partition_id, seq"
        )
    };
    let verdicts = all(
        connection,
        &sql("verdicts", verdict::COLUMNS),
        of,
        verdict::read,
    )?;
    let changes = sql("status_changes", status_change::COLUMNS);
    let changes = all(connection, &changes, of, status_change::read)?;
    let transfers = sql("transfers", transfer::COLUMNS) + ", transfer_id";
    Ok(Some(ConversionHistory {
        conversion,
        verdicts,
        changes: changes.into_iter().map(event).collect(),
        transfers: all(connection, &transfers, of, transfer::read)?,
    }))
}

fn event(row: StatusRow) -> StatusEvent {
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
