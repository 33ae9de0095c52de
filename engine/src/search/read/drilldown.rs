//! A question for counts and sums.

use serde_json::Value;

use super::Reader;
use crate::ids::TenantId;
use crate::money::Currency;
use crate::report::FieldError;
use crate::search::field::{AmountField, DocumentKind, FlagField, Period, SearchField};
use crate::search::question::{Distinct, Drilldown, DrilldownSort, Filter, GroupBy};
use crate::search::{GROUPS_MAX, ROWS_DEFAULT, ROWS_MAX};

impl Drilldown {
    /// Reads a question of `tenant`, whose own zone is `own_timezone`.
    ///
    /// # Errors
    /// Every field that is wrong.
    pub fn read(
        tenant: TenantId,
        own_timezone: &str,
        request: &Value,
    ) -> Result<Self, Vec<FieldError>> {
        let of = match request.get("of").and_then(Value::as_str).map(str::parse) {
            Some(Ok(of)) => of,
            _ => {
                let message = "must be one of clicks, conversions".to_owned();
                let (field, code) = ("of".to_owned(), "invalid_value");
                return Err(vec![FieldError {
                    field,
                    code,
                    message,
                }]);
            }
        };
        Reader::read(tenant, of, request, |reader| reader.drilldown(own_timezone))
    }
}

impl Reader<'_> {
    fn drilldown(&mut self, own_timezone: &str) -> Option<Drilldown> {
        self.refuse_unknown(&["of", "group_by", "distinct", "sort", "limit", "cursor"]);
        let (timezone, timezone_name) = self.timezone(own_timezone)?;
        let mut selection = self.selection(&timezone);
        let asks_for_tests = |f: &Filter| matches!(f, Filter::Is(FlagField::Test, _));
        if !selection.filters.iter().any(asks_for_tests) {
            selection.filters.push(Filter::Is(FlagField::Test, false));
        }
        let group_by = self.group_by();
        let distinct = self.distinct();
        let sort = self.sort();
        let limit = self.limit(ROWS_DEFAULT, ROWS_MAX);
        let after = self.after(group_by.len());
        if after.is_some() && sort != DrilldownSort::ByGroup {
            let message = "only rows in order of their groups are paged";
            self.refuse("cursor", "contradiction", message);
        }
        Some(Drilldown {
            selection,
            timezone,
            timezone_name,
            group_by,
            distinct,
            sort,
            limit,
            after,
        })
    }

    fn names(&mut self, field: &str, most: usize) -> Vec<String> {
        let Some(value) = self.given(field) else {
            return Vec::new();
        };
        let words = value.as_array().filter(|list| list.len() <= most);
        let words: Option<Vec<String>> =
            words.and_then(|list| list.iter().map(|v| v.as_str().map(str::to_owned)).collect());
        words.unwrap_or_else(|| {
            self.refuse(
                field,
                "invalid_type",
                format!("must be a list of at most {most} words"),
            );
            Vec::new()
        })
    }

    fn group_by(&mut self) -> Vec<GroupBy> {
        let mut groups = Vec::new();
        for (i, name) in self.names("group_by", GROUPS_MAX).iter().enumerate() {
            let field = name
                .parse::<SearchField>()
                .ok()
                .filter(|f| f.is_of(self.of));
            let group = field
                .map(GroupBy::Field)
                .or_else(|| name.parse::<Period>().ok().map(GroupBy::Period));
            match group {
                Some(group) if !groups.contains(&group) => groups.push(group),
                Some(_) => self.refuse(&format!("group_by[{i}]"), "duplicate", "is named twice"),
                None => {
                    let message = format!("{} have no such field", self.of);
                    self.refuse(&format!("group_by[{i}]"), "unknown_dimension", message);
                }
            }
        }
        groups
    }

    fn distinct(&mut self) -> Vec<Distinct> {
        let mut distinct = Vec::new();
        for (i, name) in self
            .names("distinct", Distinct::ALL.len())
            .iter()
            .enumerate()
        {
            match name.parse() {
                Ok(word) if !distinct.contains(&word) => distinct.push(word),
                Ok(_) => {}
                Err(error) => {
                    let error: crate::UnknownWord = error;
                    self.refuse(
                        &format!("distinct[{i}]"),
                        "invalid_value",
                        error.to_string(),
                    );
                }
            }
        }
        distinct
    }

    /// `group` (default), `-count`, or `-payout:USD`.
    fn sort(&mut self) -> DrilldownSort {
        let Some(text) = self.text("sort") else {
            return DrilldownSort::ByGroup;
        };
        let of = self.of;
        let by_amount = || {
            let (amount, currency) = text.strip_prefix('-')?.split_once(':')?;
            let amount = amount.parse().ok().filter(|a: &AmountField| a.is_of(of))?;
            let currency: Currency = currency.parse().ok()?;
            Some(DrilldownSort::ByAmount(amount, currency))
        };
        match text {
            "group" => DrilldownSort::ByGroup,
            "-count" => DrilldownSort::ByCount,
            _ => by_amount().unwrap_or_else(|| {
                let example = match of {
                    DocumentKind::Clicks => "-cost:USD",
                    DocumentKind::Conversions => "-payout:USD",
                };
                let message =
                    format!("must be group, -count or an amount in a currency, as {example}");
                self.refuse("sort", "invalid_value", message);
                DrilldownSort::ByGroup
            }),
        }
    }

    /// The group of the last row of the page before, as JSON in a text.
    fn after(&mut self, groups: usize) -> Option<Vec<Option<String>>> {
        let text = self.given("cursor")?.as_str().unwrap_or_default();
        let read = serde_json::from_str::<Vec<Option<String>>>(text).ok();
        let after = read.filter(|values| values.len() == groups && groups > 0);
        if after.is_none() {
            let message = "must be the cursor of an earlier answer to the same question";
            self.refuse("cursor", "invalid_cursor", message);
        }
        after
    }
}
