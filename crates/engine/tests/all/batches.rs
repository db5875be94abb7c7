//! Batches to run through a tiny model, and sizes that they fit in.

use engine::Pages;
use kernels::{Batch, CacheFormat, Shape, Table};

pub(crate) const PAGES: Pages = Pages { blocks: 16, block_len: 4, format: CacheFormat::F32 };
pub(crate) const MAX: Shape = Shape { rows: 16, seqs: 4, outputs: 4, len: 16 };

/// Sequence `s` gets `tokens` after `past` others; its last row goes to the head.
pub(crate) fn push(batch: &mut Batch, s: u32, past: u32, tokens: &[u32]) {
    // Each group of layers has blocks of its own, which may have the same numbers.
    let groups = vec![vec![12 + s, s, 8 + s, 4 + s]; 2];
    batch.push(past, tokens, Table(groups));
    batch.out.push(batch.tokens.len() as u32 - 1);
}

/// Only sequence `s`.
pub(crate) fn one(s: u32, past: u32, tokens: &[u32]) -> Batch {
    let mut batch = Batch::default();
    push(&mut batch, s, past, tokens);
    batch
}
