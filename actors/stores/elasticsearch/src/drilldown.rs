//! Counts and sums, grouped: every group, page after page, never only the largest few.

use std::cmp::Reverse;

use serde_json::{Map, Value, json};
use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::ports::SearchError;
use weir_engine::search::{
    Drilldown, DrilldownPage, DrilldownRow, DrilldownSort, GroupBy, Measured, ROWS_MAX,
    period_label,
};

use crate::failure::unexpected;
use crate::measures;
use crate::query;
use crate::store::Index;

/// Groups of one request: their aggregations stay well below what servers allow (65,535 buckets).
const STEP: usize = 500;

/// Rows so far, each with its place.
struct Walk<'a> {
    question: &'a Drilldown,
    rows: Vec<(Value, DrilldownRow)>,
    total: Measured,
}

impl Index {
    pub(crate) async fn drilldown(
        &self,
        tenant: TenantId,
        question: Drilldown,
    ) -> Result<DrilldownPage, SearchError> {
        let watermark = self.watermark().await?;
        let mut walk = Walk {
            question: &question,
            rows: Vec::new(),
            total: Measured::default(),
        };
        let is_sorted = question.sort != DrilldownSort::ByGroup;
        // One more than asked for tells whether there are more.
        let most = if is_sorted { ROWS_MAX } else { question.limit } as usize + 1;
        let mut after = question
            .after
            .as_deref()
            .map(|place| key_of(&question, place))
            .transpose()?;
        let mut is_first = true;
        loop {
            let step = STEP.min(most - walk.rows.len());
            let body = request(tenant, &question, step, after.as_ref(), is_first);
            let found = self
                .search(&self.names.alias(question.selection.of), &body)
                .await?;
            let read = walk.add(&found, is_first)?;
            is_first = false;
            after = walk.rows.last().map(|(place, _)| place.clone());
            if read < step || walk.rows.len() >= most {
                break;
            }
        }
        let mut page = walk.into_page()?;
        page.watermark = watermark;
        Ok(page)
    }
}

fn request(
    tenant: TenantId,
    question: &Drilldown,
    step: usize,
    after: Option<&Value>,
    is_first: bool,
) -> Value {
    let measures = measures::wanted(question);
    // The totals are over all pages, and asked for once.
    let mut aggregations = if is_first {
        measures.clone()
    } else {
        json!({})
    };
    if !question.group_by.is_empty() {
        let time = query::time_field(&question.selection);
        let sources: Vec<Value> = question
            .group_by
            .iter()
            .map(|g| source(*g, time, question))
            .collect();
        let mut composite = json!({"size": step, "sources": sources});
        if let Some(after) = after {
            composite["after"] = after.clone();
        }
        aggregations["rows"] = json!({"composite": composite, "aggs": measures});
    }
    json!({
        "query": query::of_selection(tenant, &question.selection),
        "size": 0,
        "track_total_hits": is_first,
        "aggs": aggregations,
    })
}

fn source(group: GroupBy, time: &str, question: &Drilldown) -> Value {
    let name = group.name();
    match group {
        GroupBy::Field(field) => {
            json!({name: {"terms": {"field": field.as_str(), "missing_bucket": true}}})
        }
        GroupBy::Period(period) => json!({name: {"date_histogram": {
            "field": time, "calendar_interval": period.as_str(), "time_zone": question.timezone_name,
        }}}),
    }
}

/// The place of a group, of its values as text.
fn key_of(question: &Drilldown, place: &[Option<String>]) -> Result<Value, SearchError> {
    let mut key = Map::new();
    for (group, value) in question.group_by.iter().zip(place) {
        let value = match (group, value) {
            (GroupBy::Period(_), Some(text)) => {
                let ms: Option<u64> = text.parse().ok();
                ms.ok_or_else(|| SearchError::Refused("the cursor is none".to_owned()))?
                    .into()
            }
            (GroupBy::Period(_), None) => {
                return Err(SearchError::Refused("the cursor is none".to_owned()));
            }
            (GroupBy::Field(_), text) => json!(text),
        };
        key.insert(group.name().to_owned(), value);
    }
    Ok(Value::Object(key))
}

impl Walk<'_> {
    /// Adds what was found; tells how many rows it had.
    fn add(&mut self, found: &Value, is_first: bool) -> Result<usize, SearchError> {
        let aggregations = &found["aggregations"];
        if is_first {
            let count = found["hits"]["total"]["value"]
                .as_u64()
                .ok_or_else(|| unexpected("a total"))?;
            // Without any index there are no aggregations either.
            if !aggregations.is_null() {
                self.total = measures::read(self.question, count, aggregations)?;
            }
        }
        if self.question.group_by.is_empty() || aggregations.is_null() {
            return Ok(0);
        }
        let buckets = measures::buckets(&aggregations["rows"])?;
        for bucket in buckets {
            let count = bucket["doc_count"]
                .as_u64()
                .ok_or_else(|| unexpected("a count"))?;
            let measured = measures::read(self.question, count, bucket)?;
            let group = self
                .question
                .group_by
                .iter()
                .map(|g| self.label(*g, &bucket["key"][g.name()]));
            let group = group.collect();
            self.rows
                .push((bucket["key"].clone(), DrilldownRow { group, measured }));
        }
        Ok(buckets.len())
    }

    fn label(&self, group: GroupBy, key: &Value) -> Option<String> {
        match group {
            GroupBy::Field(_) => key.as_str().map(str::to_owned),
            GroupBy::Period(period) => {
                let start = UnixMs(key.as_u64()?);
                Some(period_label(period, &self.question.timezone, start))
            }
        }
    }

    fn into_page(mut self) -> Result<DrilldownPage, SearchError> {
        let limit = self.question.limit as usize;
        match self.question.sort {
            DrilldownSort::ByGroup => {}
            _ if self.rows.len() > ROWS_MAX as usize => return Err(SearchError::TooManyRows),
            DrilldownSort::ByCount => self
                .rows
                .sort_by_key(|(_, row)| Reverse(row.measured.count)),
            DrilldownSort::ByAmount(amount, currency) => {
                self.rows
                    .sort_by_key(|(_, row)| Reverse(row.measured.sum(amount, currency)));
            }
        }
        let is_more = self.rows.len() > limit;
        self.rows.truncate(limit);
        let is_paged = self.question.sort == DrilldownSort::ByGroup;
        let next = self
            .rows
            .last()
            .filter(|_| is_more && is_paged)
            .map(|(place, _)| {
                let text = |g: &GroupBy| match &place[g.name()] {
                    Value::Null => None,
                    Value::String(text) => Some(text.clone()),
                    number => Some(number.to_string()),
                };
                self.question.group_by.iter().map(text).collect()
            });
        Ok(DrilldownPage {
            rows: self.rows.into_iter().map(|(_, row)| row).collect(),
            total: self.total,
            next,
            watermark: None,
        })
    }
}
