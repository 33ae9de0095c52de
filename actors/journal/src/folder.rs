//! The names in a journal's folder.
//!
//! ```text
//! DATA/lock                              one writer per data folder
//! DATA/journal/segment-0000000007.log    a segment
//! DATA/journal/segment-0000000007.idx    its click index, once it is sealed
//! DATA/journal/spare-0000000003.log      zeros, to become a segment; or a segment that was given up
//! DATA/journal/horizon                   what retention has removed
//! DATA/journal/cut/segment-7-at-8192-1732500000000.bin   what recovery cut off
//! ```

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// `DATA/journal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder(PathBuf);

/// Files whose names say what they are.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Segment numbers, ascending.
    pub segments: Vec<u64>,
    /// Numbers of spare files.
    pub spares: Vec<u64>,
}

impl Folder {
    pub(crate) fn below(data: &Path) -> Self {
        Self(data.join("journal"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn segment(&self, number: u64) -> PathBuf {
        self.0.join(format!("segment-{number:010}.log"))
    }

    pub(crate) fn index(&self, number: u64) -> PathBuf {
        self.0.join(format!("segment-{number:010}.idx"))
    }

    pub(crate) fn spare(&self, number: u64) -> PathBuf {
        self.0.join(format!("spare-{number:010}.log"))
    }

    pub(crate) fn list(&self) -> io::Result<Listing> {
        let mut listing = Listing::default();
        for entry in std::fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            let number = |prefix: &str| -> Option<u64> {
                let rest = name.to_str()?.strip_prefix(prefix)?;
                rest.strip_suffix(".log")?.parse().ok()
            };
            listing.segments.extend(number("segment-"));
            listing.spares.extend(number("spare-"));
        }
        listing.segments.sort_unstable();
        listing.spares.sort_unstable();
        Ok(listing)
    }

    /// Keeps `bytes` that stood at `place` of a segment; gives the file that holds them.
    pub(crate) fn keep_cut(
        &self,
        segment: u64,
        place: u32,
        unix_ms: u64,
        bytes: &[u8],
    ) -> io::Result<PathBuf> {
        let folder = self.0.join("cut");
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("segment-{segment}-at-{place}-{unix_ms}.bin"));
        let mut file = File::create(&path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        File::open(&folder)?.sync_all()?;
        Ok(path)
    }

    /// The greatest click-id time that retention has removed, if it has removed any.
    pub(crate) fn horizon(&self) -> io::Result<Option<u64>> {
        let bytes = match std::fs::read(self.0.join("horizon")) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "horizon does not verify");
        let (ms, crc) = bytes.split_at_checked(8).ok_or_else(damaged)?;
        if crc != crc32c::crc32c(ms).to_le_bytes() {
            return Err(damaged());
        }
        Ok(ms.try_into().ok().map(u64::from_le_bytes))
    }

    /// Stores the greatest click-id time that is about to be removed.
    pub(crate) fn set_horizon(&self, unix_ms: u64) -> io::Result<()> {
        let bytes = unix_ms.to_le_bytes();
        let beside = self.0.join("horizon-new");
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        file.write_all(&crc32c::crc32c(&bytes).to_le_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, self.0.join("horizon"))?;
        File::open(&self.0)?.sync_all()
    }
}
