//! Reports: what may be asked and what is answered, independent of the store that answers.
//!
//! ```text
//! JSON ─▶ request (or a list of field errors) ─▶ ReportQuery ─▶ store reads rollup rows ─▶ Fold ─▶ ReportPage
//! ```
//!
//! Always true: a question that cannot be answered exactly is refused with the field that is wrong, never
//! answered approximately; rows and totals are per currency; clicks and cost count by click time on every
//! basis; totals are of the whole answer, not of the page; 0/0 is null; every metric says its formula
//! ([`schema`]). Not here: SQL, names of entities (rows carry ids).

mod cursor;
mod dimension;
mod filter;
mod fold;
mod formula;
mod measures;
mod metric;
mod page;
mod period;
mod request;
mod schema;

pub use self::dimension::{Dimension, DimensionValue};
pub use self::filter::{Comparison, DimensionFilter, Filters, MetricFilter, Tests};
pub use self::fold::{Fold, TooManyRows};
pub use self::formula::Unit;
pub use self::measures::Measures;
pub use self::metric::{Metric, MetricValue};
pub use self::page::{ReportPage, ReportRow, ReportTotal};
pub use self::request::{FieldError, ReportQuery, SortBy, SortKey};
pub use self::schema::schema;

/// Rows of a page when the question names no limit.
pub const ROWS_DEFAULT: usize = 500;
/// Rows that a page may have.
pub const ROWS_MAX: usize = 10_000;
/// Rows that a whole answer may have, over all of its pages.
pub const GROUPS_MAX: usize = 1_000_000;
/// Dimensions that rows may be grouped by.
pub const DIMENSIONS_MAX: usize = 10;
/// Filters that a question may have.
pub const FILTERS_MAX: usize = 50;
/// Values that a filter may name.
pub const FILTER_VALUES_MAX: usize = 1_000;
/// Days that a question may span: a leap year.
pub const DAYS_MAX: u32 = 366;
