//! Where an address is: country, and region, city and provider where the file has them.
//!
//! Reads any file of the MaxMind format whose rows are shaped as GeoIP2 (`country.iso_code`,
//! `subdivisions`, `city.names.en`, `isp`) or flat (`country_code`, `state1`, `city`, `as_organization`). Always
//! true: an address that the file does not know, or a row that cannot be read, is in `ZZ`; nothing is an error on
//! the click path.

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
        let address = address.to_canonical();
        let row = row_of(&self.places, address);
        let mut place = row.place();
        if let Some(providers) = &self.providers {
            place.isp = row_of(providers, address).isp();
        }
        place
    }

    /// When the file of places was made, in seconds since 1970.
    #[must_use]
    pub fn built_at(&self) -> u64 {
        self.places.metadata().build_epoch
    }
}

fn row_of(file: &Reader<Vec<u8>>, address: IpAddr) -> Row<'_> {
    file.lookup(address)
        .and_then(|found| found.decode())
        .ok()
        .flatten()
        .unwrap_or_default()
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
