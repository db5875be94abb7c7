//! Sixteen weight rows, unpacked once for many rows of activations.
//!
//! ```text
//! of each run of 16 or 32 weights:
//!   4 lines    its first 16 weights: those of rows 0 to 3, of rows 4 to 7, …
//!   4 lines    of runs of 32: the last 16
//!   a line     16 scales
//!   a line     of formats with minimums: 16 minimums
//! ```
//!
//! A line holds the weights of its four rows one after the other, or in the order of `pairs`.

use core::arch::aarch64::*;

use super::{
    FOUR, Integers, Packed, Scaled, load_line, load_quarter, products, store_4, store_line,
    store_quarter,
};
use crate::cpu::{
    quantise::Q8Block,
    wide::{Line, ROWS, blocks, nth},
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
    /// Lines of a run.
    pub(super) const LINES: usize = RUN / 4 + if MINS { 2 } else { 1 };

    /// Lines that rows of so many weights take.
    pub(in crate::cpu) fn lines(&self, cols: usize) -> usize {
        cols / RUN * Self::LINES
    }

    /// Unpacks `rows`.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(in crate::cpu) fn unpack(&self, rows: [&[u8]; ROWS], panel: &mut [Line]) {
        self.unpack_in(|rows| rows, rows, panel);
    }

    /// Unpacks `rows`, 16 weights of four of them in that `order`.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) fn unpack_in(
        &self,
        order: impl Fn([int8x16_t; FOUR]) -> [int8x16_t; FOUR],
        rows: [&[u8]; ROWS],
        panel: &mut [Line],
    ) {
        assert!(panel.len().is_multiple_of(RUNS * Self::LINES), "whole blocks");
        let rows = blocks(rows, panel.len() / (RUNS * Self::LINES));
        for (b, runs) in panel.chunks_exact_mut(RUNS * Self::LINES).enumerate() {
            for (q, rows) in rows.as_chunks::<FOUR>().0.iter().enumerate() {
                self.unpack_four(&order, nth(rows, b), (runs, q));
            }
        }
    }

    /// Unpacks a block of each of the four rows `4 q..4 q + 4`.
    #[inline]
    #[target_feature(enable = "neon")]
    fn unpack_four(
        &self,
        order: impl Fn([int8x16_t; FOUR]) -> [int8x16_t; FOUR],
        blocks: [&[u8; BYTES]; FOUR],
        (runs, q): (&mut [Line], usize),
    ) {
        let of_rows = (self.scales)(blocks);
        for (i, runs) in runs.chunks_exact_mut(Self::RUNS_OF_32 * Self::LINES).enumerate() {
            let sixteens = self.sixteens(blocks, i);
            let runs = runs.chunks_exact_mut(Self::LINES);
            for (j, (run, w)) in runs.zip(sixteens.chunks_exact(Self::SIXTEENS)).enumerate() {
                let (weights, rest) = run.split_at_mut(RUN / 4);
                for (lines, w) in weights.chunks_exact_mut(FOUR).zip(w) {
                    store_line(order(*w), &mut lines[q]);
                }
                let of_run = Self::RUNS_OF_32 * i + j;
                store_quarter(of_rows.scales[of_run], &mut rest[0], q);
                if MINS {
                    store_quarter(of_rows.mins[of_run], &mut rest[1], q);
                }
            }
        }
    }

    /// `sum(rows[r][i] * x[n][i])` for each `n`.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(in crate::cpu) fn multiply<const DOT: bool, const N: usize>(
        &self,
        panel: &[Line],
        x: [&[Q8Block]; N],
    ) -> [[f32; ROWS]; N] {
        let lines_of_32 = Self::RUNS_OF_32 * Self::LINES;
        assert!(panel.len().is_multiple_of(lines_of_32), "whole blocks");
        let mut sums = [[vdupq_n_f32(0.0); FOUR]; N];
        for (b, runs) in panel.chunks_exact(lines_of_32).enumerate() {
            for (j, run) in runs.chunks_exact(Self::LINES).enumerate() {
                let (weights, rest) = run.split_at(RUN / 4);
                for q in 0..FOUR {
                    let mut w = [[vdupq_n_s8(0); FOUR]; 2];
                    for (w, lines) in w.iter_mut().zip(weights.chunks_exact(FOUR)) {
                        *w = load_line(&lines[q]);
                    }
                    let scale = load_quarter(&rest[0], q);
                    let min = if MINS { load_quarter(&rest[1], q) } else { scale };
                    for (x, sums) in x.iter().zip(&mut sums) {
                        let x = &x[b];
                        let acts = &x.qs.as_chunks().0[j * Self::SIXTEENS..];
                        let products = products::<DOT>(&w[..Self::SIXTEENS], acts);
                        sums[q] = Self::plus_run(products, [scale, min], (x, j), sums[q]);
                    }
                }
            }
        }
        let mut out = [[0.0; ROWS]; N];
        for (out, sums) in out.iter_mut().zip(sums) {
            for (out, sums) in out.as_chunks_mut().0.iter_mut().zip(sums) {
                store_4(sums, out);
            }
        }
        out
    }
}
