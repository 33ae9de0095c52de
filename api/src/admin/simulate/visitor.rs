//! The visitor of a simulation: what is said of it, and the rest from its address and user agent.

use std::net::IpAddr;

use poem_openapi::Object;
use serde::Deserialize;
use weir_engine::visitor::{self, Device, Hints, Language, Place, Version, Visitor};

use crate::admin::context::AdminContext;
use crate::admin::dto::{BotClass, DeviceType};
use crate::problem::{FieldError, Problem};

/// Who clicks. What is said wins over what the address and the user agent tell.
#[derive(Debug, Object)]
pub(super) struct SimulatedVisitor {
    /// The address; tells the country.
    ip: Option<String>,
    /// The user agent; tells device, system, browser, bots.
    user_agent: Option<String>,
    /// ISO 3166 code.
    country: Option<String>,
    /// Region, as the database of places has it.
    region: Option<String>,
    /// City.
    city: Option<String>,
    /// Internet provider.
    isp: Option<String>,
    /// The page that it comes from.
    referrer: Option<String>,
    /// Device type.
    device: Option<DeviceType>,
    /// Operating system.
    os: Option<String>,
    /// Its version.
    os_version: Option<String>,
    /// Browser.
    browser: Option<String>,
    /// Its version.
    browser_version: Option<String>,
    /// Language tag.
    language: Option<String>,
    /// Class of the bot, if it is one.
    bot: Option<BotClass>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct VisitorRead {
    pub(super) ip: Option<IpAddr>,
    pub(super) user_agent: Option<String>,
    country: Option<String>,
    region: Option<String>,
    city: Option<String>,
    isp: Option<String>,
    referrer: Option<String>,
    device: Option<visitor::DeviceType>,
    os: Option<String>,
    os_version: Option<String>,
    browser: Option<String>,
    browser_version: Option<String>,
    language: Option<String>,
    bot: Option<visitor::BotClass>,
}

/// A visitor with everything that is known.
pub(super) struct Resolved {
    country: [u8; 2],
    region: String,
    city: String,
    isp: String,
    device: Device,
    language: Language,
}

impl Resolved {
    pub(super) fn visitor(&self) -> Visitor<'_> {
        Visitor {
            place: Place {
                country: self.country,
                region: &self.region,
                city: &self.city,
                isp: &self.isp,
            },
            device: &self.device,
            language: self.language,
        }
    }
}

impl VisitorRead {
    /// The page that it comes from, empty when none is said.
    pub(super) fn referrer(&self) -> &str {
        self.referrer.as_deref().unwrap_or_default()
    }

    /// Everything that is known of it.
    pub(super) fn resolve(&self, context: &AdminContext) -> Result<Resolved, Problem> {
        let mut device = match (&context.agents, &self.user_agent) {
            (Some(agents), Some(user_agent)) => agents.parse(user_agent, Hints::default()),
            _ => Device::default(),
        };
        let place = match (&context.countries, self.ip) {
            (Some(countries), Some(ip)) => countries.lookup(ip),
            _ => Place::default(),
        };
        let country = match &self.country {
            Some(text) => read_country(text)?,
            None => place.country,
        };
        device.kind = self.device.unwrap_or(device.kind);
        device.bot = self.bot.or(device.bot);
        put(&mut device.os, self.os.as_ref());
        put(&mut device.browser, self.browser.as_ref());
        put_version(
            "os_version",
            &mut device.os_version,
            self.os_version.as_deref(),
        )?;
        put_version(
            "browser_version",
            &mut device.browser_version,
            self.browser_version.as_deref(),
        )?;
        let said = |said: &Option<String>, known: &str| said.as_deref().unwrap_or(known).to_owned();
        Ok(Resolved {
            country,
            region: said(&self.region, place.region),
            city: said(&self.city, place.city),
            isp: said(&self.isp, place.isp),
            device,
            language: Language::read(self.language.as_deref().unwrap_or_default()),
        })
    }
}

fn refused(field: &str, message: &str) -> Problem {
    Problem::fields([FieldError::new(
        format!("visitor.{field}"),
        "invalid_value",
        message,
    )])
}

fn read_country(text: &str) -> Result<[u8; 2], Problem> {
    let bytes: Option<[u8; 2]> = text.as_bytes().try_into().ok();
    let letters = bytes.filter(|b| b.iter().all(u8::is_ascii_alphabetic));
    let country = letters.map(|b| b.map(|c| c.to_ascii_uppercase()));
    country.ok_or_else(|| refused("country", "must be an ISO 3166 code of two letters"))
}

fn put(known: &mut String, said: Option<&String>) {
    if let Some(said) = said {
        known.clone_from(said);
    }
}

fn put_version(field: &str, known: &mut Version, said: Option<&str>) -> Result<(), Problem> {
    if let Some(said) = said {
        *known =
            Version::read(said).ok_or_else(|| refused(field, "must be a version such as 12.1"))?;
    }
    Ok(())
}
