//! Weights decoded to `f32`, with activations as they are.
//!
//! A row is cut into stretches of 256 weights. Of a stretch, every eighth product goes to the same of
//! eight sums, which are added to those of the stretches before, and in the end to one another. That
//! is the order of a sum, whatever computes it. Rows that end within 32 weights go on with zeros.
//!
//! **One row of activations.** Weight rows are read one after the other, as they lie in the file, so
//! that there is one stream; of each, four stretches at once, whose sums do not wait for one another:
//! with an FMA that takes 4 cycles, 8 weights a cycle, of 16 bits each 16 bytes: more than a core
//! reads. A page ahead is asked for, since prefetchers of CPUs end where a page does.
//!
//! **Many.** Sixteen weight rows are unpacked to a panel, a stretch of all rows after the other:
//!
//! ```text
//! of each 256 weights, the last stretch may be shorter:
//!   16 lines    those of row 0, in order
//!   …
//!   16 lines    those of row 15
//! ```
//!
//! Four of its rows with three of activations are 12 sums, and 3 activations and a weight make it all
//! 16 registers: 7 loads for 12 FMA, where a core could do one with each. A stretch takes 16 KiB of a
//! panel and 3 KiB of three rows of activations, and their sums with sixteen rows take 1.5 KiB: 20.5
//! KiB, which a first cache of 32 holds while the panel goes by. Its sums are one addition for 32 FMA.

use core::arch::x86_64::*;

use super::{horizontal_sum, load_8, load_line, padded, prefetch, store_half};
use crate::cpu::wide::{Line, ROWS};

/// How a format is decoded: blocks of `BYTES` to so many times 32 weights.
///
/// A closure, and not a method of a trait, which could not both need these instructions and be safe.
pub(in crate::cpu) struct Decoded<const BYTES: usize, const N: usize, D> {
    pub(super) decode: D,
}

/// The weights of a block.
pub(in crate::cpu) trait Decode<const BYTES: usize, const N: usize>:
    Fn(&[u8; BYTES]) -> [[__m256; 4]; N]
{
}

impl<const BYTES: usize, const N: usize, F: Fn(&[u8; BYTES]) -> [[__m256; 4]; N]> Decode<BYTES, N>
    for F
{
}

/// Weights of a row whose products are added before those of others are.
const STRETCH: usize = 256;

/// Stretches at once.
const CHAINS: usize = 4;

/// Bytes between what is multiplied and what is asked for.
const AHEAD: usize = 4096;

impl<const BYTES: usize, const N: usize, D: Decode<BYTES, N>> Decoded<BYTES, N, D> {
    /// Blocks of a stretch.
    const BLOCKS: usize = {
        assert!(STRETCH.is_multiple_of(32 * N));
        STRETCH / (32 * N)
    };

    /// `sum(rows[r][i] * x[i])`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(in crate::cpu) fn once(&self, rows: &[&[u8]; ROWS], x: &[f32]) -> [f32; ROWS] {
        let mut out = [0.0; ROWS];
        for (out, row) in out.iter_mut().zip(rows) {
            *out = horizontal_sum(self.once_row(row, x));
        }
        out
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn once_row(&self, row: &[u8], x: &[f32]) -> __m256 {
        let ((blocks, last), (x, tail)) = (row.as_chunks::<BYTES>(), x.as_chunks::<32>());
        let spans = blocks[..x.len() / N].chunks_exact(CHAINS * Self::BLOCKS);
        let spans_of_x = x.as_chunks::<N>().0.chunks_exact(CHAINS * Self::BLOCKS);
        let (rest, rest_of_x) = (spans.remainder(), spans_of_x.remainder());
        let mut sum = _mm256_setzero_ps();
        for (blocks, x) in spans.zip(spans_of_x) {
            sum = added(sum, self.stretches(blocks, x));
        }
        if rest.is_empty() && tail.is_empty() {
            return sum;
        }
        let mut sums = self.stretches(rest, rest_of_x);
        if !tail.is_empty() {
            let sum = &mut sums[rest.len() / Self::BLOCKS];
            *sum = self.add_block(&padded(last), &[padded(tail); N], *sum);
        }
        added(sum, sums)
    }

    /// The sums of up to four stretches of a row.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn stretches(&self, blocks: &[[u8; BYTES]], x: &[[[f32; 32]; N]]) -> [__m256; CHAINS] {
        let mut sums = [_mm256_setzero_ps(); CHAINS];
        for i in 0..Self::BLOCKS.min(blocks.len()) {
            for (k, sum) in sums.iter_mut().enumerate() {
                let b = k * Self::BLOCKS + i;
                if let (Some(block), Some(x)) = (blocks.get(b), x.get(b)) {
                    *sum = self.add_block(block, x, *sum);
                    prefetch(block, AHEAD, BYTES);
                }
            }
        }
        sums
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn add_block(&self, block: &[u8; BYTES], x: &[[f32; 32]; N], mut sum: __m256) -> __m256 {
        for (w, x) in (self.decode)(block).iter().zip(x) {
            for (w, x) in w.iter().zip(x.as_chunks().0) {
                sum = _mm256_fmadd_ps(*w, load_8(x), sum);
            }
        }
        sum
    }

    /// Lines that rows of so many weights take.
    pub(in crate::cpu) fn lines(&self, cols: usize) -> usize {
        cols.next_multiple_of(32)
    }

