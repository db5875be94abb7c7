//! Weights decoded to `f32`, with activations as they are.
//!
//! A panel is sixteen weight rows in parts, of which a core's first cache holds one:
//!
//! ```text
//! of each 128 weights, the last part may be shorter:
//!   8 lines    those of row 0, in order
//!   …
//!   8 lines    those of row 15
//! ```
//!
//! A sum has one order, whatever computes it: every eighth weight goes to the same of eight sums,
//! which are added at the end. Rows that end within 32 weights go on with zeros.

use core::arch::x86_64::*;

use super::{horizontal_sum, load_8, load_line, padded, store_half};
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

/// Weights of a row in a part of a panel.
const PART: usize = 128;

impl<const BYTES: usize, const N: usize, D: Decode<BYTES, N>> Decoded<BYTES, N, D> {
    /// `sum(rows[r][i] * x[i])`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(in crate::cpu) fn once(&self, rows: &[&[u8]; ROWS], x: &[f32]) -> [f32; ROWS] {
        let mut out = [0.0; ROWS];
        let fours = out.as_chunks_mut::<4>().0;
        for (out, rows) in fours.iter_mut().zip(rows.as_chunks().0) {
            for (out, sum) in out.iter_mut().zip(self.once_four(*rows, x)) {
                *out = horizontal_sum(sum);
            }
        }
        out
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn once_four(&self, rows: [&[u8]; 4], x: &[f32]) -> [__m256; 4] {
        let (x, tail) = x.as_chunks::<32>();
        let mut blocks: [&[[u8; BYTES]]; 4] = [&[]; 4];
        for (blocks, row) in blocks.iter_mut().zip(rows) {
            *blocks = &row.as_chunks().0[..x.len() / N];
        }
        let mut sums = [_mm256_setzero_ps(); 4];
        for (b, x) in x.as_chunks::<N>().0.iter().enumerate() {
            for (sum, blocks) in sums.iter_mut().zip(blocks) {
                *sum = self.add_block(&blocks[b], x, *sum);
            }
        }
        if !tail.is_empty() {
            let x = [padded(tail); N];
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum = self.add_block(&padded(row.as_chunks::<BYTES>().1), &x, *sum);
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
            // A part takes as many lines as it has weights a row.
            let part = panel.chunks_mut(PART).nth(at / PART).expect("room for the row");
            let row = part.len() / ROWS * r;
            let lines = &mut part[row + at % PART / 16..][..2];
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
    for (k, part) in panel.chunks(PART).enumerate() {
        let (begin, end) = (PART * k, PART * k + part.len());
        if end <= x[0].len() {
            let mut here = x;
            here.iter_mut().for_each(|x| *x = &x[begin..end]);
            add_part(part, here, &mut sums);
            continue;
        }
        let mut last = [[0.0; PART]; N];
        for n in 0..N {
            last[n][..x[n].len() - begin].copy_from_slice(&x[n][begin..]);
        }
        let mut here = [&[][..]; N];
        for n in 0..N {
            here[n] = &last[n][..part.len()];
        }
        add_part(part, here, &mut sums);
    }
    let mut out = [[0.0; ROWS]; N];
    for (out, sums) in out.iter_mut().zip(sums) {
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = horizontal_sum(sum);
        }
    }
    out
}

/// Adds the products of a part of sixteen rows with that of some rows of activations.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_part<const N: usize>(part: &[Line], x: [&[f32]; N], sums: &mut [[__m256; ROWS]; N]) {
    let (threes, ones) = x.as_chunks::<3>();
    let (sums_of_three, sums_of_one) = sums.as_chunks_mut::<3>();
    for (x, sums) in threes.iter().zip(sums_of_three) {
        add_rows(part, *x, sums);
    }
    for (x, sums) in ones.iter().zip(sums_of_one.as_chunks_mut::<1>().0) {
        add_rows(part, [*x], sums);
    }
}

/// Four weight rows at a time, so that these, times three of activations, leave registers for both.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_rows<const N: usize>(part: &[Line], x: [&[f32]; N], sums: &mut [[__m256; ROWS]; N]) {
    let lines = part.len() / ROWS;
    let mut acts: [&[[f32; 16]]; N] = [&[]; N];
    for n in 0..N {
        acts[n] = &x[n].as_chunks().0[..lines];
    }
    for (g, four) in part.chunks_exact(4 * lines).enumerate() {
        let mut rows: [&[Line]; 4] = [&[]; 4];
        for r in 0..4 {
            rows[r] = &four[r * lines..][..lines];
        }
        let mut here = [[_mm256_setzero_ps(); 4]; N];
        for n in 0..N {
            here[n].copy_from_slice(&sums[n][4 * g..][..4]);
        }
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
            sums[n][4 * g..][..4].copy_from_slice(&here[n]);
        }
    }
}
