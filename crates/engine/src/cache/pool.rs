//! The blocks of one group, or the slots of states: which are free, which are used, and by how many.

use kernels::Span;

use super::layout::Group;

pub(super) struct Pool {
    pub(super) span: Span,
    pub(super) holds: Holds,
    /// Live sequences that use a block.
    users: Vec<u32>,
    /// Whether a block is in the tree of prefixes.
    kept: Vec<bool>,
    free: Vec<u32>,
}

/// What a block is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// The places of a stretch of tokens.
    Places,
    /// The state after a stretch of tokens.
    State,
}

impl Pool {
    pub(super) fn new(group: &Group) -> Self {
        Self::of(Holds::Places, group.span, group.blocks)
    }

    /// Slots: a row starts from the state after the place before it, and so sees no more.
    pub(super) fn slots(n: usize) -> Self {
        Self::of(Holds::State, Span::Window(2), n)
    }

    fn of(holds: Holds, span: Span, n: usize) -> Self {
        let free = (0..n as u32).rev().collect();
        Self { span, holds, users: vec![0; n], kept: vec![false; n], free }
    }

    /// Whether a table of `n` needs a block for its `i`-th stretch: the states within a chunk do
    /// not last, but the one after its last whole block is where its prompt is gone on from.
    pub(super) fn needs(&self, i: usize, n: usize) -> bool {
        self.holds == Holds::Places || i + 2 >= n
    }

    /// A block that holds nothing.
    pub(super) fn take(&mut self) -> Option<u32> {
        self.free.pop()
    }

    pub(super) fn is_used(&self, block: u32) -> bool {
        self.users[block as usize] > 0
    }

    /// One more sequence uses `block`.
    pub(super) fn share(&mut self, block: u32) {
        self.users[block as usize] += 1;
    }

    /// One sequence less uses `block`.
    pub(super) fn leave(&mut self, block: u32) {
        self.users[block as usize] -= 1;
        self.free_if_idle(block);
    }

    /// `block` is in the tree now.
    pub(super) fn keep(&mut self, block: u32) {
        self.kept[block as usize] = true;
    }

    /// `block` is not in the tree any more.
    pub(super) fn forget(&mut self, block: u32) {
        self.kept[block as usize] = false;
        self.free_if_idle(block);
    }

    pub(super) fn n_blocks(&self) -> usize {
        self.users.len()
    }

    /// Blocks of live sequences.
    pub(super) fn in_use(&self) -> usize {
        self.users.iter().filter(|&&users| users > 0).count()
    }

    /// Blocks that no live sequence has and that hold a part of a prefix.
    pub(super) fn retained(&self) -> usize {
        self.n_blocks() - self.in_use() - self.free.len()
    }

    fn free_if_idle(&mut self, block: u32) {
        if !self.is_used(block) && !self.kept[block as usize] {
            self.free.push(block);
        }
    }
}
