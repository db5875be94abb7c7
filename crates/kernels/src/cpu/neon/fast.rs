//! NEON dot products of weights with activations in blocks of 8-bit integers.
//!
//! Products are summed as integers within a block of 32, or a run of 16, and blocks as floats. Weights
//! are within -128..=127 and activations within ±127, so that two products fit 16 bits.

use core::arch::aarch64::*;

use loader::format::{f16_at, q4_k_scales};

use super::{dot, load_32_i8, unpack};
use crate::cpu::{
    quantise::Q8Block,
    tables::{half_power, iq4_xs_scales, q3_k_scales, q6_k_scales},
};

/// `sum(weights[i] * x[i])` over whole `Q4_0` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_q4_0<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    dot_signed::<DOT, 18, N>(weights, x, |block| f16_at(&block[..]), |block| unpack::q4_0(block))
}

/// `sum(weights[i] * x[i])` over whole `Q4_1` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_q4_1<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    dot_offset::<DOT, 20, N>(weights, x, |block| unpack::q4_1(block))
}

/// `sum(weights[i] * x[i])` over whole `Q5_0` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_q5_0<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    dot_signed::<DOT, 22, N>(weights, x, |block| f16_at(&block[..]), |block| unpack::q5_0(block))
}

/// `sum(weights[i] * x[i])` over whole `Q5_1` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_q5_1<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    dot_offset::<DOT, 24, N>(weights, x, |block| unpack::q5_1(block))
}

/// `sum(weights[i] * x[i])` over whole `Q8_0` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_q8_0<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    dot_signed::<DOT, 34, N>(weights, x, |block| f16_at(&block[..]), |block| unpack::q8_0(block))
}

/// `sum(weights[i] * x[i])` over whole `Q3_K` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_q3_k<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    dot_sixteens::<DOT, 110, N>(weights, x, (108, q3_k_scales), |block, i| unpack::q3_k(block, i))
}

/// `sum(weights[i] * x[i])` over whole `Q4_K` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_q4_k<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    dot_k::<DOT, 144, N>(weights, x, |block, i| unpack::q4_k(block, i))
}

/// `sum(weights[i] * x[i])` over whole `Q5_K` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_q5_k<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    dot_k::<DOT, 176, N>(weights, x, |block, i| unpack::q5_k(block, i))
}

/// `sum(weights[i] * x[i])` over whole `Q6_K` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_q6_k<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    dot_sixteens::<DOT, 210, N>(weights, x, (208, q6_k_scales), |block, i| unpack::q6_k(block, i))
}

/// `sum(weights[i] * x[i])` over whole `IQ4_NL` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_iq4_nl<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    dot_signed::<DOT, 18, N>(weights, x, |block| f16_at(&block[..]), |block| unpack::iq4_nl(block))
}

/// `sum(weights[i] * x[i])` over whole `IQ4_XS` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_iq4_xs<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    dot_sixteens::<DOT, 136, N>(weights, x, (0, iq4_xs_scales), |block, i| unpack::iq4_xs(block, i))
}

/// `sum(weights[i] * x[i])` over whole `MXFP4` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_mxfp4<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    dot_signed::<DOT, 17, N>(weights, x, |block| half_power(block[0]), |block| unpack::mxfp4(block))
}

/// `sum(weights[i] * x[i])` over whole `Q2_K` blocks.
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot_q2_k<const DOT: bool, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
) -> [f32; N] {
    let blocks = weights.as_chunks::<84>().0;
    let x = first(8 * blocks.len(), x);
    let mut sums = [vdupq_n_f32(0.0); N];
    let mut mins = [0.0; N];
    for (b, block) in blocks.iter().enumerate() {
        let (d, d_min) = (f16_at(&block[80..]), f16_at(&block[82..]));
        for i in 0..8 {
            let (q, runs) = (unpack::q2_k(block, i), [block[2 * i], block[2 * i + 1]]);
            for n in 0..N {
                let x = &x[n][8 * b + i];
                let scales = runs.map(|it| (it & 0xf).cast_signed());
                sums[n] = vfmaq_n_f32(sums[n], of_runs::<DOT>(q, x, scales), d * x.d);
                let [low, high] = runs.map(|it| i32::from(it >> 4));
                let excess = low * x.excess_of_halves[0] + high * x.excess_of_halves[1];
                mins[n] += d_min * (x.d * (excess as f32 / -128.0));
            }
        }
    }
    let mut totals = totals(sums);
    totals.iter_mut().zip(mins).for_each(|(total, min)| *total -= min);
    totals
}

/// Over blocks of `BYTES`: their `scale`, and what `unpack` makes 32 signed integers of.
#[inline]
#[target_feature(enable = "neon")]
fn dot_signed<const DOT: bool, const BYTES: usize, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
    scale: impl Fn(&[u8; BYTES]) -> f32,
    unpack: impl Fn(&[u8; BYTES]) -> [int8x16_t; 2],
) -> [f32; N] {
    let blocks = weights.as_chunks::<BYTES>().0;
    let (x, mut sums) = (first(blocks.len(), x), [vdupq_n_f32(0.0); N]);
    for (b, block) in blocks.iter().enumerate() {
        let (d, q) = (scale(block), unpack(block));
        for n in 0..N {
            let x = &x[n][b];
            sums[n] = vfmaq_n_f32(sums[n], of_32::<DOT>(q, x), d * x.d);
        }
    }
    totals(sums)
}

