//! Products straight from the file: sixteen weight rows with one row of activations, and one weight
//! row with several.

use core::arch::x86_64::*;

use super::{Integers, Packed, ROWS, Scaled, load_pair, nth, prefetch, stored, sum_of_run};
use crate::cpu::quantise::Q8Block;

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
        rows: [&[u8]; ROWS],
        next: [&[u8]; ROWS],
        x: &[Q8Block],
    ) -> [f32; ROWS] {
        let (acts, rest) = x.as_chunks::<2>();
        assert!(rest.is_empty() && acts.len().is_multiple_of(Self::PAIRS), "whole blocks");
        let rows = Self::blocks(rows, acts.len() / Self::PAIRS);
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
                        let sum = _mm512_set1_ps(sum_of_run::<RUN>(x, j % (32 / RUN)));
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

    /// `sum(row[i] * x[n][i])`, of an odd number of blocks of 32 as well. Only rows that are not
    /// multiplied sixteen at a time come here.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    pub(in crate::cpu) fn dot<const N: usize>(&self, row: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
        let (blocks, half) = row.as_chunks::<BYTES>();
        let acts = blocks.len() * 2 * Self::PAIRS;
        let mut sums = [0.0; N];
        for (b, block) in blocks.iter().enumerate() {
            for p in 0..Self::PAIRS {
                let at = (b * Self::PAIRS + p) * 2;
                self.add_pair((block, p), x.map(|x| [x[at], x[at + 1]]), &mut sums);
            }
        }
        if !half.is_empty() {
            debug_assert_eq!(2 * half.len(), BYTES, "one of two blocks");
            // Beside it one that is zero.
            let mut padded = [0; BYTES];
            padded[..half.len()].copy_from_slice(half);
            self.add_pair((&padded, 0), x.map(|x| [x[acts], Q8Block::default()]), &mut sums);
        }
        sums
    }

    /// Adds the products of pair `p` of a block.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    fn add_pair<const N: usize>(
        &self,
        (block, p): (&[u8; BYTES], usize),
        x: [[Q8Block; 2]; N],
        sums: &mut [f32; N],
    ) {
        let (of_rows, integers) = ((self.scales)([block; ROWS]), (self.integers)(block, p));
        for (sum, pair) in sums.iter_mut().zip(&x) {
            let acts = load_pair(pair);
            let begin = if MINS { _mm512_setzero_si512() } else { excess(acts) };
            let quarters = quarters(_mm512_dpbusd_epi32(begin, integers, acts));
            for j in 0..Self::RUNS_OF_PAIR {
                let x = &pair[j * RUN / 32];
                let product = match RUN {
                    16 => quarters[j],
                    _ => quarters[2 * j] + quarters[2 * j + 1],
                };
                let of_run = p * Self::RUNS_OF_PAIR + j;
                let scale = _mm512_cvtss_f32(of_rows.scales[of_run]);
                *sum = (product as f32).mul_add(scale * x.d, *sum);
                if MINS {
                    let min = _mm512_cvtss_f32(of_rows.mins[of_run]);
                    *sum = (-min).mul_add(sum_of_run::<RUN>(x, j % (32 / RUN)), *sum);
                }
            }
        }
    }
}

/// Minus 128 times each sum of four activations.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn excess(acts: __m512i) -> __m512i {
    let zero = _mm512_setzero_si512();
    _mm512_sub_epi32(zero, _mm512_dpbusd_epi32(zero, _mm512_set1_epi8(-128), acts))
}

/// The sums of each quarter of a row's products.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn quarters(products: __m512i) -> [i32; 4] {
    let x = _mm512_add_epi32(products, _mm512_shuffle_epi32::<0b01_00_11_10>(products));
    let x = _mm512_add_epi32(x, _mm512_shuffle_epi32::<0b10_11_00_01>(x));
    [
        _mm_cvtsi128_si32(_mm512_castsi512_si128(x)),
        _mm_cvtsi128_si32(_mm512_extracti32x4_epi32::<1>(x)),
        _mm_cvtsi128_si32(_mm512_extracti32x4_epi32::<2>(x)),
        _mm_cvtsi128_si32(_mm512_extracti32x4_epi32::<3>(x)),
    ]
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
