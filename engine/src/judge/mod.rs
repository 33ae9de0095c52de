//! The tenant's judge: what each fact means, given all facts before it in the same partition.
//!
//! [`TenantState`] is everything a verdict depends on: the catalog, the counters of caps, the unique clicks.
//! What is too large for memory comes in as [`Evidence`]: the click that a conversion names and the
//! conversion it may repeat, both as of the fact's own place in the log.
//! Always true: a judgement is a function of the log prefix; judging the same fact after the same prefix
//! gives the same bytes, whatever the batch, the clock or the machine.
//! Not here: reading evidence (the tenant actor), writing what follows (the store), answering (the doors).

mod attribution;
mod conversion;
mod state;
mod status;
mod terms;
mod uniqueness;
mod verdict;

pub use self::attribution::{Evidence, Identities};
pub use self::conversion::{Conversion, ConversionReason, Identity, Outcome, Rule, Verdict};
pub use self::state::TenantState;
pub use self::uniqueness::{Fingerprint, Uniqueness, WINDOW_MS};
use crate::catalog::Change;
use crate::fact::{ClickCore, ConversionStatus, ReceivedId};
use crate::ids::{Position, TenantId, UnixMs};
use crate::ledger::Transfer;
use crate::rollup::{RollupDelta, RollupKey};

/// A fact, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Whose fact.
    pub tenant: TenantId,
    /// Its place.
    pub position: Position,
    /// When it was written.
    pub at: UnixMs,
    /// What follows from it.
    pub judgement: Judgement,
}

/// What follows from a fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// Of a click.
    Click(JudgedClick),
    /// Of a received conversion.
    Conversion(Box<JudgedConversion>),
    /// Of a status change; `None` when it was not legal any more and changes nothing.
    StatusChange(Option<Box<StatusChange>>),
    /// Of a configuration change.
    Config(Box<Change>),
    /// A fact that this build cannot read: skipped, counted, and said so.
    Unreadable(&'static str),
}

/// A click, judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JudgedClick {
    /// The click.
    pub click: ClickCore,
    /// Whether it is the visitor's unique one on the offer.
    pub is_unique: bool,
    /// Currency of its row in the rollups: the offer's, else the tenant's.
    pub currency: crate::money::Currency,
}

/// A received conversion, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedConversion {
    /// The postback.
    pub received_id: ReceivedId,
    /// The answer.
    pub verdict: Verdict,
    /// The conversion it made, also when rejected with an id.
    pub made: Option<Conversion>,
    /// The change it made to an earlier one.
    pub changed: Option<StatusChange>,
    /// Entries of the ledger.
    pub transfers: Vec<Transfer>,
}

/// A conversion that has another status now.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusChange {
    /// The conversion after the change.
    pub conversion: Conversion,
    /// What it was.
    pub from: ConversionStatus,
    /// Who changed it: a received id, or an API key's.
    pub by: String,
    /// Entries of the ledger.
    pub transfers: Vec<Transfer>,
}

impl Judged {
    /// Sums what the fact adds to the rollups.
    pub fn rollups(&self, mut add: impl FnMut(RollupKey, RollupDelta)) {
        match &self.judgement {
            Judgement::Click(JudgedClick {
                click,
                is_unique,
                currency,
            }) => {
                for (key, delta) in crate::rollup::of_click(click, *currency, *is_unique) {
                    add(key, delta);
                }
            }
            Judgement::Conversion(judged) => {
                let made = judged.made.iter().map(|c| (c, None));
                let changed = judged.changed.iter().map(|c| (&c.conversion, Some(c.from)));
                for (conversion, from) in made.chain(changed) {
                    self.conversion_rollups(conversion, from, &mut add);
                }
            }
            Judgement::StatusChange(Some(change)) => {
                self.conversion_rollups(&change.conversion, Some(change.from), &mut add);
            }
            Judgement::StatusChange(None) | Judgement::Config(_) | Judgement::Unreadable(_) => {}
        }
    }

    fn conversion_rollups(
        &self,
        conversion: &Conversion,
        from: Option<ConversionStatus>,
        add: &mut impl FnMut(RollupKey, RollupDelta),
    ) {
        let to = conversion.status;
        for (key, delta) in crate::rollup::of_conversion(conversion, from, to, self.at) {
            add(key, delta);
        }
    }
}
