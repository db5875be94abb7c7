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
use crate::cpu::{
    quantise::Q8Block,
    tables::{half_power, iq4_xs_scales, q3_k_scales, q6_k_scales},
};

/// `sum(weights[i] * x[i])` over whole `Q4_0` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q4_0<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_signed::<18, N>(weights, x, |block| half_at(block, 0), |block| unpack::q4_0(block))
}

/// `sum(weights[i] * x[i])` over whole `Q4_1` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q4_1<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_offset::<20, N>(weights, x, |block| unpack::q4_1(block))
}

/// `sum(weights[i] * x[i])` over whole `Q5_0` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q5_0<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_signed::<22, N>(weights, x, |block| half_at(block, 0), |block| unpack::q5_0(block))
}

/// `sum(weights[i] * x[i])` over whole `Q5_1` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q5_1<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_offset::<24, N>(weights, x, |block| unpack::q5_1(block))
}

/// `sum(weights[i] * x[i])` over whole `Q8_0` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q8_0<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_signed::<34, N>(weights, x, |block| half_at(block, 0), |block| unpack::q8_0(block))
}

/// `sum(weights[i] * x[i])` over whole `Q2_K` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q2_k<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    let blocks = weights.as_chunks::<84>().0;
    let x = first(8 * blocks.len(), x);
    let (mut sums, mut min_sums) = (zeros(), [0.0; N]);
    for (i, block) in blocks.iter().enumerate() {
        let (d, d_min) = (half_at(block, 80), half_at(block, 82));
        let mut mins_here = [0.0; N];
        for half in 0..2 {
            for (j, q) in unpack::q2_k(block, half).into_iter().enumerate() {
                let (sums, j) = (&mut sums[j % 2], 4 * half + j);
                let runs = [block[2 * j], block[2 * j + 1]];
                let scales = of_runs(runs.map(|it| (it & 0xf).cast_signed()));
                let mins = runs.map(|it| i32::from(it >> 4));
                for n in 0..N {
                    let x = &x[n][8 * i + j];
                    // A pair is at most 2 * 3 * 127, which fits 16 bits.
                    let pairs = _mm256_maddubs_epi16(q, load_32_i8(&x.qs));
                    let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, scales));
                    sums[n] =
                        _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(x.d)), products, sums[n]);
                    let excess = mins[0] * x.excess_of_halves[0] + mins[1] * x.excess_of_halves[1];
                    mins_here[n] += x.d * (excess as f32 / -128.0);
                }
            }
        }
        for n in 0..N {
            min_sums[n] += _mm256_cvtss_f32(d_min) * mins_here[n];
        }
    }
    let mut totals = totals(sums);
    totals.iter_mut().zip(min_sums).for_each(|(total, mins)| *total -= mins);
    totals
}

/// `sum(weights[i] * x[i])` over whole `Q3_K` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q3_k<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_sixteens::<110, N>(weights, x, (108, q3_k_scales), |block, half| unpack::q3_k(block, half))
}

/// `sum(weights[i] * x[i])` over whole `Q4_K` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q4_k<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_k::<144, N>(weights, x, |block, pair| unpack::q4_k(block, pair))
}

/// `sum(weights[i] * x[i])` over whole `Q5_K` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q5_k<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_k::<176, N>(weights, x, |block, pair| unpack::q5_k(block, pair))
}

/// `sum(weights[i] * x[i])` over whole `Q6_K` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q6_k<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_sixteens::<210, N>(weights, x, (208, q6_k_scales), |block, half| unpack::q6_k(block, half))
}

/// `sum(weights[i] * x[i])` over whole `IQ4_NL` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_iq4_nl<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_signed::<18, N>(weights, x, |block| half_at(block, 0), |block| unpack::iq4_nl(block))
}

/// `sum(weights[i] * x[i])` over whole `IQ4_XS` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_iq4_xs<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_sixteens::<136, N>(weights, x, (0, iq4_xs_scales), |block, half| {
        unpack::iq4_xs(block, half)
    })
}

/// `sum(weights[i] * x[i])` over whole `MXFP4` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_mxfp4<const N: usize>(weights: &[u8], x: [&[Q8Block]; N]) -> [f32; N] {
    dot_signed::<17, N>(
        weights,
        x,
        |block| _mm256_set1_ps(half_power(block[0])),
        |block| unpack::mxfp4(block),
    )
}

/// Over blocks of 256 weights with `d`, `dmin` and the packed scales of `Q4_K` in front: `unpack`
/// makes 64 integers of a block.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn dot_k<const BYTES: usize, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
    unpack: impl Fn(&[u8; BYTES], usize) -> [__m256i; 2],
) -> [f32; N] {
    let blocks = weights.as_chunks::<BYTES>().0;
    let x = first(8 * blocks.len(), x);
    let (mut sums, mut min_sums) = (zeros(), [0.0; N]);
    for (i, block) in blocks.iter().enumerate() {
        let (d, d_min) = (half_at(block, 0), half_at(block, 2));
        let (scales, mins) = q4_k_scales(&block[4..16]);
        let mut mins_here = [0.0; N];
        for pair in 0..4 {
            for (j, q) in unpack(block, pair).into_iter().enumerate() {
                let (sums, j) = (&mut sums[j], 2 * pair + j);
                let scale = _mm256_set1_epi16(scales[j].into());
                for n in 0..N {
                    let x = &x[n][8 * i + j];
                    // A pair is at most 2 * 31 * 127, which fits 16 bits.
                    let pairs = _mm256_maddubs_epi16(q, load_32_i8(&x.qs));
                    let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, scale));
                    sums[n] =
                        _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(x.d)), products, sums[n]);
                    mins_here[n] += f32::from(mins[j]) * x.sum;
                }
            }
        }
        for n in 0..N {
            min_sums[n] += _mm256_cvtss_f32(d_min) * mins_here[n];
        }
    }
    let mut totals = totals(sums);
    totals.iter_mut().zip(min_sums).for_each(|(total, mins)| *total -= mins);
    totals
}

