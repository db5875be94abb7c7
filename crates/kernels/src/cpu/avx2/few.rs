//! Products straight from the file: sixteen weight rows with one row of activations.
//!
//! Row after row is multiplied over many columns, so that memory is read as one stream. Two stretches of
//! a row are side by side, one in each half of vectors, and so are the activations: of eight blocks of 32
//! weights the first four and the last, of four of 64 the first two and the last, or two blocks of 256.
//! Then the integer products of eight rows are scaled and added, a row a lane.
//!
//! ```text
//! of eight rows, meanwhile, a vector each:
//!   products of eight runs: four of one stretch, four of the other
//!   if runs are of 16: of those beside them
//!   of formats with blocks of 32: eight scales
//!   of those with minimums: eight minimums
//! ```

use core::arch::x86_64::*;

use super::{
    Integers, Packed, Scaled, dot, fields::EIGHT, load_16_pair, load_half, load_line, prefetch,
    store_8, store_half, turned,
};
use crate::cpu::{
    quantise::{LEN, Q8Block},
    wide::{Line, ROOM, ROWS, blocks, nth},
};

/// Columns of a row that are read before those of another: so many that memory is read in long
/// stretches, and that what they leave in `room` stays in a cache.
const CHUNK: usize = 8192;

/// Lines of `room` that hold activations of a chunk.
const ACTS: usize = CHUNK / LEN / 2;

