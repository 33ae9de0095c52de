//! Answers in columns, JSON or CSV.

use crate::cli::Output;

/// Rows under named columns.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(columns: &[&'static str]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, one value a column.
    pub fn row(&mut self, values: impl IntoIterator<Item = impl ToString>) {
        let row: Vec<String> = values.into_iter().map(|v| v.to_string()).collect();
        assert_eq!(row.len(), self.columns.len(), "a value a column");
        self.rows.push(row);
    }

    /// The table as it is printed.
    pub fn render(&self, output: Output) -> String {
        match output {
            Output::Table => self.aligned(),
            Output::Json => self.json(),
            Output::Csv => self.csv(),
        }
    }

    fn aligned(&self) -> String {
        let width = |i: usize| {
            let cells = self.rows.iter().map(|r| r[i].chars().count());
            cells.max().unwrap_or(0).max(self.columns[i].len())
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cells: Vec<&str>| {
            let padded = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        let head = line(self.columns.clone());
        let rows = self
            .rows
            .iter()
            .map(|r| line(r.iter().map(String::as_str).collect()));
        head + &rows.collect::<String>()
    }

    fn json(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            let pairs = self.columns.iter().zip(row);
            pairs
                .map(|(c, v)| ((*c).to_owned(), v.clone().into()))
                .collect::<serde_json::Map<_, _>>()
        });
        // Texts always serialise.
        serde_json::to_string_pretty(&rows.collect::<Vec<_>>()).unwrap_or_default() + "\n"
    }

    fn csv(&self) -> String {
        let line = |cells: &[String]| {
            cells
                .iter()
                .map(|c| quoted(c))
                .collect::<Vec<_>>()
                .join(",")
                + "\r\n"
        };
        let head: Vec<String> = self.columns.iter().map(|c| (*c).to_owned()).collect();
        line(&head) + &self.rows.iter().map(|r| line(r)).collect::<String>()
    }
}

/// A cell of CSV (RFC 4180) that no spreadsheet takes for a formula.
fn quoted(cell: &str) -> String {
    let is_number = cell.parse::<f64>().is_ok();
    let is_formula = !is_number && cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']);
    let guarded = if is_formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if guarded.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", guarded.replace('"', "\"\""));
    }
    guarded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_printed_for_people_programs_and_spreadsheets() {
        let mut table = Table::new(&["name", "rows"]);
        table.row(["ledger", "12"]);
        table.row(["=cmd()", "-3"]);
        assert_eq!(
            table.render(Output::Table),
            "name    rows\nledger  12\n=cmd()  -3\n"
        );
        assert_eq!(
            table.render(Output::Csv),
            "name,rows\r\nledger,12\r\n'=cmd(),-3\r\n"
        );
        let json: serde_json::Value = serde_json::from_str(&table.render(Output::Json)).unwrap();
        assert_eq!(json[0]["name"], "ledger");
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
