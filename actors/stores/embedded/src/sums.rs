//! Sums of money in questions: `sum_micros`, exact whatever the rows hold.
//!
//! SQLite's own `sum` fails the whole question when a sum leaves 64 bits. This one adds in 128 bits and gives a
//! number where it fits, else the digits as text, which equals no number and the same digits only. Always true:
//! what is compared is compared exactly; a question about money never fails for the amounts it finds.

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, ValueRef};

/// Makes `sum_micros` known to a connection.
pub fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_aggregate_function("sum_micros", 1, flags, SumMicros)
}

struct SumMicros;

impl Aggregate<i128, Sum> for SumMicros {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<i128> {
        Ok(0)
    }

    fn step(&self, context: &mut Context<'_>, sum: &mut i128) -> rusqlite::Result<()> {
        let value = context.get_raw(0);
        let number = exact(value).ok_or_else(|| {
            let what = format!("sum_micros of {}", value.data_type());
            rusqlite::Error::UserFunctionError(what.into())
        })?;
        *sum = sum.saturating_add(number);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<i128>) -> rusqlite::Result<Sum> {
        Ok(Sum(sum.unwrap_or(0)))
    }
}

struct Sum(i128);

impl rusqlite::ToSql for Sum {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match i64::try_from(self.0) {
            Ok(number) => ToSqlOutput::from(number),
            Err(_) => ToSqlOutput::from(self.0.to_string()),
        })
    }
}

/// A number as a column or a sum holds it.
fn exact(value: ValueRef<'_>) -> Option<i128> {
    match value {
        ValueRef::Null => Some(0),
        ValueRef::Integer(number) => Some(number.into()),
        ValueRef::Text(digits) => std::str::from_utf8(digits).ok()?.parse().ok(),
        ValueRef::Real(_) | ValueRef::Blob(_) => None,
    }
}
