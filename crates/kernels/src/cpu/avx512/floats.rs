//! Weights that are numbers as they are (`F32`, `F16` and `BF16`), with activations as they are: FMA of
//! 16 lanes of `f32`. `vdpbf16ps` is not used: it would round activations, and two cores of an Intel
//! Xeon without AMX make 165 GFLOPS of it, where those of `f32` are 305.
//!
//! A row is cut into stretches of 256 weights. Of a stretch, every sixteenth product goes to the same
//! of sixteen sums, which are added to those of the stretches before, and in the end to one another.
//! That is the order of a sum, whatever computes it. Rows that end within 32 weights go on with zeros.
//!
//! **One row of activations.** Weight rows are read one after the other, as they lie in the file, so
//! that there is one stream; of each, four stretches at once, whose sums do not wait for one another:
//! with an FMA that takes 4 cycles, 16 weights a cycle, of 16 bits each 32 bytes: more than a core
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
//! Four of its rows with six of activations are 24 sums, and 6 activations and a weight make it 31 of
//! 32 registers: 10 loads for 24 FMA, where a core could do one with each. A stretch takes 16 KiB of a
//! panel and 6 KiB of six rows of activations, and their sums with sixteen rows take as much: 28 KiB,
//! which a first cache of 32 holds while the panel goes by. Its sums are one addition for 16 FMA.

use core::arch::x86_64::*;

use super::{load_16, load_16_le, load_32, load_line, padded, store_line, stored};
use crate::cpu::{
    avx2::prefetch,
    wide::{Line, ROWS},
};

/// How a format is decoded, 32 weights of `BYTES` at a time.
///
/// A closure, and not a method of a trait, which could not both need these instructions and be safe.
pub(in crate::cpu) struct Decoded<const BYTES: usize, D> {
    decode: D,
}

/// 32 weights.
pub(in crate::cpu) trait Decode<const BYTES: usize>:
    Fn(&[u8; BYTES]) -> [__m512; 2]
{
}

impl<const BYTES: usize, F: Fn(&[u8; BYTES]) -> [__m512; 2]> Decode<BYTES> for F {}

/// Weights of a row whose products are added before those of others are.
const STRETCH: usize = 256;

/// Blocks of 32 weights in a stretch.
const BLOCKS: usize = STRETCH / 32;

/// Stretches at once.
const CHAINS: usize = 4;

/// Bytes between what is multiplied and what is asked for.
const AHEAD: usize = 4096;

