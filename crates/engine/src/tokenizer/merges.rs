//! The list of merges as a table: which two tokens join, how early, and to which.

use std::hash::{BuildHasher, RandomState};

use super::{
    Error,
    bpe::Alphabet,
    bytes,
    merge::Join,
    vocab::{Vocab, fold},
};

/// Merges by pair of tokens. A flat table with open addressing, at most half full: a pair that does not
/// join, which most do not, is told by reading one place of memory.
#[derive(Debug)]
pub(super) struct RankedMerges {
    slots: Vec<Slot>,
    /// New for each table, so that no file can be made whose pairs collide.
    seed: u64,
}

/// A merge: the [`pair`], how early it comes, and the joined token.
#[derive(Clone, Copy, Debug)]
struct Slot {
    pair: u64,
    rank: u32,
    id: u32,
}

/// Of no pair: these would be two of no token.
const EMPTY: Slot = Slot { pair: u64::MAX, rank: 0, id: 0 };

impl RankedMerges {
    /// Room for `n` merges.
    pub(super) fn with_capacity(n: usize) -> Self {
        let seed = RandomState::new().hash_one(n);
        Self { slots: vec![EMPTY; (n * 2).next_power_of_two().max(2)], seed }
    }

    /// What these two tokens join to, if they do.
    pub(super) fn join(&self, left: u32, right: u32) -> Option<Join> {
        let pair = pair(left, right);
        let slot = self.slots[self.slot(pair)];
        (slot.pair == pair && pair != EMPTY.pair)
            .then_some(Join { priority: slot.rank, id: slot.id })
    }

    /// Enters a merge; the first of two of one pair counts. There must be room.
    fn enter(&mut self, pair: u64, rank: u32, id: u32) {
        let at = self.slot(pair);
        if self.slots[at].pair == EMPTY.pair {
            self.slots[at] = Slot { pair, rank, id };
        }
    }

    /// Where `pair` is, or would be.
    fn slot(&self, pair: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = fold(self.seed ^ pair) as usize & mask;
        while ![pair, EMPTY.pair].contains(&self.slots[at].pair) {
            at = (at + 1) & mask;
        }
        at
    }
}

/// The key of a pair.
fn pair(left: u32, right: u32) -> u64 {
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
            merges.enter(pair(left, right), index as u32, joined);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_found_and_the_first_of_two_counts() {
        let mut merges = RankedMerges::with_capacity(1000);
        (0..500_u32).for_each(|n| merges.enter(pair(n, n * n), n, 2 * n));
        (0..500_u32).for_each(|n| merges.enter(pair(n, n * n), 9, 9));
        for n in 0..500 {
            let found = merges.join(n, n * n).map(|it| (it.priority, it.id));
            assert_eq!(found, Some((n, 2 * n)));
            assert!(merges.join(n, n * n + 1).is_none());
        }
        assert!(merges.join(u32::MAX, u32::MAX).is_none());
        assert!(RankedMerges::with_capacity(0).join(1, 2).is_none());
    }
}
