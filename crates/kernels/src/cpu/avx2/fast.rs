//! AVX2 dot products of weights with activations in blocks of 8-bit integers.
//!
//! Products are summed as integers within a block of 32, blocks as floats. `maddubs` multiplies
//! unsigned with signed bytes and adds neighbours to 16 bits, saturating; the bound of each pair
//! is stated where it is used. Activations are within ±127.
//!
//! Signed weights are multiplied as `|w| * (x with the sign of w)`: `|-128|` fits an unsigned
//! byte, and no activation is -128, whose sign cannot be turned.

use core::arch::x86_64::*;

use loader::format::q4_k_scales;

use super::{half_at, horizontal_sum, load_32_i8, unpack};
use crate::cpu::quantise::Q8Block;

/// `sum(weights[i] * x[i])` over whole `Q4_0` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q4_0<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_signed::<18, N>(weights, x, |block| unpack::q4_0(block))
}

/// `sum(weights[i] * x[i])` over whole `Q5_0` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q5_0<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_signed::<22, N>(weights, x, |block| unpack::q5_0(block))
}

/// `sum(weights[i] * x[i])` over whole `Q8_0` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q8_0<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_signed::<34, N>(weights, x, |block| unpack::q8_0(block))
}

/// `sum(weights[i] * x[i])` over whole `Q4_K` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q4_k<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    let (mut sums, mut min_sums) = ([_mm256_setzero_ps(); N], [0.0; N]);
    for (i, block) in weights.as_chunks::<144>().0.iter().enumerate() {
        let (d, d_min) = (half_at(block, 0), half_at(block, 2));
        let (scales, mins) = q4_k_scales(&block[4..16]);
        let mut mins_here = [0.0; N];
        for j in 0..8 {
            let q = unpack::q4_k(block, j / 2)[j % 2];
            let scale = _mm256_set1_epi16(scales[j].into());
            for n in 0..N {
                let x = &x[n][8 * i + j];
                // 2 * 15 * 127 fits 16 bits.
                let pairs = _mm256_maddubs_epi16(q, load_32_i8(&x.qs));
                let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, scale));
                sums[n] = _mm256_fmadd_ps(_mm256_set1_ps(d * x.d), products, sums[n]);
                mins_here[n] += f32::from(mins[j]) * x.sum;
            }
        }
        for n in 0..N {
            min_sums[n] += d_min * mins_here[n];
        }
    }
    let mut totals = totals(sums);
    totals.iter_mut().zip(min_sums).for_each(|(total, mins)| *total -= mins);
    totals
}

/// `sum(weights[i] * x[i])` over whole `Q6_K` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q6_k<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    let mut sums = [_mm256_setzero_ps(); N];
    for (i, block) in weights.as_chunks::<210>().0.iter().enumerate() {
        let d = half_at(block, 208);
        for half in 0..2 {
            for (j, q) in unpack::q6_k(block, half).into_iter().enumerate() {
                let j = 4 * half + j;
                let scale = |at: usize| _mm_set1_epi16(block[at].cast_signed().into());
                let scales = _mm256_set_m128i(scale(193 + 2 * j), scale(192 + 2 * j));
                // A pair is within 2 * 32 * 127, and 8 times that and a scale fits 24 bits.
                add_32(&mut sums, d, [q, scales], x, 8 * i + j);
            }
        }
    }
    totals(sums)
}

/// Over blocks of `BYTES`: an f16 scale, and what `unpack` makes 32 signed integers of.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn dot_signed<const BYTES: usize, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
    unpack: impl Fn(&[u8; BYTES]) -> __m256i,
) -> [f32; N] {
    let (mut sums, ones) = ([_mm256_setzero_ps(); N], _mm256_set1_epi16(1));
    for (i, block) in weights.as_chunks::<BYTES>().0.iter().enumerate() {
        // A pair is at most 2 * 128 * 127 = 32512, just within 16 bits.
        add_32(&mut sums, half_at(block, 0), [unpack(block), ones], x, i);
    }
    totals(sums)
}

/// Adds the products of 32 signed weights with those activations of each row that are `x[_][i]`.
/// Each sum of two neighbours is multiplied with its place in `scales`.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_32<const N: usize>(
    sums: &mut [__m256; N],
    d: f32,
    [q, scales]: [__m256i; 2],
    x: [&[Q8Block]; N],
    i: usize,
) {
    let magnitude = _mm256_abs_epi8(q);
    for n in 0..N {
        let x = &x[n][i];
        let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(load_32_i8(&x.qs), q));
        let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, scales));
        sums[n] = _mm256_fmadd_ps(_mm256_set1_ps(d * x.d), products, sums[n]);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn totals<const N: usize>(sums: [__m256; N]) -> [f32; N] {
    let mut totals = [0.0; N];
    totals.iter_mut().zip(sums).for_each(|(total, sum)| *total = horizontal_sum(sum));
    totals
}
