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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cursors;
    use crate::format::{
        Chain, Chaining, FIRST_GROUP, Footer, Middle, TextOut, check_group, write_record,
    };

    const SEGMENT: u64 = 9;

    /// A segment with two groups of one large record each; gives where the second begins and ends.
    fn segment() -> (Vec<u8>, u32, u32) {
        let mut bytes = vec![0; FIRST_GROUP as usize];
        let mut chain = Chain::default();
        let mut starts = Vec::new();
        for seq in 0..2 {
            let start = bytes.len() as u32;
            starts.push(start);
            let mut group = Vec::new();
            // Tenant 1, at 1, no click id; an open part of 1,500 bytes, no private part.
            let mut middle = vec![1, 1, 0xDC, 0x0B];
            middle.extend_from_slice(&[7; 1500]);
            middle.push(0);
            let middle = Middle {
                partition: 0,
                kind: 1,
                version: 1,
                flags: 0,
                bytes: &middle,
            };
            let nothing = [TextOut::None, TextOut::None];
            write_record(&mut group, (SEGMENT, start), seq, &middle, nothing);
            chain = Footer::close(
                &mut group,
                (SEGMENT, start),
                1,
                seq,
                Chaining::after(&chain),
            );
            bytes.extend_from_slice(&group);
        }
        let end = bytes.len() as u32;
        bytes.resize(16 << 10, 0);
        (bytes, starts[1], end)
    }

    fn check(change: impl FnOnce(&mut [u8], usize, usize), expect: impl FnOnce(u32, u32) -> Tail) {
        let (mut bytes, second, end) = segment();
        change(&mut bytes, second as usize, end as usize);
        let (mut next, mut at) = (Cursors::START, FIRST_GROUP);
        let flaw = loop {
            match check_group(&bytes, (SEGMENT, 0), at, &mut next, None) {
                Ok(group) => at = group.end,
                Err(flaw) => break flaw,
            }
        };
        let judged = match judge(&bytes, SEGMENT, at, flaw) {
            // Where exactly is `check_group`'s matter.
            Tail::Damaged(_) => Tail::Damaged(flaw),
            other => other,
        };
        let expected = match expect(second, end) {
            Tail::Damaged(_) => Tail::Damaged(flaw),
            other => other,
        };
        assert_eq!(judged, expected, "judged from {at}");
    }

    const DAMAGED: Tail = Tail::Damaged(Flaw { place: 0, what: "" });

    #[test]
    fn what_was_never_written_is_torn_and_what_was_changed_is_damaged() {
        check(|_, _, _| {}, |_, _| Tail::Clean);
        // The write stopped short.
        check(|b, _, end| b[end - 1] = 0, |_, end| Tail::Torn(end - 1));
        check(
            |b, at, end| b[at + 100..end].fill(0),
            |at, _| Tail::Torn(at + 100),
        );
        check(|b, at, end| b[at..end].fill(0), |_, _| Tail::Clean);
        // A sector of it was not written, although its footer was.
        check(
            |b, at, _| b[at..at.next_multiple_of(512)].fill(0),
            |_, end| Tail::Torn(end),
        );
        check(
            |b, at, _| b[at.next_multiple_of(512)..][..512].fill(0),
            |_, end| Tail::Torn(end),
        );
        // Part of a sector cannot be missing.
        check(|b, at, _| b[at + 9..at + 200].fill(0), |_, _| DAMAGED);
        // Bits of record, footer, footer's end.
        check(|b, at, _| b[at + 50] ^= 1, |_, _| DAMAGED);
        check(|b, at, _| b[at + 2] ^= 64, |_, _| DAMAGED);
        check(|b, _, end| b[end - 30] ^= 8, |_, _| DAMAGED);
        check(|b, _, end| b[end - 1] ^= 128, |_, _| DAMAGED);
        // A whole sector is missing, but a later write was acknowledged.
        check(|b, _, _| b[4608..5120].fill(0), |_, _| DAMAGED);
    }
}
