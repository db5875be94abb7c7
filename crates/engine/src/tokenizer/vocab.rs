//! The token table: every token's text in one buffer, and an index from text to id.
//!
//! One buffer and one flat hash table instead of a map of strings: a vocabulary of 150,000 tokens is
//! indexed in milliseconds. What is done with the table is in `bpe`; how files fill it in `gguf`
//! and `json`.

use std::hash::{BuildHasher, RandomState};

/// What a token is for, as GGUF's `tokenizer.ggml.token_type` counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A piece of text, made by merging.
    Normal,
    /// Stands for what no other token can say.
    Unknown,
    /// Never a piece of text: a structural token.
    Control,
    /// Matched as a whole wherever it stands.
    Added,
    /// A hole in the table.
    Unused,
    /// One byte, `<0xNN>`.
    Byte,
}

/// Byte strings by number, in one buffer.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Texts {
    /// Appends one text; its number is the count before. `None` beyond 4 GiB.
    pub(super) fn push(&mut self, text: &[u8]) -> Option<()> {
        self.bytes.extend_from_slice(text);
        self.ends.push(u32::try_from(self.bytes.len()).ok()?);
        Some(())
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of this number; empty beyond the last.
    pub(super) fn get(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let Some(&end) = self.ends.get(id) else { return &[] };
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.bytes[start as usize..end as usize]
    }
}

/// The token table.
#[derive(Debug)]
pub(super) struct Vocab {
    /// The form that is looked up: raw bytes for a byte-level vocabulary, with `▁` for spaces else.
    pub(super) texts: Texts,
    pub(super) kinds: Vec<Kind>,
    index: Index,
    /// Bytes of the longest text.
    pub(super) longest: usize,
}

impl Vocab {
    /// Indexes `texts`. Of two equal texts the mergeable one is found, of two such the first.
    pub(super) fn new(texts: Texts, kinds: Vec<Kind>) -> Self {
        debug_assert_eq!(texts.len(), kinds.len());
        let mut index = Index::with_capacity(texts.len());
        let mut longest = 0;
        for wanted in [true, false] {
            for id in 0..texts.len() as u32 {
                if is_mergeable(kinds[id as usize]) == wanted {
                    index.insert(&texts, id);
                    longest = longest.max(texts.get(id).len());
                }
            }
        }
        Self { texts, kinds, index, longest }
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    /// The token of this text, of whatever kind.
    pub(super) fn find(&self, text: &[u8]) -> Option<u32> {
        self.index.find(&self.texts, text)
    }

    /// The characters that some mergeable token has before a `▁` within it: for Llama none, for Gemma
    /// one. `None` if they are many.
    pub(super) fn glued(&self) -> Option<Vec<char>> {
        const MANY: usize = 32;
        let mut glued = vec![];
        for id in (0..self.len() as u32).filter(|&id| self.is_mergeable(id)) {
            let text = str::from_utf8(self.texts.get(id)).unwrap_or_default();
            for (at, _) in text.match_indices('▁') {
                match text[..at].chars().next_back() {
                    Some(char) if char != '▁' && !glued.contains(&char) => glued.push(char),
                    _ => {}
                }
            }
            if glued.len() > MANY {
                return None;
            }
        }
        Some(glued)
    }

    /// The token of this text, if merging may produce it.
    pub(super) fn mergeable(&self, text: &[u8]) -> Option<u32> {
        self.find(text).filter(|&id| self.is_mergeable(id))
    }

    /// Whether merging may produce this token.
    pub(super) fn is_mergeable(&self, id: u32) -> bool {
        is_mergeable(self.kinds[id as usize])
    }
}

/// Control tokens are no text: sentencepiece keeps them apart, and so must we, or a person could
/// write `</s>` and have the merges find it. Bytes are chosen by value and never by their name.
fn is_mergeable(kind: Kind) -> bool {
    matches!(kind, Kind::Normal | Kind::Added)
}

/// A hash table of token numbers whose keys lie in a [`Texts`]. Open addressing, at most half full.
#[derive(Debug)]
struct Index {
    /// High half of the key's hash, token: most wrong slots are passed without looking at a text.
    slots: Vec<(u32, u32)>,
    seed: u64,
}

const EMPTY: u32 = u32::MAX;

impl Index {
    fn with_capacity(n: usize) -> Self {
        // A fresh seed each time: nobody can prepare a file whose tokens all collide.
        let seed = RandomState::new().hash_one(n) | 1;
        Self { slots: vec![(0, EMPTY); (n * 2).next_power_of_two().max(2)], seed }
    }

    fn find(&self, texts: &Texts, text: &[u8]) -> Option<u32> {
        let (_, id) = self.slots[self.slot(texts, text, hash(text, self.seed))];
        (id != EMPTY).then_some(id)
    }

    /// Does nothing where the text is empty or was entered before.
    fn insert(&mut self, texts: &Texts, id: u32) {
        let text = texts.get(id);
        let hash = hash(text, self.seed);
        let slot = self.slot(texts, text, hash);
        if self.slots[slot].1 == EMPTY && !text.is_empty() {
            self.slots[slot] = ((hash >> 32) as u32, id);
        }
    }

    /// Where `text` is, or would be.
    fn slot(&self, texts: &Texts, text: &[u8], hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let tag = (hash >> 32) as u32;
        let mut slot = hash as usize & mask;
        loop {
            match self.slots[slot] {
                (_, EMPTY) => return slot,
                (found, id) if found == tag && texts.get(id) == text => return slot,
                _ => slot = (slot + 1) & mask,
            }
        }
    }
}

/// Multiply and fold, eight bytes at a time.
pub(super) fn hash(text: &[u8], seed: u64) -> u64 {
    let mut state = seed ^ text.len() as u64;
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(fold(state ^ u64::from_le_bytes(last)) ^ seed.rotate_left(32))
}

/// Both halves of a 128-bit product, folded.
pub(super) fn fold(x: u64) -> u64 {
    let product = u128::from(x) * 0x9e37_79b9_7f4a_7c15;
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_found_and_the_mergeable_one_of_two_wins() {
        let mut texts = Texts::default();
        let names: Vec<String> = (0..5000).map(|i| format!("token {i}")).collect();
        for name in &names {
            texts.push(name.as_bytes()).unwrap();
        }
        texts.push(b"token 7").unwrap();
        let mut kinds = vec![Kind::Normal; 5001];
        kinds[7] = Kind::Control;
        let vocab = Vocab::new(texts, kinds);
        for (i, name) in names.iter().enumerate().filter(|(i, _)| *i != 7) {
            assert_eq!(vocab.find(name.as_bytes()), Some(i as u32));
        }
        assert_eq!(vocab.mergeable(b"token 7"), Some(5000));
        assert_eq!(vocab.find(b"token 5001"), None);
        assert_eq!(vocab.find(b""), None);
    }
}
