//! Offers: what is promoted and what it pays, and the terms of single affiliates on them.

use serde::{Deserialize, Serialize};

use super::Cap;
use crate::as_text::words;
use crate::catalog::Targeting;
use crate::ids::{AdvertiserId, AffiliateId, GoalId, OfferId};
use crate::money::{Currency, Micros, Percent};

/// What an affiliate earns by a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Payout {
    /// A fixed amount in the offer's currency.
    Cpa {
        /// The amount.
        amount: Micros,
    },
    /// A percentage of the sale.
    Cps {
        /// The percentage.
        percent: Percent,
    },
}

/// What the tenant earns by a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Revenue {
    /// A fixed amount in the offer's currency.
    Rpa {
        /// The amount.
        amount: Micros,
    },
    /// A percentage of the sale.
    Rps {
        /// The percentage.
        percent: Percent,
    },
}

words! {
    /// What a second conversion with the same identity is.
    Repeat {
        /// One a transaction id; without one, one a click.
        ByTxid = 1 "by_txid",
        /// One a click, whatever the transaction id.
        OnePerClick = 2 "one_per_click",
        /// Each postback is a conversion of its own.
        All = 3 "all",
    }
}

/// A named step after the base conversion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    /// Survives edits.
    pub id: GoalId,
    /// What `event=` names.
    pub name: String,
    /// What the affiliate earns; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout: Option<Payout>,
    /// What the tenant earns; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<Revenue>,
    /// Own rule for repeats, else the offer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// Own look-back, else the offer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookback_hours: Option<u32>,
}

words! {
    /// Whether an offer takes clicks.
    OfferStatus {
        /// Takes clicks.
        Active = 1 "active",
        /// Clicks go to the fallback; conversions of earlier clicks are judged.
        Paused = 2 "paused",
        /// Kept for history.
        Archived = 3 "archived",
    }
}

words! {
    /// Which affiliates may run an offer.
    Visibility {
        /// All but those it is refused to.
        Public = 1 "public",
        /// Those that were approved for it, who may see it and ask.
        NeedsApproval = 2 "needs_approval",
        /// Those that were approved for it; others do not see it.
        Private = 3 "private",
    }
}

words! {
    /// Status of an authenticated conversion that names none.
    DefaultStatus {
        /// Booked as approved.
        Approved = 1 "approved",
        /// Waits for a person or a later postback.
        Pending = 2 "pending",
    }
}

words! {
    /// What the `Referrer-Policy` of a redirect is.
    #[derive(Default)]
    ReferrerPolicy {
        /// The browser's own choice.
        #[default]
        Default = 1 "strict-origin-when-cross-origin",
        /// The destination learns the tracking domain only.
        Origin = 2 "origin",
        /// The destination learns nothing.
        NoReferrer = 3 "no-referrer",
    }
}

/// Longest look-back, in hours: 90 days.
pub const MAX_LOOKBACK_HOURS: u32 = 2_160;
/// Look-back of an offer that names none: 30 days.
pub const DEFAULT_LOOKBACK_HOURS: u32 = 720;

/// What is sold, where it is, and what it pays. Money rules live on its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Name for people.
    pub name: String,
    /// Who pays for it.
    pub advertiser_id: AdvertiserId,
    /// Destination with macros.
    pub url: String,
    /// Currency of its fixed amounts and its books.
    pub currency: Currency,
    /// What the affiliate earns by the base conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout: Option<Payout>,
    /// What the tenant earns by the base conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<Revenue>,
    /// Steps after the base conversion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goals: Vec<Goal>,
    /// Whether it takes clicks.
    pub status: OfferStatus,
    /// Who may run it.
    pub visibility: Visibility,
    /// Status of conversions that name none; `None` = approved when authenticated, pending by pixel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_status: Option<DefaultStatus>,
    /// How long after the click a conversion is accepted.
    pub lookback_hours: u32,
    /// How soon after the click a conversion is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_seconds_to_convert: Option<u32>,
    /// What repeats are.
    pub repeat: Repeat,
    /// Where clicks go that it cannot take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_url: Option<String>,
    /// Limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<Cap>,
    /// Which visitors it takes.
    #[serde(default)]
    pub targeting: Targeting,
    /// What the destination learns of where the visitor came from.
    #[serde(default)]
    pub referrer_policy: ReferrerPolicy,
    /// Number of the hidden campaign that carries its own link.
    pub link_campaign: u32,
}

impl Offer {
    pub(in crate::catalog) fn greatest_goal(&self) -> Option<u32> {
        self.goals.iter().map(|g| g.id.number()).max()
    }

    /// The goal that `event=` names.
    #[must_use]
    pub fn goal(&self, name: &str) -> Option<&Goal> {
        self.goals.iter().find(|g| g.name == name)
    }
}

words! {
    /// Whether an affiliate may run an offer.
    TermsStatus {
        /// Asked, not answered.
        Pending = 1 "pending",
        /// May run it.
        Approved = 2 "approved",
        /// Was refused.
        Rejected = 3 "rejected",
        /// May not, even where the offer is public.
        Blocked = 4 "blocked",
    }
}

/// What holds between one offer and one affiliate; wins over the offer's own terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Whether the affiliate may run the offer.
    pub status: TermsStatus,
    /// Own payout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout: Option<Payout>,
    /// Own revenue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<Revenue>,
    /// Own caps, beside the offer's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<Cap>,
}

/// Which affiliate and offer a [`Terms`] row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermsKey {
    /// The offer.
    pub offer: OfferId,
    /// The affiliate.
    pub affiliate: AffiliateId,
}
