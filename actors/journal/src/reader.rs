//! Readers: every durable fact once, in order, from wherever their cursors stand.
//!
//! At the head a reader gets the writer's own memory; behind it, it reads the files and verifies each group once.
//! Always true: R1 only durable facts are seen; R2 the cursors after a batch are where the next one begins; R3 a
//! group that does not verify ends the reading with its file and offset, nothing is skipped.
//! Reading files blocks the calling thread.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::Cursors;
use crate::batch::{Batch, Part, Texts};
use crate::disk::read_range;
use crate::format::{FIRST_GROUP, Flaw, Header, SECTOR, TextAt, check_group, decoded, definition};
use crate::head::{Ahead, Group, Head, Place};
use crate::segments::{Segment, Segments};

/// Why facts cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file could not be read: try again later.
    #[error("cannot read {}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is in the file is not what was written.
    #[error("{} is damaged at {offset}: {what}", file.display())]
    Corrupt {
        /// Which file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// Retention has removed facts that were asked for.
    #[error("facts before the first kept segment were asked for")]
    Removed,
    /// The journal has closed and all its facts were read.
    #[error("the journal has ended")]
    Ended,
}

impl ReadError {
    fn io(segment: &Segment, source: io::Error) -> Self {
        let file = segment.path.clone();
        Self::Io { file, source }
    }

    pub(crate) fn corrupt(segment: &Segment, flaw: Flaw) -> Self {
        Self::Corrupt {
            file: segment.path.clone(),
            offset: u64::from(flaw.place),
            what: flaw.what,
        }
    }
}

/// Where the facts end for a reader.
pub(crate) enum Until {
    /// At the head of a running journal.
    Head(Arc<Head>),
    /// Where a folder's last intact group ended when it was opened.
    Place(Place),
}

/// Reads facts from its cursors on.
pub struct Reader {
    segments: Arc<Segments>,
    until: Until,
    number: u64,
    /// Where the queue ends.
    place: Place,
    /// Cursors at `place`.
    walked: Cursors,
    queue: VecDeque<Arc<Group>>,
    /// Bytes of the front group that were given out, and the cursors there.
    consumed: usize,
    at: Cursors,
    /// Next fact the caller has not got.
    wanted: Cursors,
    file: Option<(u64, File)>,
    texts: Option<Texts>,
}

/// Read at a time; a larger group is read by doubling.
const CHUNK: usize = 256 << 10;
/// So many resolved texts are kept.
const TEXTS_KEPT: usize = 1 << 16;

impl Reader {
    pub(crate) fn new(
        segments: Arc<Segments>,
        until: Until,
        wanted: Cursors,
    ) -> Result<Self, ReadError> {
        let number = match &until {
            Until::Head(head) => head.reader_number(),
            Until::Place(_) => 0,
        };
        let nowhere = Place {
            segment: 0,
            offset: 0,
        };
        let mut reader = Self {
            segments,
            until,
            number,
            place: nowhere,
            walked: Cursors::START,
            queue: VecDeque::new(),
            consumed: 0,
            at: Cursors::START,
            wanted,
            file: None,
            texts: None,
        };
        reader.seek()?;
        Ok(reader)
    }

    /// Goes to where the wanted facts begin, or before.
    fn seek(&mut self) -> Result<(), ReadError> {
        self.queue.clear();
        self.consumed = 0;
        let in_memory = match &self.until {
            Until::Head(head) => head.start_for(&self.wanted),
            Until::Place(_) => None,
        };
        let (place, cursors) = match in_memory {
            Some(start) => start,
            None => self.start_in_files()?,
        };
        (self.place, self.walked, self.at) = (place, cursors, cursors);
        Ok(())
    }

    fn start_in_files(&self) -> Result<(Place, Cursors), ReadError> {
        let first = self.segments.all().into_iter().next();
        if first.is_some_and(|first| !self.wanted.reaches(&first.header.start)) {
            return Err(ReadError::Removed);
        }
        let Some(start) = self.segments.first_for(&self.wanted) else {
            let Until::Place(end) = &self.until else {
                return Err(ReadError::Ended);
            };
            return Ok((*end, self.wanted));
        };
        let place = Place {
            segment: start.number,
            offset: FIRST_GROUP,
        };
        Ok((place, start.header.start))
    }

    /// Resolves user agents and referrers too; without it they are empty in every fact.
    #[must_use]
    pub fn with_texts(mut self) -> Self {
        self.texts = Some(Texts::new());
        self
    }

