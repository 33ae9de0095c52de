//! Reading a row of any product, column by column.

use weir_engine::ids::{ConversionId, DerivedId, Position, UnixMs};
use weir_engine::money::{Currency, Micros};
use weir_engine::ports::StoreError;

/// A column as it was stored. Products differ in telling text from bytes, so both are bytes here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raw<'a> {
    /// Nothing.
    Null,
    /// A number; an unsigned one keeps its bits.
    Int(i64),
    /// Text or bytes.
    Bytes(&'a [u8]),
}

/// A row of a product's driver.
pub trait Columns {
    /// The column at a place, from 0.
    ///
    /// # Errors
    /// There is none, or it is of a type that no table here has.
    fn column(&self, place: usize) -> Result<Raw<'_>, String>;
}

/// What a column can be read as.
pub trait Take: Sized {
    /// Reads it; `None` when it is something else.
    fn take(raw: Raw<'_>) -> Option<Self>;
}

macro_rules! take_numbers {
    ($($number:ty),*) => {$(
        impl Take for $number {
            fn take(raw: Raw<'_>) -> Option<Self> {
                match raw {
                    Raw::Int(number) => Self::try_from(number).ok(),
                    Raw::Null | Raw::Bytes(_) => None,
                }
            }
        }
    )*};
}
take_numbers!(u8, u16, u32, i64);

impl Take for u64 {
    fn take(raw: Raw<'_>) -> Option<Self> {
        i64::take(raw).map(i64::cast_unsigned)
    }
}

impl Take for bool {
    fn take(raw: Raw<'_>) -> Option<Self> {
        match i64::take(raw)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Take for Vec<u8> {
    fn take(raw: Raw<'_>) -> Option<Self> {
        match raw {
            Raw::Bytes(bytes) => Some(bytes.to_vec()),
            Raw::Null | Raw::Int(_) => None,
        }
    }
}

impl Take for String {
    fn take(raw: Raw<'_>) -> Option<Self> {
        Self::from_utf8(Vec::take(raw)?).ok()
    }
}

impl<const N: usize> Take for [u8; N] {
    fn take(raw: Raw<'_>) -> Option<Self> {
        match raw {
            Raw::Bytes(bytes) => bytes.try_into().ok(),
            Raw::Null | Raw::Int(_) => None,
        }
    }
}

impl<T: Take> Take for Option<T> {
    fn take(raw: Raw<'_>) -> Option<Self> {
        match raw {
            Raw::Null => Some(None),
            raw => T::take(raw).map(Some),
        }
    }
}

/// The columns of a row, taken from left to right.
pub struct Fields<'r> {
    row: &'r dyn Columns,
    table: &'static str,
    next: usize,
}

impl<'r> Fields<'r> {
    /// Begins at the first column of a row of `table`.
    pub fn of(table: &'static str, row: &'r dyn Columns) -> Self {
        Self {
            row,
            table,
            next: 0,
        }
    }

    /// The next column as it is.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when it is something else; so for all that follow.
    pub fn take<T: Take>(&mut self) -> Result<T, StoreError> {
        self.make("what it should be", Some)
    }

    /// The next column, made into something by `make`.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn make<T: Take, U>(
        &mut self,
        what: &str,
        make: impl FnOnce(T) -> Option<U>,
    ) -> Result<U, StoreError> {
        let place = self.next;
        self.next += 1;
        let raw = self
            .row
            .column(place)
            .map_err(|error| self.unreadable(error))?;
        T::take(raw)
            .and_then(make)
            .ok_or_else(|| self.unreadable(format!("column {place} is not {what}")))
    }

    /// The next column, when it is not null, made into something by `make`.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn maybe<T: Take, U>(
        &mut self,
        what: &str,
        make: impl FnOnce(T) -> Option<U>,
    ) -> Result<Option<U>, StoreError> {
        self.make(what, |raw: Option<T>| match raw {
            None => Some(None),
            Some(raw) => make(raw).map(Some),
        })
    }

    fn unreadable(&self, what: String) -> StoreError {
        StoreError::Unreadable {
            table: self.table,
            what,
        }
    }

    /// An unsigned number.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn number(&mut self) -> Result<u64, StoreError> {
        self.take()
    }

    /// A time.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn at(&mut self) -> Result<UnixMs, StoreError> {
        self.number().map(UnixMs)
    }

    /// An amount.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn micros(&mut self) -> Result<Micros, StoreError> {
        self.take().map(Micros)
    }

    /// A currency.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn currency(&mut self) -> Result<Currency, StoreError> {
        self.make("a currency", Currency::from_stored)
    }

    /// Partition and number in it.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn position(&mut self) -> Result<Position, StoreError> {
        Ok(Position {
            partition: self.take()?,
            seq: self.number()?,
        })
    }

    /// An id of a conversion.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn conversion_id(&mut self) -> Result<ConversionId, StoreError> {
        self.take::<[u8; 16]>().map(conversion_id)
    }
}

/// The id behind its bytes.
#[must_use]
pub fn conversion_id(bytes: [u8; 16]) -> ConversionId {
    ConversionId(DerivedId(u128::from_be_bytes(bytes)))
}

/// The bytes of an id of a conversion.
#[must_use]
pub fn id_bytes(id: ConversionId) -> [u8; 16] {
    id.0.0.to_be_bytes()
}
