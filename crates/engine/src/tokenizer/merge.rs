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

/// The heap's entry. `len` tells whether both symbols are still what they were.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    priority: u32,
    left: u32,
    right: u32,
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
        for i in 1..self.symbols.len() as u32 {
            self.consider(i - 1, i, &join);
        }
        while let Some(Reverse(best)) = self.heap.pop() {
            let (left, right) =
                (self.symbols[best.left as usize], self.symbols[best.right as usize]);
            if left.len == 0 || right.len == 0 || left.len + right.len != best.len {
                continue;
            }
            self.symbols[best.right as usize].len = 0;
            let joined = &mut self.symbols[best.left as usize];
            (joined.len, joined.id, joined.next) = (best.len, best.id, right.next);
            if right.next != NONE {
                self.symbols[right.next as usize].prev = best.left;
                self.consider(best.left, right.next, &join);
            }
            if left.prev != NONE {
                self.consider(left.prev, best.left, &join);
            }
        }
        self.symbols.iter().filter(|symbol| symbol.len > 0)
    }

    fn consider(
        &mut self,
        left: u32,
        right: u32,
        join: &impl Fn(&Symbol, &Symbol) -> Option<Join>,
    ) {
        let (a, b) = (&self.symbols[left as usize], &self.symbols[right as usize]);
        if let Some(Join { priority, id }) = join(a, b) {
            let len = a.len + b.len;
            self.heap.push(Reverse(Candidate { priority, left, right, len, id }));
        }
    }
}
