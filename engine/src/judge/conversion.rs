//! A conversion as it stands in the books, and the verdict on a postback.

use crate::as_text::words;
use crate::caps::Place;
use crate::click_id::ClickId;
use crate::fact::{ConversionStatus, ReceivedId, Warning};
use crate::ids::{ConversionId, Position, TenantId, UnixMs};
use crate::ledger::Worth;
use crate::money::{Currency, Micros};

words! {
    /// What became of a postback.
    Outcome {
        /// A conversion was made.
        Applied = 1 "applied",
        /// An earlier conversion has another status now.
        Updated = 2 "updated",
        /// It repeats an earlier conversion; nothing changed.
        Duplicate = 3 "duplicate",
        /// It is not accepted; the reason says why.
        Rejected = 4 "rejected",
    }
}

words! {
    /// Why a conversion is rejected, or pending.
    ConversionReason {
        /// It names no click of this tenant: unknown, forged, or another tenant's.
        UnknownClick = 1 "unknown_click",
        /// The click led to an offer of another advertiser.
        WrongAdvertiser = 2 "wrong_advertiser",
        /// The offer has no goal of that name.
        UnknownEvent = 3 "unknown_event",
        /// The click was sent to a fallback.
        ClickNotSent = 4 "click_not_sent",
        /// Later than the look-back allows.
        OutOfWindow = 5 "out_of_window",
        /// Sooner than the offer believes.
        TooFast = 6 "too_fast",
        /// A status word that is not one.
        BadStatus = 7 "bad_status",
        /// The amount cannot be read, or is missing where the rules need it.
        BadAmount = 8 "bad_amount",
        /// The currency does not exist.
        BadCurrency = 9 "bad_currency",
        /// A cap is reached.
        OverCap = 10 "over_cap",
        /// Pending: the affiliate has been banned since.
        AffiliateBanned = 11 "affiliate_banned",
        /// Pending: the click is a bot's.
        Bot = 12 "bot",
        /// Pending: a percentage of a sale in another currency.
        FxMissing = 13 "fx_missing",
        /// Rejected or approved by the advertiser's own word.
        ByAdvertiser = 14 "by_advertiser",
        /// Changed by the tenant's staff.
        ByStaff = 15 "by_staff",
        /// Pending: the sender was not authenticated.
        NotAuthenticated = 16 "not_authenticated",
        /// It names a click of this tenant from before what the log keeps.
        ClickExpired = 17 "click_expired",
    }
}

/// The answer to a postback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What became of it.
    pub outcome: Outcome,
    /// Status of the conversion, if there is one.
    pub status: Option<ConversionStatus>,
    /// Why.
    pub reason: Option<ConversionReason>,
    /// The conversion: its own, or the first one that it repeats.
    pub conversion_id: Option<ConversionId>,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

/// What makes two postbacks the same conversion, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(pub u128);

/// Whose terms decided the amounts, and which version of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The offer's own, at its version.
    Offer {
        /// The offer.
        offer: u32,
        /// Its version.
        version: u32,
    },
    /// The affiliate's terms on the offer, at their version.
    Terms {
        /// The offer.
        offer: u32,
        /// The affiliate.
        affiliate: u32,
        /// Their version.
        version: u32,
    },
}

impl Rule {
    /// As text: `off_…@3` or `off_…/aff_…@2`.
    #[must_use]
    pub fn id(self, tenant: TenantId) -> String {
        use crate::ids::{AffiliateId, OfferId};
        match self {
            Self::Offer { offer, version } => format!("{}@{version}", OfferId::new(tenant, offer)),
            Self::Terms {
                offer,
                affiliate,
                version,
            } => {
                let (offer, affiliate) = (
                    OfferId::new(tenant, offer),
                    AffiliateId::new(tenant, affiliate),
                );
                format!("{offer}/{affiliate}@{version}")
            }
        }
    }
}

/// A conversion as it stands in the books. Entities are numbers within the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// Derived from the place of the postback that made it.
    pub id: ConversionId,
    /// Whose.
    pub tenant: TenantId,
    /// The postback's place.
    pub position: Position,
    /// The postback.
    pub received_id: ReceivedId,
    /// What a repeat is told by; `None` when it took none.
    pub identity: Option<Identity>,
    /// Where it stands.
    pub status: ConversionStatus,
    /// Why.
    pub reason: Option<ConversionReason>,
    /// Why, in the words of the person who changed it last.
    pub note: String,
    /// The click it belongs to.
    pub click_id: ClickId,
    /// The click's campaign.
    pub campaign: u32,
    /// The click's flow.
    pub flow: Option<u32>,
    /// The click's arm.
    pub arm: u32,
    /// The click's offer.
    pub offer: u32,
    /// The version of the offer in force at the conversion's place.
    pub offer_version: u32,
    /// The click's affiliate.
    pub affiliate: Option<u32>,
    /// The offer's advertiser.
    pub advertiser: u32,
    /// The click's country.
    pub country: [u8; 2],
    /// The click's device type.
    pub device: u8,
    /// Whether the click is a test.
    pub is_test: bool,
    /// The goal; `None` = the base conversion.
    pub goal: Option<u32>,
    /// The sender's transaction id; empty = none.
    pub txid: String,
    /// What was sold for, when it could be read.
    pub sale_amount: Option<Micros>,
    /// In which currency.
    pub sale_currency: Option<Currency>,
    /// What the affiliate earns while it is pending or approved.
    pub payout: Micros,
    /// What the tenant earns while it is pending or approved.
    pub revenue: Micros,
    /// Currency of both: the offer's.
    pub currency: Currency,
    /// Whose terms decided them.
    pub rule: Rule,
    /// When the click was.
    pub clicked_at: UnixMs,
    /// When the conversion was, by the sender's word or by its arrival.
    pub converted_at: UnixMs,
    /// When it was judged.
    pub booked_at: UnixMs,
    /// Counters of caps that it uses while it is pending or approved, with the units.
    pub places: Vec<(Place, i64)>,
}

impl Conversion {
    /// What it is worth, and to whom.
    #[must_use]
    pub fn worth(&self) -> Worth {
        Worth {
            affiliate: self.affiliate,
            advertiser: self.advertiser,
            payout: self.payout,
            revenue: self.revenue,
            currency: self.currency,
        }
    }
}

impl ConversionStatus {
    /// Whether the sender of postbacks may move a conversion from here to `to`: pending → approved or
    /// rejected, approved → rejected.
    #[must_use]
    pub fn may_become(self, to: Self) -> bool {
        matches!(
            (self, to),
            (Self::Pending, Self::Approved | Self::Rejected) | (Self::Approved, Self::Rejected)
        )
    }

    /// Whether staff may: as [`Self::may_become`], and rejected → approved.
    #[must_use]
    pub fn may_become_by_staff(self, to: Self) -> bool {
        self.may_become(to) || (self, to) == (Self::Rejected, Self::Approved)
    }
}