/// Over blocks of `BYTES`: an f16 scale, an f16 that is added to each weight, and what `unpack` makes
/// 32 integers of.
#[inline]
#[target_feature(enable = "neon")]
fn dot_offset<const DOT: bool, const BYTES: usize, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
    unpack: impl Fn(&[u8; BYTES]) -> [int8x16_t; 2],
) -> [f32; N] {
    let blocks = weights.as_chunks::<BYTES>().0;
    let (x, mut sums) = (first(blocks.len(), x), [vdupq_n_f32(0.0); N]);
    let mut offsets = [0.0; N];
    for (b, block) in blocks.iter().enumerate() {
        let (d, offset, q) = (f16_at(&block[..]), f16_at(&block[2..]), unpack(block));
        for n in 0..N {
            let x = &x[n][b];
            sums[n] = vfmaq_n_f32(sums[n], of_32::<DOT>(q, x), d * x.d);
            offsets[n] += offset * x.sum;
        }
    }
    let mut totals = totals(sums);
    totals.iter_mut().zip(offsets).for_each(|(total, offset)| *total += offset);
    totals
}

/// Over blocks of 256 weights with `d`, `dmin` and the packed scales of `Q4_K` in front: `unpack`
/// makes 32 integers of a block.
#[inline]
#[target_feature(enable = "neon")]
fn dot_k<const DOT: bool, const BYTES: usize, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
    unpack: impl Fn(&[u8; BYTES], usize) -> [int8x16_t; 2],
) -> [f32; N] {
    let blocks = weights.as_chunks::<BYTES>().0;
    let (x, mut sums) = (first(8 * blocks.len(), x), [vdupq_n_f32(0.0); N]);
    let mut min_sums = [0.0; N];
    for (b, block) in blocks.iter().enumerate() {
        let (d, d_min) = (f16_at(&block[..]), f16_at(&block[2..]));
        let (scales, mins) = q4_k_scales(&block[4..16]);
        let mut mins_here = [0.0; N];
        for i in 0..8 {
            let (q, d) = (unpack(block, i), d * f32::from(scales[i]));
            for n in 0..N {
                let x = &x[n][8 * b + i];
                sums[n] = vfmaq_n_f32(sums[n], of_32::<DOT>(q, x), d * x.d);
                mins_here[n] += f32::from(mins[i]) * x.sum;
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

/// The scales of the runs of a block.
type Scales<const BYTES: usize> = fn(&[u8; BYTES]) -> [i8; 16];

/// Over blocks of 256 signed weights: an f16 at `at`, `scales` of runs of 16, and what `unpack` makes
/// 32 integers of a block of.
#[inline]
#[target_feature(enable = "neon")]
fn dot_sixteens<const DOT: bool, const BYTES: usize, const N: usize>(
    weights: &[u8],
    x: [&[Q8Block]; N],
    (at, scales): (usize, Scales<BYTES>),
    unpack: impl Fn(&[u8; BYTES], usize) -> [int8x16_t; 2],
) -> [f32; N] {
    let blocks = weights.as_chunks::<BYTES>().0;
    let (x, mut sums) = (first(8 * blocks.len(), x), [vdupq_n_f32(0.0); N]);
    for (b, block) in blocks.iter().enumerate() {
        let (d, scales) = (f16_at(&block[at..]), scales(block));
        for i in 0..8 {
            let q = unpack(block, i);
            for n in 0..N {
                let x = &x[n][8 * b + i];
                let runs = of_runs::<DOT>(q, x, [scales[2 * i], scales[2 * i + 1]]);
                sums[n] = vfmaq_n_f32(sums[n], runs, d * x.d);
            }
        }
    }
    totals(sums)
}

/// The products of 32 weights, summed to four.
#[inline]
#[target_feature(enable = "neon")]
fn of_32<const DOT: bool>(q: [int8x16_t; 2], x: &Q8Block) -> float32x4_t {
    let x = load_32_i8(&x.qs);
    vcvtq_f32_s32(dot::<DOT>(dot::<DOT>(vdupq_n_s32(0), q[0], x[0]), q[1], x[1]))
}

/// The same, those of each 16 weights times a scale.
#[inline]
#[target_feature(enable = "neon")]
fn of_runs<const DOT: bool>(q: [int8x16_t; 2], x: &Q8Block, scales: [i8; 2]) -> float32x4_t {
    let (x, zero) = (load_32_i8(&x.qs), vdupq_n_s32(0));
    let first = vmulq_n_s32(dot::<DOT>(zero, q[0], x[0]), scales[0].into());
    vcvtq_f32_s32(vmlaq_n_s32(first, dot::<DOT>(zero, q[1], x[1]), scales[1].into()))
}

#[inline]
#[target_feature(enable = "neon")]
fn totals<const N: usize>(sums: [float32x4_t; N]) -> [f32; N] {
    let mut totals = [0.0; N];
    for n in 0..N {
        totals[n] = vaddvq_f32(sums[n]);
    }
    totals
}

/// The first `len` blocks of each row, so that no index needs a check.
fn first<const N: usize>(len: usize, x: [&[Q8Block]; N]) -> [&[Q8Block]; N] {
    x.map(|x| &x[..len])
}
