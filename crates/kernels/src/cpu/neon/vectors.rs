//! NEON kernels over rows of activations: for attention, norms and gates.
//!
//! The end of a row that does not fill 4 lanes is padded. What each computes is in
//! [`Vectors`](crate::cpu::dispatch::Vectors).

use core::{arch::aarch64::*, f32};

use half::f16;

use super::{load_4, load_4_f16, padded, store_4, store_4_f16};
use crate::cpu::{
    dispatch::Strided,
    scalar::vectors::{GELU, counts},
    tables::{INVERSE_FACTORIALS, LN_2_LOWER, LN_2_UPPER},
};

#[target_feature(enable = "neon")]
pub(in crate::cpu) fn dot(a: &[f32], b: &[f32]) -> f32 {
    dot_with(a, b, |b| load_4(b))
}

#[target_feature(enable = "neon")]
pub(in crate::cpu) fn scores(q: &[f32], keys: Strided<'_, f32>, scores: &mut [f32]) {
    for (t, score) in scores.iter_mut().enumerate() {
        *score = dot_with(q, keys.at(t, q.len()), |b| load_4(b));
    }
}

#[target_feature(enable = "neon")]
pub(in crate::cpu) fn scores_f16(q: &[f32], keys: Strided<'_, f16>, scores: &mut [f32]) {
    for (t, score) in scores.iter_mut().enumerate() {
        *score = dot_with(q, keys.at(t, q.len()), |b| load_4_f16(b));
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn dot_with<T: Copy + Default>(a: &[f32], b: &[T], load: impl Fn(&[T; 4]) -> float32x4_t) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let ((a, a_few), (b, b_few)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [vdupq_n_f32(0.0); 4];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum = vfmaq_f32(*sum, load_4(a), load(b));
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(a_few.iter().zip(b_few)) {
        *sum = vfmaq_f32(*sum, load_4(a), load(b));
    }
    if !a_rest.is_empty() {
        sums[3] = vfmaq_f32(sums[3], load_4(&padded(a_rest)), load(&padded(b_rest)));
    }
    let [a, b, c, d] = sums;
    vaddvq_f32(vaddq_f32(vaddq_f32(a, b), vaddq_f32(c, d)))
}

#[target_feature(enable = "neon")]
pub(in crate::cpu) fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
    debug_assert_eq!(x.len(), y.len());
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks(), y.as_chunks_mut());
    for (x, y) in x.iter().zip(y) {
        store_4(vfmaq_n_f32(load_4(y), load_4(x), a), y);
    }
    change_4s(y_rest, |y| vfmaq_n_f32(y, load_4(&padded(x_rest)), a));
}

#[target_feature(enable = "neon")]
pub(in crate::cpu) fn weigh(shares: &[f32], values: Strided<'_, f32>, y: &mut [f32]) {
    weigh_with(shares, values, y, |x| load_4(x));
}

#[target_feature(enable = "neon")]
pub(in crate::cpu) fn weigh_f16(shares: &[f32], values: Strided<'_, f16>, y: &mut [f32]) {
    weigh_with(shares, values, y, |x| load_4_f16(x));
}

/// Columns outside, so that their sums stay in registers.
#[inline]
#[target_feature(enable = "neon")]
fn weigh_with<T: Copy + Default>(
    shares: &[f32],
    values: Strided<'_, T>,
    y: &mut [f32],
    load: impl Fn(&[T; 4]) -> float32x4_t,
) {
    let len = y.len();
    let (wide, rest) = y.as_chunks_mut::<32>();
    for (c, y) in wide.iter_mut().enumerate() {
        let y = y.as_chunks_mut::<4>().0;
        let mut sums = [vdupq_n_f32(0.0); 8];
        for (sum, y) in sums.iter_mut().zip(&*y) {
            *sum = load_4(y);
        }
        for (t, &share) in shares.iter().enumerate().filter(|it| counts(*it.1)) {
            let x = values.at(t, len)[32 * c..][..32].as_chunks::<4>().0;
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = vfmaq_n_f32(*sum, load(x), share);
            }
        }
        for (sum, y) in sums.into_iter().zip(y) {
            store_4(sum, y);
        }
    }
    let mut at = len - rest.len();
    for y in rest.chunks_mut(4) {
        let mut sum = load_4(&padded(y));
        for (t, &share) in shares.iter().enumerate().filter(|it| counts(*it.1)) {
            let x = &values.at(t, len)[at..][..y.len()];
            sum = vfmaq_n_f32(sum, load(&padded(x)), share);
        }
        let mut last = [0.0; 4];
        store_4(sum, &mut last);
        y.copy_from_slice(&last[..y.len()]);
        at += y.len();
    }
}

