//! What a table holds, as a number to compare.

use sha2::{Digest as _, Sha256};

use crate::fields::{Columns, Raw};

/// What a table holds, as a number to compare: between two folds of a log, and between stores of two products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDigest {
    /// Which table.
    pub table: &'static str,
    /// SHA-256 over its rows in order of the primary key, in hexadecimal.
    pub sha256: String,
    /// How many rows.
    pub rows: u64,
}

/// Hashes the rows of [`digest_query`](crate::digest_query).
#[derive(Default)]
pub struct RowHash {
    hash: Sha256,
    rows: u64,
}

impl RowHash {
    /// Adds a row of so many columns.
    ///
    /// # Errors
    /// A column cannot be read.
    pub fn add(&mut self, row: &dyn Columns, columns: usize) -> Result<(), String> {
        self.rows += 1;
        for place in 0..columns {
            self.value(row.column(place)?);
        }
        Ok(())
    }

    /// Adds a value so that no two rows are the same bytes: its type, its length where that varies, itself.
    fn value(&mut self, raw: Raw<'_>) {
        match raw {
            Raw::Null => self.hash.update([0]),
            Raw::Int(number) => {
                self.hash.update([1]);
                self.hash.update(number.to_be_bytes());
            }
            Raw::Bytes(bytes) => {
                self.hash.update([2]);
                self.hash.update((bytes.len() as u64).to_be_bytes());
                self.hash.update(bytes);
            }
        }
    }

    /// The digest of all rows.
    #[must_use]
    pub fn finish(self, table: &'static str) -> TableDigest {
        let hex = self
            .hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        TableDigest {
            table,
            sha256: hex,
            rows: self.rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Of(Vec<Raw<'static>>);

    impl Columns for Of {
        fn column(&self, place: usize) -> Result<Raw<'_>, String> {
            self.0
                .get(place)
                .copied()
                .ok_or_else(|| "no such column".to_owned())
        }
    }

    fn digest(rows: &[Vec<Raw<'static>>]) -> String {
        let mut hash = RowHash::default();
        for row in rows {
            hash.add(&Of(row.clone()), row.len()).expect("read");
        }
        hash.finish("t").sha256
    }

    #[test]
    fn rows_that_differ_in_any_way_have_other_digests() {
        use Raw::{Bytes, Int, Null};
        let all = [
            digest(&[]),
            digest(&[vec![Null]]),
            digest(&[vec![Null, Null]]),
            digest(&[vec![Int(0)]]),
            digest(&[vec![Int(1)]]),
            digest(&[vec![Bytes(b"")]]),
            digest(&[vec![Bytes(b"ab")]]),
            digest(&[vec![Bytes(b"a"), Bytes(b"b")]]),
            digest(&[vec![Bytes(b"ab"), Bytes(b"")]]),
            digest(&[vec![Int(1)], vec![Int(2)]]),
            digest(&[vec![Int(2)], vec![Int(1)]]),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| other != one), "{i}");
        }
    }
}
