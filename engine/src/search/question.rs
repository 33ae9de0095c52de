//! Questions to the index, checked. The tenant is no part of them: whoever answers takes it beside the question.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use jiff::tz::TimeZone;

use super::field::{AmountField, DocumentKind, FlagField, Period, SearchField, TextField};
use crate::as_text::words;
use crate::fact::ConversionStatus;
use crate::ids::UnixMs;
use crate::money::Micros;

words! {
    /// Which time of a conversion counts; a click has only one.
    TimeBasis {
        /// When the click was.
        Click = 0 "click",
        /// When the conversion was.
        Conversion = 1 "conversion",
        /// When it was judged.
        Booking = 2 "booking",
    }
}

words! {
    /// In which order documents are listed.
    Order {
        /// The newest first.
        Newest = 1 "newest",
        /// The oldest first.
        Oldest = 2 "oldest",
    }
}

words! {
    /// What is counted once, roughly: a few percent off where there are many thousands.
    Distinct {
        /// Visitors, as hashes that change by day.
        Visitors = 1 "visitors",
        /// Affiliates.
        Affiliates = 2 "affiliates",
        /// Truncated addresses.
        Addresses = 3 "addresses",
        /// Clicks: of conversions, how many clicks have some.
        Clicks = 4 "clicks",
    }
}

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpNetwork {
    /// Its first address.
    pub address: IpAddr,
    /// Bits that its addresses share.
    pub bits: u8,
}

impl FromStr for IpNetwork {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "must be an address or a block, as 203.0.113.0/24 or 2001:db8::/48";
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| WRONG)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits.parse().ok().filter(|b| *b <= most).ok_or(WRONG)?,
        };
        Ok(Self { address, bits })
    }
}

impl fmt::Display for IpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// A condition on documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// One of these values; `None` = has none.
    OneOf(SearchField, Vec<Option<String>>),
    /// None of these values.
    NoneOf(SearchField, Vec<Option<String>>),
    /// A value that begins so.
    Begins(SearchField, String),
    /// True or false.
    Is(FlagField, bool),
    /// An amount from here (inclusive) to there (inclusive).
    Between(AmountField, Option<Micros>, Option<Micros>),
    /// All words of it, in a text.
    Words(TextField, String),
    /// All words of it, in the user agent or all in the referrer.
    AnyWords(String),
    /// An address in a block.
    Network(IpNetwork),
    /// A value of any field that holds an id of one click or conversion.
    AnyId(Vec<String>),
    /// This value in any of the sub-ids.
    AnySub(String),
}

/// Which documents, from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Clicks or conversions.
    pub of: DocumentKind,
    /// By which time; clicks have only their own.
    pub basis: TimeBasis,
    /// At or after.
    pub from: Option<UnixMs>,
    /// Before.
    pub to: Option<UnixMs>,
    /// All must hold.
    pub filters: Vec<Filter>,
}

/// Which documents to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    /// Which.
    pub selection: Selection,
    /// In which order.
    pub order: Order,
    /// So many at most.
    pub limit: u32,
    /// Only what comes after this place.
    pub after: Option<SearchCursor>,
}

/// The place of a document in a list: its time, then the number of its fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SearchCursor {
    /// The time that the list is ordered by.
    pub at: UnixMs,
    /// Number of the fact: no two documents of a tenant share it.
    pub seq: u64,
}

impl fmt::Display for SearchCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{:x}g{:x}", self.at.0, self.seq)
    }
}

impl FromStr for SearchCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (at, seq) = text.strip_prefix('s')?.split_once('g')?;
            let hex = |digits: &str| {
                let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
                is_hex.then(|| u64::from_str_radix(digits, 16).ok())?
            };
            Some(Self {
                at: UnixMs(hex(at)?),
                seq: hex(seq)?,
            })
        };
        read().ok_or("must be a cursor of an earlier answer")
    }
}

/// What rows of a drill-down are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// A field that holds one word.
    Field(SearchField),
    /// A period of the time that counts.
    Period(Period),
}

impl GroupBy {
    /// Its name, in questions and in rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Field(field) => field.as_str(),
            Self::Period(period) => period.as_str(),
        }
    }
}

/// In which order rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrilldownSort {
    /// By what they are grouped by, in order.
    ByGroup,
    /// By the number of documents; the greatest first.
    ByCount,
    /// By an amount in one currency; the greatest first.
    ByAmount(AmountField, crate::money::Currency),
}

/// Counts and sums of documents, grouped.
#[derive(Debug, Clone)]
pub struct Drilldown {
    /// Which documents.
    pub selection: Selection,
    /// Zone of periods.
    pub timezone: TimeZone,
    /// Its IANA name.
    pub timezone_name: String,
    /// What rows are grouped by, in order.
    pub group_by: Vec<GroupBy>,
    /// What is counted once.
    pub distinct: Vec<Distinct>,
    /// In which order.
    pub sort: DrilldownSort,
    /// So many rows at most.
    pub limit: u32,
    /// Only rows after this group: its values in order, as the answer before said.
    pub after: Option<Vec<Option<String>>>,
}

impl Drilldown {
    /// Amounts that it sums.
    pub fn amounts(&self) -> impl Iterator<Item = AmountField> {
        let of = self.selection.of;
        let all = AmountField::ALL.iter().copied();
        all.filter(move |amount| amount.is_of(of))
    }
}

/// Statuses whose amounts are earned.
pub const EARNING: [ConversionStatus; 2] = [ConversionStatus::Pending, ConversionStatus::Approved];