#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f")]
pub(in crate::cpu) fn f32() -> Decoded<128, impl Decode<128>> {
    Decoded {
        decode: |w: &[u8; 128]| {
            let w = w.as_chunks::<64>().0;
            [load_16_le(&w[0]), load_16_le(&w[1])]
        },
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f")]
pub(in crate::cpu) fn f16() -> Decoded<64, impl Decode<64>> {
    Decoded {
        decode: |w: &[u8; 64]| [_mm512_cvtph_ps(load_32(w, 0)), _mm512_cvtph_ps(load_32(w, 32))],
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f")]
pub(in crate::cpu) fn bf16() -> Decoded<64, impl Decode<64>> {
    Decoded { decode: |w: &[u8; 64]| [bf16s(load_32(w, 0)), bf16s(load_32(w, 32))] }
}

impl<const BYTES: usize, D: Decode<BYTES>> Decoded<BYTES, D> {
    /// `sum(rows[r][i] * x[i])`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f")]
    pub(in crate::cpu) fn once(&self, rows: &[&[u8]; ROWS], x: &[f32]) -> [f32; ROWS] {
        let mut sums = [_mm512_setzero_ps(); ROWS];
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = self.once_row(row, x);
        }
        stored(totals(&sums))
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f")]
    fn once_row(&self, row: &[u8], x: &[f32]) -> __m512 {
        let ((blocks, last), (x, tail)) = (row.as_chunks::<BYTES>(), x.as_chunks::<32>());
        let spans = blocks[..x.len()].chunks_exact(CHAINS * BLOCKS);
        let spans_of_x = x.chunks_exact(CHAINS * BLOCKS);
        let (rest, rest_of_x) = (spans.remainder(), spans_of_x.remainder());
        let mut sum = _mm512_setzero_ps();
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

    /// The sums of up to four stretches of a row.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f")]
    fn stretches(&self, blocks: &[[u8; BYTES]], x: &[[f32; 32]]) -> [__m512; CHAINS] {
        let mut sums = [_mm512_setzero_ps(); CHAINS];
        for i in 0..BLOCKS.min(blocks.len()) {
            for (k, sum) in sums.iter_mut().enumerate() {
                let b = k * BLOCKS + i;
                if let (Some(block), Some(x)) = (blocks.get(b), x.get(b)) {
                    *sum = self.add_block(block, x, *sum);
                    prefetch(block, AHEAD, BYTES);
                }
            }
        }
        sums
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f")]
    fn add_block(&self, block: &[u8; BYTES], x: &[f32; 32], sum: __m512) -> __m512 {
        let ([a, b], x) = ((self.decode)(block), x.as_chunks::<16>().0);
        _mm512_fmadd_ps(b, load_16(&x[1]), _mm512_fmadd_ps(a, load_16(&x[0]), sum))
    }

    /// Lines that rows of so many weights take.
    pub(in crate::cpu) fn lines(&self, cols: usize) -> usize {
        cols.next_multiple_of(32)
    }

    /// Unpacks `rows`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f")]
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
    #[target_feature(enable = "avx2,fma,f16c,avx512f")]
    fn unpack_block(&self, block: &[u8; BYTES], panel: &mut [Line], r: usize, b: usize) {
        // A stretch takes as many lines as it has weights a row.
        let stretch = panel.chunks_mut(STRETCH).nth(b / BLOCKS).expect("room for the row");
        let row = stretch.len() / ROWS * r;
        let lines = &mut stretch[row + b % BLOCKS * 2..][..2];
        for (w, line) in (self.decode)(block).into_iter().zip(lines) {
            store_line(_mm512_castps_si512(w), line);
        }
    }
}

/// `sum(rows[r][i] * x[n][i])` for each `n`, of unpacked rows.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f")]
pub(in crate::cpu) fn multiply<const N: usize>(panel: &[Line], x: [&[f32]; N]) -> [[f32; ROWS]; N] {
    let mut sums = [[_mm512_setzero_ps(); ROWS]; N];
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
        *out = stored(totals(sums));
    }
    out
}

/// Adds the sums of a stretch of sixteen rows with that of some rows of activations.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f")]
fn add_stretch<const N: usize>(stretch: &[Line], x: [&[f32]; N], sums: &mut [[__m512; ROWS]; N]) {
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
#[target_feature(enable = "avx2,fma,f16c,avx512f")]
fn add_rows<const N: usize>(stretch: &[Line], x: [&[f32]; N], sums: &mut [[__m512; ROWS]; N]) {
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
        let mut here = [[_mm512_setzero_ps(); 4]; N];
        for i in 0..lines {
            let mut x = [_mm512_setzero_ps(); N];
            for n in 0..N {
                x[n] = load_16(&acts[n][i]);
            }
            for r in 0..4 {
                let w = _mm512_castsi512_ps(load_line(&rows[r][i]));
                for n in 0..N {
                    here[n][r] = _mm512_fmadd_ps(w, x[n], here[n][r]);
                }
            }
        }
        for n in 0..N {
            for (sum, here) in sums[n][4 * g..][..4].iter_mut().zip(&here[n]) {
                *sum = _mm512_add_ps(*sum, *here);
            }
        }
    }
}

/// A sum, and those of the stretches that follow it. Where there are none is zero, which changes
/// nothing: no sum that began with zero is -0.
#[inline]
#[target_feature(enable = "avx512f")]
fn added(mut sum: __m512, sums: [__m512; CHAINS]) -> __m512 {
    for it in sums {
        sum = _mm512_add_ps(sum, it);
    }
    sum
}

/// The sum of the 16 lanes of each, in a fixed order.
#[inline]
#[target_feature(enable = "avx512f")]
fn totals(rows: &[__m512; ROWS]) -> __m512 {
    // Of four rows, in each quarter: the sum of each one's quarter.
    let mut fours = [_mm512_setzero_ps(); 4];
    for (four, rows) in fours.iter_mut().zip(rows.as_chunks::<4>().0) {
        let (a, b) = (twos(rows[0], rows[1]), twos(rows[2], rows[3]));
        let (first, last) = (_mm512_shuffle_ps::<0x44>(a, b), _mm512_shuffle_ps::<0xee>(a, b));
        *four = _mm512_add_ps(first, last);
    }
    let (a, b) = (halves(fours[0], fours[1]), halves(fours[2], fours[3]));
    let (even, odd) = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
    _mm512_add_ps(even, odd)
}

/// In each quarter: two sums of `a` and `b`, in turn.
#[inline]
#[target_feature(enable = "avx512f")]
fn twos(a: __m512, b: __m512) -> __m512 {
    _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b))
}

/// The first half and the last of `a`, added, then those of `b`.
#[inline]
#[target_feature(enable = "avx512f")]
fn halves(a: __m512, b: __m512) -> __m512 {
    _mm512_add_ps(_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0xee>(a, b))
}

/// 16 bf16 numbers: the upper halves of floats.
#[inline]
#[target_feature(enable = "avx512f")]
fn bf16s(x: __m256i) -> __m512 {
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(x)))
}