/// Rows that lie between what is multiplied and what is asked for.
const AHEAD: usize = 4;

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
    /// Whether a block has 32 weights.
    const IS_SMALL: bool = Self::OF_BLOCK == 1;
    /// Times 32 weights in a stretch, of which two are side by side.
    const STRETCH: usize = if Self::OF_BLOCK < 4 { 4 } else { Self::OF_BLOCK };
    /// Blocks in a stretch.
    const BLOCKS: usize = Self::STRETCH / Self::OF_BLOCK;
    /// Lines that two stretches of eight rows take.
    const LINES_OF_TWO: usize = match (Self::IS_SMALL, Self::MINS) {
        (false, _) => Self::STRETCH * Self::RUNS_OF_32,
        (true, false) => 8,
        (true, true) => 12,
    };
    /// How many times sums of two products are added in 16 bits.
    const LEVELS: usize = match Self::BY_FOUR || Self::IS_WIDE {
        true => 0,
        false => Self::DEPTH.ilog2() as usize,
    };
    /// How many times `products` has added them.
    const ADDED: usize = if Self::BY_FOUR { 1 } else { 0 };

    /// `sum(rows[r][i] * x[i])`, computed in `room`. Meanwhile what comes after is asked for.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(in crate::cpu) fn once(
        &self,
        rows: &[&[u8]; ROWS],
        next: &[&[u8]; ROWS],
        x: &[Q8Block],
        room: &mut [Line; ROOM],
    ) -> [f32; ROWS] {
        assert!(x.len().is_multiple_of(Self::OF_BLOCK), "whole blocks");
        let rows = blocks(*rows, x.len() / Self::OF_BLOCK);
        let (acts, room) = room.split_at_mut(ACTS);
        let mut sums = [_mm256_setzero_ps(); 2];
        for (c, x) in x.chunks(CHUNK / LEN).enumerate() {
            Self::side_by_side(x, acts);
            let begin = c * (CHUNK / LEN / Self::OF_BLOCK);
            let len = x.len() / Self::OF_BLOCK;
            // Rows of this chunk, then of the next, then those after.
            let ahead = |r: usize| match (r + AHEAD).checked_sub(ROWS) {
                None => rows[r + AHEAD][begin..].as_flattened(),
                Some(r) => match &rows[r][begin + len..] {
                    [] => next[r],
                    rest => rest.as_flattened(),
                },
            };
            for (h, sums) in sums.iter_mut().enumerate() {
                let first = h * EIGHT;
                let mut here: [&[[u8; BYTES]]; EIGHT] = [&[]; EIGHT];
                for (r, here) in here.iter_mut().enumerate() {
                    *here = &rows[first + r][begin..][..len];
                    match Self::IS_SMALL {
                        true => self.multiply_small(here, ahead(first + r), acts, (room, r)),
                        false => self.multiply_large(here, ahead(first + r), acts, (room, r)),
                    }
                }
                *sums = match Self::IS_SMALL {
                    true => Self::add_small(x, room, *sums),
                    false => self.add_large(here, x, room, *sums),
                };
            }
        }
        let mut out = [0.0; ROWS];
        for (out, sums) in out.as_chunks_mut().0.iter_mut().zip(sums) {
            store_8(sums, out);
        }
        out
    }

    /// Lays two stretches of activations side by side, and the next two; where there are no more, zeros.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn side_by_side(x: &[Q8Block], acts: &mut [Line]) {
        const NOTHING: &[i8; LEN] = &[0; LEN];
        let before = if Self::IS_SMALL { before_rest(x.len()) } else { 0 };
        for (x, acts) in x.chunks(2 * Self::STRETCH).zip(acts.chunks_exact_mut(Self::STRETCH)) {
            let before = if x.len() < 2 * Self::STRETCH { before } else { 0 };
            let of = |i: usize| {
                let x = i.checked_sub(before).and_then(|i| x.get(i));
                x.map_or(NOTHING, |x| &x.qs).as_chunks::<16>().0
            };
            for (i, acts) in acts.iter_mut().enumerate() {
                let (a, b) = (of(i), of(i + Self::STRETCH));
                store_half(load_16_pair(&a[0], &b[0]), acts, 0);
                store_half(load_16_pair(&a[1], &b[1]), acts, 1);
            }
        }
    }

    /// The products of vector `r` of eight rows, in blocks of 32 weights, and their scales, to their
    /// place in `room`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply_small(
        &self,
        row: &[[u8; BYTES]],
        ahead: &[u8],
        acts: &[Line],
        (room, r): (&mut [Line], usize),
    ) {
        let (eights, rest) = row.as_chunks::<EIGHT>();
        let mut lines = room.chunks_exact_mut(Self::LINES_OF_TWO);
        let mut acts = acts.as_chunks::<4>().0.iter();
        for (i, ((eight, acts), lines)) in eights.iter().zip(&mut acts).zip(&mut lines).enumerate()
        {
            self.multiply_eight(eight, acts, (lines, r));
            prefetch(ahead, EIGHT * BYTES * i, EIGHT * BYTES);
        }
        if let (false, Some(acts), Some(lines)) = (rest.is_empty(), acts.next(), lines.next()) {
            match row.last_chunk() {
                Some(eight) => self.multiply_eight(eight, acts, (lines, r)),
                None => {
                    let mut eight = [[0; BYTES]; EIGHT];
                    eight[..rest.len()].copy_from_slice(rest);
                    self.multiply_eight(&eight, acts, (lines, r));
                }
            }
            prefetch(ahead, EIGHT * BYTES * eights.len(), BYTES * rest.len());
        }
    }

    /// The same of eight blocks.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply_eight(
        &self,
        blocks: &[[u8; BYTES]; EIGHT],
        acts: &[Line; 4],
        (lines, r): (&mut [Line], usize),
    ) {
        let two = |k| (self.integers)([&blocks[k], &blocks[4 + k]], 0);
        let [products, _] = Self::of_two(two, acts);
        let [a, b, c, d, e, f, g, h] = blocks;
        let of_blocks = (self.scales)([a, b, c, d, e, f, g, h]);
        store(products, lines, r);
        store(_mm256_castps_si256(of_blocks.scales[0]), lines, EIGHT + r);
        if Self::MINS {
            store(_mm256_castps_si256(of_blocks.mins[0]), lines, 2 * EIGHT + r);
        }
    }

    /// The products of vector `r` of eight rows, in larger blocks, to their place in `room`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn multiply_large(
        &self,
        row: &[[u8; BYTES]],
        ahead: &[u8],
        acts: &[Line],
        (room, r): (&mut [Line], usize),
    ) {
        let lines = room.chunks_exact_mut(Self::LINES_OF_TWO);
        let acts = acts.chunks_exact(Self::STRETCH);
        let twos = row.chunks(2 * Self::BLOCKS);
        for (i, ((two, acts), lines)) in twos.zip(acts).zip(lines).enumerate() {
            // Where there are no more blocks there is nothing to multiply with.
            let block = |b: usize| two.get(b).unwrap_or(&two[0]);
            let lines = lines.chunks_exact_mut(4 * Self::RUNS_OF_32);
            for (q, (acts, lines)) in acts.as_chunks::<4>().0.iter().zip(lines).enumerate() {
                let integers = |k: usize| {
                    let v = 4 * q + k;
                    let b = if Self::BLOCKS == 1 { 0 } else { v / Self::OF_BLOCK };
                    let of_both = [block(b), block(Self::BLOCKS + b)];
                    (self.integers)(of_both, v - b * Self::OF_BLOCK)
                };
                let products = Self::of_two(integers, acts);
                for (j, products) in products.into_iter().enumerate().take(Self::RUNS_OF_32) {
                    store(products, lines, EIGHT * j + r);
                }
            }
            prefetch(ahead, 2 * Self::BLOCKS * BYTES * i, 2 * Self::BLOCKS * BYTES);
        }
    }

    /// Four times 32 weights of two stretches, times activations: of each run, or of the first of each 32
    /// weights and of the last, in each half those of a stretch.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn of_two(integers: impl Fn(usize) -> [__m256i; 2], acts: &[Line; 4]) -> [__m256i; 2] {
        let (mut first, mut last) = ([_mm256_setzero_si256(); 4], [_mm256_setzero_si256(); 4]);
        for k in 0..4 {
            let (w, x) = (integers(k), load_line(&acts[k]));
            first[k] = Self::products(w[0], x[0]);
            match RUN {
                16 => last[k] = Self::products(w[1], x[1]),
                _ => first[k] = Self::plus_products(first[k], w[1], x[1]),
            }
        }
        match RUN {
            16 => [Self::of_four(first, Self::ADDED), Self::of_four(last, Self::ADDED)],
            _ => [Self::of_four(first, Self::ADDED + 1), _mm256_setzero_si256()],
        }
    }

    /// Sums of four products each, or of two.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn products(integers: __m256i, acts: __m256i) -> __m256i {
        if Self::BY_FOUR {
            return dot::add::<DOT>(_mm256_setzero_si256(), Self::unsigned(integers), acts);
        }
        Self::pairs(integers, acts)
    }

    /// Adds others to them.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn plus_products(sums: __m256i, integers: __m256i, acts: __m256i) -> __m256i {
        if Self::BY_FOUR {
            return dot::add::<DOT>(sums, Self::unsigned(integers), acts);
        }
        Self::added(sums, Self::pairs(integers, acts), Self::ADDED)
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

    /// Adds what `multiply_small` left of eight rows.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn add_small(x: &[Q8Block], room: &[Line], mut sums: __m256) -> __m256 {
        let (eights, rest) = x.as_chunks::<EIGHT>();
        let mut lines = room.chunks_exact(Self::LINES_OF_TWO);
        for (eight, lines) in eights.iter().zip(&mut lines) {
            sums = Self::add_eight(eight.iter().enumerate(), lines, sums);
        }
        match lines.next() {
            Some(lines) => Self::add_eight((before_rest(x.len())..).zip(rest), lines, sums),
            None => sums,
        }
    }

    /// Adds those of eight blocks that are named, in this order.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn add_eight<'x>(
        x: impl Iterator<Item = (usize, &'x Q8Block)>,
        lines: &[Line],
        mut sums: __m256,
    ) -> __m256 {
        let (products, scales) = (eight(lines, 0), eight(lines, 1));
        let mins = if Self::MINS { eight(lines, 2) } else { scales };
        for (k, x) in x {
            let of_run = [_mm256_castsi256_ps(scales[k]), _mm256_castsi256_ps(mins[k])];
            sums = Self::plus_run(products[k], of_run, (x, 0), sums);
        }
        sums
    }

    /// Adds what `multiply_large` left of eight rows.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn add_large(
        &self,
        rows: [&[[u8; BYTES]]; EIGHT],
        x: &[Q8Block],
        room: &[Line],
        mut sums: __m256,
    ) -> __m256 {
        let twos = x.chunks(2 * Self::STRETCH).zip(room.chunks_exact(Self::LINES_OF_TWO));
        for (i, (x, lines)) in twos.enumerate() {
            let mut products = [[_mm256_setzero_si256(); EIGHT]; 4];
            let fields = Self::STRETCH / 4 * Self::RUNS_OF_32;
            for (at, products) in products.iter_mut().enumerate().take(fields) {
                *products = eight(lines, at);
            }
            for (b, x) in x.chunks_exact(Self::OF_BLOCK).enumerate() {
                let of_rows = (self.scales)(nth(&rows, 2 * Self::BLOCKS * i + b));
                for (v, x) in x.iter().enumerate() {
                    // Of the second stretch the products are in the upper halves.
                    let at = b % Self::BLOCKS * Self::OF_BLOCK + v;
                    let lane = 4 * (b / Self::BLOCKS) + at % 4;
                    for j in 0..Self::RUNS_OF_32 {
                        let product = products[at / 4 * Self::RUNS_OF_32 + j][lane];
                        let run = v * Self::RUNS_OF_32 + j;
                        let of_run = [of_rows.scales[run], of_rows.mins[run]];
                        sums = Self::plus_run(product, of_run, (x, j), sums);
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

/// How many of the last eight blocks of a row, which has so many, belong to the eight before: those are
/// read once more, with activations that are zero. A row that has no eight is continued with zeros instead.
const fn before_rest(blocks: usize) -> usize {
    if blocks < EIGHT { 0 } else { (EIGHT - blocks % EIGHT) % EIGHT }
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

/// Field `i` of some lines, a row a lane: eight runs.
#[inline]
#[target_feature(enable = "avx2")]
fn eight(lines: &[Line], i: usize) -> [__m256i; EIGHT] {
    let of = |r: usize| load_half(&lines[4 * i + r / 2], r % 2);
    let first = turned([of(0), of(1), of(2), of(3)]);
    let last = turned([of(4), of(5), of(6), of(7)]);
    let mut runs = [_mm256_setzero_si256(); EIGHT];
    for k in 0..4 {
        runs[k] = _mm256_permute2x128_si256::<0x20>(first[k], last[k]);
        runs[4 + k] = _mm256_permute2x128_si256::<0x31>(first[k], last[k]);
    }
    runs
}