/// The scales of the runs of a block.
type Scales<const BYTES: usize> = fn(&[u8; BYTES]) -> [i8; 16];

/// Over blocks of 256 signed weights: an f16 at `at`, `scales` of runs of 16, and what `unpack` makes
/// 128 integers of a half of a block of.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn dot_sixteens<const BYTES: usize, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
    (at, scales): (usize, Scales<BYTES>),
    unpack: impl Fn(&[u8; BYTES], usize) -> [__m256i; 4],
) -> [f32; N] {
    let blocks = weights.as_chunks::<BYTES>().0;
    let (x, mut sums) = (first(8 * blocks.len(), x), zeros());
    for (i, block) in blocks.iter().enumerate() {
        let (d, scales) = (half_at(block, at), scales(block));
        for half in 0..2 {
            for (j, q) in unpack(block, half).into_iter().enumerate() {
                let (sums, j) = (&mut sums[j % 2], 4 * half + j);
                let scales = of_runs([scales[2 * j], scales[2 * j + 1]]);
                // A pair is at most 2 * 127 * 127; 4 times that and a scale fit 24 bits.
                add_32(sums, d, [q, scales], x, 8 * i + j);
            }
        }
    }
    totals(sums)
}

/// What the pairs of both runs of 16 weights are multiplied with.
#[inline]
#[target_feature(enable = "avx2")]
fn of_runs([first, second]: [i8; 2]) -> __m256i {
    _mm256_set_m128i(_mm_set1_epi16(second.into()), _mm_set1_epi16(first.into()))
}

/// Over blocks of `BYTES`: their `scale`, and what `unpack` makes 32 signed integers of.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn dot_signed<const BYTES: usize, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
    scale: impl Fn(&[u8; BYTES]) -> __m256,
    unpack: impl Fn(&[u8; BYTES]) -> __m256i,
) -> [f32; N] {
    let (blocks, ones) = (weights.as_chunks::<BYTES>().0, _mm256_set1_epi16(1));
    let (x, mut sums) = (first(blocks.len(), x), zeros());
    let (pairs, last) = blocks.as_chunks::<2>();
    for (i, pair) in pairs.iter().enumerate() {
        for (j, (block, sums)) in pair.iter().zip(&mut sums).enumerate() {
            // A pair is at most 2 * 128 * 127 = 32512, just within 16 bits.
            add_32(sums, scale(block), [unpack(block), ones], x, 2 * i + j);
        }
    }
    for block in last {
        add_32(&mut sums[0], scale(block), [unpack(block), ones], x, 2 * pairs.len());
    }
    totals(sums)
}

/// Over blocks of `BYTES`: an f16 scale, an f16 that is added to each weight, and what `unpack` makes
/// 32 integers of, 0..=31.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn dot_offset<const BYTES: usize, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
    unpack: impl Fn(&[u8; BYTES]) -> __m256i,
) -> [f32; N] {
    let (blocks, ones) = (weights.as_chunks::<BYTES>().0, _mm256_set1_epi16(1));
    let x = first(blocks.len(), x);
    let (mut sums, mut offsets) = (zeros(), [0.0; N]);
    for (i, block) in blocks.iter().enumerate() {
        let (d, offset, q) = (half_at(block, 0), half_at(block, 2), unpack(block));
        for n in 0..N {
            let x = &x[n][i];
            let products = _mm256_madd_epi16(_mm256_maddubs_epi16(q, load_32_i8(&x.qs)), ones);
            let (scale, sum) = (_mm256_mul_ps(d, _mm256_set1_ps(x.d)), &mut sums[i % 2][n]);
            *sum = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(products), *sum);
            offsets[n] += _mm256_cvtss_f32(offset) * x.sum;
        }
    }
    let mut totals = totals(sums);
    totals.iter_mut().zip(offsets).for_each(|(total, offset)| *total += offset);
    totals
}

/// Adds the products of 32 signed weights with those activations of each row that are `x[_][i]`.
/// Each sum of two neighbours is multiplied with its place in `scales`.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_32<const N: usize>(
    sums: &mut [__m256; N],
    d: __m256,
    [q, scales]: [__m256i; 2],
    x: [&[Q8Block]; N],
    i: usize,
) {
    let magnitude = _mm256_abs_epi8(q);
    for n in 0..N {
        let x = &x[n][i];
        let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(load_32_i8(&x.qs), q));
        let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, scales));
        sums[n] = _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(x.d)), products, sums[n]);
    }
}

/// Two sums for each row of activations, so that one need not wait for the other.
#[inline]
#[target_feature(enable = "avx2")]
fn zeros<const N: usize>() -> [[__m256; N]; 2] {
    [[_mm256_setzero_ps(); N]; 2]
}

#[inline]
#[target_feature(enable = "avx2")]
fn totals<const N: usize>([even, odd]: [[__m256; N]; 2]) -> [f32; N] {
    let mut totals = [0.0; N];
    for n in 0..N {
        totals[n] = horizontal_sum(_mm256_add_ps(even[n], odd[n]));
    }
    totals
}

/// The first `len` blocks of each row, so that no index needs a check.
fn first<const N: usize>(len: usize, x: [&[Q8Block]; N]) -> [&[Q8Block]; N] {
    x.map(|x| &x[..len])
}
