//! Search: single clicks and conversions as flat documents, and questions to them.
//!
//! ```text
//! fact + what was judged of it ─▶ document ─▶ index          (written by a reader of the log)
//! question as JSON ─▶ SearchQuery | Drilldown ─▶ index ─▶ documents | rows
//! ```
//! Why: the store holds sums, the log holds facts in order; neither finds a click by its sub-id. An index does, and may
//! be lost at any time, because everything in it follows from the log and the store.
//! Always true: a document's id is that of its click or conversion and its version grows with the last fact that
//! changed it, so that writing it again never doubles it and an older state never replaces a newer one; names are
//! those of exported facts; amounts are micros, times are milliseconds. Not here: any product (see
//! [`crate::ports::SearchIndex`]), how the log is followed.

mod answer;
mod build;
mod document;
mod field;
mod question;
mod read;

pub use self::answer::{
    CurrencySum, DrilldownPage, DrilldownRow, Measured, SearchPage, period_label, shown,
};
pub use self::build::{click_document, conversion_document};
pub use self::document::{
    ClickDocument, ConversionDocument, DOCUMENT_FIELDS_OF_MONEY, Document, Subs, Target, Visit,
};
pub use self::field::{
    AmountField, DocumentKind, FlagField, Period, SearchField, TextField, sub_fields,
};
pub use self::question::{
    Distinct, Drilldown, DrilldownSort, EARNING, Filter, GroupBy, IpNetwork, Order, SearchCursor,
    SearchQuery, Selection, TimeBasis,
};
pub use self::read::SearchOperator;

/// Entries of a page when the question names no limit.
pub const HITS_DEFAULT: u32 = 50;
/// Entries that a page may have.
pub const HITS_MAX: u32 = 500;
/// Rows of a drill-down when the question names no limit.
pub const ROWS_DEFAULT: u32 = 500;
/// Rows that a page of a drill-down may have, and that one may be sorted by a measure over.
pub const ROWS_MAX: u32 = 10_000;
/// Dimensions that a drill-down may group by.
pub const GROUPS_MAX: usize = 5;
/// Filters that a question may have.
pub const FILTERS_MAX: usize = 50;
/// Values that a filter may name.
pub const VALUES_MAX: usize = 500;
/// Characters that a value may have.
pub const VALUE_CHARS_MAX: usize = 1_024;

#[cfg(test)]
mod tests;
