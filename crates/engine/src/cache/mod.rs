//! The blocks of the key-value cache: who has which, and what the free ones still hold.
//!
//! Host code: it hands out block numbers and never sees a key or a value. A block is free, a live
//! sequence's own, or in the tree of prefixes: a node per block, below the block that came before
//! it, labelled with the tokens whose keys and values it holds. Sequences share the full blocks of
//! the tree; a block that no sequence uses stays there until the space is needed, and the least
//! recently used leaf goes first. The last block of a finished sequence may be partial; the next
//! sequence that goes on exactly there takes it over, so that a second turn of a conversation
//! computes its new tokens only.

mod tree;

use kernels::Table;
use tree::Tree;

use crate::Error;

/// All blocks of a model's cache.
pub(crate) struct Blocks {
    block_len: usize,
    /// Live sequences that use a block.
    users: Vec<u32>,
    free: Vec<u32>,
    tree: Tree,
}

/// The blocks of one live sequence. It must go back with [`Blocks::release`].
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) table: Table,
    /// The first this many blocks are in the tree and may be shared; they are not written.
    published: usize,
}

impl Default for Lease {
    /// One with nothing in it.
    fn default() -> Self {
        Self { table: Table(vec![vec![]]), published: 0 }
    }
}

impl Lease {
    fn blocks(&mut self) -> &mut Vec<u32> {
        &mut self.table.0[0]
    }

    fn block(&self, i: usize) -> u32 {
        self.table.0[0][i]
    }

    /// The block before the `i`-th.
    fn before(&self, i: usize) -> Option<u32> {
        i.checked_sub(1).map(|i| self.block(i))
    }
}

impl Blocks {
    pub(crate) fn new(n: usize, block_len: usize) -> Self {
        let free = (0..n as u32).rev().collect();
        Self { block_len, users: vec![0; n], free, tree: Tree::new(n) }
    }

    /// A lease that begins with what the tree knows of `tokens`, and how many tokens that is. The
    /// last token is never among them: its logits are still to be computed.
    pub(crate) fn open(&mut self, tokens: &[u32]) -> (Lease, usize) {
        let mut rest = &tokens[..tokens.len().saturating_sub(1)];
        let mut lease = Lease::default();
        while let Some((block, tail)) = rest.split_at_checked(self.block_len)
            && let Some(node) = self.tree.child(lease.blocks().last().copied(), block)
        {
            self.users[node as usize] += 1;
            lease.blocks().push(node);
            rest = tail;
        }
        lease.published = lease.blocks().len();
        let mut reused = lease.published * self.block_len;
        let users = &self.users;
        let unused = |node: u32| users[node as usize] == 0;
        if let Some((node, n)) = self.tree.begun(lease.blocks().last().copied(), rest, unused) {
            self.tree.remove(node);
            self.users[node as usize] = 1;
            lease.blocks().push(node);
            reused += n;
        }
        (lease, reused)
    }

    /// Gives `lease` the blocks that `len` places need.
    pub(crate) fn extend(&mut self, lease: &mut Lease, len: usize) -> Result<(), Error> {
        while lease.blocks().len() * self.block_len < len {
            let block = self.take().ok_or_else(|| self.full())?;
            self.users[block as usize] = 1;
            lease.blocks().push(block);
        }
        Ok(())
    }

    /// Shares the full blocks of `lease`, which holds `tokens`, with sequences that begin alike.
    /// A block that the tree has already is replaced by the tree's.
    pub(crate) fn publish(&mut self, lease: &mut Lease, tokens: &[u32]) {
        let full = tokens.chunks_exact(self.block_len).enumerate().skip(lease.published);
        for (i, tokens) in full {
            let parent = lease.before(i);
            let own = lease.block(i);
            match self.tree.child(parent, tokens) {
                Some(known) => {
                    lease.blocks()[i] = known;
                    self.users[known as usize] += 1;
                    self.leave(own);
                }
                None => self.tree.insert(own, parent, tokens),
            }
            lease.published = i + 1;
        }
    }

    /// Ends a lease that holds `tokens`, and keeps them for the next sequence that begins so.
    pub(crate) fn retain(&mut self, mut lease: Lease, tokens: &[u32]) {
        self.publish(&mut lease, tokens);
        let partial = &tokens[lease.published * self.block_len..];
        let parent = lease.before(lease.published);
        if !partial.is_empty() && !self.tree.has_child_that_begins(parent, partial) {
            let block = lease.block(lease.published);
            self.tree.insert(block, parent, partial);
        }
        self.release(lease);
    }

    /// Ends a lease. What is in the tree stays there.
    pub(crate) fn release(&mut self, mut lease: Lease) {
        let blocks = std::mem::take(lease.blocks());
        blocks.into_iter().for_each(|block| self.leave(block));
    }

    /// How many blocks there are.
    pub(crate) fn n_blocks(&self) -> usize {
        self.users.len()
    }

    /// Blocks of live sequences.
    pub(crate) fn in_use(&self) -> usize {
        self.users.iter().filter(|&&users| users > 0).count()
    }

    /// Blocks that no live sequence has and that hold a prefix.
    pub(crate) fn retained(&self) -> usize {
        self.n_blocks() - self.in_use() - self.free.len()
    }

    fn leave(&mut self, block: u32) {
        let users = &mut self.users[block as usize];
        *users -= 1;
        if *users == 0 && !self.tree.holds(block) {
            self.free.push(block);
        }
    }

    fn take(&mut self) -> Option<u32> {
        if let Some(block) = self.free.pop() {
            return Some(block);
        }
        let users = &self.users;
        let oldest = self.tree.oldest_leaf(|node| users[node as usize] == 0)?;
        self.tree.remove(oldest);
        Some(oldest)
    }

    fn full(&self) -> Error {
        Error::CacheFull { in_use: self.in_use(), blocks: self.n_blocks() }
    }
}

#[cfg(test)]
mod tests;
