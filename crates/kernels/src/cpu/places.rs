//! The places of a cache, as attention reads them: one head of a few that follow each other.
//!
//! Numbers are read where they lie. Blocks are decoded first, once for all queries that share the
//! head: of as many places as a block of the cache has, so that what is decoded is in the first cache
//! of the processor when it is used. What is decoded of a place depends on nothing else.

use std::ops::Range;

use half::f16;

use super::dispatch::{Strided, Vectors};
use crate::CacheFormat;

/// All places of a cache, or a head of them.
pub(super) trait Places: Copy {
    /// What rows are read as.
    type Number: Number;

    /// The head of `cols` columns that begins with column `begin`.
    fn head(self, begin: usize, cols: usize) -> Self;

    /// The rows of these places, with as many columns as the head has or more. They may be written
    /// to `room`, which has as many numbers as they have.
    fn rows<'a>(
        &'a self,
        vectors: &Vectors,
        slots: Range<usize>,
        room: &'a mut [f32],
    ) -> Strided<'a, Self::Number>;
}

/// A number as a cache stores it.
pub(super) trait Number: Copy + 'static {
    /// [`Vectors::scores`] of this kind.
    fn score(vectors: &Vectors, q: &[f32], keys: Strided<'_, Self>, scores: &mut [f32]);
    /// [`Vectors::scores_of_four`] of this kind.
    fn score_four(
        vectors: &Vectors,
        q: [&[f32]; 4],
        keys: Strided<'_, Self>,
        scores: [&mut [f32]; 4],
    );
    /// [`Vectors::weigh`] of this kind.
    fn weigh(vectors: &Vectors, shares: &[f32], values: Strided<'_, Self>, y: &mut [f32]);
    /// [`Vectors::weigh_of_four`] of this kind.
    fn weigh_four(
        vectors: &Vectors,
        shares: [&[f32]; 4],
        values: Strided<'_, Self>,
        y: [&mut [f32]; 4],
    );
}

impl Number for f32 {
    fn score(vectors: &Vectors, q: &[f32], keys: Strided<'_, Self>, scores: &mut [f32]) {
        (vectors.scores)(q, keys, scores);
    }

    fn score_four(
        vectors: &Vectors,
        q: [&[f32]; 4],
        keys: Strided<'_, Self>,
        scores: [&mut [f32]; 4],
    ) {
        (vectors.scores_of_four)(q, keys, scores);
    }

    fn weigh(vectors: &Vectors, shares: &[f32], values: Strided<'_, Self>, y: &mut [f32]) {
        (vectors.weigh)(shares, values, y);
    }

    fn weigh_four(
        vectors: &Vectors,
        shares: [&[f32]; 4],
        values: Strided<'_, Self>,
        y: [&mut [f32]; 4],
    ) {
        (vectors.weigh_of_four)(shares, values, y);
    }
}

impl Number for f16 {
    fn score(vectors: &Vectors, q: &[f32], keys: Strided<'_, Self>, scores: &mut [f32]) {
        (vectors.scores_f16)(q, keys, scores);
    }

    fn score_four(
        vectors: &Vectors,
        q: [&[f32]; 4],
        keys: Strided<'_, Self>,
        scores: [&mut [f32]; 4],
    ) {
        (vectors.scores_of_four_f16)(q, keys, scores);
    }

    fn weigh(vectors: &Vectors, shares: &[f32], values: Strided<'_, Self>, y: &mut [f32]) {
        (vectors.weigh_f16)(shares, values, y);
    }

    fn weigh_four(
        vectors: &Vectors,
        shares: [&[f32]; 4],
        values: Strided<'_, Self>,
        y: [&mut [f32]; 4],
    ) {
        (vectors.weigh_of_four_f16)(shares, values, y);
    }
}

/// Rows of numbers.
#[derive(Clone, Copy)]
pub(super) struct Plain<'p, T> {
    items: &'p [T],
    stride: usize,
    begin: usize,
}

impl<'p, T> Plain<'p, T> {
    /// Rows of `cols` columns.
    pub(super) fn new(items: &'p [T], cols: usize) -> Self {
        Self { items, stride: cols, begin: 0 }
    }
}

impl<T: Number> Places for Plain<'_, T> {
    type Number = T;

    fn head(self, begin: usize, _: usize) -> Self {
        Self { begin, ..self }
    }

    fn rows<'a>(&'a self, _: &Vectors, slots: Range<usize>, _: &'a mut [f32]) -> Strided<'a, T> {
        let items = &self.items[slots.start * self.stride + self.begin..];
        Strided { items, stride: self.stride }
    }
}

/// Rows of blocks.
#[derive(Clone, Copy)]
pub(super) struct Packed<'p> {
    format: CacheFormat,
    bytes: &'p [u8],
    /// Bytes of a row, and those of it before the head and of the head.
    stride: usize,
    begin: usize,
    len: usize,
    /// Numbers in these.
    cols: usize,
}

impl<'p> Packed<'p> {
    /// Rows of `cols` columns.
    pub(super) fn new(format: CacheFormat, bytes: &'p [u8], cols: usize) -> Self {
        let stride = row_bytes(format, cols);
        Self { format, bytes, stride, begin: 0, len: stride, cols }
    }
}

impl Places for Packed<'_> {
    type Number = f32;

    fn head(self, begin: usize, cols: usize) -> Self {
        // Values that are a part of their keys may end within a block.
        let cols = cols.next_multiple_of(self.format.block_len());
        let (begin, len) = (row_bytes(self.format, begin), row_bytes(self.format, cols));
        Self { begin, len, cols, ..self }
    }

    fn rows<'a>(
        &'a self,
        vectors: &Vectors,
        slots: Range<usize>,
        room: &'a mut [f32],
    ) -> Strided<'a, f32> {
        for (slot, row) in slots.zip(room.chunks_exact_mut(self.cols)) {
            let bytes = &self.bytes[slot * self.stride + self.begin..][..self.len];
            (vectors.decode)(self.format, bytes, row);
        }
        Strided { items: room, stride: self.cols }
    }
}

fn row_bytes(format: CacheFormat, cols: usize) -> usize {
    format.row_bytes(cols).expect("heads are whole blocks, or the plan had not been loaded")
}
