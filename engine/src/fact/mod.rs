//! Facts: what happened, in past tense, once, in order.
//!
//! A fact is written by a door or a tenant actor, lies in the journal as a [`Record`](crate::record::Record) and is
//! never changed.
//! Always true: `kind` and `version` say how to read a record for ever; an old version is read by the code
//! that this folder keeps for it; money in a fact is micros with a currency beside it.
//! Not here: what follows from facts (see [`crate::judge`]), where they lie (the journal).

mod click;
mod config;
mod conversion;
mod wire;

pub use self::click::{
    AD_ID_NAMES, ClickCore, ClickDetail, ClickOutcome, ClickPrivate, ClickReason, Paid, Sent,
    UTM_NAMES,
};
pub use self::conversion::{
    AuthKind, ConversionReceived, ConversionStatus, ConversionStatusChanged, ReceivedId,
    ReceivedPrivate, Warning,
};
pub use self::wire::{Decoder, Encoder, Malformed};
use crate::as_text::words;
use crate::catalog::Change;
use crate::record::Logged;

words! {
    /// Which kind of fact a record holds.
    Kind {
        /// A click was decided and will be answered.
        Clicked = 1 "clicked",
        /// A postback, pixel or API call reported a conversion.
        ConversionReceived = 2 "conversion_received",
        /// A person or a rule changed a conversion's status.
        ConversionStatusChanged = 3 "conversion_status_changed",
        /// A tenant's configuration changed.
        ConfigChanged = 4 "config_changed",
    }
}

/// A fact as the fold reads it: the open part only.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// See [`Kind::Clicked`].
    Clicked(ClickCore),
    /// See [`Kind::ConversionReceived`].
    ConversionReceived(Box<ConversionReceived>),
    /// See [`Kind::ConversionStatusChanged`].
    ConversionStatusChanged(Box<ConversionStatusChanged>),
    /// See [`Kind::ConfigChanged`].
    ConfigChanged(Box<Change>),
}

impl Fact {
    /// Reads the open part of a logged record.
    ///
    /// # Errors
    /// [`Malformed`] for a kind or version that this build does not know, or bytes that do not fit it.
    pub fn read(logged: &Logged<'_>) -> Result<Self, Malformed> {
        let record = &logged.record;
        let kind = Kind::from_code(record.kind).ok_or(Malformed("unknown kind"))?;
        Ok(match kind {
            Kind::Clicked => Self::Clicked(ClickCore::read(record)?),
            Kind::ConversionReceived => {
                Self::ConversionReceived(Box::new(ConversionReceived::read(record)?))
            }
            Kind::ConversionStatusChanged => {
                Self::ConversionStatusChanged(Box::new(ConversionStatusChanged::read(record)?))
            }
            Kind::ConfigChanged => Self::ConfigChanged(Box::new(config::read(record)?)),
        })
    }
}
