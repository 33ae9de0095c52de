//! Where the products' SQL differs, all of it.

/// Whose SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// MySQL, MariaDB, Aurora.
    MySql,
}

impl Dialect {
    /// A statement in this dialect. Tokens: `{sum}` adds exactly whatever the sum is, `{div}` divides whole numbers,
    /// `{greatest}` is the greater of two, `{use NAME}` says which index leads to the rows.
    ///
    /// SQLite's `sum` fails beyond 64 bits, so its stores register `sum_micros`; MySQL's gives a decimal.
    #[must_use]
    pub fn render(self, sql: &str) -> String {
        let (sum, div, greatest) = match self {
            Self::Sqlite => ("sum_micros", "/", "max"),
            Self::MySql => ("SUM", "DIV", "GREATEST"),
        };
        let mut text = sql
            .replace("{sum}", sum)
            .replace("{div}", div)
            .replace("{greatest}", greatest);
        while let Some(begin) = text.find("{use ") {
            let Some(end) = text[begin..].find('}').map(|n| begin + n) else {
                break;
            };
            let hint = self.index(&text[begin + "{use ".len()..end]);
            text.replace_range(begin..=end, &hint);
        }
        text
    }

    /// The hint that an index leads to the rows: without statistics SQLite believes that a tenant has ten rows, and
    /// MySQL scans a table that it believes to be small.
    #[must_use]
    pub fn index(self, name: &str) -> String {
        match self {
            Self::Sqlite => format!("INDEXED BY {name}"),
            Self::MySql => format!("FORCE INDEX ({name})"),
        }
    }
}
