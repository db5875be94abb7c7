//! Products straight from the file: sixteen weight rows with one row of activations.
//!
//! Two rows at a time, which follow each other in the file, are multiplied over some columns, one in
//! each half of vectors: memory is read almost in order, as caches foresee it. Then the integer products
//! of twice eight rows are scaled and added, a row a lane.
//!
//! ```text
//! of four times 32 weights of eight rows, meanwhile:
//!   4 vectors   products of four runs of rows 0 and 1, of rows 2 and 3, …
//!   4 vectors   if runs are of 16: of the other four
//!   4 vectors   of formats with blocks of 32: scales
//!   4 vectors   of those with minimums: minimums
//! ```

use core::arch::x86_64::*;

use super::{
    Integers, Packed, Scaled, fields::EIGHT, load_16_twice, load_half, prefetch, store_8,
    store_half, turned,
};
use crate::cpu::{
    quantise::{LEN, Q8Block},
    wide::{Line, ROOM, ROWS, blocks, nth},
};

/// Columns of a row that are read before those of another: what they leave in `room` fits, and stays in
/// the first cache.
const CHUNK: usize = 2048;

/// Rows that lie between what is multiplied and what is asked for.
const AHEAD: usize = 4;

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
    /// Whether a block has 32 weights.
    const IS_SMALL: bool = Self::OF_BLOCK == 1;
    /// Lines that four times 32 weights of eight rows take.
    const LINES_OF_FOUR: usize = match (Self::IS_SMALL, Self::MINS) {
        (false, _) => 2 * Self::RUNS_OF_32,
        (true, false) => 4,
        (true, true) => 6,
    };
    /// How many times sums of two products are added in 16 bits.
    const LEVELS: usize = if Self::IS_WIDE { 0 } else { Self::DEPTH.ilog2() as usize };

    /// `sum(rows[r][i] * x[i])`, computed in `room`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(in crate::cpu) fn once(
        &self,
        rows: &[&[u8]; ROWS],
        x: &[Q8Block],
        room: &mut [Line; ROOM],
    ) -> [f32; ROWS] {
        assert!(x.len().is_multiple_of(Self::OF_BLOCK), "whole blocks");
        let mut eights: [[&[[u8; BYTES]]; EIGHT]; 2] = [[&[]; EIGHT]; 2];
        for (r, row) in blocks(*rows, x.len() / Self::OF_BLOCK).into_iter().enumerate() {
            // Of two that follow each other, one in each half.
            eights[r / EIGHT][r % 2 * 4 + r % EIGHT / 2] = row;
        }
        let ahead = AHEAD * rows[0].len();
        let mut sums = [_mm256_setzero_ps(); 2];
        for (c, x) in x.chunks(CHUNK / LEN).enumerate() {
            let begin = c * (CHUNK / LEN / Self::OF_BLOCK);
            let mut here: [[&[[u8; BYTES]]; EIGHT]; 2] = [[&[]; EIGHT]; 2];
            for (here, row) in here.as_flattened_mut().iter_mut().zip(eights.as_flattened()) {
                *here = &row[begin..][..x.len() / Self::OF_BLOCK];
            }
            let (first, last) = room.split_at_mut(ROOM / 2);
            for (rows, room) in here.iter().zip([&mut *first, &mut *last]) {
                for pair in 0..4 {
                    let (two, room) = ([rows[pair], rows[4 + pair]], (&mut *room, pair));
                    match Self::IS_SMALL {
                        true => self.multiply_small(two, ahead, x, room),
                        false => self.multiply_large(two, ahead, x, room),
                    }
                }
            }
            sums = match Self::IS_SMALL {
                true => Self::add_small(x, [first, last], sums),
                false => self.add_large(here, x, [first, last], sums),
            };
        }
        let mut out = [0.0; ROWS];
        for (out, sums) in out.as_chunks_mut().0.iter_mut().zip(sums) {
            let in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            store_8(_mm256_permutevar8x32_ps(sums, in_order), out);
        }
        out
    }

    /// The products of two rows, in blocks of 32 weights, and their scales, to their place in `room`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply_small(
        &self,
        [a, b]: [&[[u8; BYTES]]; 2],
        ahead: usize,
        x: &[Q8Block],
        (room, pair): (&mut [Line], usize),
    ) {
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
        let (x, x_rest) = x.as_chunks::<4>();
        let (lines, lines_of_rest) = room.split_at_mut(Self::LINES_OF_FOUR * x.len());
        let lines = lines.chunks_exact_mut(Self::LINES_OF_FOUR);
        for (((a, b), x), lines) in a.iter().zip(b).zip(x).zip(lines) {
            self.multiply_four([a, b], x, (lines, pair));
            for block in [a, b] {
                prefetch(block.as_flattened(), ahead, 4 * BYTES);
            }
        }
        if !x_rest.is_empty() {
            let (mut of_x, mut of_rows) = ([Q8Block::default(); 4], [[[0; BYTES]; 4]; 2]);
            of_x[..x_rest.len()].copy_from_slice(x_rest);
            of_rows[0][..a_rest.len()].copy_from_slice(a_rest);
            of_rows[1][..b_rest.len()].copy_from_slice(b_rest);
            self.multiply_four(of_rows.each_ref(), &of_x, (lines_of_rest, pair));
        }
    }

    /// The same of four blocks.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply_four(
        &self,
        [a, b]: [&[[u8; BYTES]; 4]; 2],
        x: &[Q8Block; 4],
        (lines, pair): (&mut [Line], usize),
    ) {
        let [products, _] = Self::of_two(|k| (self.integers)([&a[k], &b[k]], 0), x);
        let ([a, b, c, d], [e, f, g, h]) = (a, b);
        let of_blocks = (self.scales)([a, b, c, d, e, f, g, h]);
        store(products, lines, pair);
        store(_mm256_castps_si256(of_blocks.scales[0]), lines, 4 + pair);
        if Self::MINS {
            store(_mm256_castps_si256(of_blocks.mins[0]), lines, 8 + pair);
        }
    }

    /// The products of two rows, in blocks of 256 weights, to their place in `room`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply_large(
        &self,
        [a, b]: [&[[u8; BYTES]]; 2],
        ahead: usize,
        x: &[Q8Block],
        (room, pair): (&mut [Line], usize),
    ) {
        let x = x.chunks_exact(Self::OF_BLOCK);
        let lines = room.chunks_exact_mut(2 * Self::LINES_OF_FOUR);
        for (((a, b), x), lines) in a.iter().zip(b).zip(x).zip(lines) {
            let lines = lines.chunks_exact_mut(Self::LINES_OF_FOUR);
            for (q, (x, lines)) in x.as_chunks::<4>().0.iter().zip(lines).enumerate() {
                let products = Self::of_two(|k| (self.integers)([a, b], 4 * q + k), x);
                for (j, products) in products.into_iter().enumerate().take(Self::RUNS_OF_32) {
                    store(products, lines, 4 * j + pair);
                }
            }
            prefetch(a, ahead, BYTES);
            prefetch(b, ahead, BYTES);
        }
    }

    /// Four times 32 weights of two rows, times activations: of each run, or of the first of each 32
    /// weights and of the last, in each half those of a row.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn of_two(integers: impl Fn(usize) -> [__m256i; 2], x: &[Q8Block; 4]) -> [__m256i; 2] {
        let (mut first, mut last) = ([_mm256_setzero_si256(); 4], [_mm256_setzero_si256(); 4]);
        for k in 0..4 {
            let (w, x) = (integers(k), x[k].qs.as_chunks::<16>().0);
            first[k] = Self::pairs(w[0], load_16_twice(&x[0]));
            last[k] = Self::pairs(w[1], load_16_twice(&x[1]));
        }
        if RUN == 16 {
            return [Self::of_four(first, 0), Self::of_four(last, 0)];
        }
        for k in 0..4 {
            first[k] = Self::added(first[k], last[k], 0);
        }
        [Self::of_four(first, 1), _mm256_setzero_si256()]
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

    /// The sum of each half of four vectors, which were added so many times.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_four([a, b, c, d]: [__m256i; 4], level: usize) -> __m256i {
        let a = Self::added(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b), level);
        let c = Self::added(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d), level);
        let (low, high) = (_mm256_unpacklo_epi64(a, c), _mm256_unpackhi_epi64(a, c));
        let sums = Self::added(low, high, level + 1);
        if level + 1 < Self::LEVELS { widened(sums) } else { sums }
    }

    /// Adds sums that were added so many times: in 16 bits as long as they fit.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn added(a: __m256i, b: __m256i, level: usize) -> __m256i {
        if level < Self::LEVELS {
            return _mm256_add_epi16(a, b);
        }
        match level == Self::LEVELS {
            true => _mm256_add_epi32(widened(a), widened(b)),
            false => _mm256_add_epi32(a, b),
        }
    }

    /// Adds what `multiply_small` left of twice eight rows.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn add_small(x: &[Q8Block], [first, last]: [&[Line]; 2], mut sums: [__m256; 2]) -> [__m256; 2] {
        let (fours, rest) = x.as_chunks::<4>();
        let (first, first_of_rest) = first.split_at(Self::LINES_OF_FOUR * fours.len());
        let (last, last_of_rest) = last.split_at(Self::LINES_OF_FOUR * fours.len());
        let first = first.chunks_exact(Self::LINES_OF_FOUR);
        let last = last.chunks_exact(Self::LINES_OF_FOUR);
        for ((x, first), last) in fours.iter().zip(first).zip(last) {
            sums = Self::add_four(x, [first, last], sums);
        }
        match rest {
            [] => sums,
            _ => Self::add_four(rest, [first_of_rest, last_of_rest], sums),
        }
    }

    /// The same of up to four blocks.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn add_four(x: &[Q8Block], [first, last]: [&[Line]; 2], mut sums: [__m256; 2]) -> [__m256; 2] {
        let products = [four(first, 0), four(last, 0)];
        let scales = [four(first, 1), four(last, 1)];
        let mins = if Self::MINS { [four(first, 2), four(last, 2)] } else { scales };
        for (k, x) in x.iter().enumerate() {
            for h in 0..2 {
                let (scale, min) = (scales[h][k], mins[h][k]);
                let of_run = [_mm256_castsi256_ps(scale), _mm256_castsi256_ps(min)];
                sums[h] = Self::plus_run(products[h][k], of_run, (x, 0), sums[h]);
            }
        }
        sums
    }

    /// Adds what `multiply_large` left of twice eight rows.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn add_large(
        &self,
        rows: [[&[[u8; BYTES]]; EIGHT]; 2],
        x: &[Q8Block],
        [first, last]: [&[Line]; 2],
        mut sums: [__m256; 2],
    ) -> [__m256; 2] {
        let first = first.chunks_exact(2 * Self::LINES_OF_FOUR);
        let last = last.chunks_exact(2 * Self::LINES_OF_FOUR);
        let blocks = x.chunks_exact(Self::OF_BLOCK).zip(first).zip(last);
        for (b, ((x, first), last)) in blocks.enumerate() {
            let of_rows = [(self.scales)(nth(&rows[0], b)), (self.scales)(nth(&rows[1], b))];
            for (q, x) in x.as_chunks::<4>().0.iter().enumerate() {
                for h in 0..2 {
                    let lines = &[first, last][h][q * Self::LINES_OF_FOUR..];
                    let products = [four(lines, 0), four(lines, Self::RUNS_OF_32 - 1)];
                    for k in 0..4 {
                        for (j, products) in products.iter().enumerate().take(Self::RUNS_OF_32) {
                            let run = (4 * q + k) * Self::RUNS_OF_32 + j;
                            let of_run = [of_rows[h].scales[run], of_rows[h].mins[run]];
                            sums[h] = Self::plus_run(products[k], of_run, (&x[k], j), sums[h]);
                        }
                    }
                }
            }
        }
        sums
    }

    /// Adds the products of run `j` of 32 weights.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn plus_run(
        mut product: __m256i,
        [scale, min]: [__m256; 2],
        (x, j): (&Q8Block, usize),
        sums: __m256,
    ) -> __m256 {
        if !Self::IS_WIDE && !Self::MINS {
            product = _mm256_add_epi32(product, Self::begin(x, j));
        }
        let sums = Self::scaled(product, scale, x, sums);
        if Self::MINS { Self::less_min(min, x, j, sums) } else { sums }
    }
}

/// Sums of two neighbours each.
#[inline]
#[target_feature(enable = "avx2")]
fn widened(x: __m256i) -> __m256i {
    _mm256_madd_epi16(x, _mm256_set1_epi16(1))
}

/// Stores vector `i` of some lines.
#[inline]
#[target_feature(enable = "avx2")]
fn store(x: __m256i, lines: &mut [Line], i: usize) {
    store_half(x, &mut lines[i / 2], i % 2);
}

/// Four vectors, field `i` of some lines, with a row a lane.
#[inline]
#[target_feature(enable = "avx2")]
fn four(lines: &[Line], i: usize) -> [__m256i; 4] {
    let [a, b] = [&lines[2 * i], &lines[2 * i + 1]];
    turned([load_half(a, 0), load_half(a, 1), load_half(b, 0), load_half(b, 1)])
}
