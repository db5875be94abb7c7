//! The blocks of the key-value cache: who has which, and what the free ones still hold.
//!
//! Host code: it hands out block numbers and never sees a key or a value. Layers that look back
//! alike are a group (`layout`), and each group has blocks of its own (`pool`). A block is free, a
//! live sequence's, or in the tree of prefixes (`tree`): a node for each stretch of tokens, below
//! the one that came before. Sequences share the full blocks of the tree; a block that no sequence
//! uses stays there until the space is needed, and the least recently used goes first: of a group
//! that sees everything a leaf, because what follows it would be lost with it.
//!
//! When the window of a group has passed a block, the sequence gives it back ([`Blocks::trim`]) and
//! its table says [`NONE`] there. So a prefix can be gone on from where the tree has all that the
//! next row sees, which may be less than the longest prefix that it knows.
//!
//! Recurrent layers have slots instead, in one more pool: the entry of a table is the slot for the
//! state after the tokens of a block, or after as many as there are of the last. Few last: that
//! after the last whole block, where a prompt is gone on from that is asked once more, and that
//! after the last row, which the next turn goes on from. So a prefix of theirs, too, can be gone on
//! from where the tree has what the next row sees: the state before it.
//!
//! The last block of a finished sequence may be partial; the next sequence that goes on exactly
//! there takes it over, so that a second turn of a conversation computes its new tokens only. One
//! that goes on elsewhere within a block computes that block again: at most 31 rows, in a pass over
//! the weights that its last token needs anyway. To copy them instead would take an operation of
//! every backend.

mod layout;
mod pool;
mod tree;

use kernels::{Batch, NONE, Span, Table};
pub(crate) use layout::{Layout, blocks_for, slots_for};
use pool::{Holds, Pool};
use tree::{Key, Node, Tree};

use crate::{Error, arch::RopeSets};

/// All blocks of a model's cache.
pub(crate) struct Blocks {
    block_len: usize,
    /// By group; of slots, the last.
    pools: Vec<Pool>,
    tree: Tree,
    rope_sets: RopeSets,
}

/// The blocks of one live sequence. It must go back with [`Blocks::release`].
#[derive(Debug, Default)]
pub(crate) struct Lease {
    pub(crate) table: Table,
    /// The first this many blocks are in the tree and may be shared; they are not written.
    published: usize,
    /// The node of the last of them, which this lease pins.
    end: Option<u32>,
    /// The set of rotary frequencies that it began with: see [`RopeSets`].
    rope_set: u32,
}

impl Lease {
    /// The set of rotary frequencies that it began with: keys of another are of no use.
    pub(crate) fn rope_set(&self) -> u32 {
        self.rope_set
    }

    /// The `i`-th block in each group.
    fn blocks(&self, i: usize) -> Vec<u32> {
        self.table.0.iter().map(|blocks| blocks[i]).collect()
    }
}

/// What the tree knows of a sequence.
struct Found {
    /// The nodes from its beginning.
    path: Vec<u32>,
    /// The node after them, and how many tokens it stands for.
    partial: Option<(u32, usize)>,
}

impl Blocks {
    pub(crate) fn new(layout: &Layout) -> Self {
        let slots = (layout.slots > 0).then(|| Pool::slots(layout.slots));
        let pools = layout.groups.iter().map(Pool::new).chain(slots).collect();
        let &Layout { block_len, rope_sets, .. } = layout;
        Self { block_len, pools, tree: Tree::default(), rope_sets }
    }

    /// A lease that begins with what the tree knows of `tokens`, and how many tokens that is. The
    /// last token is never among them: its logits are still to be computed.
    #[cfg(test)]
    pub(crate) fn open(&mut self, tokens: &[u32]) -> (Lease, usize) {
        self.open_for(0, tokens)
    }

    /// The same of what the tree knows with keys that turned by this set of rotary frequencies.
    pub(crate) fn open_for(&mut self, rope_set: u32, tokens: &[u32]) -> (Lease, usize) {
        let known = &tokens[..tokens.len().saturating_sub(1)];
        let Found { path, partial } = self.find(Key { rope_set, tokens: known });
        let end = path.last().copied();
        self.tree.move_pin(None, end);
        let mut reused = path.len() * self.block_len;
        let partial = partial.map(|(node, n)| {
            reused += n;
            self.tree.remove(node)
        });
        let mut table = Table::default();
        for (g, pool) in self.pools.iter_mut().enumerate() {
            let dead = pool.span.first(reused as u32) as usize / self.block_len;
            let live = |(i, &node)| if i < dead { NONE } else { self.tree.node(node).blocks[g] };
            let mut blocks: Vec<u32> = path.iter().enumerate().map(live).collect();
            if let Some(partial) = &partial {
                blocks.push(partial[g]);
            }
            blocks.iter().filter(|&&it| it != NONE).for_each(|&it| pool.share(it));
            if let Some(partial) = &partial {
                pool.forget(partial[g]);
            }
            table.0.push(blocks);
        }
        (Lease { table, published: path.len(), end, rope_set }, reused)
    }

