//! Money as integers: micros of a currency's major unit, with an ISO 4217 code beside every amount.
//!
//! Always true: no float ever holds an amount; a product is taken in `i128`; a percentage rounds
//! down to a micro. Not here: minor units (they appear only where money leaves the books).

use std::fmt;
use std::str::FromStr;

/// Micros in one major unit (a dollar, a yen).
pub const MICROS_PER_UNIT: i64 = 1_000_000;

/// An amount in micros (10⁻⁶ of the currency's major unit). The currency stands beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not `[-]digits[.digits]`.
    #[error("not a decimal number such as 12.50")]
    NotDecimal,
    /// More than six digits after the point that are not zero.
    #[error("more than six decimals")]
    TooPrecise,
    /// Beyond what 64-bit micros hold.
    #[error("amount out of range")]
    OutOfRange,
}

impl Micros {
    /// The amount nothing.
    pub const ZERO: Self = Self(0);

    /// The greatest amount that one event may move: a billion units. Sums of thousands then stay inside 64 bits,
    /// and those of more stay at their end (see [`crate::rollup::RollupDelta::add`]).
    pub const MOST: Self = Self(1_000_000_000 * MICROS_PER_UNIT);

    /// Whether one event may move it: not negative, and no more than [`Self::MOST`].
    #[must_use]
    pub fn is_believable(self) -> bool {
        (Self::ZERO..=Self::MOST).contains(&self)
    }

    /// `percent` of this amount, rounded down (toward minus infinity) to a micro.
    /// `None` when the result leaves the range of `i64`.
    #[must_use]
    pub fn percent(self, percent: Percent) -> Option<Self> {
        let product = i128::from(self.0) * i128::from(percent.0);
        i64::try_from(product.div_euclid(100 * i128::from(MICROS_PER_UNIT)))
            .ok()
            .map(Self)
    }

    /// Sum, or `None` on overflow.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

/// A percentage in millionths of a percent: `10 %` is `10_000_000`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(pub i64);

impl FromStr for Percent {
    type Err = AmountError;
    fn from_str(text: &str) -> Result<Self, AmountError> {
        text.parse::<Micros>().map(|m| Self(m.0))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0.into(), 0)
    }
}

impl FromStr for Micros {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let has_empty_part = whole.is_empty() || (digits.contains('.') && fraction.is_empty());
        if has_empty_part || !all_digits(whole) || !all_digits(fraction) {
            return Err(AmountError::NotDecimal);
        }
        let (kept, rest) = fraction.split_at(fraction.len().min(6));
        if rest.bytes().any(|b| b != b'0') {
            return Err(AmountError::TooPrecise);
        }
        let mut micros: i128 = 0;
        for digit in whole.bytes().chain(format!("{kept:0<6}").bytes()) {
            micros = micros * 10 + i128::from(digit - b'0');
            if micros > i128::from(i64::MAX) {
                return Err(AmountError::OutOfRange);
            }
        }
        let signed = if negative { -micros } else { micros };
        i64::try_from(signed)
            .map(Self)
            .map_err(|_| AmountError::OutOfRange)
    }
}

impl fmt::Display for Micros {
    /// A decimal string in major units with at least two decimals: `12.50`, `0.0035`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0.into(), 2)
    }
}

/// A sum of amounts, which may be larger than an amount; written as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MicrosSum(pub i128);

impl fmt::Display for MicrosSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0, 2)
    }
}

fn write_decimal(f: &mut fmt::Formatter<'_>, micros: i128, decimals_min: usize) -> fmt::Result {
    let sign = if micros < 0 { "-" } else { "" };
    let unit = u128::from(MICROS_PER_UNIT.unsigned_abs());
    let (whole, rest) = (micros.unsigned_abs() / unit, micros.unsigned_abs() % unit);
    let padded = format!("{rest:06}");
    let trimmed = padded.trim_end_matches('0').len().max(decimals_min);
    if trimmed == 0 {
        return write!(f, "{sign}{whole}");
    }
    write!(f, "{sign}{whole}.{}", &padded[..trimmed])
}

/// An ISO 4217 currency code: three upper-case letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The active ISO 4217 codes that name money (funds, metals and test codes are left out).
    const KNOWN: &'static str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

    /// The US dollar.
    pub const USD: Self = Self(*b"USD");
    /// The euro.
    pub const EUR: Self = Self(*b"EUR");

    /// A code that was checked when it was stored: three upper-case letters, else `None`.
    #[must_use]
    pub fn from_stored(code: [u8; 3]) -> Option<Self> {
        code.iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(code))
    }

    /// The code as bytes.
    #[must_use]
    pub fn code(&self) -> [u8; 3] {
        self.0
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

/// The text is not an active ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown currency code")]
pub struct UnknownCurrency;

impl FromStr for Currency {
    type Err = UnknownCurrency;

    /// Reads a code in any case.
    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        let bytes: [u8; 3] = text.as_bytes().try_into().map_err(|_| UnknownCurrency)?;
        let upper = bytes.map(|b| b.to_ascii_uppercase());
        let known = Self::KNOWN.as_bytes().chunks(4).any(|c| c[..3] == upper);
        known.then_some(Self(upper)).ok_or(UnknownCurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

crate::as_text::serde_as_text!(Micros, Percent, Currency);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_as_decimals_or_refused_with_the_reason() {
        let cases = [
            ("12.50", Ok(12_500_000)),
            ("0.0035", Ok(3_500)),
            ("-1", Ok(-1_000_000)),
            ("1.0000000", Ok(1_000_000)),
            ("1.0000001", Err(AmountError::TooPrecise)),
            ("", Err(AmountError::NotDecimal)),
            ("1.", Err(AmountError::NotDecimal)),
            (".5", Err(AmountError::NotDecimal)),
            ("1e3", Err(AmountError::NotDecimal)),
            ("1,50", Err(AmountError::NotDecimal)),
            ("9999999999999999", Err(AmountError::OutOfRange)),
        ];
        for (text, expect) in cases {
            assert_eq!(text.parse::<Micros>().map(|m| m.0), expect, "{text:?}");
        }
    }

    #[test]
    fn a_percentage_rounds_down_to_a_micro() {
        let ten: Percent = "10".parse().unwrap();
        assert_eq!(Micros(19).percent(ten), Some(Micros(1)));
        assert_eq!(Micros(-19).percent(ten), Some(Micros(-2)));
        assert_eq!(ten.to_string(), "10");
    }

    #[test]
    fn currencies_are_read_in_any_case_and_unknown_ones_refused() {
        assert_eq!("usd".parse::<Currency>().unwrap().as_str(), "USD");
        for bad in ["USX", "US", "USDT", "D A", ""] {
            assert_eq!(bad.parse::<Currency>(), Err(UnknownCurrency), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn printing_then_reading_gives_the_same_amount(micros in any::<i64>()) {
            prop_assert_eq!(Micros(micros).to_string().parse::<Micros>(), Ok(Micros(micros)));
        }
    }
}