#[target_feature(enable = "neon")]
pub(in crate::cpu) fn to_f16(x: &[f32], y: &mut [f16]) {
    debug_assert_eq!(x.len(), y.len());
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks(), y.as_chunks_mut());
    for (x, y) in x.iter().zip(y) {
        store_4_f16(load_4(x), y);
    }
    let mut last = [f16::ZERO; 4];
    store_4_f16(load_4(&padded(x_rest)), &mut last);
    y_rest.copy_from_slice(&last[..y_rest.len()]);
}

#[target_feature(enable = "neon")]
pub(in crate::cpu) fn exp_sum(x: &mut [f32], max: f32) -> f32 {
    let max = vdupq_n_f32(max);
    let mut sum = vdupq_n_f32(0.0);
    let (whole, rest) = x.as_chunks_mut();
    for x in whole {
        let e = exp(vsubq_f32(load_4(x), max));
        store_4(e, x);
        sum = vaddq_f32(sum, e);
    }
    let mut sum = vaddvq_f32(sum);
    change_4s(rest, |x| exp(vsubq_f32(x, max)));
    rest.iter().for_each(|e| sum += e);
    sum
}

#[target_feature(enable = "neon")]
pub(in crate::cpu) fn silu(x: &mut [f32]) {
    let one = vdupq_n_f32(1.0);
    change_4s(x, |x| vdivq_f32(x, vaddq_f32(one, exp(vnegq_f32(x)))));
}

#[target_feature(enable = "neon")]
pub(in crate::cpu) fn gelu_tanh(x: &mut [f32]) {
    let one = vdupq_n_f32(1.0);
    let [a, b] = GELU;
    change_4s(x, |x| {
        let z = vmulq_f32(x, vfmaq_n_f32(vdupq_n_f32(a), vmulq_f32(x, x), b));
        vdivq_f32(x, vaddq_f32(one, exp(z)))
    });
}

/// Replaces 4 numbers at a time. Past the end `change` is given zeros.
#[inline]
#[target_feature(enable = "neon")]
fn change_4s(x: &mut [f32], mut change: impl FnMut(float32x4_t) -> float32x4_t) {
    let (whole, rest) = x.as_chunks_mut();
    for x in whole {
        store_4(change(load_4(x)), x);
    }
    if !rest.is_empty() {
        let mut last = padded(rest);
        store_4(change(load_4(&last)), &mut last);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// `exp(x)` within 2 units in the last place, as the AVX2 kernel of that name computes it.
#[inline]
#[target_feature(enable = "neon")]
fn exp(x: float32x4_t) -> float32x4_t {
    // Both give NaN of a NaN.
    let x = vminq_f32(vmaxq_f32(x, vdupq_n_f32(-104.0)), vdupq_n_f32(89.0));
    let k = vrndnq_f32(vmulq_n_f32(x, f32::consts::LOG2_E));
    // The upper part of ln 2 has 9 bits, so that its product with `k` is exact.
    let r = vfmsq_n_f32(x, k, LN_2_UPPER);
    let r = vfmsq_n_f32(r, k, LN_2_LOWER);
    let mut y = vdupq_n_f32(INVERSE_FACTORIALS[0]);
    for &c in &INVERSE_FACTORIALS[1..] {
        y = vfmaq_f32(vdupq_n_f32(c), y, r);
    }
    let k = vcvtnq_s32_f32(k);
    let first = vshrq_n_s32::<1>(k);
    vmulq_f32(vmulq_f32(y, power_of_two(first)), power_of_two(vsubq_s32(k, first)))
}

#[inline]
#[target_feature(enable = "neon")]
fn power_of_two(k: int32x4_t) -> float32x4_t {
    vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(k, vdupq_n_s32(127))))
}
