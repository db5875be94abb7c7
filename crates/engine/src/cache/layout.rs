//! How a cache is divided: a group of layers for each way of looking back, with its own blocks.
//!
//! Layers that see everything need a block for every 32 tokens of a context. Layers with a window
//! need those of the window and no more, however long the context is.

use kernels::{CacheFormat, Shape, Span};

use crate::arch::{Config, RopeSets};

/// The caches of a model.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// By [`CacheSpec::group`](kernels::CacheSpec::group).
    pub(crate) groups: Vec<Group>,
    /// Tokens a block.
    pub(crate) block_len: usize,
    /// How keys and values are stored.
    pub(crate) format: CacheFormat,
    /// Slots for the states of recurrent layers, of all sequences; 0 where there are no such layers.
    pub(crate) slots: usize,
    /// Numbers that a slot of all these layers holds.
    pub(crate) slot_numbers: usize,
    /// By which rotary frequencies keys turn.
    pub(crate) rope_sets: RopeSets,
    /// The longest sequence that there are such frequencies for.
    pub(crate) longest: usize,
    /// Frequencies of a set.
    pub(crate) pairs: usize,
}

/// Layers that look back alike: they share each sequence's table of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) span: Span,
    /// Numbers that all its layers keep for one token.
    pub(crate) numbers: usize,
    /// Blocks a layer, for all sequences.
    pub(crate) blocks: usize,
}

impl Layout {
    /// The groups of layers with these spans, which keep so many numbers for one token; `blocks` is
    /// asked for each.
    pub(crate) fn new(
        layers: impl IntoIterator<Item = (Span, usize)>,
        (block_len, format): (usize, CacheFormat),
        blocks: impl Fn(Span) -> usize,
    ) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for (span, numbers) in layers {
            match groups.iter_mut().find(|it| it.span == span) {
                Some(group) => group.numbers += numbers,
                None => groups.push(Group { span, numbers, blocks: blocks(span) }),
            }
        }
        Self {
            groups,
            block_len,
            format,
            slots: 0,
            slot_numbers: 0,
            rope_sets: RopeSets::One,
            longest: 0,
            pairs: 0,
        }
    }

    /// With slots of so many numbers; without any if that is none.
    pub(crate) fn with_slots(self, slot_numbers: usize, slots: usize) -> Self {
        Self { slots: if slot_numbers == 0 { 0 } else { slots }, slot_numbers, ..self }
    }

    /// With the sets of rotary frequencies that a model has, for sequences of up to `longest` tokens.
    pub(crate) fn with_rope_sets(self, config: &Config, longest: usize) -> Self {
        Self { rope_sets: config.rope_sets, longest, pairs: config.turned_pairs(), ..self }
    }

    /// Bytes of all sets, whose frequencies are `f32`; 0 where there is one, which no context changes.
    pub(crate) fn rope_bytes(&self) -> u128 {
        match self.rope_sets.count(self.longest) {
            1 => 0,
            sets => (sets as u128).saturating_mul(4 * self.pairs as u128),
        }
    }

    /// Bytes of all slots, whose numbers are `f32`.
    pub(crate) fn slot_bytes(&self) -> u128 {
        (self.slots as u128).saturating_mul(4 * self.slot_numbers as u128)
    }

    /// The group of layers with this span.
    pub(crate) fn group(&self, span: Span) -> usize {
        let found = self.groups.iter().position(|it| it.span == span);
        found.expect("a layout is made of the spans of all layers")
    }

    /// Numbers that all caches hold.
    pub(crate) fn numbers(&self) -> u128 {
        let places = |it: &Group| it.blocks as u128 * self.block_len as u128;
        let numbers = self.groups.iter().map(|it| places(it).saturating_mul(it.numbers as u128));
        numbers.fold(0, u128::saturating_add)
    }
}

/// Blocks that layers with this span need, so that batches of up to `max` always find one.
pub(crate) fn blocks_for(span: Span, max: Shape, block_len: usize) -> usize {
    let all = max.len.div_ceil(block_len).saturating_mul(max.seqs);
    match span {
        Span::Full => all,
        // Within a chunk, a row sees no more than with a window of the same length.
        Span::Window(w) | Span::Chunk(w) => {
            // A sequence's rows of a step, and those of the block before them, see a window; both
            // ends may cut a block.
            let window = (w as usize).div_ceil(block_len);
            let seen = max.seqs.saturating_mul(window + 3);
            let seen = seen.saturating_add(max.rows.div_ceil(block_len));
            // Room for one window more lets the end of a prompt outlive the answer to it.
            all.min(seen.saturating_add(window))
        }
    }
}

/// Slots that `max_seqs` sequences need: of each, the state that it goes on from, and those after
/// its last whole block and after its last row, before and after a step. Where so many tokens are
/// computed ahead that the rows of a step end two blocks, both of these are new ones. As many as one
/// sequence needs are left for the ends of prompts and answers.
pub(crate) fn slots_for(max_seqs: usize, ahead: usize, block_len: usize) -> usize {
    let each = if ahead < block_len { 3 } else { 4 };
    max_seqs.saturating_add(1).saturating_mul(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_that_look_back_alike_are_a_group() {
        let spans = [Span::Window(64), Span::Window(64), Span::Full, Span::Window(64)];
        let max = Shape { rows: 34, seqs: 2, outputs: 2, len: 1024 };
        let layers = spans.map(|span| (span, 10));
        let layout = Layout::new(layers, (32, CacheFormat::F32), |span| blocks_for(span, max, 32));
        let window = Group { span: Span::Window(64), numbers: 30, blocks: 2 * 5 + 2 + 2 };
        assert_eq!(layout.groups, [window, Group { span: Span::Full, numbers: 10, blocks: 64 }]);
        assert_eq!((layout.group(Span::Full), layout.numbers()), (1, (30 * 14 + 10 * 64) * 32));
    }

    #[test]
    fn no_window_takes_more_than_the_context() {
        let max = Shape { rows: 34, seqs: 2, outputs: 2, len: 1024 };
        for window in [1000, 1024, u32::MAX] {
            assert_eq!(blocks_for(Span::Window(window), max, 32), 64);
        }
    }
}
