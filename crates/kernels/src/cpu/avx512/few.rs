//! Products straight from the file: sixteen weight rows with one row of activations.

use core::arch::x86_64::*;

use super::{Integers, Packed, Scaled, load_pair, stored};
use crate::cpu::{
    avx2::prefetch,
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
    /// `sum(rows[r][i] * x[i])`. Meanwhile the rows to be multiplied next are asked for.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    pub(in crate::cpu) fn once(
        &self,
        rows: &[&[u8]; ROWS],
        next: &[&[u8]; ROWS],
        x: &[Q8Block],
    ) -> [f32; ROWS] {
        let (acts, rest) = x.as_chunks::<2>();
        assert!(rest.is_empty() && acts.len().is_multiple_of(Self::PAIRS), "whole blocks");
        let rows = blocks(*rows, acts.len() / Self::PAIRS);
        let mut sums = _mm512_setzero_ps();
        for (b, pairs) in acts.chunks_exact(Self::PAIRS).enumerate() {
            let blocks = nth(&rows, b);
            let of_rows = (self.scales)(blocks);
            for (p, pair) in pairs.iter().enumerate() {
                let acts = load_pair(pair);
                let begin = if MINS { _mm512_setzero_si512() } else { excess(acts) };
                let product = |block| _mm512_dpbusd_epi32(begin, (self.integers)(block, p), acts);
                let mut fours = [begin; 4];
                for (k, four) in fours.iter_mut().enumerate() {
                    let [a, b] = [product(blocks[4 * k]), product(blocks[4 * k + 1])];
                    let [c, d] = [product(blocks[4 * k + 2]), product(blocks[4 * k + 3])];
                    *four = of_four([a, b, c, d]);
                }
                let quarters = quarters_turned(fours);
                for j in 0..Self::RUNS_OF_PAIR {
                    let (product, x) = (run::<RUN>(quarters, j), &pair[j * RUN / 32]);
                    let of_run = p * Self::RUNS_OF_PAIR + j;
                    let scale = _mm512_mul_ps(of_rows.scales[of_run], _mm512_set1_ps(x.d));
                    sums = _mm512_fmadd_ps(_mm512_cvtepi32_ps(product), scale, sums);
                    if MINS {
                        let sum = _mm512_set1_ps(x.sum_of_run::<RUN>(j % (32 / RUN)));
                        sums = _mm512_fnmadd_ps(of_rows.mins[of_run], sum, sums);
                    }
                }
            }
            for row in next {
                prefetch(row, b * BYTES, BYTES);
            }
        }
        stored(sums)
    }
}

/// Minus 128 times each sum of four activations.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn excess(acts: __m512i) -> __m512i {
    let zero = _mm512_setzero_si512();
    _mm512_sub_epi32(zero, _mm512_dpbusd_epi32(zero, _mm512_set1_epi8(-128), acts))
}

/// Of four rows, in each quarter: the sums of a row a lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn of_four([a, b, c, d]: [__m512i; 4]) -> __m512i {
    // Both halves' sums of two rows, then the sums of four.
    let two = |a, b| _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (a, b) = (two(a, b), two(c, d));
    _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b))
}

/// Quarter `j` of vector `i` becomes quarter `i` of vector `j`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn quarters_turned([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let low = [_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0x44>(c, d)];
    let high = [_mm512_shuffle_i32x4::<0xee>(a, b), _mm512_shuffle_i32x4::<0xee>(c, d)];
    [
        _mm512_shuffle_i32x4::<0x88>(low[0], low[1]),
        _mm512_shuffle_i32x4::<0xdd>(low[0], low[1]),
        _mm512_shuffle_i32x4::<0x88>(high[0], high[1]),
        _mm512_shuffle_i32x4::<0xdd>(high[0], high[1]),
    ]
}

/// The sums of run `j`.
#[inline]
#[target_feature(enable = "avx512f")]
fn run<const RUN: usize>(quarters: [__m512i; 4], j: usize) -> __m512i {
    match RUN {
        16 => quarters[j],
        _ => _mm512_add_epi32(quarters[2 * j], quarters[2 * j + 1]),
    }
}
