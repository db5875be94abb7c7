//! Weights that are numbers as they are (`F32`, `F16` and `BF16`), with activations as they are: FMA of
//! 4 lanes of `f32`.
//!
//! A row is cut into stretches of 128 weights. Of a stretch, every fourth product goes to the same of
//! four sums, which are added to those of the stretches before, and in the end to one another. That is
//! the order of a sum, whatever computes it. Rows that end within 16 weights go on with zeros.
//!
//! **One row of activations.** Weight rows are read one after the other, as they lie in the file, so
//! that there is one stream; of each, eight stretches at once, whose sums do not wait for one another:
//! with an FMA that takes 4 cycles, 8 weights a cycle, of 16 bits each 16 bytes.
//!
//! **Many.** Sixteen weight rows are unpacked to a panel, a stretch of all rows after the other:
//!
//! ```text
//! of each 128 weights, the last stretch may be shorter:
//!   8 lines    those of row 0, in order
//!   …
//!   8 lines    those of row 15
//! ```
//!
//! Four of its rows with six of activations are 24 sums, and 6 activations and a weight make it 31 of
//! 32 registers: 10 loads for 24 FMA. A stretch takes 8 KiB of a panel and 3 KiB of six rows of
//! activations, and their sums with sixteen rows take 1.5 KiB: 12.5 KiB, which a first cache of 32
//! holds while the panel goes by. Its sums are one addition for 32 FMA.

use core::arch::aarch64::*;

use super::{halves, load_4, load_16, load_quarter, padded, store_quarter};
use crate::cpu::wide::{Line, ROWS};

/// How a format is decoded, 16 weights of `BYTES` at a time.
///
/// A closure, and not a method of a trait, which could not both need these instructions and be safe.
pub(in crate::cpu) struct Decoded<const BYTES: usize, D> {
    decode: D,
}

/// 16 weights.
pub(in crate::cpu) trait Decode<const BYTES: usize>:
    Fn(&[u8; BYTES]) -> [float32x4_t; 4]
{
}

impl<const BYTES: usize, F: Fn(&[u8; BYTES]) -> [float32x4_t; 4]> Decode<BYTES> for F {}

/// Weights of a row whose products are added before those of others are.
const STRETCH: usize = 128;

/// Blocks of 16 weights in a stretch.
const BLOCKS: usize = STRETCH / 16;

/// Stretches at once.
const CHAINS: usize = 8;

#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn f32() -> Decoded<64, impl Decode<64>> {
    Decoded {
        decode: |w: &[u8; 64]| {
            [
                vreinterpretq_f32_u8(load_16(w, 0)),
                vreinterpretq_f32_u8(load_16(w, 16)),
                vreinterpretq_f32_u8(load_16(w, 32)),
                vreinterpretq_f32_u8(load_16(w, 48)),
            ]
        },
    }
}

#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn f16() -> Decoded<32, impl Decode<32>> {
    Decoded {
        decode: |w: &[u8; 32]| {
            let [a, b, c, d] = fours(w);
            [halves(a), halves(b), halves(c), halves(d)]
        },
    }
}

#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn bf16() -> Decoded<32, impl Decode<32>> {
    Decoded {
        decode: |w: &[u8; 32]| {
            let [a, b, c, d] = fours(w);
            [bf16s(a), bf16s(b), bf16s(c), bf16s(d)]
        },
    }
}

impl<const BYTES: usize, D: Decode<BYTES>> Decoded<BYTES, D> {
    /// `sum(rows[r][i] * x[i])`.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(in crate::cpu) fn once(&self, rows: &[&[u8]; ROWS], x: &[f32]) -> [f32; ROWS] {
        let mut out = [0.0; ROWS];
        for (out, row) in out.iter_mut().zip(rows) {
            *out = vaddvq_f32(self.once_row(row, x));
        }
        out
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn once_row(&self, row: &[u8], x: &[f32]) -> float32x4_t {
        let ((blocks, last), (x, tail)) = (row.as_chunks::<BYTES>(), x.as_chunks::<16>());
        let spans = blocks[..x.len()].chunks_exact(CHAINS * BLOCKS);
        let spans_of_x = x.chunks_exact(CHAINS * BLOCKS);
        let (rest, rest_of_x) = (spans.remainder(), spans_of_x.remainder());
        let mut sum = vdupq_n_f32(0.0);
        for (blocks, x) in spans.zip(spans_of_x) {
            sum = added(sum, self.stretches(blocks, x));
        }
        if rest.is_empty() && tail.is_empty() {
            return sum;
        }
        let mut sums = self.stretches(rest, rest_of_x);
        if !tail.is_empty() {
            let sum = &mut sums[rest.len() / BLOCKS];
            *sum = self.add_block(&padded(last), &padded(tail), *sum);
        }
        added(sum, sums)
    }

