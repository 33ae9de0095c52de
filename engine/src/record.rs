//! What the log keeps of a fact, whatever the fact says.
//!
//! A record has an *open* part (ids, outcome, the inputs of verdicts) that every fold reads, a *private*
//! part (what could name a person) that a later key can seal, and two long texts that repeat from click to
//! click (user agent, referrer) that a journal may keep in a dictionary.
//! Always true: a record's meaning depends on `kind` and `version` alone, so an old one stays readable.
//! Not here: what the bytes mean (see [`crate::fact`]), how they lie on disk (the journal).

use crate::click_id::ClickId;
use crate::ids::{Position, TenantId, UnixMs};

/// A fact as bytes, before it has a place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Whose fact it is; decides the partition.
    pub tenant: TenantId,
    /// When it happened, by the clock of the node that wrote it.
    pub at: UnixMs,
    /// Which kind of fact: a [`crate::fact::Kind`] as a number.
    pub kind: u8,
    /// Version of the encoding of this kind.
    pub version: u8,
    /// The click that this record *is* (a `clicked` fact): the click index finds the record by it.
    pub click_id: Option<ClickId>,
    /// Ids, versions, outcome, inputs of verdicts.
    pub open: &'a [u8],
    /// Number of the key that seals `private`; 0 = clear.
    pub private_key: u8,
    /// What could name a person.
    pub private: &'a [u8],
    /// User agent and referrer, empty where there is none.
    pub texts: [&'a str; 2],
}

/// A fact in the log: its bytes and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged<'a> {
    /// Where it stands.
    pub position: Position,
    /// What it is.
    pub record: Record<'a>,
}

/// A fact of the log that owns its bytes: what a look-up gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// See [`Logged::position`].
    pub position: Position,
    /// See [`Record::tenant`].
    pub tenant: TenantId,
    /// See [`Record::at`].
    pub at: UnixMs,
    /// See [`Record::kind`].
    pub kind: u8,
    /// See [`Record::version`].
    pub version: u8,
    /// See [`Record::click_id`].
    pub click_id: Option<ClickId>,
    /// See [`Record::open`].
    pub open: Vec<u8>,
    /// See [`Record::private_key`].
    pub private_key: u8,
    /// See [`Record::private`].
    pub private: Vec<u8>,
    /// See [`Record::texts`].
    pub texts: [String; 2],
}

impl OwnedRecord {
    /// The fact as a reader of the log sees it.
    #[must_use]
    pub fn logged(&self) -> Logged<'_> {
        Logged {
            position: self.position,
            record: Record {
                tenant: self.tenant,
                at: self.at,
                kind: self.kind,
                version: self.version,
                click_id: self.click_id,
                open: &self.open,
                private_key: self.private_key,
                private: &self.private,
                texts: [&self.texts[0], &self.texts[1]],
            },
        }
    }
}

impl From<Logged<'_>> for OwnedRecord {
    fn from(logged: Logged<'_>) -> Self {
        let record = logged.record;
        Self {
            position: logged.position,
            tenant: record.tenant,
            at: record.at,
            kind: record.kind,
            version: record.version,
            click_id: record.click_id,
            open: record.open.to_vec(),
            private_key: record.private_key,
            private: record.private.to_vec(),
            texts: record.texts.map(str::to_owned),
        }
    }
}
