//! The conditions of a question.

use serde_json::Value;

use super::Reader;
use crate::as_text::words;
use crate::money::Micros;
use crate::search::field::{AmountField, FlagField, SearchField, TextField};
use crate::search::question::Filter;
use crate::search::{FILTERS_MAX, VALUE_CHARS_MAX, VALUES_MAX};

words! {
    /// How a filter compares.
    SearchOperator {
        /// The value; null = has none.
        Eq = 1 "eq",
        /// Not the value.
        Ne = 2 "ne",
        /// One of the values.
        In = 3 "in",
        /// None of the values.
        NotIn = 4 "not_in",
        /// Begins with it.
        Begins = 5 "begins",
        /// Has all of its words.
        Words = 6 "words",
        /// Amounts: so much or more.
        Gte = 7 "gte",
        /// Amounts: so much or less.
        Lte = 8 "lte",
    }
}

/// A filter as it came.
struct Given<'a> {
    at: String,
    operator: SearchOperator,
    value: &'a Value,
}

impl<'a> Reader<'a> {
    /// All conditions: those with a field of their own in the question, then `filters`.
    pub(super) fn filters(&mut self) -> Vec<Filter> {
        let mut filters = Vec::new();
        if let Some(text) = self.text("id") {
            filters.push(Filter::AnyId(spellings(text)));
        }
        if let Some(text) = self.text("ip") {
            match text.parse() {
                Ok(network) => filters.push(Filter::Network(network)),
                Err(message) => self.refuse("ip", "invalid_value", message),
            }
        }
        if let Some(text) = self.text("text") {
            filters.push(Filter::AnyWords(text.to_owned()));
        }
        if let Some(text) = self.text("sub") {
            filters.push(Filter::AnySub(text.to_owned()));
        }
        let list = match self.given("filters") {
            None => &[],
            Some(Value::Array(list)) if list.len() <= FILTERS_MAX => list.as_slice(),
            Some(_) => {
                let message = format!("must be a list of at most {FILTERS_MAX} filters");
                self.refuse("filters", "invalid_type", message);
                &[]
            }
        };
        for (i, value) in list.iter().enumerate() {
            let filter = self.filter(format!("filters[{i}]"), value);
            filters.extend(filter);
        }
        filters
    }

    fn filter(&mut self, at: String, filter: &'a Value) -> Option<Filter> {
        const NULL: &Value = &Value::Null;
        let known = ["field", "op", "value"];
        let Some(fields) = filter
            .as_object()
            .filter(|f| f.keys().all(|k| known.contains(&k.as_str())))
        else {
            self.refuse(&at, "invalid_type", "must be {field, op, value}");
            return None;
        };
        let operator = match fields.get("op") {
            None => Ok(SearchOperator::Eq),
            Some(word) => word.as_str().unwrap_or_default().parse::<SearchOperator>(),
        };
        let operator = match operator {
            Ok(operator) => operator,
            Err(error) => {
                self.refuse(&format!("{at}.op"), "unknown_operator", error.to_string());
                return None;
            }
        };
        let name = fields
            .get("field")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let value = fields.get("value").unwrap_or(NULL);
        self.named(
            name,
            &Given {
                at,
                operator,
                value,
            },
        )
    }

    fn named(&mut self, name: &str, given: &Given<'a>) -> Option<Filter> {
        let of = self.of;
        if let Some(field) = name.parse::<SearchField>().ok().filter(|f| f.is_of(of)) {
            return self.of_field(field, given);
        }
        if let Some(flag) = name.parse::<FlagField>().ok().filter(|f| f.is_of(of)) {
            return self.of_flag(flag, given);
        }
        if let Some(amount) = name.parse::<AmountField>().ok().filter(|f| f.is_of(of)) {
            return self.of_amount(amount, given);
        }
        if let Ok(text) = name.parse::<TextField>() {
            return self.of_text(text, given);
        }
        let message = format!("{of} have no such field");
        self.refuse(&format!("{}.field", given.at), "unknown_field", message);
        None
    }

