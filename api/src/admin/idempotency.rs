//! `Idempotency-Key`: a POST that comes again gets the first one's answer.
//!
//! ```text
//! key not seen ──▶ in flight ──▶ answered (2xx, or may have been done) ── same request ──▶ the same answer, Idempotency-Replayed
//!                      │                                               └─ other request ─▶ idempotency_key_reused
//!                      └─ refused, nothing done ─▶ key not seen
//! ```
//! Always true: a key belongs to one caller; of two requests with one key at the same time one is carried out;
//! a refusal is not kept, because nothing was done. Answers are kept 24 hours in the memory of this process, so
//! a restart forgets them; the table is bounded in entries and bytes, and forgets the oldest first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use poem::http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use weir_engine::ids::UnixMs;

use crate::problem::{Code, Problem};

/// Characters that a key may have.
pub(super) const KEY_MAX: usize = 255;
/// How long an answer is kept.
pub(super) const KEPT_MS: u64 = 86_400_000;

/// Whose key, and the key itself, hashed.
pub(super) type Key = [u8; 32];

/// What a request is told apart by: SHA-256 of method, path, query and body.
pub(super) type Fingerprint = [u8; 32];

/// An answer that can be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What becomes of a request with a key.
#[derive(Debug)]
pub(super) enum Turn {
    /// It is the first: carry it out, then say how it ended.
    First(Flight),
    /// It was carried out before.
    Again(Kept),
}

enum Entry {
    InFlight(Fingerprint),
    Answered(Fingerprint, Arc<Kept>),
}

#[derive(Default)]
struct Table {
    entries: HashMap<Key, Entry>,
    /// Answers in the order in which they were given.
    order: VecDeque<(UnixMs, Key)>,
    bytes: usize,
}

/// Answers that may be asked for again.
#[derive(Clone)]
pub(super) struct Answers {
    table: Arc<Mutex<Table>>,
    entries_max: usize,
    bytes_max: usize,
}

impl Answers {
    pub(super) fn new(entries_max: usize, bytes_max: usize) -> Self {
        Self {
            table: Arc::default(),
            entries_max,
            bytes_max,
        }
    }

    /// Takes the key, or gives what was answered under it.
    ///
    /// # Errors
    /// [`Code::IdempotencyInFlight`], [`Code::IdempotencyKeyReused`].
    pub(super) fn take(&self, key: Key, of: Fingerprint, now: UnixMs) -> Result<Turn, Problem> {
        let mut table = lock(&self.table);
        table.forget_before(now);
        match table.entries.get(&key) {
            None => {
                table.entries.insert(key, Entry::InFlight(of));
                Ok(Turn::First(Flight {
                    answers: self.clone(),
                    key,
                    of,
                    is_over: false,
                }))
            }
            Some(Entry::InFlight(first) | Entry::Answered(first, _)) if *first != of => {
                let detail = "this Idempotency-Key came with another request before";
                Err(Problem::new(Code::IdempotencyKeyReused, detail))
            }
            Some(Entry::InFlight(_)) => {
                let detail = "the first request with this Idempotency-Key is still being answered";
                let problem = Problem::new(Code::IdempotencyInFlight, detail);
                Err(problem.with_header(poem::http::header::RETRY_AFTER, 1.into()))
            }
            Some(Entry::Answered(_, kept)) => Ok(Turn::Again(Kept::clone(kept))),
        }
    }
}

impl Table {
    fn forget_before(&mut self, now: UnixMs) {
        while self
            .order
            .front()
            .is_some_and(|(at, _)| now.since(*at) > KEPT_MS)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, key)) = self.order.pop_front() else {
            return;
        };
        if let Some(Entry::Answered(_, kept)) = self.entries.remove(&key) {
            self.bytes -= kept.body.len();
        }
    }
}

/// A request that is being carried out under a key. Dropping it gives the key free.
pub(super) struct Flight {
    answers: Answers,
    key: Key,
    of: Fingerprint,
    is_over: bool,
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flight")
    }
}

impl Flight {
    /// Keeps the answer.
    pub(super) fn keep(mut self, kept: Kept, now: UnixMs) {
        self.is_over = true;
        let mut table = lock(&self.answers.table);
        table.bytes += kept.body.len();
        table
            .entries
            .insert(self.key, Entry::Answered(self.of, Arc::new(kept)));
        table.order.push_back((now, self.key));
        while table.order.len() > self.answers.entries_max || table.bytes > self.answers.bytes_max {
            table.forget_oldest();
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.is_over {
            lock(&self.answers.table).entries.remove(&self.key);
        }
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SHA-256 over parts, each with its length, so that no two lists of parts run together.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Kept {
        Kept {
            status: StatusCode::CREATED,
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn first(answers: &Answers, key: u8, of: u8, now: u64) -> Flight {
        match answers.take([key; 32], [of; 32], UnixMs(now)) {
            Ok(Turn::First(flight)) => flight,
            other => panic!("expected the first turn, got {other:?}"),
        }
    }

    fn code(answers: &Answers, key: u8, of: u8) -> Option<Code> {
        let turn = answers.take([key; 32], [of; 32], UnixMs(0));
        turn.err().map(|problem| problem.code)
    }

    #[test]
    fn the_second_gets_the_firsts_answer_and_another_request_is_refused() {
        let answers = Answers::new(10, 1_000);
        let flight = first(&answers, 1, 1, 0);
        assert_eq!(code(&answers, 1, 1), Some(Code::IdempotencyInFlight));
        assert_eq!(code(&answers, 1, 2), Some(Code::IdempotencyKeyReused));
        flight.keep(answer("made"), UnixMs(0));
        assert_eq!(code(&answers, 1, 2), Some(Code::IdempotencyKeyReused));
        match answers.take([1; 32], [1; 32], UnixMs(KEPT_MS)) {
            Ok(Turn::Again(kept)) => assert_eq!(kept, answer("made")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refused_request_gives_its_key_free() {
        let answers = Answers::new(10, 1_000);
        drop(first(&answers, 1, 1, 0));
        first(&answers, 1, 2, 0).keep(answer("made"), UnixMs(0));
    }

    #[test]
    fn answers_are_forgotten_after_a_day_or_when_there_is_no_room() {
        let answers = Answers::new(2, 10);
        first(&answers, 1, 1, 0).keep(answer("a"), UnixMs(0));
        drop(first(&answers, 1, 2, KEPT_MS + 1));
        for key in 2..=4 {
            first(&answers, key, 1, 0).keep(answer("b"), UnixMs(0));
        }
        drop(first(&answers, 2, 9, 0));
        first(&answers, 5, 1, 0).keep(answer("0123456789"), UnixMs(0));
        drop(first(&answers, 4, 9, 0));
        assert_eq!(lock(&answers.table).bytes, 10);
    }
}
