//! What rows are grouped by, and how its values are shown and read.
//!
//! Inside, every value is a number: an entity's within its tenant (0 = none), the two letters of a country, the
//! index of a period. Always true: numbers order as the values do, so that sorting is by number.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::as_text::words;
use crate::ids::{AdvertiserId, AffiliateId, ArmId, CampaignId, FlowId, GoalId, OfferId, TenantId};
use crate::rollup::RollupKey;
use crate::visitor::DeviceType;

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

/// A value of a dimension in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DimensionValue {
    /// None: house traffic, the default flow, the base goal, a click that was sent to no offer.
    None,
    /// An id, a code, or a period.
    Text(String),
    /// A number.
    Number(u32),
}

impl Serialize for DimensionValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u32(*number),
        }
    }
}

/// The number of an entity of `tenant` that a filter names by its id, or by null for none.
macro_rules! number_of {
    ($id:ty, $tenant:ident, $value:ident) => {
        match $value {
            Value::Null => Some(0),
            Value::String(text) => text
                .parse::<$id>()
                .ok()
                .filter(|id| id.tenant() == $tenant && id.number() > 0)
                .map(|id| id.number()),
            _ => None,
        }
    };
}

impl Dimension {
    /// Whether it is a period that a time lies in.
    #[must_use]
    pub fn is_period(self) -> bool {
        matches!(
            self,
            Self::Quarter | Self::Hour | Self::Day | Self::Week | Self::Month
        )
    }

    /// Whether it is told by the time of a row.
    #[must_use]
    pub fn is_of_time(self) -> bool {
        self.is_period() || matches!(self, Self::HourOfDay | Self::DayOfWeek)
    }

