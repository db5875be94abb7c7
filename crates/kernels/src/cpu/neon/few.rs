//! Products straight from the file: sixteen weight rows, four at a time, with one row of activations.

use core::arch::aarch64::*;

use super::{FOUR, Integers, Packed, Scaled, products, store_4};
use crate::cpu::{
    quantise::Q8Block,
    wide::{ROWS, blocks, nth},
};

impl<
    const BYTES: usize,
    const RUN: usize,
    const RUNS: usize,
    const MINS: bool,
    I: Integers<BYTES>,
    S: Scaled<BYTES, RUNS>,
> Packed<BYTES, RUN, RUNS, MINS, I, S>
{
    /// `sum(rows[r][i] * x[i])`.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(in crate::cpu) fn once<const DOT: bool>(
        &self,
        rows: &[&[u8]; ROWS],
        x: &[Q8Block],
    ) -> [f32; ROWS] {
        assert!(x.len().is_multiple_of(Self::OF_BLOCK), "whole blocks");
        let rows = blocks(*rows, x.len() / Self::OF_BLOCK);
        let mut out = [0.0; ROWS];
        for (out, rows) in out.as_chunks_mut().0.iter_mut().zip(rows.as_chunks().0) {
            store_4(self.once_four::<DOT>(rows, x), out);
        }
        out
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn once_four<const DOT: bool>(
        &self,
        rows: &[&[[u8; BYTES]]; FOUR],
        x: &[Q8Block],
    ) -> float32x4_t {
        let mut sums = vdupq_n_f32(0.0);
        for (b, x) in x.chunks_exact(Self::OF_BLOCK).enumerate() {
            let blocks = nth(rows, b);
            let of_rows = (self.scales)(blocks);
            for (i, x) in x.iter().enumerate() {
                let (w, acts) = (self.sixteens(blocks, i), x.qs.as_chunks().0);
                let runs = w.chunks_exact(Self::SIXTEENS).zip(acts.chunks_exact(Self::SIXTEENS));
                for (j, (w, acts)) in runs.enumerate() {
                    let run = Self::RUNS_OF_32 * i + j;
                    let of_run = [of_rows.scales[run], of_rows.mins[run]];
                    sums = Self::plus_run(products::<DOT>(w, acts), of_run, (x, j), sums);
                }
            }
        }
        sums
    }
}
