//! The bytes of a fact: LEB128 varints, length-prefixed texts, fields in a fixed order per kind and version.
//!
//! Always true: a reader never panics and never reads past its part; a field that a newer build appended is
//! left unread. Not here: framing, checksums, the place on disk (the journal).

/// Bytes that are not a fact of the kind and version they claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed fact: {0}")]
pub struct Malformed(pub &'static str);

/// Appends fields to a buffer.
pub struct Encoder<'a>(pub &'a mut Vec<u8>);

impl Encoder<'_> {
    /// An unsigned number, 7 bits a byte, least first.
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A signed number, zigzag.
    pub fn signed(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Bytes of a length that the reader knows.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Length, then bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.raw(bytes);
    }

    /// Length, then UTF-8.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Count, then each number.
    pub fn numbers(&mut self, numbers: &[u32]) {
        self.varint(numbers.len() as u64);
        for &number in numbers {
            self.varint(u64::from(number));
        }
    }
}

/// Takes fields from the front of a part.
pub struct Decoder<'a>(pub &'a [u8]);

impl<'a> Decoder<'a> {
    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// See [`Encoder::varint`].
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for (i, &byte) in self.0.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.0 = &self.0[i + 1..];
                return Ok(value);
            }
        }
        Err(Malformed("number without end"))
    }

    /// A varint that must fit 32 bits.
    pub fn number(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.varint()?).map_err(|_| Malformed("number too large"))
    }

    /// See [`Encoder::signed`].
    pub fn signed(&mut self) -> Result<i64, Malformed> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        self.raw(1).map(|b| b[0])
    }

    /// `length` bytes.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        if length > self.0.len() {
            return Err(Malformed("part too short"));
        }
        let (head, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(head)
    }

    /// Exactly `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let bytes = self.raw(N)?;
        bytes.try_into().map_err(|_| Malformed("part too short"))
    }

    /// See [`Encoder::bytes`].
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed("text too long"))?;
        self.raw(length)
    }

    /// See [`Encoder::text`].
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("text is not UTF-8"))
    }

    /// See [`Encoder::numbers`].
    pub fn numbers(&mut self) -> Result<Vec<u32>, Malformed> {
        let count = self.varint()? as usize;
        if count > self.0.len() {
            return Err(Malformed("list too long"));
        }
        (0..count).map(|_| self.number()).collect()
    }
}
