//! Where an address is: country, and region, city and provider where the file has them.
//!
//! Reads any file of the MaxMind format whose rows are shaped as GeoIP2 (`country.iso_code`,
//! `subdivisions`, `city.names.en`, `isp`) or flat (`country_code`, `state1`, `city`, `as_organization`). Always
//! true: an address that the file does not know, a private one, or a row that cannot be read, is in `ZZ`; nothing
//! is an error on the click path.

use std::fmt;
use std::net::IpAddr;

use maxminddb::Reader;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The country code of an address whose country is not known.
pub const UNKNOWN_COUNTRY: [u8; 2] = *b"ZZ";

/// The bytes are no file of the MaxMind format.
#[derive(Debug, thiserror::Error)]
#[error("not a database of places in the MaxMind format")]
pub struct PlaceDataError(#[from] maxminddb::MaxMindDbError);

/// Where an address is; empty = unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// ISO 3166 code in upper case, `ZZ` = unknown.
    pub country: [u8; 2],
    /// Region: its code where the file has one, else its name.
    pub region: &'a str,
    /// City by its English name.
    pub city: &'a str,
    /// Internet provider, or the organisation of the network.
    pub isp: &'a str,
}

impl Default for Place<'_> {
    fn default() -> Self {
        Self {
            country: UNKNOWN_COUNTRY,
            region: "",
            city: "",
            isp: "",
        }
    }
}

impl Place<'_> {
    /// The country as text.
    #[must_use]
    pub fn country_code(&self) -> &str {
        std::str::from_utf8(&self.country).unwrap_or("ZZ")
    }
}

/// A file of places, and optionally one of providers.
#[derive(Debug)]
pub struct Countries {
    places: Reader<Vec<u8>>,
    providers: Option<Reader<Vec<u8>>>,
}

impl Countries {
    /// Reads a file of countries or cities.
    ///
    /// # Errors
    /// [`PlaceDataError`].
    pub fn load(file: Vec<u8>) -> Result<Self, PlaceDataError> {
        Ok(Self {
            places: Reader::from_source(file)?,
            providers: None,
        })
    }

    /// Reads a file of providers or networks beside it.
    ///
    /// # Errors
    /// [`PlaceDataError`].
    pub fn with_providers(mut self, file: Vec<u8>) -> Result<Self, PlaceDataError> {
        self.providers = Some(Reader::from_source(file)?);
        Ok(self)
    }

    /// Where `address` is.
    #[must_use]
    pub fn lookup(&self, address: IpAddr) -> Place<'_> {
        self.lookup_with_network(address).0
    }

    /// Where `address` is, and whether its whole network (/24, /48) is there.
    pub(super) fn lookup_with_network(&self, address: IpAddr) -> (Place<'_>, bool) {
        let address = address.to_canonical();
        if is_nowhere(address) {
            // Some files give countries to networks that are in none.
            return (Place::default(), false);
        }
        let (row, mut is_wide) = row_of(&self.places, address);
        let mut place = row.place();
        if let Some(providers) = &self.providers {
            let (row, is_wide_too) = row_of(providers, address);
            place.isp = row.isp();
            is_wide &= is_wide_too;
        }
        (place, is_wide)
    }

    /// When the file of places was made, in seconds since 1970.
    #[must_use]
    pub fn built_at(&self) -> u64 {
        self.places.metadata().build_epoch
    }
}

/// Whether the address is of a network that is nowhere in particular: this machine, private, documentation.
fn is_nowhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let is_carrier = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_documentation()
                || is_carrier
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            let is_documentation = first == 0x2001 && v6.segments()[1] == 0xdb8;
            v6.is_loopback()
                || v6.is_unspecified()
                || is_documentation
                || first & 0xfe00 == 0xfc00
                || first & 0xffc0 == 0xfe80
        }
    }
}

/// The row of an address, and whether it is the row of its whole network.
fn row_of(file: &Reader<Vec<u8>>, address: IpAddr) -> (Row<'_>, bool) {
    let Ok(found) = file.lookup(address) else {
        return (Row::default(), false);
    };
    let least = if address.is_ipv4() { 24 } else { 48 };
    let network = found.network();
    let is_wide = network.is_ok_and(|n| n.is_ipv4() == address.is_ipv4() && n.prefix() <= least);
    (found.decode().ok().flatten().unwrap_or_default(), is_wide)
}

