//! Sixteen unpacked weight rows with many rows of activations, by `smmla`: two rows with two at once.
//!
//! ```text
//! of 16 weights of four rows, a line:
//!   16 bytes    8 of row 0, 8 of row 1
//!   16 bytes    the next 8 of both
//!   16 bytes    8 of row 2, 8 of row 3
//!   16 bytes    the next 8 of both
//! ```
//!
//! Activations come in the same order, two rows of them. Sums are those of a weight row with both, then
//! those of the next. Of sixteen weight rows with four rows of activations they are 16 vectors; with four
//! of activations and four of weights that is 24 of 32 registers, and a load for two `smmla`.

use core::arch::aarch64::*;

use super::{FOUR, Integers, Packed, Scaled, load_16_i8, load_line, load_quarter, smmla, store_4};
use crate::cpu::{
    quantise::Q8Block,
    wide::{Line, ROWS},
};

/// Weight rows, two by two.
const PAIRS: usize = ROWS / 2;

impl<
    const BYTES: usize,
    const RUN: usize,
    const RUNS: usize,
    const MINS: bool,
    I: Integers<BYTES>,
    S: Scaled<BYTES, RUNS>,
> Packed<BYTES, RUN, RUNS, MINS, I, S>
{
    /// Unpacks `rows`, two by two.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(in crate::cpu) fn unpack_pairs(&self, rows: [&[u8]; ROWS], panel: &mut [Line]) {
        let by_two = |[a, b, c, d]: [int8x16_t; FOUR]| {
            let [[a, b], [c, d]] = [paired(a, b), paired(c, d)];
            [a, b, c, d]
        };
        self.unpack_in(by_two, rows, panel);
    }

    /// `sum(rows[r][i] * x[n][i])` for each `n`, of rows that were unpacked two by two.
    #[inline]
    #[target_feature(enable = "neon,i8mm")]
    pub(in crate::cpu) fn multiply_pairs<const N: usize>(
        &self,
        panel: &[Line],
        x: [&[Q8Block]; N],
    ) -> [[f32; ROWS]; N] {
        const { assert!(N.is_multiple_of(2), "rows of activations, two by two") };
        let lines_of_32 = Self::RUNS_OF_32 * Self::LINES;
        assert!(panel.len().is_multiple_of(lines_of_32), "whole blocks");
        // Of two rows of activations, a vector for each two weight rows.
        let mut sums = [[vdupq_n_f32(0.0); PAIRS / 2]; N];
        for (b, runs) in panel.chunks_exact(lines_of_32).enumerate() {
            for (j, run) in runs.chunks_exact(Self::LINES).enumerate() {
                let (fours, twos) = x.as_chunks::<2>().0.as_chunks::<2>();
                let of_twos = sums.as_flattened_mut().as_chunks_mut::<PAIRS>().0;
                let (sums_of_four, sums_of_two) = of_twos.as_chunks_mut::<2>();
                for ([[k, l], [m, n]], sums) in fours.iter().zip(sums_of_four) {
                    Self::add_pairs(run, j, [[&k[b], &l[b]], [&m[b], &n[b]]], sums);
                }
                for ([k, l], sums) in twos.iter().zip(sums_of_two.as_chunks_mut::<1>().0) {
                    Self::add_pairs(run, j, [[&k[b], &l[b]]], sums);
                }
            }
        }
        let mut out = [[0.0; ROWS]; N];
        let of_twos = sums.as_flattened().as_chunks::<PAIRS>().0;
        for ([first, second], sums) in out.as_chunks_mut::<2>().0.iter_mut().zip(of_twos) {
            for (q, [a, b]) in sums.as_chunks::<2>().0.iter().enumerate() {
                store_4(vuzp1q_f32(*a, *b), &mut first.as_chunks_mut().0[q]);
                store_4(vuzp2q_f32(*a, *b), &mut second.as_chunks_mut().0[q]);
            }
        }
        out
    }

    /// Adds the products of a run, `j` of its 32 weights, with so many times two rows of activations as
    /// leave registers for their sums.
    #[inline]
    #[target_feature(enable = "neon,i8mm")]
    fn add_pairs<const N: usize>(
        run: &[Line],
        j: usize,
        x: [[&Q8Block; 2]; N],
        sums: &mut [[float32x4_t; PAIRS]; N],
    ) {
        let (weights, rest) = run.split_at(RUN / 4);
        let mut products = [[vdupq_n_s32(0); PAIRS]; N];
        for (h, lines) in weights.chunks_exact(FOUR).enumerate() {
            let at = j * Self::SIXTEENS + h;
            let sixteen = |x: &Q8Block| load_16_i8(&x.qs.as_chunks().0[at]);
            let mut acts = [[vdupq_n_s8(0); 2]; N];
            for (acts, &[a, b]) in acts.iter_mut().zip(&x) {
                *acts = paired(sixteen(a), sixteen(b));
            }
            for (q, line) in lines.iter().enumerate() {
                let [a, b, c, d] = load_line(line);
                for (products, [first, last]) in products.iter_mut().zip(&acts) {
                    products[2 * q] = smmla(smmla(products[2 * q], a, *first), b, *last);
                    products[2 * q + 1] = smmla(smmla(products[2 * q + 1], c, *first), d, *last);
                }
            }
        }
        let scales = doubled(&rest[0]);
        for (([a, b], products), sums) in x.iter().zip(&products).zip(sums.iter_mut()) {
            let d = alternating(a.d, b.d);
            for ((sum, product), scale) in sums.iter_mut().zip(products).zip(&scales) {
                *sum = vfmaq_f32(*sum, vcvtq_f32_s32(*product), vmulq_f32(*scale, d));
            }
        }
        if MINS {
            let mins = doubled(&rest[1]);
            for ([a, b], sums) in x.iter().zip(sums) {
                let of_acts = alternating(a.sum_of_run::<RUN>(j), b.sum_of_run::<RUN>(j));
                for (sum, min) in sums.iter_mut().zip(&mins) {
                    *sum = vfmsq_f32(*sum, *min, of_acts);
                }
            }
        }
    }
}

/// The first eight bytes of both, then the last.
#[inline]
#[target_feature(enable = "neon")]
fn paired(a: int8x16_t, b: int8x16_t) -> [int8x16_t; 2] {
    let (a, b) = (vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b));
    [vreinterpretq_s8_s64(vzip1q_s64(a, b)), vreinterpretq_s8_s64(vzip2q_s64(a, b))]
}

/// Each number of a line twice: those of two weight rows a vector.
#[inline]
#[target_feature(enable = "neon")]
fn doubled(line: &Line) -> [float32x4_t; PAIRS] {
    let mut doubled = [vdupq_n_f32(0.0); PAIRS];
    for (q, two) in doubled.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let x = load_quarter(line, q);
        *two = [vzip1q_f32(x, x), vzip2q_f32(x, x)];
    }
    doubled
}

/// One number of each of two rows of activations, twice.
#[inline]
#[target_feature(enable = "neon")]
fn alternating(a: f32, b: f32) -> float32x4_t {
    vzip1q_f32(vdupq_n_f32(a), vdupq_n_f32(b))
}
