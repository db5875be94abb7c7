//! Portable kernels over rows of activations.

use half::f16;
use loader::format::{f16_at, f16_to_f32};

use super::{LANES, add_products};
use crate::{
    CacheFormat,
    cpu::{
        dispatch::{Strided, Vectors},
        quantise::quantise,
    },
};

pub(in crate::cpu) static VECTORS: Vectors = Vectors {
    dot,
    scores,
    scores_f16,
    scores_of_four: |q, keys, all| one_by_one(scores, q, keys, all),
    scores_of_four_f16: |q, keys, all| one_by_one(scores_f16, q, keys, all),
    axpy,
    weigh,
    weigh_f16,
    weigh_of_four: |shares, values, y| one_by_one(weigh, shares, values, y),
    weigh_of_four_f16: |shares, values, y| one_by_one(weigh_f16, shares, values, y),
    to_f16,
    decode,
    max,
    exp_sum,
    silu,
    gelu_tanh,
    softcap,
    quantise,
};

/// `1 + tanh(u)` is `2 / (1 + exp(-2 u))`, so that `gelu_tanh` of `x` is `x / (1 + exp(z))` with
/// `z = x (GELU[0] + GELU[1] x^2)`, which loses nothing where the sum is nearly zero.
pub(in crate::cpu) const GELU: [f32; 2] = [-1.595_769, -0.071_354_814];

fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    let mut sums = [0.0; LANES];
    add_products(a, b, &mut sums);
    sums.iter().sum()
}

fn dot_f16(a: &[f32], b: &[f16]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        add_products(a, &b.map(widened), &mut sums);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, &b)| a * widened(b)).sum();
    sums.iter().sum::<f32>() + rest
}

fn scores(q: &[f32], keys: Strided<'_, f32>, scores: &mut [f32]) {
    scores.iter_mut().enumerate().for_each(|(t, score)| *score = dot(q, keys.at(t, q.len())));
}

fn scores_f16(q: &[f32], keys: Strided<'_, f16>, scores: &mut [f32]) {
    scores.iter_mut().enumerate().for_each(|(t, score)| *score = dot_f16(q, keys.at(t, q.len())));
}

fn weigh(shares: &[f32], values: Strided<'_, f32>, y: &mut [f32]) {
    for (t, &share) in shares.iter().enumerate().filter(|it| counts(*it.1)) {
        axpy(share, values.at(t, y.len()), y);
    }
}

fn weigh_f16(shares: &[f32], values: Strided<'_, f16>, y: &mut [f32]) {
    for (t, &share) in shares.iter().enumerate().filter(|it| counts(*it.1)) {
        axpy_f16(share, values.at(t, y.len()), y);
    }
}

/// What a kernel over four rows computes, by that over one: [`Vectors::scores_of_four`] and
/// [`Vectors::weigh_of_four`].
pub(in crate::cpu) fn one_by_one<T: Copy>(
    of_one: fn(&[f32], Strided<'_, T>, &mut [f32]),
    of_rows: [&[f32]; 4],
    places: Strided<'_, T>,
    out: [&mut [f32]; 4],
) {
    of_rows.into_iter().zip(out).for_each(|(row, out)| of_one(row, places, out));
}

/// The least share that changes anything.
pub(in crate::cpu) const LEAST_SHARE: f32 = f32::MIN_POSITIVE;

/// Whether a share changes anything. A NaN does.
pub(in crate::cpu) fn counts(share: f32) -> bool {
    share >= LEAST_SHARE || share.is_nan()
}

fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
    debug_assert_eq!(x.len(), y.len());
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}

fn axpy_f16(a: f32, x: &[f16], y: &mut [f32]) {
    debug_assert_eq!(x.len(), y.len());
    y.iter_mut().zip(x).for_each(|(y, &x)| *y += a * widened(x));
}

fn to_f16(x: &[f32], y: &mut [f16]) {
    debug_assert_eq!(x.len(), y.len());
    y.iter_mut().zip(x).for_each(|(y, &x)| *y = f16::from_f32(x));
}

/// As [`Format::decode_row`](crate::Format::decode_row) does. Inlined, so that each instruction set
/// that calls it makes its own vectors of these loops.
#[inline(always)]
pub(in crate::cpu) fn decode(format: CacheFormat, x: &[u8], y: &mut [f32]) {
    match format {
        CacheFormat::Q8_0 => {
            for (block, y) in x.as_chunks::<34>().0.iter().zip(y.as_chunks_mut::<32>().0) {
                let d = f16_at(block);
                for (&q, y) in block[2..].iter().zip(y) {
                    *y = d * f32::from(q.cast_signed());
                }
            }
        }
        CacheFormat::Q4_0 => {
            for (block, y) in x.as_chunks::<18>().0.iter().zip(y.as_chunks_mut::<32>().0) {
                let d = f16_at(block);
                let (low, high) = y.split_at_mut(16);
                for ((&q, low), high) in block[2..].iter().zip(low).zip(high) {
                    *low = d * (f32::from(q & 0xf) - 8.0);
                    *high = d * (f32::from(q >> 4) - 8.0);
                }
            }
        }
        CacheFormat::BF16 => {
            for (&x, y) in x.as_chunks::<2>().0.iter().zip(y) {
                *y = f32::from_bits(u32::from(u16::from_le_bytes(x)) << 16);
            }
        }
        CacheFormat::F32 | CacheFormat::F16 => format.format().decode_row(x, y),
    }
}

fn widened(x: f16) -> f32 {
    f16_to_f32(x.to_bits())
}

fn max(x: &[f32]) -> f32 {
    x.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Shared with `avx2` where exactness asks for the library's `exp`.
pub(in crate::cpu) fn exp_sum(x: &mut [f32], max: f32) -> f32 {
    x.iter_mut().for_each(|x| *x = (*x - max).exp());
    x.iter().sum()
}

/// `x / 2 * (1 + erf(x / sqrt(2)))`, with all instruction sets.
pub(in crate::cpu) fn gelu(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x *= 0.5 * (1.0 + erf(*x * std::f32::consts::FRAC_1_SQRT_2)));
}

/// The error function to 1.5e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
fn erf(x: f32) -> f32 {
    const P: f64 = 0.327_591_1;
    const A: [f64; 5] =
        [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let a = f64::from(x.abs());
    let t = 1.0 / (1.0 + P * a);
    let sum = A.iter().fold(0.0, |sum, a| (sum + a) * t);
    (1.0 - sum * (-a * a).exp()) as f32 * x.signum()
}

/// Shared with `avx2`, as [`exp_sum`].
pub(in crate::cpu) fn silu(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x /= 1.0 + (-*x).exp());
}

/// Shared with `avx2`, as [`exp_sum`].
pub(in crate::cpu) fn gelu_tanh(x: &mut [f32]) {
    x.iter_mut().for_each(|x| *x /= 1.0 + (*x * (GELU[0] + GELU[1] * *x * *x)).exp());
}

/// Shared with `avx2`, as [`exp_sum`].
pub(in crate::cpu) fn softcap(x: &mut [f32], cap: f32) {
    x.iter_mut().for_each(|x| *x = cap * (*x / cap).tanh());
}