    /// What its values look like, in words.
    #[must_use]
    pub fn value_is(self) -> &'static str {
        match self {
            Self::Offer => "id of an offer (off_…), or null: sent to none",
            Self::Advertiser => "id of an advertiser (adv_…), or null: sent to no offer",
            Self::Affiliate => "id of an affiliate (aff_…), or null: house traffic",
            Self::Campaign => "id of a campaign (cmp_…)",
            Self::Flow => "id of a flow (flw_…), or null: the default flow",
            Self::Arm => "id of an arm (arm_…), or null: sent to none",
            Self::Goal => "id of a goal (gol_…), or null: clicks and the base goal",
            Self::Country => "ISO 3166 code of two letters; ZZ: unknown",
            Self::DeviceType => "unknown, desktop, mobile, tablet, tv, console or other",
            Self::Quarter | Self::Hour => "start as local time with its offset",
            Self::Day => "date in the zone",
            Self::Week => "date of its Monday in the zone",
            Self::Month => "year and month in the zone",
            Self::HourOfDay => "0-23 in the zone",
            Self::DayOfWeek => "1 (Monday) to 7 in the zone",
        }
    }

    /// The number of a dimension that is not of time, in a row.
    pub(super) fn of(self, key: &RollupKey, advertisers: &BTreeMap<u32, u32>) -> u32 {
        match self {
            Self::Offer => key.offer,
            Self::Advertiser => advertisers.get(&key.offer).copied().unwrap_or(0),
            Self::Affiliate => key.affiliate,
            Self::Campaign => key.campaign,
            Self::Flow => key.flow,
            Self::Arm => key.arm,
            Self::Goal => key.goal,
            Self::Country => u32::from(u16::from_be_bytes(key.country)),
            Self::DeviceType => u32::from(key.device),
            Self::Quarter
            | Self::Hour
            | Self::Day
            | Self::Week
            | Self::Month
            | Self::HourOfDay
            | Self::DayOfWeek => 0,
        }
    }

    /// How the number is shown; periods are shown by their calendar.
    pub(super) fn show(self, tenant: TenantId, number: u32) -> DimensionValue {
        let id = |text: String| match number {
            0 => DimensionValue::None,
            _ => DimensionValue::Text(text),
        };
        match self {
            Self::Offer => id(OfferId::new(tenant, number).to_string()),
            Self::Advertiser => id(AdvertiserId::new(tenant, number).to_string()),
            Self::Affiliate => id(AffiliateId::new(tenant, number).to_string()),
            Self::Campaign => id(CampaignId::new(tenant, number).to_string()),
            Self::Flow => id(FlowId::new(tenant, number).to_string()),
            Self::Arm => id(ArmId::new(tenant, number).to_string()),
            Self::Goal => id(GoalId::new(tenant, number).to_string()),
            Self::Country => {
                let letters = (number as u16).to_be_bytes();
                DimensionValue::Text(String::from_utf8_lossy(&letters).into_owned())
            }
            Self::DeviceType => {
                let kind = u8::try_from(number).ok().and_then(DeviceType::from_code);
                kind.map_or(DimensionValue::Number(number), |kind| {
                    DimensionValue::Text(kind.to_string())
                })
            }
            Self::Quarter
            | Self::Hour
            | Self::Day
            | Self::Week
            | Self::Month
            | Self::HourOfDay
            | Self::DayOfWeek => DimensionValue::Number(number),
        }
    }

    /// The number of a value that a filter names; `None` when it is not a value of this dimension (of this
    /// tenant).
    pub(super) fn read(self, tenant: TenantId, value: &Value) -> Option<u32> {
        let text = value.as_str();
        let number_in = |least: u64, most: u64| {
            let number = value.as_u64()?;
            (least..=most).contains(&number).then_some(number as u32)
        };
        match self {
            Self::Offer => number_of!(OfferId, tenant, value),
            Self::Advertiser => number_of!(AdvertiserId, tenant, value),
            Self::Affiliate => number_of!(AffiliateId, tenant, value),
            Self::Campaign => number_of!(CampaignId, tenant, value),
            Self::Flow => number_of!(FlowId, tenant, value),
            Self::Arm => number_of!(ArmId, tenant, value),
            Self::Goal => number_of!(GoalId, tenant, value),
            Self::Country => {
                let letters: [u8; 2] = text?.as_bytes().try_into().ok()?;
                let is_code = letters.iter().all(u8::is_ascii_alphabetic);
                let code = u16::from_be_bytes(letters.map(|l| l.to_ascii_uppercase()));
                is_code.then_some(u32::from(code))
            }
            Self::DeviceType => {
                let kind: DeviceType = text?.parse().ok()?;
                Some(u32::from(kind.code()))
            }
            Self::HourOfDay => number_in(0, 23),
            Self::DayOfWeek => number_in(1, 7),
            Self::Quarter | Self::Hour | Self::Day | Self::Week | Self::Month => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_shown_is_read_back_as_the_same_value() {
        let tenant = TenantId(7);
        for &dimension in Dimension::ALL.iter().filter(|d| !d.is_period()) {
            for number in [1, 5] {
                let number = match dimension {
                    Dimension::Country => u32::from(u16::from_be_bytes(*b"DE")),
                    _ => number,
                };
                let shown = serde_json::to_value(dimension.show(tenant, number)).unwrap();
                assert_eq!(dimension.read(tenant, &shown), Some(number), "{dimension}");
            }
        }
        assert_eq!(Dimension::Affiliate.read(tenant, &Value::Null), Some(0));
        assert_eq!(Dimension::Country.read(tenant, &json!("de")), Some(0x4445));
    }

    #[test]
    fn an_id_of_another_tenant_or_kind_is_no_value() {
        let theirs = json!(OfferId::new(TenantId(8), 1).to_string());
        let affiliate = json!(AffiliateId::new(TenantId(7), 1).to_string());
        for value in [theirs, affiliate, json!(1), json!("off_"), json!([])] {
            assert_eq!(Dimension::Offer.read(TenantId(7), &value), None, "{value}");
        }
        for value in [json!("D"), json!("DEU"), json!("D1"), Value::Null] {
            assert_eq!(
                Dimension::Country.read(TenantId(7), &value),
                None,
                "{value}"
            );
        }
        assert_eq!(Dimension::HourOfDay.read(TenantId(7), &json!(24)), None);
    }
}