    /// Gives `lease` the blocks that `len` places need.
    pub(crate) fn extend(&mut self, lease: &mut Lease, len: usize) -> Result<(), Error> {
        self.extend_ahead(lease, len, 0)
    }

    /// The same, and those of the places of `ahead` guesses after them, whose states nobody keeps.
    pub(crate) fn extend_ahead(
        &mut self,
        lease: &mut Lease,
        len: usize,
        ahead: usize,
    ) -> Result<(), Error> {
        for (g, blocks) in lease.table.0.iter_mut().enumerate() {
            let ahead = if self.pools[g].holds == Holds::State { 0 } else { ahead };
            let n = (len + ahead).div_ceil(self.block_len);
            while blocks.len() < n {
                if !self.pools[g].needs(blocks.len(), n) {
                    blocks.push(NONE);
                    continue;
                }
                let block = self.take(g).ok_or_else(|| self.full(g))?;
                self.pools[g].share(block);
                blocks.push(block);
            }
        }
        Ok(())
    }

    /// Appends `tokens`, none of them a guess.
    #[cfg(test)]
    pub(crate) fn push(&self, batch: &mut Batch, lease: &mut Lease, past: usize, tokens: &[u32]) {
        self.push_ahead(batch, lease, past, tokens, 0);
    }

    /// Appends `tokens`, which `lease` has blocks for, after the `past` that it holds. The batch
    /// has its table until that is taken back. The last `ahead` tokens are guesses: the state after
    /// them is not kept.
    pub(crate) fn push_ahead(
        &self,
        batch: &mut Batch,
        lease: &mut Lease,
        past: usize,
        tokens: &[u32],
        ahead: usize,
    ) {
        let (first, end) = (batch.tokens.len(), past + tokens.len() - ahead);
        batch.push(past as u32, tokens, std::mem::take(&mut lease.table));
        for (set, &at) in batch.rope_set[first..].iter_mut().zip(&batch.at[first..]) {
            *set = lease.rope_set.max(self.rope_sets.of(at as usize + 1));
        }
        if !self.has_slots() {
            return;
        }
        let slots = batch.tables.last().and_then(|it| it.0.last()).expect("it was just pushed");
        if past > 0 {
            *batch.from.last_mut().expect("it was just pushed") =
                slots[(past - 1) / self.block_len];
        }
        if end == past {
            return;
        }
        let begun = past / self.block_len;
        for (i, &slot) in slots.iter().enumerate().skip(begun) {
            let last = end.min((i + 1) * self.block_len) - 1;
            batch.keep[first + last - past] = slot;
        }
    }

    /// Whether there are recurrent layers.
    pub(crate) fn has_slots(&self) -> bool {
        self.pools.last().is_some_and(|it| it.holds == Holds::State)
    }

    /// Takes back what the rows from place `len` on do not see any more, nor those of the last
    /// block: there a prompt is gone on from that is asked once more.
    pub(crate) fn trim(&mut self, lease: &mut Lease, len: usize) {
        let begin = len.saturating_sub(1) / self.block_len * self.block_len;
        for (pool, blocks) in self.pools.iter_mut().zip(&mut lease.table.0) {
            let dead = pool.span.first(begin as u32) as usize / self.block_len;
            let dead = dead.min(blocks.len());
            for block in blocks[..dead].iter_mut().filter(|block| **block != NONE) {
                pool.leave(std::mem::replace(block, NONE));
            }
        }
    }

    /// Shares the full blocks of `lease`, which holds `tokens`, with sequences that begin alike.
    /// A block that the tree has already is replaced by the tree's.
    pub(crate) fn publish(&mut self, lease: &mut Lease, tokens: &[u32]) {
        let before = lease.end;
        let full = tokens.chunks_exact(self.block_len).enumerate().skip(lease.published);
        for (i, tokens) in full {
            let key = Key { rope_set: lease.rope_set, tokens };
            let node = match self.tree.child(lease.end, key) {
                Some(known) => {
                    self.merge(known, lease, i);
                    known
                }
                None => self.insert(lease, i, tokens),
            };
            (lease.end, lease.published) = (Some(node), i + 1);
        }
        if lease.end != before {
            self.tree.move_pin(before, lease.end);
        }
    }

    /// Ends a lease that holds `tokens`, and keeps them for the next sequence that begins so.
    pub(crate) fn retain(&mut self, mut lease: Lease, tokens: &[u32]) {
        let tokens = self.turned_alike(lease.rope_set, tokens);
        self.publish(&mut lease, tokens);
        let partial = &tokens[lease.published * self.block_len..];
        // Places of more tokens serve as well, but a state is that after all of them.
        let has_slots = self.has_slots();
        let fits = |it: &[u32]| if has_slots { it == partial } else { it.starts_with(partial) };
        if !partial.is_empty() && !self.tree.has_child(lease.end, lease.rope_set, fits) {
            self.insert(&lease, lease.published, partial);
        }
        self.release(lease);
    }

