//! The tree of prefixes: which blocks hold which tokens, after which others.
//!
//! A node stands for the tokens of one block and names the block of each group that holds them, or
//! [`NONE`] where a window has passed and the block serves somebody else. Only nodes of full blocks
//! have children. A node that holds nothing stays while another hangs below it or a live sequence
//! goes on from it, so there are at most as many nodes as blocks, times the blocks of a context.

use kernels::NONE;

/// Nodes by their numbers.
#[derive(Default)]
pub(super) struct Tree {
    nodes: Vec<Option<Node>>,
    free: Vec<u32>,
    /// Nodes that begin a sequence.
    roots: Vec<u32>,
    clock: u64,
}

/// What a node stands for.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    /// The set of rotary frequencies that its keys turned by.
    pub(super) rope_set: u32,
    pub(super) tokens: &'a [u32],
}

pub(super) struct Node {
    /// By group.
    pub(super) blocks: Vec<u32>,
    parent: Option<u32>,
    children: Vec<u32>,
    rope_set: u32,
    tokens: Vec<u32>,
    /// Live sequences that go on from here.
    pins: u32,
    /// When it was last found or put in.
    used: u64,
}

impl Node {
    pub(super) fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }

    /// Whether it has a block in each group.
    pub(super) fn is_whole(&self) -> bool {
        !self.blocks.contains(&NONE)
    }
}

impl Tree {
    pub(super) fn node(&self, node: u32) -> &Node {
        self.nodes[node as usize].as_ref().expect("nodes go when nobody knows them any more")
    }

    pub(super) fn node_mut(&mut self, node: u32) -> &mut Node {
        self.nodes[node as usize].as_mut().expect("nodes go when nobody knows them any more")
    }

    /// How many nodes there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// The node below `parent` that stands for exactly this.
    pub(super) fn child(&mut self, parent: Option<u32>, key: Key<'_>) -> Option<u32> {
        let is_it = |it: &u32| self.node(*it).tokens == key.tokens;
        let found = self.children(parent, key.rope_set).find(is_it)?;
        self.clock += 1;
        self.node_mut(found).used = self.clock;
        Some(found)
    }

    /// The leaf below `parent` that stands for the longest beginning of `rest`, with its length.
    pub(super) fn begun(
        &self,
        parent: Option<u32>,
        rest: Key<'_>,
        may: impl Fn(&Node) -> bool,
    ) -> Option<(u32, usize)> {
        let children = self.children(parent, rest.rope_set).map(|it| (it, self.node(it)));
        let begins = |it: &Node| rest.tokens.starts_with(&it.tokens);
        let begun = children.filter(|(_, it)| it.is_leaf() && may(it) && begins(it));
        begun.map(|(i, it)| (i, it.tokens.len())).max_by_key(|(_, n)| *n)
    }

    /// Whether a whole node below `parent`, of this set of rotary frequencies, stands for tokens that
    /// `fit`.
    pub(super) fn has_child(
        &self,
        parent: Option<u32>,
        rope_set: u32,
        fit: impl Fn(&[u32]) -> bool,
    ) -> bool {
        let mut children = self.children(parent, rope_set).map(|it| self.node(it));
        children.any(|it| it.is_whole() && fit(&it.tokens))
    }

    pub(super) fn insert(&mut self, parent: Option<u32>, key: Key<'_>, blocks: Vec<u32>) -> u32 {
        self.clock += 1;
        let (tokens, rope_set, used) = (key.tokens.to_vec(), key.rope_set, self.clock);
        let children = vec![];
        let node = Some(Node { blocks, parent, children, rope_set, tokens, pins: 0, used });
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                self.nodes.push(None);
                self.nodes.len() as u32 - 1
            }
        };
        self.nodes[id as usize] = node;
        self.children_mut(parent).push(id);
        id
    }

    /// Takes a leaf out; gives its blocks.
    pub(super) fn remove(&mut self, leaf: u32) -> Vec<u32> {
        let node = self.nodes[leaf as usize].take().expect("the caller found it in the tree");
        debug_assert!(node.is_leaf() && node.pins == 0, "node {leaf} is needed");
        self.children_mut(node.parent).retain(|&it| it != leaf);
        self.free.push(leaf);
        node.blocks
    }

    /// A sequence goes on from `to` and no longer from `from`.
    pub(super) fn move_pin(&mut self, from: Option<u32>, to: Option<u32>) {
        if let Some(to) = to {
            self.node_mut(to).pins += 1;
        }
        if let Some(from) = from {
            self.node_mut(from).pins -= 1;
            self.prune(from);
        }
    }

    /// Removes `node` if it holds nothing and nobody needs it, and then those above it.
    pub(super) fn prune(&mut self, node: u32) {
        let mut next = Some(node);
        while let Some(id) = next {
            let node = self.node(id);
            if node.pins > 0 || !node.is_leaf() || node.blocks.iter().any(|&it| it != NONE) {
                return;
            }
            next = node.parent;
            self.remove(id);
        }
    }

    /// Of the nodes that `may` be it, the one that was not used for the longest time.
    pub(super) fn oldest(&self, may: impl Fn(&Node) -> bool) -> Option<u32> {
        let nodes = self.nodes.iter().zip(0u32..);
        let nodes = nodes.filter_map(|(node, id)| {
            let node = node.as_ref()?;
            may(node).then_some((node.used, id))
        });
        nodes.min().map(|(_, id)| id)
    }

    /// Those below `parent` whose keys turned by this set.
    fn children(&self, parent: Option<u32>, rope_set: u32) -> impl Iterator<Item = u32> {
        let all = parent.map_or(&self.roots, |it| &self.node(it).children);
        all.iter().copied().filter(move |&it| self.node(it).rope_set == rope_set)
    }

    fn children_mut(&mut self, parent: Option<u32>) -> &mut Vec<u32> {
        match parent {
            None => &mut self.roots,
            Some(node) => &mut self.node_mut(node).children,
        }
    }
}
