//! The index of single clicks and conversions on OpenSearch or Elasticsearch.
//!
//! ```text
//! weir-control                    which generation is live, how far each has come, over which indices
//! weir-clicks-g1-2026.03          one index a kind and month of the click; settings and fields by a template
//! weir-conversions-g1-2026.03
//! weir-clicks, weir-conversions   aliases of the live generation: what readers ask
//! ```
//! Always true: fields are explicit and strict, so that the index never guesses a type; a document has its own id and
//! an external version, so that writing it again is a 409 and no second one; the control document lists the indices
//! by their unique ids, so that one that was deleted, also one made again under its name, is noticed; whole months are
//! dropped, documents never are. What both products and the versions 7.17, 8.19 and 2.19 have is used, nothing else:
//! no scripts, no point in time, no lifecycle policies.
//! Not here: what a document says (`weir_engine::search`), how the log is followed (the actors).

mod bulk;
mod client;
mod control;
mod drilldown;
mod failure;
mod generations;
mod lists;
mod measures;
mod names;
mod options;
mod product;
mod query;
mod store;
mod templates;

pub use self::options::{Options, Replicas};
pub use self::product::{Product, Unsuitable};
pub use self::store::{Elasticsearch, OpenError};
