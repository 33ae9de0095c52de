//! A question as JSON, read whole: every field that is wrong is named, with what would be right.
//!
//! ```json
//! {"from":"2026-03-01","to":"2026-03-08","timezone":"Europe/Berlin","id":"order-7","ip":"203.0.113.0/24","text":"iphone",
//!  "filters":[{"field":"sub1","op":"in","value":["a","b"]},{"field":"payout","op":"gte","value":"10.00"}],
//!  "order":"newest","limit":50}
//! ```
//! Always true: `from` is inclusive and `to` exclusive; a plain date is its first moment in the zone; a value that no
//! document of the tenant can have is refused and not searched for. Not here: who may ask what.

mod drilldown;
mod filters;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::{Map, Value};

pub use self::filters::SearchOperator;
use super::field::DocumentKind;
use super::question::{Order, SearchQuery, Selection, TimeBasis};
use super::{HITS_DEFAULT, HITS_MAX};
use crate::as_text::UnknownWord;
use crate::ids::{TenantId, UnixMs};
use crate::report::FieldError;

/// Fields of every question.
const FIELDS: [&str; 9] = [
    "from",
    "to",
    "timezone",
    "time_basis",
    "filters",
    "id",
    "ip",
    "text",
    "sub",
];

/// What is asked, by whom, and what was wrong so far.
struct Reader<'a> {
    tenant: TenantId,
    of: DocumentKind,
    fields: &'a Map<String, Value>,
    errors: Vec<FieldError>,
}

impl SearchQuery {
    /// Reads a question of `tenant`, whose own zone is `own_timezone`.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(
        tenant: TenantId,
        of: DocumentKind,
        own_timezone: &str,
        request: &Value,
    ) -> Result<Self, Vec<FieldError>> {
        Reader::read(tenant, of, request, |reader| {
            reader.refuse_unknown(&["order", "limit", "cursor"]);
            let (zone, _) = reader.timezone(own_timezone)?;
            let selection = reader.selection(&zone);
            let order = reader.word("order", Order::Newest);
            let limit = reader.limit(HITS_DEFAULT, HITS_MAX);
            let after = reader.text("cursor").and_then(|text| {
                let cursor = text.parse();
                cursor
                    .map_err(|e| reader.refuse("cursor", "invalid_cursor", e))
                    .ok()
            });
            Some(Self {
                selection,
                order,
                limit,
                after,
            })
        })
    }
}

impl<'a> Reader<'a> {
    /// Reads a question; `None` from `read` only when something was wrong.
    fn read<T>(
        tenant: TenantId,
        of: DocumentKind,
        request: &'a Value,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Result<T, Vec<FieldError>> {
        let Some(fields) = request.as_object() else {
            let (field, code, message) = (
                String::new(),
                "invalid_type",
                "must be an object".to_owned(),
            );
            return Err(vec![FieldError {
                field,
                code,
                message,
            }]);
        };
        let errors = Vec::new();
        let mut reader = Self {
            tenant,
            of,
            fields,
            errors,
        };
        match read(&mut reader) {
            Some(question) if reader.errors.is_empty() => Ok(question),
            _ => Err(reader.errors),
        }
    }

    fn refuse(&mut self, field: &str, code: &'static str, message: impl Into<String>) {
        self.errors.push(FieldError {
            field: field.to_owned(),
            code,
            message: message.into(),
        });
    }

    fn refuse_unknown(&mut self, others: &[&str]) {
        let unknown =
            |name: &&String| !FIELDS.contains(&name.as_str()) && !others.contains(&name.as_str());
        let unknown: Vec<String> = self.fields.keys().filter(unknown).cloned().collect();
        for name in unknown {
            self.refuse(&name, "unknown_field", "there is no such field");
        }
    }

    fn given(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|v| !v.is_null())
    }

    /// A text that is not empty.
    fn text(&mut self, name: &str) -> Option<&'a str> {
        let value = self.given(name)?;
        match value.as_str().filter(|t| !t.is_empty()) {
            Some(text) if text.chars().count() <= super::VALUE_CHARS_MAX => return Some(text),
            Some(_) => {
                let message = format!("may have {} characters", super::VALUE_CHARS_MAX);
                self.refuse(name, "too_long", message);
            }
            None => self.refuse(name, "invalid_type", "must be a text"),
        }
        None
    }

    fn word<W: std::str::FromStr<Err = UnknownWord>>(&mut self, name: &str, default: W) -> W {
        match self.text(name).map(str::parse) {
            None => default,
            Some(Ok(word)) => word,
            Some(Err(error)) => {
                self.refuse(name, "invalid_value", error.to_string());
                default
            }
        }
    }

    fn limit(&mut self, default: u32, most: u32) -> u32 {
        let Some(value) = self.given("limit") else {
            return default;
        };
        let limit = value.as_u64().and_then(|n| u32::try_from(n).ok());
        match limit.filter(|n| (1..=most).contains(n)) {
            Some(limit) => limit,
            None => {
                self.refuse(
                    "limit",
                    "out_of_range",
                    format!("must be between 1 and {most}"),
                );
                default
            }
        }
    }

    fn timezone(&mut self, own: &str) -> Option<(TimeZone, String)> {
        let name = match self.given("timezone") {
            Some(_) => self.text("timezone")?,
            None => own,
        };
        match TimeZone::get(name) {
            Ok(zone) => Some((zone, name.to_owned())),
            Err(_) => {
                let message = "must be an IANA zone, as Europe/Berlin";
                self.refuse("timezone", "unknown_timezone", message);
                None
            }
        }
    }

    fn selection(&mut self, zone: &TimeZone) -> Selection {
        let (from, to) = (self.moment("from", zone), self.moment("to", zone));
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            let message = "must be after from: to is exclusive, a whole day ends at the next date";
            self.refuse("to", "range_empty", message);
        }
        let default = match self.of {
            DocumentKind::Clicks => TimeBasis::Click,
            DocumentKind::Conversions => TimeBasis::Conversion,
        };
        let basis = self.word("time_basis", default);
        if self.of == DocumentKind::Clicks && basis != TimeBasis::Click {
            self.refuse(
                "time_basis",
                "invalid_value",
                "a click has only its own time",
            );
        }
        Selection {
            of: self.of,
            basis,
            from,
            to,
            filters: self.filters(),
        }
    }

    /// A moment: RFC 3339 with its offset, or a date of the zone.
    fn moment(&mut self, name: &str, zone: &TimeZone) -> Option<UnixMs> {
        let text = self.text(name)?;
        let of_date = |date: Date| {
            date.to_zoned(zone.clone())
                .ok()
                .map(|z: Zoned| z.timestamp())
        };
        let moment = match text.parse::<Timestamp>() {
            Ok(moment) => Some(moment),
            Err(_) if text.len() == "2026-03-01".len() => text.parse().ok().and_then(of_date),
            Err(_) => None,
        };
        let ms = moment.and_then(|m| u64::try_from(m.as_millisecond()).ok());
        if ms.is_none() {
            let message =
                "must be a date (2026-03-01) or a time with its offset (2026-03-01T12:00:00Z)";
            self.refuse(name, "invalid_value", message);
        }
        ms.map(UnixMs)
    }
}

#[cfg(test)]
mod tests;
