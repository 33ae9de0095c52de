//! Reports: what may be asked and what is answered, independent of the store that answers.
//!
//! Always true: a question that cannot be answered exactly is refused with the field that is wrong, never
//! answered approximately; rows and totals are per currency; 0/0 is null. Not here: SQL.

use crate::as_text::words;
use crate::ids::UnixMs;
use crate::money::Currency;
use crate::ports::Watermark;
use crate::rollup::Basis;

words! {
    /// What rows are grouped by.
    Dimension {
        /// Offer.
        Offer = 1 "offer",
        /// Advertiser of the offer.
        Advertiser = 2 "advertiser",
        /// Affiliate.
        Affiliate = 3 "affiliate",
        /// Campaign.
        Campaign = 4 "campaign",
        /// Flow.
        Flow = 5 "flow",
        /// Arm.
        Arm = 6 "arm",
        /// Goal.
        Goal = 7 "goal",
        /// Country.
        Country = 8 "country",
        /// Device type.
        DeviceType = 9 "device_type",
        /// Quarter of an hour.
        Quarter = 16 "quarter_hour",
        /// Hour in the zone.
        Hour = 17 "hour",
        /// Day in the zone.
        Day = 18 "day",
        /// Week in the zone, from Monday.
        Week = 19 "week",
        /// Month in the zone.
        Month = 20 "month",
        /// Hour of the day in the zone, 0-23.
        HourOfDay = 21 "hour_of_day",
        /// Day of the week in the zone, 1 = Monday.
        DayOfWeek = 22 "day_of_week",
    }
}

/// A question, checked: see the parser for what is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportQuery {
    /// From inclusive.
    pub from: UnixMs,
    /// Until exclusive.
    pub to: UnixMs,
    /// IANA zone of time dimensions.
    pub timezone: String,
    /// Only this currency.
    pub currency: Option<Currency>,
    /// By which time facts are cut.
    pub basis: Basis,
    /// Dimensions, in order.
    pub group_by: Vec<Dimension>,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReportPage {
    /// How far it is complete.
    pub watermark: Watermark,
}