    fn of_field(&mut self, field: SearchField, given: &Given<'a>) -> Option<Filter> {
        match given.operator {
            SearchOperator::Eq | SearchOperator::In => {
                Some(Filter::OneOf(field, self.values(field, given)?))
            }
            SearchOperator::Ne | SearchOperator::NotIn => {
                Some(Filter::NoneOf(field, self.values(field, given)?))
            }
            SearchOperator::Begins => {
                let text = self.short_text(given)?;
                Some(Filter::Begins(field, text))
            }
            _ => self.wrong_operator(given, "eq, ne, in, not_in, begins"),
        }
    }

    fn of_flag(&mut self, flag: FlagField, given: &Given<'a>) -> Option<Filter> {
        if given.operator != SearchOperator::Eq {
            return self.wrong_operator(given, "eq");
        }
        match given.value.as_bool() {
            Some(value) => Some(Filter::Is(flag, value)),
            None => self.wrong_value(given, "must be true or false"),
        }
    }

    fn of_amount(&mut self, amount: AmountField, given: &Given<'a>) -> Option<Filter> {
        let text = match given.value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        let value: Micros = match text.parse() {
            Ok(value) => value,
            Err(_) => return self.wrong_value(given, "must be an amount, as \"12.50\""),
        };
        let (least, most) = match given.operator {
            SearchOperator::Eq => (Some(value), Some(value)),
            SearchOperator::Gte => (Some(value), None),
            SearchOperator::Lte => (None, Some(value)),
            _ => return self.wrong_operator(given, "eq, gte, lte"),
        };
        Some(Filter::Between(amount, least, most))
    }

    fn of_text(&mut self, field: TextField, given: &Given<'a>) -> Option<Filter> {
        if given.operator != SearchOperator::Words {
            return self.wrong_operator(given, "words");
        }
        let text = self.short_text(given)?;
        Some(Filter::Words(field, text))
    }

    /// One value, or a list of them; null = has none.
    fn values(&mut self, field: SearchField, given: &Given<'a>) -> Option<Vec<Option<String>>> {
        let takes_list = matches!(given.operator, SearchOperator::In | SearchOperator::NotIn);
        let list = match given.value {
            Value::Array(list) if takes_list && list.len() <= VALUES_MAX && !list.is_empty() => {
                list.as_slice()
            }
            _ if takes_list => {
                return self.wrong_value(
                    given,
                    &format!("must be a list of 1 to {VALUES_MAX} values"),
                );
            }
            value => std::slice::from_ref(value),
        };
        let mut values = Vec::with_capacity(list.len());
        for value in list {
            let text = match value {
                Value::Null => None,
                Value::String(text) if text.chars().count() <= VALUE_CHARS_MAX => {
                    let text = field.canonical(self.tenant, text);
                    if text.is_none() {
                        return self
                            .wrong_value(given, &format!("{value} is no {field} of this tenant"));
                    }
                    text
                }
                _ => return self.wrong_value(given, "must be a text or null"),
            };
            values.push(text);
        }
        Some(values)
    }

    fn short_text(&mut self, given: &Given<'a>) -> Option<String> {
        let text = given.value.as_str();
        let text = text.filter(|t| !t.is_empty() && t.chars().count() <= VALUE_CHARS_MAX);
        match text {
            Some(text) => Some(text.to_owned()),
            None => self.wrong_value(
                given,
                &format!("must be a text of 1 to {VALUE_CHARS_MAX} characters"),
            ),
        }
    }

    fn wrong_value<T>(&mut self, given: &Given<'a>, message: &str) -> Option<T> {
        self.refuse(&format!("{}.value", given.at), "invalid_value", message);
        None
    }

    fn wrong_operator<T>(&mut self, given: &Given<'a>, right: &str) -> Option<T> {
        let message = format!("the field takes {right}");
        self.refuse(&format!("{}.op", given.at), "unknown_operator", message);
        None
    }
}

/// An id as it came, and in lower case where that is another: click ids are read in any case.
fn spellings(text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let mut all = vec![text.to_owned()];
    if lower != text {
        all.push(lower);
    }
    all
}