    /// Unpacks `rows`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(in crate::cpu) fn unpack(&self, rows: [&[u8]; ROWS], panel: &mut [Line]) {
        for (r, row) in rows.into_iter().enumerate() {
            let (blocks, tail) = row.as_chunks::<BYTES>();
            for (b, block) in blocks.iter().enumerate() {
                self.unpack_block(block, panel, r, b);
            }
            if !tail.is_empty() {
                self.unpack_block(&padded(tail), panel, r, blocks.len());
            }
        }
    }

    /// Unpacks block `b` of row `r`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn unpack_block(&self, block: &[u8; BYTES], panel: &mut [Line], r: usize, b: usize) {
        for (v, w) in (self.decode)(block).into_iter().enumerate() {
            let at = 32 * (b * N + v);
            // A stretch takes as many lines as it has weights a row.
            let stretch = panel.chunks_mut(STRETCH).nth(at / STRETCH).expect("room for the row");
            let row = stretch.len() / ROWS * r;
            let lines = &mut stretch[row + at % STRETCH / 16..][..2];
            for (i, w) in w.into_iter().enumerate() {
                store_half(_mm256_castps_si256(w), &mut lines[i / 2], i % 2);
            }
        }
    }
}

/// `sum(rows[r][i] * x[n][i])` for each `n`, of unpacked rows.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn multiply<const N: usize>(panel: &[Line], x: [&[f32]; N]) -> [[f32; ROWS]; N] {
    let mut sums = [[_mm256_setzero_ps(); ROWS]; N];
    for (k, stretch) in panel.chunks(STRETCH).enumerate() {
        let (begin, end) = (STRETCH * k, STRETCH * k + stretch.len());
        if end <= x[0].len() {
            let mut here = x;
            here.iter_mut().for_each(|x| *x = &x[begin..end]);
            add_stretch(stretch, here, &mut sums);
            continue;
        }
        let mut last = [[0.0; STRETCH]; N];
        for n in 0..N {
            last[n][..x[n].len() - begin].copy_from_slice(&x[n][begin..]);
        }
        let mut here = [&[][..]; N];
        for n in 0..N {
            here[n] = &last[n][..stretch.len()];
        }
        add_stretch(stretch, here, &mut sums);
    }
    let mut out = [[0.0; ROWS]; N];
    for (out, sums) in out.iter_mut().zip(&sums) {
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = horizontal_sum(*sum);
        }
    }
    out
}

/// Adds the sums of a stretch of sixteen rows with that of some rows of activations.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_stretch<const N: usize>(stretch: &[Line], x: [&[f32]; N], sums: &mut [[__m256; ROWS]; N]) {
    // Two times two where three and one are left: sums of one row of activations would wait.
    let in_threes = if N % 3 == 1 && N > 3 { N - 4 } else { N - N % 3 };
    let (x, rest) = x.split_at(in_threes);
    let (sums, sums_of_rest) = sums.split_at_mut(in_threes);
    for (x, sums) in x.as_chunks::<3>().0.iter().zip(sums.as_chunks_mut::<3>().0) {
        add_rows(stretch, *x, sums);
    }
    let (twos, ones) = rest.as_chunks::<2>();
    let (sums_of_two, sums_of_one) = sums_of_rest.as_chunks_mut::<2>();
    for (x, sums) in twos.iter().zip(sums_of_two) {
        add_rows(stretch, *x, sums);
    }
    for (x, sums) in ones.iter().zip(sums_of_one.as_chunks_mut::<1>().0) {
        add_rows(stretch, [*x], sums);
    }
}

/// Four weight rows at a time.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_rows<const N: usize>(stretch: &[Line], x: [&[f32]; N], sums: &mut [[__m256; ROWS]; N]) {
    let lines = stretch.len() / ROWS;
    let mut acts: [&[[f32; 16]]; N] = [&[]; N];
    for n in 0..N {
        acts[n] = &x[n].as_chunks().0[..lines];
    }
    for (g, four) in stretch.chunks_exact(4 * lines).enumerate() {
        let mut rows: [&[Line]; 4] = [&[]; 4];
        for r in 0..4 {
            rows[r] = &four[r * lines..][..lines];
        }
        let mut here = [[_mm256_setzero_ps(); 4]; N];
        for i in 0..lines {
            for half in 0..2 {
                let mut x = [_mm256_setzero_ps(); N];
                for n in 0..N {
                    x[n] = load_8(&acts[n][i].as_chunks().0[half]);
                }
                for r in 0..4 {
                    let w = _mm256_castsi256_ps(load_line(&rows[r][i])[half]);
                    for n in 0..N {
                        here[n][r] = _mm256_fmadd_ps(w, x[n], here[n][r]);
                    }
                }
            }
        }
        for n in 0..N {
            for (sum, here) in sums[n][4 * g..][..4].iter_mut().zip(&here[n]) {
                *sum = _mm256_add_ps(*sum, *here);
            }
        }
    }
}

/// A sum, and those of the stretches that follow it. Where there are none is zero, which changes
/// nothing: no sum that began with zero is -0.
#[inline]
#[target_feature(enable = "avx2")]
fn added(mut sum: __m256, sums: [__m256; CHAINS]) -> __m256 {
    for it in sums {
        sum = _mm256_add_ps(sum, it);
    }
    sum
}
