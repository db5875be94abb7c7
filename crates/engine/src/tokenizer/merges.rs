//! The list of merges as a table: which two tokens join, how early, and to which.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher, RandomState},
};

use super::{
    Error,
    bpe::Alphabet,
    bytes,
    vocab::{Vocab, fold},
};

/// Merges by [`pair`] of tokens: the rank and the joined token.
pub(super) type RankedMerges = HashMap<u64, (u32, u32), PairHash>;

/// The key of a pair.
pub(super) fn pair(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// The text of one merge, in buffers that are used again.
#[derive(Default)]
pub(super) struct MergeText {
    /// Both halves.
    joined: Vec<u8>,
    /// Bytes of the left one.
    border: usize,
    /// The last text that was looked up whole, and its token. What was sentencepiece's has the merges
    /// that lead to one token next to each other: half of all lead where the one before did.
    last: (Vec<u8>, u32),
}

impl MergeText {
    /// Takes a merge as files write it.
    pub(super) fn read(&mut self, halves: (&str, &str), alphabet: Alphabet) {
        self.joined.clear();
        self.append(halves.0, alphabet);
        self.border = self.joined.len();
        self.append(halves.1, alphabet);
    }

    fn append(&mut self, text: &str, alphabet: Alphabet) {
        let start = self.joined.len();
        if alphabet == Alphabet::Bytes && bytes::decode(text, &mut self.joined).is_some() {
            return;
        }
        self.joined.truncate(start);
        self.joined.extend_from_slice(text.as_bytes());
    }

    /// Enters it as number `index`. One that needs or makes a structural token is left out: text
    /// must not lead there.
    pub(super) fn enter(
        &mut self,
        index: usize,
        vocab: &Vocab,
        merges: &mut RankedMerges,
    ) -> Result<(), Error> {
        let (left, right) = self.joined.split_at(self.border);
        let find = |text: &[u8]| {
            let token = || String::from_utf8_lossy(text).into_owned();
            vocab.find(text).ok_or_else(|| Error::MergeToken { index, token: token() })
        };
        let (left, right) = (find(left)?, find(right)?);
        if self.last.0 != self.joined {
            self.last.1 = find(&self.joined)?;
            self.last.0.clone_from(&self.joined);
        }
        let joined = self.last.1;
        if [left, right, joined].into_iter().all(|id| vocab.is_mergeable(id)) {
            merges.entry(pair(left, right)).or_insert((index as u32, joined));
        }
        Ok(())
    }
}

/// Multiplies and folds a pair. The seed is new for each table, so that no file can be made whose
/// pairs collide.
#[derive(Clone, Debug)]
pub(super) struct PairHash(u64);

impl Default for PairHash {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0))
    }
}

impl BuildHasher for PairHash {
    type Hasher = PairHasher;

    fn build_hasher(&self) -> PairHasher {
        PairHasher(self.0)
    }
}

/// The state of [`PairHash`].
pub(super) struct PairHasher(u64);

impl Hasher for PairHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, x: u64) {
        self.0 = fold(self.0 ^ x);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