/// A row of any of the known shapes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Row<'a> {
    #[serde(borrow)]
    country: Word<'a>,
    #[serde(borrow)]
    country_code: Word<'a>,
    #[serde(borrow)]
    subdivisions: Word<'a>,
    #[serde(borrow)]
    region: Word<'a>,
    #[serde(borrow)]
    state1: Word<'a>,
    #[serde(borrow)]
    city: Word<'a>,
    #[serde(borrow)]
    isp: Word<'a>,
    #[serde(borrow)]
    organization: Word<'a>,
    #[serde(borrow)]
    autonomous_system_organization: Word<'a>,
    #[serde(borrow)]
    as_organization: Word<'a>,
}

impl<'a> Row<'a> {
    fn place(&self) -> Place<'a> {
        let country = first([self.country_code, self.country]);
        Place {
            country: country_code(country).unwrap_or(UNKNOWN_COUNTRY),
            region: first([self.subdivisions, self.region, self.state1]),
            city: self.city.0,
            isp: self.isp(),
        }
    }

    fn isp(&self) -> &'a str {
        first([
            self.isp,
            self.organization,
            self.autonomous_system_organization,
            self.as_organization,
        ])
    }
}

fn first<'a, const N: usize>(words: [Word<'a>; N]) -> &'a str {
    let mut known = words.into_iter().map(|w| w.0).filter(|w| !w.is_empty());
    known.next().unwrap_or_default()
}

fn country_code(text: &str) -> Option<[u8; 2]> {
    let code: [u8; 2] = text.as_bytes().try_into().ok()?;
    code.iter()
        .all(u8::is_ascii_alphabetic)
        .then(|| code.map(|b| b.to_ascii_uppercase()))
}

/// A text, or what stands for one: the `iso_code` or English name of a map, the first of a list.
#[derive(Debug, Default, Clone, Copy)]
struct Word<'a>(&'a str);

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordVisitor).map(Word)
    }
}

struct WordVisitor;

impl<'de> Visitor<'de> for WordVisitor {
    type Value = &'de str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a map or list that holds one")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<&'de str, E> {
        Ok(text)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<&'de str, A::Error> {
        let (mut code, mut name) = ("", "");
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "iso_code" => code = map.next_value::<Word<'de>>()?.0,
                "names" | "en" => name = map.next_value::<Word<'de>>()?.0,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(if code.is_empty() { name } else { code })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<&'de str, A::Error> {
        let first = list.next_element::<Word<'de>>()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first.map_or("", |w| w.0))
    }

    fn visit_u64<E>(self, _: u64) -> Result<&'de str, E> {
        Ok("")
    }

    fn visit_bool<E>(self, _: bool) -> Result<&'de str, E> {
        Ok("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_every_known_shape_are_read() {
        let geoip2 = r#"{"city":{"geoname_id":5,"names":{"de":"Mailand","en":"Milan"}},
            "country":{"iso_code":"IT","is_in_european_union":true,"names":{"en":"Italy"}},
            "subdivisions":[{"iso_code":"25","names":{"en":"Lombardy"}},{"iso_code":"MI"}]}"#;
        let without_codes =
            r#"{"country":{"iso_code":"it"},"subdivisions":[{"names":{"en":"Lombardy"}}]}"#;
        let flat = r#"{"country_code":"IT","state1":"Lombardy","city":"Milan","latitude":1,"timezone":null}"#;
        let cases = [
            (geoip2, ["IT", "25", "Milan", ""]),
            (without_codes, ["IT", "Lombardy", "", ""]),
            (flat, ["IT", "Lombardy", "Milan", ""]),
            (
                r#"{"isp":"A Net","organization":"B"}"#,
                ["ZZ", "", "", "A Net"],
            ),
            (
                r#"{"autonomous_system_organization":"C","isp":3}"#,
                ["ZZ", "", "", "C"],
            ),
            (r#"{"country_code":"EUR"}"#, ["ZZ", "", "", ""]),
        ];
        for (row, expect) in cases {
            let place = serde_json::from_str::<Row<'_>>(row).unwrap().place();
            let got = [place.country_code(), place.region, place.city, place.isp];
            assert_eq!(got, expect, "{row}");
        }
    }

    #[test]
    fn networks_that_are_nowhere_have_no_country() {
        let nowhere = [
            "127.0.0.1",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.1.1",
            "0.0.0.0",
            "::",
            "fd00::1",
            "fe80::1",
        ];
        for address in nowhere {
            assert!(is_nowhere(address.parse().unwrap()), "{address}");
        }
        for address in ["8.8.8.8", "100.128.0.1", "2001:4860:4860::8888"] {
            assert!(!is_nowhere(address.parse().unwrap()), "{address}");
        }
    }
}
