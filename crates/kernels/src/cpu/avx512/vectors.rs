//! Kernels over rows of activations, for attention. What each computes is in
//! [`Vectors`](crate::cpu::dispatch::Vectors).

use core::arch::x86_64::*;

use half::f16;

use super::{load_16, padded, stored};
use crate::cpu::{
    dispatch::Strided,
    scalar::vectors::{LEAST_SHARE, counts},
    tables::{INVERSE_FACTORIALS, LN_2_LOWER, LN_2_UPPER},
};

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn scores(q: &[f32], keys: Strided<'_, f32>, scores: &mut [f32]) {
    scores_with([q], keys, [scores], |x| load_16(x));
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn scores_f16(q: &[f32], keys: Strided<'_, f16>, scores: &mut [f32]) {
    scores_with([q], keys, [scores], |x| load_16_f16(x));
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn scores_of_four(
    q: [&[f32]; 4],
    keys: Strided<'_, f32>,
    scores: [&mut [f32]; 4],
) {
    scores_with(q, keys, scores, |x| load_16(x));
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn scores_of_four_f16(
    q: [&[f32]; 4],
    keys: Strided<'_, f16>,
    scores: [&mut [f32]; 4],
) {
    scores_with(q, keys, scores, |x| load_16_f16(x));
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn weigh(shares: &[f32], values: Strided<'_, f32>, y: &mut [f32]) {
    weigh_with([shares], values, [y], |x| load_16(x));
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn weigh_f16(shares: &[f32], values: Strided<'_, f16>, y: &mut [f32]) {
    weigh_with([shares], values, [y], |x| load_16_f16(x));
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn weigh_of_four(
    shares: [&[f32]; 4],
    values: Strided<'_, f32>,
    y: [&mut [f32]; 4],
) {
    weigh_with(shares, values, y, |x| load_16(x));
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn weigh_of_four_f16(
    shares: [&[f32]; 4],
    values: Strided<'_, f16>,
    y: [&mut [f32]; 4],
) {
    weigh_with(shares, values, y, |x| load_16_f16(x));
}

/// Four keys at a time, each summed with each query as if these were alone.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
fn scores_with<T: Copy + Default, const Q: usize>(
    q: [&[f32]; Q],
    keys: Strided<'_, T>,
    mut scores: [&mut [f32]; Q],
    load: impl Fn(&[T; 16]) -> __m512,
) {
    let (len, n) = (q[0].len(), scores[0].len());
    for t in (0..n).step_by(4) {
        // The last key stands in for those after it.
        let key = |t: usize| keys.at(t.min(n - 1), len);
        let products = products(q, [key(t), key(t + 1), key(t + 2), key(t + 3)], &load);
        for (scores, products) in scores.iter_mut().zip(products) {
            match scores[t..].first_chunk_mut() {
                Some(four) => *four = products,
                None => scores[t..].iter_mut().zip(products).for_each(|(s, it)| *s = it),
            }
        }
    }
}

/// Of each query with each of four keys.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
fn products<T: Copy + Default, const Q: usize>(
    q: [&[f32]; Q],
    keys: [&[T]; 4],
    load: &impl Fn(&[T; 16]) -> __m512,
) -> [[f32; 4]; Q] {
    let whole = q[0].len() / 16;
    let mut whole_q: [&[[f32; 16]]; Q] = [&[]; Q];
    let mut whole_keys: [&[[T; 16]]; 4] = [&[]; 4];
    for (whole_q, q) in whole_q.iter_mut().zip(q) {
        *whole_q = &q.as_chunks().0[..whole];
    }
    for (whole_key, key) in whole_keys.iter_mut().zip(keys) {
        *whole_key = &key.as_chunks().0[..whole];
    }
    let mut sums = [[_mm512_setzero_ps(); 4]; Q];
    for i in 0..whole {
        let mut loaded = [_mm512_setzero_ps(); 4];
        for (loaded, key) in loaded.iter_mut().zip(whole_keys) {
            *loaded = load(&key[i]);
        }
        for (sums, q) in sums.iter_mut().zip(whole_q) {
            add_products(load_16(&q[i]), loaded, sums);
        }
    }
    let at = 16 * whole;
    if at < q[0].len() {
        let mut loaded = [_mm512_setzero_ps(); 4];
        for (loaded, key) in loaded.iter_mut().zip(keys) {
            *loaded = load(&padded(&key[at..]));
        }
        for (sums, q) in sums.iter_mut().zip(q) {
            add_products(load_16(&padded(&q[at..])), loaded, sums);
        }
    }
    let mut out = [[0.0; 4]; Q];
    for (out, sums) in out.iter_mut().zip(sums) {
        *out = sums_of(sums);
    }
    out
}

/// `sums[k] += x * y[k]`
#[inline]
#[target_feature(enable = "avx512f")]
fn add_products<const N: usize>(x: __m512, y: [__m512; N], sums: &mut [__m512; N]) {
    for (sum, y) in sums.iter_mut().zip(y) {
        *sum = _mm512_fmadd_ps(x, y, *sum);
    }
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
fn weigh_with<T: Copy + Default, const Q: usize>(
    shares: [&[f32]; Q],
    values: Strided<'_, T>,
    mut y: [&mut [f32]; Q],
    load: impl Fn(&[T; 16]) -> __m512,
) {
    let (len, mut at) = (y[0].len(), 0);
    while at + 64 <= len {
        weigh_columns::<T, 4, Q>(shares, values, &mut y, at, &load);
        at += 64;
    }
    while at + 16 <= len {
        weigh_columns::<T, 1, Q>(shares, values, &mut y, at, &load);
        at += 16;
    }
    if at < len {
        let mut sums = [[_mm512_setzero_ps()]; Q];
        for (sum, y) in sums.iter_mut().zip(&y) {
            *sum = [load_16(&padded(&y[at..]))];
        }
        add_weighed(shares, |t| [load(&padded(&values.at(t, len)[at..]))], &mut sums);
        for (y, [sum]) in y.iter_mut().zip(sums) {
            y[at..].copy_from_slice(&stored(sum)[..len - at]);
        }
    }
}

/// Adds the columns from `at` on, `V` vectors of them.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
fn weigh_columns<T: Copy, const V: usize, const Q: usize>(
    shares: [&[f32]; Q],
    values: Strided<'_, T>,
    y: &mut [&mut [f32]; Q],
    at: usize,
    load: &impl Fn(&[T; 16]) -> __m512,
) {
    let mut sums = [[_mm512_setzero_ps(); V]; Q];
    for (sums, y) in sums.iter_mut().zip(&*y) {
        for (sum, y) in sums.iter_mut().zip(y[at..][..16 * V].as_chunks().0) {
            *sum = load_16(y);
        }
    }
    let loaded = |t| {
        let x = values.at(t, at + 16 * V)[at..].as_chunks().0;
        let mut loaded = [_mm512_setzero_ps(); V];
        for (loaded, x) in loaded.iter_mut().zip(x) {
            *loaded = load(x);
        }
        loaded
    };
    add_weighed(shares, loaded, &mut sums);
    for (sums, y) in sums.into_iter().zip(y) {
        for (sum, y) in sums.into_iter().zip(y[at..][..16 * V].as_chunks_mut().0) {
            *y = stored(sum);
        }
    }
}

/// `sums[n] += shares[n][t] * x(t)`, `t` ascending, of the shares that count.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
fn add_weighed<const V: usize, const Q: usize>(
    shares: [&[f32]; Q],
    x: impl Fn(usize) -> [__m512; V],
    sums: &mut [[__m512; V]; Q],
) {
    let n = shares[0].len();
    let shares = shares.map(|it| &it[..n]);
    for begin in (0..n).step_by(16) {
        let some = begin..n.min(begin + 16);
        // Nearly always all do: it is asked once for sixteen places.
        let mut all = true;
        for shares in shares {
            all &= all_count(&shares[some.clone()]);
        }
        for t in some {
            let x = x(t);
            for (sums, shares) in sums.iter_mut().zip(shares) {
                if all || counts(shares[t]) {
                    add_products(_mm512_set1_ps(shares[t]), x, sums);
                }
            }
        }
    }
}

/// Whether each of up to sixteen shares does.
#[inline]
#[target_feature(enable = "avx512f")]
fn all_count(shares: &[f32]) -> bool {
    match shares.first_chunk() {
        Some(shares) => {
            let least = _mm512_set1_ps(LEAST_SHARE);
            _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(load_16(shares), least) == 0xffff
        }
        None => shares.iter().all(|share| counts(*share)),
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512dq")]
pub(in crate::cpu) fn exp_sum(x: &mut [f32], max: f32) -> f32 {
    let (max, zero) = (_mm512_set1_ps(max), _mm512_setzero_ps());
    let mut sum = zero;
    let (whole, rest) = x.as_chunks_mut();
    for x in whole {
        let e = exp(_mm512_sub_ps(load_16(x), max));
        *x = stored(e);
        sum = _mm512_add_ps(sum, e);
    }
    let [mut sum, ..] = sums_of([sum, zero, zero, zero]);
    if !rest.is_empty() {
        let e = stored(exp(_mm512_sub_ps(load_16(&padded(rest)), max)));
        rest.copy_from_slice(&e[..rest.len()]);
        rest.iter().for_each(|e| sum += e);
    }
    sum
}

/// `exp(x)` as that of `avx2::vectors`, but for the power of two, which is an instruction here.
#[inline]
#[target_feature(enable = "avx512f")]
fn exp(x: __m512) -> __m512 {
    // The variable is the second operand: it is what these return of a NaN.
    let x = _mm512_max_ps(_mm512_set1_ps(-104.0), x);
    let x = _mm512_min_ps(_mm512_set1_ps(89.0), x);
    let k = _mm512_mul_ps(x, _mm512_set1_ps(std::f32::consts::LOG2_E));
    let k = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(k);
    let r = _mm512_fnmadd_ps(k, _mm512_set1_ps(LN_2_UPPER), x);
    let r = _mm512_fnmadd_ps(k, _mm512_set1_ps(LN_2_LOWER), r);
    let mut y = _mm512_set1_ps(INVERSE_FACTORIALS[0]);
    for c in &INVERSE_FACTORIALS[1..] {
        y = _mm512_fmadd_ps(y, r, _mm512_set1_ps(*c));
    }
    _mm512_scalef_ps(y, k)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_16_f16(x: &[f16; 16]) -> __m512 {
    // SAFETY: `x` is valid for reads of 32 bytes, `f16` is a `u16` in memory, and `loadu` has no
    // alignment requirement.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(x.as_ptr().cast()) })
}
