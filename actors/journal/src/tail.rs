//! What follows the last intact group: nothing, a write that never finished, or damage.
//!
//! A segment is zero wherever nothing was written, and the writer waits for each write to be on disk before it
//! starts the next. So an interrupted write leaves, after the last intact group, *one* group that is not whole:
//! it stops short of its footer, or some sectors of it are still zero. That was never acknowledged and is cut
//! (the bytes are kept aside). Everything else was whole once: a footer further on, or all bytes up to a
//! footer's end with a wrong one among them. That is damage, and the journal refuses to open.
//!
//! ```text
//!  intact groups │ records … footer │ zeros       all there, does not verify      → damaged
//!  intact groups │ records … foot   │ zeros       stops short                     → torn
//!  intact groups │ rec 0000 ds footer │ zeros     a sector was not written        → torn
//!  intact groups │ rec?rds … footer │ records … footer                            → damaged
//! ```

use crate::format::{FOOTER_BYTES, FOOTER_END, Flaw, SECTOR, footer_at};

/// What follows the last intact group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing.
    Clean,
    /// A write that did not finish, up to this place.
    Torn(u32),
    /// Something that was whole once.
    Damaged(Flaw),
}

/// Judges what follows `end` in `bytes`, a whole segment; `flaw` is why no group was read at `end`.
pub(crate) fn judge(bytes: &[u8], segment: u64, end: u32, flaw: Flaw) -> Tail {
    let Some(last) = bytes[end as usize..].iter().rposition(|&b| b != 0) else {
        return Tail::Clean;
    };
    let written = end + last as u32 + 1;
    let whole_until = match footer_after(bytes, segment, end, written) {
        Some((_, start)) if start != end => {
            return Tail::Damaged(flaw);
        }
        Some((footer_end, _)) => Some(footer_end),
        None => ends_like_a_footer(bytes, end, written).then_some(written),
    };
    match whole_until {
        Some(until) if !has_unwritten_sector(bytes, end, until) => Tail::Damaged(flaw),
        _ => Tail::Torn(written),
    }
}

/// The last footer that holds between `end` and `written`: where it ends and where its group starts.
fn footer_after(bytes: &[u8], segment: u64, end: u32, written: u32) -> Option<(u32, u32)> {
    let tail = &bytes[end as usize..written as usize];
    let candidates = (FOOTER_BYTES..=tail.len()).rev();
    candidates
        .filter(|&upto| tail[upto - FOOTER_END.len()..upto] == FOOTER_END)
        .find_map(|upto| {
            let from = upto - FOOTER_BYTES;
            let place = end + from as u32;
            let footer = footer_at(&tail[from..], segment, place)?;
            Some((end + upto as u32, footer.start))
        })
}

/// Whether what was written ends like a footer, but for two bits at most.
fn ends_like_a_footer(bytes: &[u8], end: u32, written: u32) -> bool {
    if written - end < FOOTER_BYTES as u32 {
        return false;
    }
    let upto = written as usize;
    let last = &bytes[upto - FOOTER_END.len()..upto];
    let differing: u32 = last
        .iter()
        .zip(FOOTER_END)
        .map(|(a, b)| (a ^ b).count_ones())
        .sum();
    differing <= 2
}

fn has_unwritten_sector(bytes: &[u8], from: u32, until: u32) -> bool {
    let mut at = from;
    while at < until {
        let next = (at / SECTOR + 1) * SECTOR;
        let upto = next.min(until);
        if bytes[at as usize..upto as usize].iter().all(|&b| b == 0) {
            return true;
        }
        at = upto;
    }
    false
}
