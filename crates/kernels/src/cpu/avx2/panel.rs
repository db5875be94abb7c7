//! Sixteen weight rows, unpacked once for many rows of activations.
//!
//! ```text
//! of each run of 16 or 32 weights:
//!   some lines    four weights of each row; of 8 bits, for `vpmaddubsw`, all high nibbles, then all
//!                 low ones
//!   a line        16 scales
//!   a line        of formats with minimums: 16 minimums
//! ```

use core::arch::x86_64::*;

use super::{Integers, Packed, Scaled, dot, fields::EIGHT, load_line, store_half, stored, turned};
use crate::cpu::{
    quantise::Q8Block,
    wide::{Line, ROWS, blocks, nth},
};

impl<
    const DOT: u8,
    const BYTES: usize,
    const RUN: usize,
    const RUNS: usize,
    const MAX: i32,
    const ZERO: i32,
    I: Integers<BYTES>,
    S: Scaled<BYTES, RUNS>,
> Packed<DOT, BYTES, RUN, RUNS, MAX, ZERO, I, S>
{
    /// Lines of a run's integers.
    const WEIGHTS: usize = if Self::IS_WIDE { RUN / 2 } else { RUN / 4 };
    /// Lines of a run.
    const LINES: usize = Self::WEIGHTS + if Self::MINS { 2 } else { 1 };

    /// Lines that rows of so many weights take.
    pub(in crate::cpu) fn lines(&self, cols: usize) -> usize {
        cols / RUN * Self::LINES
    }

    /// Unpacks `rows`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(in crate::cpu) fn unpack(&self, rows: [&[u8]; ROWS], panel: &mut [Line]) {
        assert!(panel.len().is_multiple_of(RUNS * Self::LINES), "whole blocks");
        let rows = blocks(rows, panel.len() / (RUNS * Self::LINES));
        for (b, runs) in panel.chunks_exact_mut(RUNS * Self::LINES).enumerate() {
            let blocks = nth(&rows, b);
            for (half, blocks) in blocks.as_chunks::<EIGHT>().0.iter().enumerate() {
                self.unpack_eight(*blocks, runs, half);
            }
        }
    }

    /// Unpacks a block of eight rows to a half of each line.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn unpack_eight(&self, blocks: [&[u8; BYTES]; EIGHT], runs: &mut [Line], half: usize) {
        let of_rows = (self.scales)(blocks);
        for (v, runs) in runs.chunks_exact_mut(Self::RUNS_OF_32 * Self::LINES).enumerate() {
            let (mut first, mut last) = ([_mm256_setzero_si256(); 4], [_mm256_setzero_si256(); 4]);
            for r in 0..4 {
                [first[r], last[r]] = (self.integers)([blocks[r], blocks[4 + r]], v);
            }
            // Four weights of each row, one row a lane.
            let fours = [turned(first), turned(last)];
            let fours = fours.as_flattened();
            for (j, run) in runs.chunks_exact_mut(Self::LINES).enumerate() {
                for (g, four) in fours[j * RUN / 4..][..RUN / 4].iter().enumerate() {
                    let four = Self::unsigned(*four);
                    if Self::IS_WIDE {
                        let [high, low] = high_and_low(four);
                        store_half(high, &mut run[g], half);
                        store_half(low, &mut run[RUN / 4 + g], half);
                    } else {
                        store_half(four, &mut run[g], half);
                    }
                }
                let of_run = v * Self::RUNS_OF_32 + j;
                let scale = _mm256_castps_si256(of_rows.scales[of_run]);
                store_half(scale, &mut run[Self::WEIGHTS], half);
                if Self::MINS {
                    let min = _mm256_castps_si256(of_rows.mins[of_run]);
                    store_half(min, &mut run[Self::WEIGHTS + 1], half);
                }
            }
        }
    }

    /// `sum(rows[r][i] * x[n][i])` for each `n`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(in crate::cpu) fn multiply<const N: usize>(
        &self,
        panel: &[Line],
        x: [&[Q8Block]; N],
    ) -> [[f32; ROWS]; N] {
        let lines_of_block = Self::RUNS_OF_32 * Self::LINES;
        assert!(panel.len().is_multiple_of(lines_of_block), "whole blocks");
        let mut sums = [[_mm256_setzero_ps(); 2]; N];
        for (b, runs) in panel.chunks_exact(lines_of_block).enumerate() {
            for (j, run) in runs.chunks_exact(Self::LINES).enumerate() {
                let (fours, ones) = x.as_chunks::<4>();
                let (sums_of_four, sums_of_one) = sums.as_chunks_mut::<4>();
                for ([k, l, m, n], sums) in fours.iter().zip(sums_of_four) {
                    Self::add_run(run, j, [&k[b], &l[b], &m[b], &n[b]], sums);
                }
                for (x, sums) in ones.iter().zip(sums_of_one.as_chunks_mut().0) {
                    Self::add_run(run, j, [&x[b]], sums);
                }
            }
        }
        stored(sums)
    }

    /// Adds the products of a run, `j` of its 32 weights, with so many rows of activations as leave
    /// registers for their sums.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn add_run<const N: usize>(
        run: &[Line],
        j: usize,
        x: [&Q8Block; N],
        sums: &mut [[__m256; 2]; N],
    ) {
        let (weights, rest) = run.split_at(Self::WEIGHTS);
        let mut products = [[_mm256_setzero_si256(); 2]; N];
        for n in 0..N {
            products[n] = [Self::begin(x[n], j); 2];
        }
        let (first, low) = weights.split_at(RUN / 4);
        if Self::BY_FOUR {
            Self::add_fours(first, j, x, &mut products);
        } else {
            Self::add_pairs(first, if Self::IS_WIDE { 16 } else { 1 }, j, x, &mut products);
        }
        if Self::IS_WIDE {
            Self::add_pairs(low, 1, j, x, &mut products);
        }
        let scale = load_line(&rest[0]);
        for n in 0..N {
            for r in 0..2 {
                let scale = _mm256_castsi256_ps(scale[r]);
                sums[n][r] = Self::scaled(products[n][r], scale, x[n], sums[n][r]);
            }
        }
        if Self::MINS {
            let min = load_line(&rest[1]);
            for n in 0..N {
                for r in 0..2 {
                    let min = _mm256_castsi256_ps(min[r]);
                    sums[n][r] = Self::less_min(min, x[n], j, sums[n][r]);
                }
            }
        }
    }

    /// Adds the products of a run of integers.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn add_fours<const N: usize>(
        weights: &[Line],
        j: usize,
        x: [&Q8Block; N],
        products: &mut [[__m256i; 2]; N],
    ) {
        for (g, line) in weights.iter().enumerate() {
            let w = load_line(line);
            for n in 0..N {
                let four = broadcast(x[n], j * RUN / 4 + g);
                for r in 0..2 {
                    products[n][r] = dot::add::<DOT>(products[n][r], w[r], four);
                }
            }
        }
    }

    /// Adds `factor` times the products of a run of integers or nibbles, two at once.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn add_pairs<const N: usize>(
        weights: &[Line],
        factor: i16,
        j: usize,
        x: [&Q8Block; N],
        products: &mut [[__m256i; 2]; N],
    ) {
        let depth = if Self::IS_WIDE { 8 } else { Self::DEPTH };
        for (c, lines) in weights.chunks_exact(depth).enumerate() {
            let mut pairs = [[_mm256_setzero_si256(); 2]; N];
            for (g, line) in lines.iter().enumerate() {
                let w = load_line(line);
                for n in 0..N {
                    let four = broadcast(x[n], j * RUN / 4 + c * depth + g);
                    for r in 0..2 {
                        let pair = _mm256_maddubs_epi16(w[r], four);
                        pairs[n][r] = _mm256_add_epi16(pairs[n][r], pair);
                    }
                }
            }
            for n in 0..N {
                for r in 0..2 {
                    let product = _mm256_madd_epi16(pairs[n][r], _mm256_set1_epi16(factor));
                    products[n][r] = _mm256_add_epi32(products[n][r], product);
                }
            }
        }
    }
}

/// Activations `4 i..4 i + 4`, in each lane.
#[inline]
#[target_feature(enable = "avx2")]
fn broadcast(x: &Q8Block, i: usize) -> __m256i {
    let four = x.qs.as_chunks::<4>().0[i];
    _mm256_set1_epi32(i32::from_le_bytes(four.map(i8::cast_unsigned)))
}

/// The nibbles of bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn high_and_low(bytes: __m256i) -> [__m256i; 2] {
    let nibble = _mm256_set1_epi8(0xf);
    [_mm256_srli_epi16::<4>(bytes), bytes].map(|x| _mm256_and_si256(x, nibble))
}