    /// The sums of up to eight stretches of a row.
    #[inline]
    #[target_feature(enable = "neon")]
    fn stretches(&self, blocks: &[[u8; BYTES]], x: &[[f32; 16]]) -> [float32x4_t; CHAINS] {
        let mut sums = [vdupq_n_f32(0.0); CHAINS];
        for i in 0..BLOCKS.min(blocks.len()) {
            for (k, sum) in sums.iter_mut().enumerate() {
                let b = k * BLOCKS + i;
                if let (Some(block), Some(x)) = (blocks.get(b), x.get(b)) {
                    *sum = self.add_block(block, x, *sum);
                }
            }
        }
        sums
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn add_block(&self, block: &[u8; BYTES], x: &[f32; 16], mut sum: float32x4_t) -> float32x4_t {
        for (w, x) in (self.decode)(block).iter().zip(x.as_chunks().0) {
            sum = vfmaq_f32(sum, *w, load_4(x));
        }
        sum
    }

    /// Lines that rows of so many weights take.
    pub(in crate::cpu) fn lines(&self, cols: usize) -> usize {
        cols.next_multiple_of(16)
    }

    /// Unpacks `rows`.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(in crate::cpu) fn unpack(&self, rows: [&[u8]; ROWS], panel: &mut [Line]) {
        for (r, row) in rows.into_iter().enumerate() {
            let (blocks, last) = row.as_chunks::<BYTES>();
            for (b, block) in blocks.iter().enumerate() {
                self.unpack_block(block, panel, r, b);
            }
            if !last.is_empty() {
                self.unpack_block(&padded(last), panel, r, blocks.len());
            }
        }
    }

    /// Unpacks block `b` of row `r`.
    #[inline]
    #[target_feature(enable = "neon")]
    fn unpack_block(&self, block: &[u8; BYTES], panel: &mut [Line], r: usize, b: usize) {
        // A stretch takes as many lines as it has weights a row.
        let stretch = panel.chunks_mut(STRETCH).nth(b / BLOCKS).expect("room for the row");
        let line = &mut stretch[stretch.len() / ROWS * r + b % BLOCKS];
        for (q, w) in (self.decode)(block).into_iter().enumerate() {
            store_quarter(w, line, q);
        }
    }
}

/// `sum(rows[r][i] * x[n][i])` for each `n`, of unpacked rows.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn multiply<const N: usize>(panel: &[Line], x: [&[f32]; N]) -> [[f32; ROWS]; N] {
    let mut sums = [[vdupq_n_f32(0.0); ROWS]; N];
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
            *out = vaddvq_f32(*sum);
        }
    }
    out
}

/// Adds the sums of a stretch of sixteen rows with that of some rows of activations.
#[inline]
#[target_feature(enable = "neon")]
fn add_stretch<const N: usize>(
    stretch: &[Line],
    x: [&[f32]; N],
    sums: &mut [[float32x4_t; ROWS]; N],
) {
    let (sixes, rest) = x.as_chunks::<6>();
    let (sums_of_six, sums_of_rest) = sums.as_chunks_mut::<6>();
    for (x, sums) in sixes.iter().zip(sums_of_six) {
        add_rows(stretch, *x, sums);
    }
    let (fours, ones) = rest.as_chunks::<4>();
    let (sums_of_four, sums_of_one) = sums_of_rest.as_chunks_mut::<4>();
    for (x, sums) in fours.iter().zip(sums_of_four) {
        add_rows(stretch, *x, sums);
    }
    for (x, sums) in ones.iter().zip(sums_of_one.as_chunks_mut::<1>().0) {
        add_rows(stretch, [*x], sums);
    }
}

/// Four weight rows at a time.
#[inline]
#[target_feature(enable = "neon")]
fn add_rows<const N: usize>(stretch: &[Line], x: [&[f32]; N], sums: &mut [[float32x4_t; ROWS]; N]) {
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
        let mut here = [[vdupq_n_f32(0.0); 4]; N];
        for i in 0..lines {
            for q in 0..4 {
                let mut x = [vdupq_n_f32(0.0); N];
                for n in 0..N {
                    x[n] = load_4(&acts[n][i].as_chunks().0[q]);
                }
                for r in 0..4 {
                    let w = load_quarter(&rows[r][i], q);
                    for n in 0..N {
                        here[n][r] = vfmaq_f32(here[n][r], w, x[n]);
                    }
                }
            }
        }
        for n in 0..N {
            for (sum, here) in sums[n][4 * g..][..4].iter_mut().zip(&here[n]) {
                *sum = vaddq_f32(*sum, *here);
            }
        }
    }
}

/// A sum, and those of the stretches that follow it. Where there are none is zero, which changes
/// nothing: no sum that began with zero is -0.
#[inline]
#[target_feature(enable = "neon")]
fn added(mut sum: float32x4_t, sums: [float32x4_t; CHAINS]) -> float32x4_t {
    for it in sums {
        sum = vaddq_f32(sum, it);
    }
    sum
}

/// Numbers of 16 bits, four at a time.
#[inline]
#[target_feature(enable = "neon")]
fn fours(w: &[u8; 32]) -> [uint16x4_t; 4] {
    let (a, b) = (vreinterpretq_u16_u8(load_16(w, 0)), vreinterpretq_u16_u8(load_16(w, 16)));
    [vget_low_u16(a), vget_high_u16(a), vget_low_u16(b), vget_high_u16(b)]
}

/// Four bf16 numbers: the upper halves of floats.
#[inline]
#[target_feature(enable = "neon")]
fn bf16s(x: uint16x4_t) -> float32x4_t {
    vreinterpretq_f32_u32(vshlq_n_u32::<16>(vmovl_u16(x)))
}
