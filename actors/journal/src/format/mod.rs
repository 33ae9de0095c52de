//! The bytes of a segment. All numbers are little-endian; *varint* is LEB128, 7 bits a byte, least first.
//!
//! ```text
//! segment file, preallocated and zero-filled to its full size before its first use
//! ┌──────────┬──────────┬──────────┬─────────┬─────────┬─────┬─────────┬───────────────┐
//! │ header   │ seal     │ zeros    │ group 1 │ group 2 │  …  │ group n │ zeros         │
//! │ 0..512   │ 512..1024│ ..4096   │ 4096..  │         │     │         │ ..segment end │
//! └──────────┴──────────┴──────────┴─────────┴─────────┴─────┴─────────┴───────────────┘
//! group: one write of the writer       record, record, …, footer
//!
//! header                                     seal (zeros while the segment is written; see `header.rs`)
//!   0   8  "WEIRLOG1"                          0   8  "WEIRSEAL"
//!   8   4  format version (1)                  8   4  end of the last group
//!  12   4  segment size                       12   8  facts in the segment
//!  16   8  segment number, from 1             20  32  chain after the last group
//!  24  32  chain before the first group       52 128  next seq of each partition after the last group
//!  56 128  next seq of each partition        180   8  least click-id time, Unix ms (all ones: no click)
//! 184   …  zeros                             188   8  greatest click-id time (0: no click)
//! 508   4  CRC32C of 0..508 at place 0       196   8  greatest `at` of a record
//!                                            204   …  zeros
//!                                            508   4  CRC32C of 0..508 at place 512
//! record                                     footer
//!   0   1  0xD2                                0   1  0xC6
//!   1   3  length of the whole record          1   3  60
//!   4   4  CRC32C of 0..4 and 8.. at place     4   4  CRC32C of 0..4 and 8..60 at place
//!   8   1  partition                           8   4  place of the group's first record
//!   9   1  kind                               12   4  records in the group
//!  10   1  version                            16   8  facts in the log before the group
//!  11   1  flags, see below                   24  32  chain after this group
//!  12   …  varint seq                         56   4  "\xA7WU\xA5": four bits or more set in each byte
//!   …      varint tenant
//!   …      varint at, Unix ms                flags of a record
//!  [20     click id]        if flag 1            1  click id present      2  key of the private part present
//!  [ 1     private key]     if flag 2          4,8  user agent: 0 none, 4 defined here, 8 defined before
//!   …      varint length, open part        16,32  referrer: likewise
//!   …      varint length, private part
//!   …      user agent, referrer: each [varint length, CRC32C of the text, text] where it is defined,
//!          [varint place of that definition] where it was defined before in the same segment
//! ```
//! A *place* is an offset in the segment file. A CRC "at place p" continues from the CRC32C of (segment number
//! 8 bytes, place 4 bytes): the same bytes at another place of the segment, or at this place in another segment,
//! never verify. *Chain* = SHA-256(chain before ‖ records of the group ‖ bytes 8..24 of its footer); it runs on
//! from segment to segment, and is 32 zeros before the first.
//!
//! Always true: S1 a group begins where the one before it ended, and the first at 4096; S2 a segment's size never
//! changes after its first use, so a sync writes no file metadata; S3 what was never written is zero; S4 a group
//! is written only after the one before it is on disk (durability `fsync`); S5 what verifies decodes.
//! From S3 and S4 follows how a torn tail is told from damage: see `tail.rs`.

mod group;
mod header;
mod record;

pub(crate) use group::{
    Chaining, FOOTER_BYTES, FOOTER_END, Flaw, Footer, check_group, decoded, footer_at, records_of,
};
pub(crate) use header::{Header, Seal, Unreadable};
pub(crate) use record::{
    Middle, RawRecord, TextAt, TextOut, check_record, decode, definition, length_of, size_bound,
    write_middle, write_record,
};

/// Where the first group of a segment begins.
pub(crate) const FIRST_GROUP: u32 = 4096;
/// What a file system writes in one piece.
pub(crate) const SECTOR: u32 = 512;

/// SHA-256 over everything before, group by group.
pub(crate) type Chain = [u8; 32];

/// What the CRC of bytes at `place` of `segment` continues from.
pub(crate) fn seed(segment: u64, place: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&segment.to_le_bytes()), &place.to_le_bytes())
}

/// The `N` bytes at `at`; the caller has checked that they are there.
pub(crate) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}