    /// The next fact wanted per partition.
    #[must_use]
    pub fn cursors(&self) -> Cursors {
        self.wanted
    }

    /// Facts that are durable and not yet read. For a folder that was opened to read: 0.
    #[must_use]
    pub fn lag(&self) -> u64 {
        match &self.until {
            Until::Head(head) => head.durable().total().saturating_sub(self.wanted.total()),
            Until::Place(_) => 0,
        }
    }

    /// The next facts, at most `max_facts`; waits until there are some. In a folder that was opened to read, the
    /// end is [`ReadError::Ended`].
    ///
    /// # Errors
    /// See [`ReadError`]; the reader stays where it was.
    pub async fn next(&mut self, max_facts: usize) -> Result<Batch, ReadError> {
        std::future::poll_fn(|cx| self.poll_next(cx, max_facts)).await
    }

    /// The next facts, at most `max_facts`, if there are some.
    ///
    /// # Errors
    /// See [`ReadError`]; [`ReadError::Ended`] only once everything was read.
    pub fn try_next(&mut self, max_facts: usize) -> Result<Option<Batch>, ReadError> {
        self.advance(max_facts, None)
    }

    /// See [`Self::next`].
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        max_facts: usize,
    ) -> Poll<Result<Batch, ReadError>> {
        match self.advance(max_facts, Some(cx)) {
            Ok(Some(batch)) => Poll::Ready(Ok(batch)),
            Ok(None) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn advance(
        &mut self,
        max_facts: usize,
        cx: Option<&Context<'_>>,
    ) -> Result<Option<Batch>, ReadError> {
        loop {
            if self.queue.is_empty() && !self.fill(cx)? {
                return Ok(None);
            }
            let batch = self.take(max_facts.max(1))?;
            if !batch.is_empty() {
                return Ok(Some(batch));
            }
        }
    }

    /// Puts the groups that come next into the queue; false when there are none yet.
    fn fill(&mut self, cx: Option<&Context<'_>>) -> Result<bool, ReadError> {
        loop {
            let ahead = match &self.until {
                Until::Head(head) => head.ahead_of(self.place, cx.map(|cx| (self.number, cx))),
                Until::Place(end) if self.place < *end => Ahead::File(*end),
                // Nobody will ever wake who waits here.
                Until::Place(_) if cx.is_some() => Ahead::Ended,
                Until::Place(_) => Ahead::Nothing,
            };
            match ahead {
                Ahead::Nothing => return Ok(false),
                Ahead::Ended => return Err(ReadError::Ended),
                Ahead::Groups(groups) => {
                    self.queue.extend(groups);
                    self.skip_to_queue_end();
                    return Ok(true);
                }
                Ahead::File(end) => {
                    if self.fill_from_file(end)? {
                        return Ok(true);
                    }
                }
            }
        }
    }

    fn skip_to_queue_end(&mut self) {
        if let Some(last) = self.queue.back() {
            self.place = Place {
                segment: last.start.segment,
                offset: last.end,
            };
            self.walked = last.next;
        }
    }

    /// Reads groups up to `end`; false when the segment is read and the next one is to be looked at.
    fn fill_from_file(&mut self, end: Place) -> Result<bool, ReadError> {
        let number = self.place.segment;
        let segment = self.segments.get(number).ok_or(ReadError::Removed)?;
        let limit = match segment.seal() {
            Some(seal) => seal.end,
            None => end.offset,
        };
        if self.place.offset >= limit {
            self.place = Place {
                segment: number + 1,
                offset: FIRST_GROUP,
            };
            return Ok(false);
        }
        let file = match self.file.take() {
            Some((open, file)) if open == number => file,
            _ => File::open(&segment.path).map_err(|e| ReadError::io(&segment, e))?,
        };
        let groups = read_groups(&file, &segment, self.place.offset, limit, self.walked)?;
        self.file = Some((number, file));
        self.queue.extend(groups);
        self.skip_to_queue_end();
        Ok(true)
    }

    fn take(&mut self, max_facts: usize) -> Result<Batch, ReadError> {
        let before = self.wanted;
        let mut after = before;
        let mut parts = Vec::new();
        while let Some(group) = self.queue.front() {
            let room = max_facts - (after.total() - before.total()) as usize;
            if room == 0 {
                break;
            }
            let whole = group.next.total() - self.at.total() <= room as u64;
            let (to, at) = if whole {
                (group.records.len(), group.next)
            } else {
                group.split_after(self.consumed, room, self.at)
            };
            parts.push(Part {
                group: Arc::clone(group),
                from: self.consumed,
                to,
            });
            (self.consumed, self.at) = (to, at);
            after = after.furthest(&at);
            if whole {
                self.queue.pop_front();
                self.consumed = 0;
            }
        }
        let texts = match self.resolve(&parts) {
            Ok(texts) => texts,
            Err(error) => {
                self.seek()?;
                return Err(error);
            }
        };
        self.wanted = after;
        Ok(Batch {
            parts,
            before,
            after,
            texts,
        })
    }

    fn resolve(&mut self, parts: &[Part]) -> Result<Option<Texts>, ReadError> {
        let Some(known) = &mut self.texts else {
            return Ok(None);
        };
        if known.len() > TEXTS_KEPT {
            known.clear();
        }
        let mut used = Texts::new();
        for part in parts {
            let number = part.group.start.segment;
            let start = part.group.start.offset + part.from as u32;
            for (place, raw) in decoded(&part.group.records[part.from..part.to], start) {
                for text in raw.texts {
                    match text {
                        TextAt::None => {}
                        TextAt::Here(from, text) => {
                            known.insert((number, place + from), Arc::from(text));
                        }
                        TextAt::Before(at) if used.contains_key(&(number, at)) => {}
                        TextAt::Before(at) => {
                            let text = match known.get(&(number, at)) {
                                Some(text) => Arc::clone(text),
                                None => read_text(&self.segments, number, at)?,
                            };
                            known.insert((number, at), Arc::clone(&text));
                            used.insert((number, at), text);
                        }
                    }
                }
            }
        }
        Ok(Some(used))
    }
}

/// Reads and verifies the groups from `from` on that fit a chunk, one at least.
fn read_groups(
    file: &File,
    segment: &Segment,
    from: u32,
    limit: u32,
    mut next: Cursors,
) -> Result<Vec<Arc<Group>>, ReadError> {
    let mut length = CHUNK;
    loop {
        let wanted = length.min((limit - from) as usize);
        let bytes =
            read_range(file, u64::from(from), wanted).map_err(|e| ReadError::io(segment, e))?;
        let mut groups = Vec::new();
        let mut at = from;
        let flaw = loop {
            if at >= limit {
                break None;
            }
            match check_group(&bytes, (segment.number, from), at, &mut next, None) {
                Ok(group) => {
                    groups.push(Arc::new(Group {
                        start: Place {
                            segment: segment.number,
                            offset: at,
                        },
                        records: bytes[(at - from) as usize..(group.records_end - from) as usize]
                            .to_vec(),
                        end: group.end,
                        next,
                    }));
                    at = group.end;
                }
                Err(flaw) => break Some(flaw),
            }
        };
        match flaw {
            Some(flaw) if groups.is_empty() && wanted == (limit - from) as usize => {
                return Err(damaged(file, segment, flaw));
            }
            Some(_) if groups.is_empty() => length *= 2,
            _ => return Ok(groups),
        }
    }
}

/// A segment that was given up and is being zeroed is not damaged, it is gone.
fn damaged(file: &File, segment: &Segment, flaw: Flaw) -> ReadError {
    match read_range(file, 0, SECTOR as usize) {
        Ok(head) if Header::read(&head, segment.number).as_ref() == Ok(&segment.header) => {
            ReadError::corrupt(segment, flaw)
        }
        Ok(_) => ReadError::Removed,
        Err(e) => ReadError::io(segment, e),
    }
}

/// The text that is defined at `place` of a segment.
pub(crate) fn read_text(
    segments: &Segments,
    number: u64,
    place: u32,
) -> Result<Arc<str>, ReadError> {
    let segment = segments.get(number).ok_or(ReadError::Removed)?;
    let file = File::open(&segment.path).map_err(|e| ReadError::io(&segment, e))?;
    text_at(&file, place)
        .map_err(|e| ReadError::io(&segment, e))?
        .map_err(|what| damaged(&file, &segment, Flaw { place, what }))
}

/// Reads the text defined at `place`: one read for all but very long ones.
pub(crate) fn text_at(file: &File, place: u32) -> io::Result<Result<Arc<str>, &'static str>> {
    const MOST: usize = 1024;
    let mut bytes = read_range(file, u64::from(place), MOST)?;
    let length = weir_engine::fact::Decoder(&bytes).number().unwrap_or(0) as usize;
    if length + 9 > MOST {
        bytes = read_range(file, u64::from(place), (length + 9).min(1 << 24))?;
    }
    Ok(definition(&bytes)
        .map(|(text, _)| Arc::from(text))
        .map_err(|malformed| malformed.0))
}
