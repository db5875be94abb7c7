//! AVX-512 kernels with VNNI: sixteen weight rows at once, one a lane, and 64 products of bytes in one
//! instruction.
//!
//! Every function here is `#[target_feature(enable = …)]`, so its intrinsics are safe to call and
//! only loads and stores through pointers need `unsafe`: those at the end of this file. Callers
//! check the features; see `dispatch`.
//!
//! | module    | what                                                                        |
//! |-----------|-----------------------------------------------------------------------------|
//! | `formats` | the integers and scales of a row of weights, 64 weights at a time           |
//! | `few`     | straight from the file, for one row of activations, or one row of weights   |
//! | `panel`   | sixteen rows unpacked once, for many rows of activations                    |
//! | `vectors` | activations alone, for attention                                            |
//!
//! `vpdpbusd` multiplies unsigned with signed bytes: weights are unsigned, activations signed. Signed
//! weights have 128 added to them, and what that makes too much is subtracted as an integer.
//!
//! A sum has one order, whatever computes it: run after run, `sum = fma(integer, scale * d, sum)`,
//! and, of formats with minimums, `sum = fma(-min, d * (sum of activations), sum)`.

pub(super) mod few;
pub(super) mod formats;
pub(super) mod panel;
pub(super) mod vectors;

use core::arch::x86_64::*;

use super::{
    quantise::Q8Block,
    wide::{Line, PAIR, ROWS},
};

/// How a format is read: [`Integers`] and [`Scaled`].
pub(super) struct Blocks<const RUN: usize, I, S> {
    integers: I,
    /// Of runs of `RUN` weights.
    scales: S,
    kind: Kind,
}

/// Weights `64 i..64 i + 64` of a row, as unsigned bytes.
pub(super) trait Integers: Fn(&[u8], usize) -> __m512i {}

impl<F: Fn(&[u8], usize) -> __m512i> Integers for F {}

/// The scales of their runs, and the minimums.
pub(super) trait Scaled: Fn(&[u8], usize) -> Scales {}

impl<F: Fn(&[u8], usize) -> Scales> Scaled for F {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 128 more than the weights.
    Signed,
    /// The weights, from which a minimum is subtracted.
    WithMins,
}

/// Of the runs of 64 weights: two or four.
#[derive(Clone, Copy)]
pub(super) struct Scales {
    scales: [f32; 4],
    mins: [f32; 4],
}

/// The activations of both blocks.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_pair([a, b]: &[Q8Block; 2]) -> __m512i {
    // SAFETY: both are valid for reads of 32 bytes and `loadu` has no alignment requirement.
    let [a, b] = unsafe { [a, b].map(|it| _mm256_loadu_si256(it.qs.as_ptr().cast())) };
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(a), b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_line(line: &Line) -> __m512i {
    // SAFETY: a line is 64 bytes, aligned as `load` wants it.
    unsafe { _mm512_load_si512(line.0.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_line(x: __m512i, line: &mut Line) {
    // SAFETY: a line is 64 bytes, aligned as `store` wants it.
    unsafe { _mm512_store_si512(line.0.as_mut_ptr().cast(), x) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_16(x: &[f32; 16]) -> __m512 {
    // SAFETY: `x` is valid for reads of 16 floats and `loadu` has no alignment requirement.
    unsafe { _mm512_loadu_ps(x.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn stored(x: __m512) -> [f32; 16] {
    let mut out = [0.0; 16];
    // SAFETY: `out` is valid for writes of 16 floats and `storeu` has no alignment requirement.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), x) }
    out
}

/// What the minimums of run `j` of a block are multiplied with: `d` times the sum of its activations.
#[inline]
fn sum_of_run<const RUN: usize>(x: &Q8Block, j: usize) -> f32 {
    match RUN {
        16 => x.d * (x.excess_of_halves[j] as f32 / -128.0),
        _ => x.sum,
    }
}

/// The f16 at `bytes[at..at + 2]`.
#[inline]
#[target_feature(enable = "f16c")]
fn half_at<const N: usize>(bytes: &[u8; N], at: usize) -> f32 {
    let bits = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits.into())))
}
