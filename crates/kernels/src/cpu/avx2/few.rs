//! Products straight from the file: sixteen weight rows with one row of activations.

use core::arch::x86_64::*;

use super::{Integers, Packed, Scaled, fields::EIGHT, load_32_i8, prefetch, stored};
use crate::cpu::{
    quantise::Q8Block,
    wide::{ROWS, blocks, nth},
};

impl<
    const BYTES: usize,
    const RUN: usize,
    const RUNS: usize,
    const MAX: i32,
    const ZERO: i32,
    I: Integers<BYTES>,
    S: Scaled<BYTES, RUNS>,
> Packed<BYTES, RUN, RUNS, MAX, ZERO, I, S>
{
    /// `sum(rows[r][i] * x[i])`, eight rows after the other: registers hold the sums of no more.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(in crate::cpu) fn once(&self, rows: [&[u8]; ROWS], x: &[Q8Block]) -> [f32; ROWS] {
        let of_block = RUNS / Self::RUNS_OF_32;
        assert!(x.len().is_multiple_of(of_block), "whole blocks");
        let rows = blocks(rows, x.len() / of_block);
        let mut sums = [_mm256_setzero_ps(); 2];
        for (sum, rows) in sums.iter_mut().zip(rows.as_chunks().0) {
            *sum = self.once_eight(*rows, x);
        }
        let [sums] = stored([sums]);
        sums
    }

    /// Four blocks at a time, so that it is seldom checked whether there are any. Blocks whose scales
    /// take long are asked for before: of `Q6_K` from memory, 8.1 GB/s instead of 4.7 on that Zen 3.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn once_eight(&self, rows: [&[[u8; BYTES]]; EIGHT], x: &[Q8Block]) -> __m256 {
        let (mut fours, mut rest) = ([&[][..]; EIGHT], [&[][..]; EIGHT]);
        for (r, row) in rows.into_iter().enumerate() {
            (fours[r], rest[r]) = row.as_chunks::<4>();
        }
        let of_block = RUNS / Self::RUNS_OF_32;
        let (x_of_fours, x_of_rest) = x.split_at(4 * of_block * fours[0].len());
        let mut sums = _mm256_setzero_ps();
        for (b, x) in x_of_fours.chunks_exact(4 * of_block).enumerate() {
            let four = nth(&fours, b);
            for (k, x) in x.chunks_exact(of_block).enumerate() {
                let mut blocks = [&four[0][k]; EIGHT];
                for (block, four) in blocks.iter_mut().zip(four) {
                    *block = &four[k];
                }
                if RUN == 16 {
                    for row in rows {
                        prefetch(row.as_flattened(), (4 * b + k + 2) * BYTES, BYTES);
                    }
                }
                sums = self.add_block(blocks, x, sums);
            }
        }
        for (b, x) in x_of_rest.chunks_exact(of_block).enumerate() {
            sums = self.add_block(nth(&rest, b), x, sums);
        }
        sums
    }

    /// Adds the products of a block of eight rows.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn add_block(&self, blocks: [&[u8; BYTES]; EIGHT], x: &[Q8Block], mut sums: __m256) -> __m256 {
        let of_rows = (self.scales)(blocks);
        for (v, x) in x.iter().enumerate() {
            let acts = load_32_i8(&x.qs);
            let mut pairs = [_mm256_setzero_si256(); EIGHT];
            for (pairs, block) in pairs.iter_mut().zip(blocks) {
                *pairs = Self::pairs((self.integers)(block, v), acts);
            }
            let [a, b, c, d, e, f, g, h] = pairs;
            let (first, last) = (Self::of_four([a, b, c, d]), Self::of_four([e, f, g, h]));
            let halves = [
                _mm256_permute2x128_si256::<0x20>(first, last),
                _mm256_permute2x128_si256::<0x31>(first, last),
            ];
            for j in 0..Self::RUNS_OF_32 {
                let product = match RUN {
                    16 => halves[j],
                    _ => _mm256_add_epi32(halves[0], halves[1]),
                };
                let begin = if Self::IS_WIDE { 0 } else { Self::begin(x, j) };
                let product = _mm256_add_epi32(product, _mm256_set1_epi32(begin));
                let of_run = v * Self::RUNS_OF_32 + j;
                sums = Self::scaled(product, of_rows.scales[of_run], x, sums);
                if Self::MINS {
                    sums = Self::less_min(of_rows.mins[of_run], x, j, sums);
                }
            }
        }
        sums
    }

    /// Sums of two products each. Weights of 8 bits are multiplied as `|w|` times the activations with
    /// the signs of `w`: no activation is -128, whose sign cannot be turned.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn pairs(integers: __m256i, acts: __m256i) -> __m256i {
        if !Self::IS_WIDE {
            return _mm256_maddubs_epi16(integers, acts);
        }
        // A pair is at most 2 * 128 * 127 = 32512, just within 16 bits.
        _mm256_maddubs_epi16(_mm256_abs_epi8(integers), _mm256_sign_epi8(acts, integers))
    }

    /// Of four rows' pairs, in each half: the sums of a row a lane. They go on in 16 bits as long as
    /// they fit.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_four(pairs: [__m256i; 4]) -> __m256i {
        let [a, b, c, d] = if Self::DEPTH < 2 { widened(pairs) } else { pairs };
        let twos = [(a, b), (c, d)].map(|(a, b)| {
            let (low, high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
            match Self::DEPTH {
                0 => _mm256_add_epi32(low, high),
                _ => _mm256_add_epi16(low, high),
            }
        });
        let [a, b] = if Self::DEPTH == 2 { widened(twos) } else { twos };
        let (low, high) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
        if Self::DEPTH < 4 {
            return _mm256_add_epi32(low, high);
        }
        let [sums] = widened([_mm256_add_epi16(low, high)]);
        sums
    }
}

/// Sums of two neighbours each.
#[inline]
#[target_feature(enable = "avx2")]
fn widened<const N: usize>(mut x: [__m256i; N]) -> [__m256i; N] {
    for x in &mut x {
        *x = _mm256_madd_epi16(*x, _mm256_set1_epi16(1));
    }
    x
}
