//! How a cache is divided: a group of layers for each way of looking back, with its own blocks.
//!
//! Layers that see everything need a block for every 32 tokens of a context. Layers with a window
//! need those of the window and no more, however long the context is.

use kernels::{CacheFormat, Shape, Span};

/// The caches of a model.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// By [`CacheSpec::group`](kernels::CacheSpec::group).
    pub(crate) groups: Vec<Group>,
    /// Tokens a block.
    pub(crate) block_len: usize,
    /// How keys and values are stored.
    pub(crate) format: CacheFormat,
}

/// Layers that look back alike: they share each sequence's table of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) span: Span,
    /// How many layers.
    pub(crate) layers: usize,
    /// Blocks a layer, for all sequences.
    pub(crate) blocks: usize,
}

impl Layout {
    /// The groups of layers with these spans; `blocks` is asked for each.
    pub(crate) fn new(
        spans: &[Span],
        (block_len, format): (usize, CacheFormat),
        blocks: impl Fn(Span) -> usize,
    ) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for &span in spans {
            match groups.iter_mut().find(|it| it.span == span) {
                Some(group) => group.layers += 1,
                None => groups.push(Group { span, layers: 1, blocks: blocks(span) }),
            }
        }
        Self { groups, block_len, format }
    }

    /// The group of layers with this span.
    pub(crate) fn group(&self, span: Span) -> usize {
        let found = self.groups.iter().position(|it| it.span == span);
        found.expect("a layout is made of the spans of all layers")
    }

    /// Blocks of all layers.
    pub(crate) fn layer_blocks(&self) -> u128 {
        self.groups.iter().map(|it| it.layers as u128 * it.blocks as u128).sum()
    }
}

/// Blocks that layers with this span need, so that batches of up to `max` always find one.
pub(crate) fn blocks_for(span: Span, max: Shape, block_len: usize) -> usize {
    let all = max.len.div_ceil(block_len).saturating_mul(max.seqs);
    match span {
        Span::Full => all,
        Span::Window(w) => {
            // A sequence's rows of a step, and those of the block before them, see a window; both
            // ends may cut a block.
            let window = (w as usize).div_ceil(block_len);
            let seen = max.seqs.saturating_mul(window + 3) + max.rows.div_ceil(block_len);
            // Room for one window more lets the end of a prompt outlive the answer to it.
            all.min(seen.saturating_add(window))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_that_look_back_alike_are_a_group() {
        let spans = [Span::Window(64), Span::Window(64), Span::Full, Span::Window(64)];
        let max = Shape { rows: 34, seqs: 2, outputs: 2, len: 1024 };
        let layout = Layout::new(&spans, (32, CacheFormat::F32), |span| blocks_for(span, max, 32));
        let window = Group { span: Span::Window(64), layers: 3, blocks: 2 * 5 + 2 + 2 };
        assert_eq!(layout.groups, [window, Group { span: Span::Full, layers: 1, blocks: 64 }]);
        assert_eq!((layout.group(Span::Full), layout.layer_blocks()), (1, 3 * 14 + 64));
    }

    #[test]
    fn no_window_takes_more_than_the_context() {
        let max = Shape { rows: 34, seqs: 2, outputs: 2, len: 1024 };
        for window in [1000, 1024, u32::MAX] {
            assert_eq!(blocks_for(Span::Window(window), max, 32), 64);
        }
    }
}
