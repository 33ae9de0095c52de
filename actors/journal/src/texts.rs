//! The dictionary of a segment: texts that repeat from click to click are written once and named by their place.
//!
//! The writer remembers a bounded number of the texts that it has defined in the open segment; a text that it does
//! not remember is defined again. Texts are compared, never trusted by hash. Readers keep no dictionary: a place is
//! read from the file when it is asked for.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// At most so many bytes of texts are remembered.
const REMEMBERED_BYTES: usize = 8 << 20;
/// A longer text is not worth remembering.
const LONGEST: usize = 4096;

/// Hashes texts on the callers' threads, under a key of this process.
#[derive(Default)]
pub(crate) struct TextHasher(RandomState);

impl TextHasher {
    pub(crate) fn hash(&self, text: &str) -> u64 {
        if text.is_empty() {
            return 0;
        }
        self.0.hash_one(text)
    }
}

/// The hash was made by [`TextHasher`] already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are hashed here")
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

/// The texts defined in the open segment, as far as they are remembered.
#[derive(Default)]
pub(crate) struct Dictionary {
    by_hash: HashMap<u64, Entry, BuildHasherDefault<Hashed>>,
    texts: Vec<u8>,
}

struct Entry {
    place: u32,
    from: u32,
    length: u32,
}

impl Dictionary {
    /// Where `text` was defined, if that is remembered.
    pub(crate) fn place_of(&self, hash: u64, text: &[u8]) -> Option<u32> {
        let entry = self.by_hash.get(&hash)?;
        let from = entry.from as usize;
        let known = &self.texts[from..from + entry.length as usize];
        (known == text).then_some(entry.place)
    }

    /// Remembers that `text` is defined at `place`, if there is room.
    pub(crate) fn remember(&mut self, hash: u64, text: &[u8], place: u32) {
        if text.len() > LONGEST || self.texts.len() + text.len() > REMEMBERED_BYTES {
            return;
        }
        let from = self.texts.len() as u32;
        self.texts.extend_from_slice(text);
        let length = text.len() as u32;
        let entry = Entry {
            place,
            from,
            length,
        };
        self.by_hash.insert(hash, entry);
    }

    /// A new segment begins: places of the one before mean nothing in it.
    pub(crate) fn clear(&mut self) {
        self.by_hash.clear();
        self.texts.clear();
    }
}
