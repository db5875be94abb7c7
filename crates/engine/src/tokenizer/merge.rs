//! Joining neighbours, best pair first, until no pair is left: the loop that byte pair encoding
//! and sentencepiece's BPE share.
//!
//! A linked list of symbols and a heap of candidate pairs, so a piece of `n` bytes takes
//! `O(n log n)`; equal priorities go left to right. Which pairs may join, and how good they are, is
//! the caller's: `bpe` has both kinds. The `tokenizers` crate has this loop for ranked merges only.

use std::{cmp::Reverse, collections::BinaryHeap, ops::Range};

/// No token: a character that the vocabulary lacks, or the end of the list.
pub(super) const NONE: u32 = u32::MAX;

/// A run of the piece that is one token, or one character without a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    start: u32,
    /// 0 once it was joined to its left neighbour.
    len: u32,
    prev: u32,
    next: u32,
    /// The token, or [`NONE`].
    pub(super) id: u32,
}

impl Symbol {
    /// Where it lies in the piece.
    pub(super) fn range(&self) -> Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// A pair that may be joined: how soon (smaller is sooner) and to which token.
pub(super) struct Join {
    pub(super) priority: u32,
    pub(super) id: u32,
}

/// The heap's entry. The pair still is what it was if it is as long: symbols only grow, and one that
/// grew to the right has swallowed the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    priority: u32,
    left: u32,
    len: u32,
    id: u32,
}

/// The symbols of one piece.
#[derive(Default)]
pub(super) struct Merger {
    symbols: Vec<Symbol>,
    heap: BinaryHeap<Reverse<Candidate>>,
}

impl Merger {
    /// Forgets the last piece.
    pub(super) fn clear(&mut self) {
        self.symbols.clear();
        self.heap.clear();
    }

    /// Appends the next symbol of the piece, `len` bytes long.
    pub(super) fn push(&mut self, len: u32, id: u32) {
        let i = self.symbols.len() as u32;
        let (start, prev) = match self.symbols.last_mut() {
            Some(last) => {
                last.next = i;
                (last.start + last.len, i - 1)
            }
            None => (0, NONE),
        };
        self.symbols.push(Symbol { start, len, prev, next: NONE, id });
    }

    /// Joins while `join` allows; what remains, from left to right.
    pub(super) fn run(
        &mut self,
        join: impl Fn(&Symbol, &Symbol) -> Option<Join>,
    ) -> impl Iterator<Item = &Symbol> {
        let mut heap = std::mem::take(&mut self.heap).into_vec();
        heap.extend((1..self.symbols.len() as u32).filter_map(|i| self.candidate(i - 1, i, &join)));
        self.heap = heap.into();
        while let Some(Reverse(best)) = self.heap.pop() {
            let left = self.symbols[best.left as usize];
            if left.len == 0 || left.next == NONE {
                continue;
            }
            let right = self.symbols[left.next as usize];
            if left.len + right.len != best.len {
                continue;
            }
            self.symbols[left.next as usize].len = 0;
            let joined = &mut self.symbols[best.left as usize];
            (joined.len, joined.id, joined.next) = (best.len, best.id, right.next);
            if right.next != NONE {
                self.symbols[right.next as usize].prev = best.left;
                self.heap.extend(self.candidate(best.left, right.next, &join));
            }
            if left.prev != NONE {
                self.heap.extend(self.candidate(left.prev, best.left, &join));
            }
        }
        self.symbols.iter().filter(|symbol| symbol.len > 0)
    }

    fn candidate(
        &self,
        left: u32,
        right: u32,
        join: &impl Fn(&Symbol, &Symbol) -> Option<Join>,
    ) -> Option<Reverse<Candidate>> {
        let (a, b) = (&self.symbols[left as usize], &self.symbols[right as usize]);
        let Join { priority, id } = join(a, b)?;
        Some(Reverse(Candidate { priority, left, len: a.len + b.len, id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits join to their sum where it is a digit; the highest first.
    fn check(piece: &[u32], expected: &[u32]) {
        let mut merger = Merger::default();
        piece.iter().for_each(|&id| merger.push(1, id));
        let rest = merger.run(|a, b| {
            let id = a.id + b.id;
            (id < 10).then(|| Join { priority: 10 - id, id })
        });
        assert_eq!(rest.map(|it| it.id).collect::<Vec<_>>(), expected, "{piece:?}");
    }

    #[test]
    fn the_best_pair_joins_first_and_the_left_of_equals() {
        check(&[], &[]);
        check(&[5], &[5]);
        check(&[1, 2, 3], &[6]);
        check(&[5, 4, 5], &[9, 5]);
        check(&[1, 1, 8, 1, 1], &[1, 9, 2]);
        check(&[4, 4, 4, 4], &[8, 8]);
    }

    #[test]
    fn a_long_piece_takes_no_square_time() {
        let mut merger = Merger::default();
        (0..1 << 20).for_each(|_| merger.push(1, 0));
        let rest = merger.run(|a, b| {
            let (left, right) = (a.range().len(), b.range().len());
            (left == right).then_some(Join { priority: left as u32, id: 0 })
        });
        assert_eq!(
            rest.map(|it| it.range()).collect::<Vec<_>>(),
            std::slice::from_ref(&(0..1 << 20))
        );
    }
}
