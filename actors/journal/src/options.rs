//! What a journal is opened with.

use std::fmt;
use std::str::FromStr;

use crate::Cursors;
use crate::error::OpenError;
use crate::format::{FIRST_GROUP, FOOTER_BYTES};

/// What an acknowledged fact survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A crash of the machine: acknowledged after fdatasync.
    #[default]
    Fsync,
    /// A crash of the process, not of the machine: acknowledged after write.
    Os,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fsync => "fsync",
            Self::Os => "os",
        })
    }
}

/// A word that names no durability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of fsync, os")]
pub struct UnknownDurability;

impl FromStr for Durability {
    type Err = UnknownDurability;
    fn from_str(text: &str) -> Result<Self, UnknownDurability> {
        match text {
            "fsync" => Ok(Self::Fsync),
            "os" => Ok(Self::Os),
            _ => Err(UnknownDurability),
        }
    }
}

/// What a journal is opened with.
#[derive(Debug, Clone)]
pub struct Options {
    /// What an acknowledged fact survives.
    pub durability: Durability,
    /// Size of new segments.
    pub segment_bytes: u32,
    /// Space for all segment files and the spare.
    pub max_bytes: u64,
    /// Latest groups kept in memory for readers at the head.
    pub ring_bytes: usize,
    /// Encoded records that may wait for the writer; beyond it appends get `Overloaded`.
    pub waiting_bytes: usize,
    /// How far the store has come: a journal that does not reach it is refused.
    pub must_reach: Cursors,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Fsync,
            segment_bytes: 64 << 20,
            max_bytes: 64 << 30,
            ring_bytes: 32 << 20,
            waiting_bytes: 64 << 20,
            must_reach: Cursors::START,
        }
    }
}

/// The first page and one group of a small record.
const LEAST_SEGMENT: u32 = 2 * FIRST_GROUP;
/// Places are 32 bits, and a segment is read in one piece when it is recovered.
const LARGEST_SEGMENT: u32 = 1 << 30;

impl Options {
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        if !(LEAST_SEGMENT..=LARGEST_SEGMENT).contains(&self.segment_bytes)
            || !self.segment_bytes.is_multiple_of(FIRST_GROUP)
        {
            let what = "segment_bytes must be a multiple of 4096 from 8192 to 1 GiB";
            return Err(OpenError::Options(what));
        }
        if self.max_bytes < 2 * u64::from(self.segment_bytes) {
            return Err(OpenError::Options("max_bytes must hold two segments"));
        }
        Ok(())
    }

    /// No larger record fits a segment.
    pub(crate) fn record_bytes_max(&self) -> usize {
        self.segment_bytes as usize - FIRST_GROUP as usize - FOOTER_BYTES
    }
}
