//! The blocks of one group: which are free, which are used, and by how many.

use kernels::Span;

use super::layout::Group;

pub(super) struct Pool {
    pub(super) span: Span,
    /// Live sequences that use a block.
    users: Vec<u32>,
    /// Whether a block is in the tree of prefixes.
    kept: Vec<bool>,
    free: Vec<u32>,
}

impl Pool {
    pub(super) fn new(group: &Group) -> Self {
        let n = group.blocks;
        let free = (0..n as u32).rev().collect();
        Self { span: group.span, users: vec![0; n], kept: vec![false; n], free }
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
