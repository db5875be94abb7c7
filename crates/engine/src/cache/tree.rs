//! The tree of prefixes: which blocks hold which tokens, after which others.
//!
//! A node is a block, so nodes are numbered by blocks and there is no other memory to bound. Only
//! full blocks have children.

/// Nodes by block.
pub(super) struct Tree {
    nodes: Vec<Option<Node>>,
    /// Blocks that begin a sequence.
    roots: Vec<u32>,
    clock: u64,
}

struct Node {
    parent: Option<u32>,
    children: Vec<u32>,
    tokens: Vec<u32>,
    /// When it was last found or put in.
    used: u64,
}

impl Tree {
    pub(super) fn new(n: usize) -> Self {
        Self { nodes: (0..n).map(|_| None).collect(), roots: vec![], clock: 0 }
    }

    pub(super) fn holds(&self, block: u32) -> bool {
        self.nodes[block as usize].is_some()
    }

    /// The block below `parent` that holds exactly `tokens`.
    pub(super) fn child(&mut self, parent: Option<u32>, tokens: &[u32]) -> Option<u32> {
        let found = self.children(parent).iter().copied().find(|&it| self.tokens(it) == tokens)?;
        self.clock += 1;
        self.node_mut(found).used = self.clock;
        Some(found)
    }

    /// The leaf below `parent` that holds the longest beginning of `rest`, with its length.
    pub(super) fn begun(
        &self,
        parent: Option<u32>,
        rest: &[u32],
        may: impl Fn(u32) -> bool,
    ) -> Option<(u32, usize)> {
        let children = self.children(parent).iter().copied();
        let begun = children.filter(|&it| {
            may(it) && self.node(it).children.is_empty() && rest.starts_with(self.tokens(it))
        });
        begun.map(|it| (it, self.tokens(it).len())).max_by_key(|(_, n)| *n)
    }

    pub(super) fn has_child_that_begins(&self, parent: Option<u32>, tokens: &[u32]) -> bool {
        self.children(parent).iter().any(|&it| self.tokens(it).starts_with(tokens))
    }

    pub(super) fn insert(&mut self, block: u32, parent: Option<u32>, tokens: &[u32]) {
        self.clock += 1;
        let node = Node { parent, children: vec![], tokens: tokens.to_vec(), used: self.clock };
        debug_assert!(!self.holds(block), "block {block} is in the tree already");
        self.nodes[block as usize] = Some(node);
        self.children_mut(parent).push(block);
    }

    /// Takes a leaf out.
    pub(super) fn remove(&mut self, block: u32) {
        let node = self.nodes[block as usize].take().expect("the caller found it in the tree");
        debug_assert!(node.children.is_empty(), "block {block} has children");
        self.children_mut(node.parent).retain(|&it| it != block);
    }

    /// The leaf that was not used for the longest time.
    pub(super) fn oldest_leaf(&self, may: impl Fn(u32) -> bool) -> Option<u32> {
        let nodes = self.nodes.iter().zip(0u32..);
        let leaves = nodes.filter_map(|(node, block)| {
            let node = node.as_ref()?;
            (node.children.is_empty() && may(block)).then_some((node.used, block))
        });
        leaves.min().map(|(_, block)| block)
    }

    fn node(&self, block: u32) -> &Node {
        self.nodes[block as usize].as_ref().expect("children are in the tree")
    }

    fn node_mut(&mut self, block: u32) -> &mut Node {
        self.nodes[block as usize].as_mut().expect("children are in the tree")
    }

    fn tokens(&self, block: u32) -> &[u32] {
        &self.node(block).tokens
    }

    fn children(&self, parent: Option<u32>) -> &[u32] {
        match parent {
            None => &self.roots,
            Some(block) => self.nodes[block as usize].as_ref().map_or(&[], |it| &it.children),
        }
    }

    fn children_mut(&mut self, parent: Option<u32>) -> &mut Vec<u32> {
        match parent {
            None => &mut self.roots,
            Some(block) => &mut self.node_mut(block).children,
        }
    }
}
