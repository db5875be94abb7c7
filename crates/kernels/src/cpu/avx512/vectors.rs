//! Kernels over rows of activations, for attention. What each computes is in
//! [`Vectors`](crate::cpu::dispatch::Vectors).

use core::arch::x86_64::*;

use half::f16;

use super::{load_16, padded, stored};
use crate::cpu::{dispatch::Strided, scalar::vectors::counts};

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn scores(q: &[f32], keys: Strided<'_, f32>, scores: &mut [f32]) {
    scores_with(q, keys, scores, |x| load_16(x));
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn scores_f16(q: &[f32], keys: Strided<'_, f16>, scores: &mut [f32]) {
    scores_with(q, keys, scores, |x| load_16_f16(x));
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn weigh(shares: &[f32], values: Strided<'_, f32>, y: &mut [f32]) {
    weigh_with(shares, values, y, |x| load_16(x));
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn weigh_f16(shares: &[f32], values: Strided<'_, f16>, y: &mut [f32]) {
    weigh_with(shares, values, y, |x| load_16_f16(x));
}

/// Four keys at a time, each summed as if it were alone.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
fn scores_with<T: Copy + Default>(
    q: &[f32],
    keys: Strided<'_, T>,
    scores: &mut [f32],
    load: impl Fn(&[T; 16]) -> __m512,
) {
    let (fours, rest) = scores.as_chunks_mut::<4>();
    for (t, four) in fours.iter_mut().enumerate() {
        let keys = [0, 1, 2, 3].map(|n| keys.at(4 * t + n, q.len()));
        *four = four_products(q, keys, &load);
    }
    let first = 4 * fours.len();
    for (t, score) in rest.iter_mut().enumerate() {
        let key = keys.at(first + t, q.len());
        *score = four_products(q, [key; 4], &load)[0];
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
fn four_products<T: Copy + Default>(
    q: &[f32],
    keys: [&[T]; 4],
    load: &impl Fn(&[T; 16]) -> __m512,
) -> [f32; 4] {
    let mut sums = [_mm512_setzero_ps(); 4];
    let (whole, rest) = q.as_chunks::<16>();
    for (i, q) in whole.iter().enumerate() {
        let q = load_16(q);
        for (sum, key) in sums.iter_mut().zip(keys) {
            *sum = _mm512_fmadd_ps(q, load(&key.as_chunks().0[i]), *sum);
        }
    }
    if !rest.is_empty() {
        let q = load_16(&padded(rest));
        for (sum, key) in sums.iter_mut().zip(keys) {
            let key = padded(&key[16 * whole.len()..]);
            *sum = _mm512_fmadd_ps(q, load(&key), *sum);
        }
    }
    sums_of(sums)
}

/// The sum of each, in a fixed order.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512dq")]
fn sums_of(x: [__m512; 4]) -> [f32; 4] {
    let [a, b, c, d] =
        x.map(|x| _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x)));
    let all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    let all = _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps::<1>(all));
    let mut out = [0.0; 4];
    // SAFETY: `out` is valid for writes of 4 floats and `storeu` has no alignment requirement.
    unsafe { _mm_storeu_ps(out.as_mut_ptr(), all) };
    out
}

/// Columns outside, so that their sums stay in registers.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
fn weigh_with<T: Copy + Default>(
    shares: &[f32],
    values: Strided<'_, T>,
    y: &mut [f32],
    load: impl Fn(&[T; 16]) -> __m512,
) {
    let len = y.len();
    let (whole, rest) = y.as_chunks_mut::<16>();
    let (fours, ones) = whole.as_chunks_mut::<4>();
    for (c, y) in fours.iter_mut().enumerate() {
        let mut sums = [load_16(&y[0]), load_16(&y[1]), load_16(&y[2]), load_16(&y[3])];
        for (t, &share) in shares.iter().enumerate().filter(|it| counts(*it.1)) {
            let x = values.at(t, len)[64 * c..][..64].as_chunks::<16>().0;
            let share = _mm512_set1_ps(share);
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = _mm512_fmadd_ps(share, load(x), *sum);
            }
        }
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = stored(sum));
    }
    let first = 64 * fours.len();
    for (c, y) in ones.iter_mut().enumerate() {
        let mut sum = load_16(y);
        for (t, &share) in shares.iter().enumerate().filter(|it| counts(*it.1)) {
            let x = values.at(t, len)[first + 16 * c..].as_chunks::<16>().0;
            sum = _mm512_fmadd_ps(_mm512_set1_ps(share), load(&x[0]), sum);
        }
        *y = stored(sum);
    }
    if !rest.is_empty() {
        let last = len - rest.len();
        let mut sum = load_16(&padded(rest));
        for (t, &share) in shares.iter().enumerate().filter(|it| counts(*it.1)) {
            let x = load(&padded(&values.at(t, len)[last..]));
            sum = _mm512_fmadd_ps(_mm512_set1_ps(share), x, sum);
        }
        rest.copy_from_slice(&stored(sum)[..rest.len()]);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_16_f16(x: &[f16; 16]) -> __m512 {
    // SAFETY: `x` is valid for reads of 32 bytes, `f16` is a `u16` in memory, and `loadu` has no
    // alignment requirement.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(x.as_ptr().cast()) })
}