    /// What of `tokens` serves a sequence that begins with this set: all, or the whole blocks whose
    /// rows turned by it.
    fn turned_alike<'a>(&self, rope_set: u32, tokens: &'a [u32]) -> &'a [u32] {
        let end = self.rope_sets.end(rope_set);
        if tokens.len() > end { &tokens[..end / self.block_len * self.block_len] } else { tokens }
    }

    /// Ends a lease. What is in the tree stays there.
    pub(crate) fn release(&mut self, lease: Lease) {
        for (pool, blocks) in self.pools.iter_mut().zip(lease.table.0) {
            blocks.into_iter().filter(|&it| it != NONE).for_each(|block| pool.leave(block));
        }
        self.tree.move_pin(lease.end, None);
    }

    /// How many blocks there are.
    pub(crate) fn n_blocks(&self) -> usize {
        self.pools.iter().map(Pool::n_blocks).sum()
    }

    /// Blocks of live sequences.
    pub(crate) fn in_use(&self) -> usize {
        self.pools.iter().map(Pool::in_use).sum()
    }

    /// Blocks that no live sequence has and that hold a part of a prefix.
    pub(crate) fn retained(&self) -> usize {
        self.pools.iter().map(Pool::retained).sum()
    }

    /// The longest beginning of these tokens after which the tree has all that is still seen.
    fn find(&mut self, Key { rope_set, tokens }: Key<'_>) -> Found {
        let key = |tokens| Key { rope_set, tokens };
        let (mut path, mut rest, mut usable) = (Vec::new(), tokens, 0);
        // Of each group, from which block on there is no gap.
        let mut since = vec![0; self.pools.len()];
        while let Some((block, tail)) = rest.split_at_checked(self.block_len)
            && let Some(node) = self.tree.child(path.last().copied(), key(block))
        {
            path.push(node);
            let blocks = &self.tree.node(node).blocks;
            let gaps = since.iter_mut().zip(blocks).filter(|(_, block)| **block == NONE);
            gaps.for_each(|(since, _)| *since = path.len());
            if self.has_all_seen(&since, path.len() * self.block_len) {
                usable = path.len();
            }
            rest = tail;
        }
        let idle = |it: &Node| {
            let mut blocks = self.pools.iter().zip(&it.blocks);
            it.is_whole() && blocks.all(|(pool, &block)| !pool.is_used(block))
        };
        let partial = self.tree.begun(path.last().copied(), key(rest), idle);
        let full = path.len() * self.block_len;
        let partial = partial.filter(|(_, n)| self.has_all_seen(&since, full + n));
        if partial.is_none() {
            path.truncate(usable);
        }
        Found { path, partial }
    }

    /// Whether the row at place `len` sees nothing before the gapless parts.
    fn has_all_seen(&self, since: &[usize], len: usize) -> bool {
        let first = |pool: &Pool| pool.span.first(len as u32) as usize / self.block_len;
        self.pools.iter().zip(since).all(|(pool, &since)| since <= first(pool))
    }

    /// Puts the `i`-th blocks of `lease`, which hold `tokens`, into the tree.
    fn insert(&mut self, lease: &Lease, i: usize, tokens: &[u32]) -> u32 {
        let blocks = lease.blocks(i);
        let pools = self.pools.iter_mut().zip(&blocks);
        pools.filter(|it| *it.1 != NONE).for_each(|(pool, &block)| pool.keep(block));
        self.tree.insert(lease.end, Key { rope_set: lease.rope_set, tokens }, blocks)
    }

    /// The `i`-th blocks of `lease` hold what the `known` node stands for: one of each two goes.
    fn merge(&mut self, known: u32, lease: &mut Lease, i: usize) {
        let node = self.tree.node_mut(known);
        let groups = self.pools.iter_mut().zip(&mut node.blocks).zip(&mut lease.table.0);
        for ((pool, known), blocks) in groups {
            let own = &mut blocks[i];
            match (*known, *own) {
                (_, NONE) => {}
                (NONE, block) => {
                    *known = block;
                    pool.keep(block);
                }
                (known, block) => {
                    pool.share(known);
                    pool.leave(block);
                    *own = known;
                }
            }
        }
    }

    /// A block of group `g`, if need be from the tree.
    fn take(&mut self, g: usize) -> Option<u32> {
        if let Some(block) = self.pools[g].take() {
            return Some(block);
        }
        let pool = &self.pools[g];
        // Without a block that sees everything, all that follows is of no use.
        let is_leaf_only = pool.span == Span::Full;
        let oldest = self.tree.oldest(|node| {
            let block = node.blocks[g];
            block != NONE && !pool.is_used(block) && (node.is_leaf() || !is_leaf_only)
        })?;
        if is_leaf_only {
            let blocks = self.tree.remove(oldest);
            let pools = self.pools.iter_mut().zip(blocks);
            pools.filter(|it| it.1 != NONE).for_each(|(pool, block)| pool.forget(block));
        } else {
            let block = std::mem::replace(&mut self.tree.node_mut(oldest).blocks[g], NONE);
            self.pools[g].forget(block);
            self.tree.prune(oldest);
        }
        self.pools[g].take()
    }

    fn full(&self, g: usize) -> Error {
        Error::CacheFull { in_use: self.pools[g].in_use(), blocks: self.pools[g].n_blocks() }
    }
}

#[cfg(test)]
mod tests;
