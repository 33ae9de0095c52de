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

/// Hashes texts on the callers' threads, under a key of this process. Two texts of each click go through it, so it is
/// folded multiplication, sixteen bytes a step, and not the library's hash. Who does not know the key cannot make
/// texts collide, and what collides is only defined again.
pub(crate) struct TextHasher([u64; 2]);

impl Default for TextHasher {
    fn default() -> Self {
        let key = RandomState::new();
        Self([key.hash_one(0u64), key.hash_one(1u64)])
    }
}

impl TextHasher {
    pub(crate) fn hash(&self, text: &str) -> u64 {
        let [key, mut hash] = self.0;
        let mut steps = text.as_bytes().chunks_exact(16);
        for step in &mut steps {
            hash = fold(word(&step[..8]) ^ key, word(&step[8..]) ^ hash);
        }
        let (first, second) = steps.remainder().split_at(steps.remainder().len().min(8));
        hash = fold(word(first) ^ key, word(second) ^ hash);
        // The length last: added first, it could be undone by a byte that differs.
        fold(hash ^ text.len() as u64, key)
    }
}

/// Both halves of the product, one upon the other.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

/// Up to eight bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    if let Ok(eight) = bytes.try_into() {
        return u64::from_le_bytes(eight);
    }
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_text_has_one_hash_in_a_process_and_texts_that_differ_in_a_byte_or_in_length_have_others() {
        let hasher = TextHasher::default();
        let text = "Mozilla/5.0 (X11; Linux x86_64)\0\0\0\0";
        let mut hashes = HashSet::new();
        for length in 0..=text.len() {
            let prefix = &text[..length];
            assert_eq!(hasher.hash(prefix), hasher.hash(prefix));
            assert!(hashes.insert(hasher.hash(prefix)), "{length} bytes");
            for at in 0..length {
                let mut other = prefix.to_owned().into_bytes();
                other[at] ^= 1;
                let other = String::from_utf8(other).unwrap();
                assert!(hashes.insert(hasher.hash(&other)), "{length} bytes, {at}");
            }
        }
    }

    #[test]
    fn another_process_has_another_key() {
        let (one, other) = (TextHasher::default(), TextHasher::default());
        assert_ne!(one.hash("text"), other.hash("text"));
    }
}
