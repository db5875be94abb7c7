//! AVX2 kernels over rows of activations: for attention, norms and gates.
//!
//! The end of a row that does not fill 8 lanes is padded. What each computes is in
//! [`Vectors`](crate::cpu::dispatch::Vectors).

use core::{arch::x86_64::*, f32};

use half::f16;

use crate::{
    CacheFormat,
    cpu::{
        dispatch::Strided,
        scalar::vectors::{self as portable, GELU, LEAST_SHARE, counts},
        tables::{INVERSE_FACTORIALS, LN_2_LOWER, LN_2_UPPER},
    },
};

use super::{horizontal_sum, load_8, load_8_f16, padded, store_8, store_8_f16};

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let ((a, a_few), (b, b_few)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [_mm256_setzero_ps(); 4];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum = _mm256_fmadd_ps(load_8(a), load_8(b), *sum);
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(a_few.iter().zip(b_few)) {
        *sum = _mm256_fmadd_ps(load_8(a), load_8(b), *sum);
    }
    if !a_rest.is_empty() {
        sums[3] = _mm256_fmadd_ps(load_8(&padded(a_rest)), load_8(&padded(b_rest)), sums[3]);
    }
    let [a, b, c, d] = sums;
    horizontal_sum(_mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d)))
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn scores(q: &[f32], keys: Strided<'_, f32>, scores: &mut [f32]) {
    scores_with(q, keys, scores, |x| load_8(x));
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn scores_f16(q: &[f32], keys: Strided<'_, f16>, scores: &mut [f32]) {
    scores_with(q, keys, scores, |x| load_8_f16(x));
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn scores_of_four(
    q: [&[f32]; 4],
    keys: Strided<'_, f32>,
    scores: [&mut [f32]; 4],
) {
    scores_of_four_with(q, keys, scores, |x| load_8(x));
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn scores_of_four_f16(
    q: [&[f32]; 4],
    keys: Strided<'_, f16>,
    scores: [&mut [f32]; 4],
) {
    scores_of_four_with(q, keys, scores, |x| load_8_f16(x));
}

/// Four keys at a time, each summed as if it were alone.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn scores_with<T: Copy + Default>(
    q: &[f32],
    keys: Strided<'_, T>,
    scores: &mut [f32],
    load: impl Fn(&[T; 8]) -> __m256,
) {
    let (len, n) = (q.len(), scores.len());
    // The last key stands in for those after it.
    let key = |t: usize| keys.at(t.min(n - 1), len);
    for (t, scores) in scores.chunks_mut(4).enumerate().map(|(c, scores)| (4 * c, scores)) {
        let keys = [key(t), key(t + 1), key(t + 2), key(t + 3)];
        let [sums] = products([q], keys, &load);
        scores.iter_mut().zip(sums_of(sums)).for_each(|(score, sum)| *score = sum);
    }
}

/// Two keys at a time, each summed with each query as if these were alone.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn scores_of_four_with<T: Copy + Default>(
    q: [&[f32]; 4],
    keys: Strided<'_, T>,
    mut scores: [&mut [f32]; 4],
    load: impl Fn(&[T; 8]) -> __m256,
) {
    let (len, n) = (q[0].len(), scores[0].len());
    for t in (0..n).step_by(2) {
        let last = (t + 1).min(n - 1);
        let [a, b, c, d] = products(q, [keys.at(t, len), keys.at(last, len)], &load);
        let first = sums_of([a[0], b[0], c[0], d[0]]);
        let second = sums_of([a[1], b[1], c[1], d[1]]);
        for (n, scores) in scores.iter_mut().enumerate() {
            (scores[t], scores[last]) = (first[n], second[n]);
        }
    }
}

/// Sums of eight lanes, of each query with each key.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn products<T: Copy + Default, const Q: usize, const K: usize>(
    q: [&[f32]; Q],
    keys: [&[T]; K],
    load: &impl Fn(&[T; 8]) -> __m256,
) -> [[__m256; K]; Q] {
    let whole = q[0].len() / 8;
    let mut whole_q: [&[[f32; 8]]; Q] = [&[]; Q];
    let mut whole_keys: [&[[T; 8]]; K] = [&[]; K];
    for (whole_q, q) in whole_q.iter_mut().zip(q) {
        *whole_q = &q.as_chunks().0[..whole];
    }
    for (whole_key, key) in whole_keys.iter_mut().zip(keys) {
        *whole_key = &key.as_chunks().0[..whole];
    }
    let mut sums = [[_mm256_setzero_ps(); K]; Q];
    for i in 0..whole {
        let mut loaded = [_mm256_setzero_ps(); K];
        for (loaded, key) in loaded.iter_mut().zip(whole_keys) {
            *loaded = load(&key[i]);
        }
        for (sums, q) in sums.iter_mut().zip(whole_q) {
            add_products(load_8(&q[i]), loaded, sums);
        }
    }
    let at = 8 * whole;
    if at < q[0].len() {
        let mut loaded = [_mm256_setzero_ps(); K];
        for (loaded, key) in loaded.iter_mut().zip(keys) {
            *loaded = load(&padded(&key[at..]));
        }
        for (sums, q) in sums.iter_mut().zip(q) {
            add_products(load_8(&padded(&q[at..])), loaded, sums);
        }
    }
    sums
}

/// `sums[k] += x * y[k]`
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_products<const N: usize>(x: __m256, y: [__m256; N], sums: &mut [__m256; N]) {
    for (sum, y) in sums.iter_mut().zip(y) {
        *sum = _mm256_fmadd_ps(x, y, *sum);
    }
}

/// The sum of each, in a fixed order.
#[inline]
#[target_feature(enable = "avx2")]
fn sums_of([a, b, c, d]: [__m256; 4]) -> [f32; 4] {
    let all = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    let all = _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps::<1>(all));
    let mut out = [0.0; 4];
    // SAFETY: `out` is valid for writes of 4 floats and `storeu` has no alignment requirement.
    unsafe { _mm_storeu_ps(out.as_mut_ptr(), all) };
    out
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn axpy(a: f32, x: &[f32], y: &mut [f32]) {
    debug_assert_eq!(x.len(), y.len());
    let a = _mm256_set1_ps(a);
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks(), y.as_chunks_mut());
    for (x, y) in x.iter().zip(y) {
        store_8(_mm256_fmadd_ps(a, load_8(x), load_8(y)), y);
    }
    change_8s(y_rest, |y| _mm256_fmadd_ps(a, load_8(&padded(x_rest)), y));
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn weigh(shares: &[f32], values: Strided<'_, f32>, y: &mut [f32]) {
    weigh_with::<_, 4, 1>([shares], values, [y], |x| load_8(x));
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn weigh_f16(shares: &[f32], values: Strided<'_, f16>, y: &mut [f32]) {
    weigh_with::<_, 4, 1>([shares], values, [y], |x| load_8_f16(x));
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn weigh_of_four(
    shares: [&[f32]; 4],
    values: Strided<'_, f32>,
    y: [&mut [f32]; 4],
) {
    weigh_with::<_, 2, 4>(shares, values, y, |x| load_8(x));
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn weigh_of_four_f16(
    shares: [&[f32]; 4],
    values: Strided<'_, f16>,
    y: [&mut [f32]; 4],
) {
    weigh_with::<_, 2, 4>(shares, values, y, |x| load_8_f16(x));
}

/// Columns outside, `V` vectors of them, so that their sums stay in registers.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn weigh_with<T: Copy + Default, const V: usize, const Q: usize>(
    shares: [&[f32]; Q],
    values: Strided<'_, T>,
    mut y: [&mut [f32]; Q],
    load: impl Fn(&[T; 8]) -> __m256,
) {
    let (len, mut at) = (y[0].len(), 0);
    while at + 8 * V <= len {
        weigh_columns::<T, V, Q>(shares, values, &mut y, at, &load);
        at += 8 * V;
    }
    while at + 8 <= len {
        weigh_columns::<T, 1, Q>(shares, values, &mut y, at, &load);
        at += 8;
    }
    if at < len {
        let mut sums = [[_mm256_setzero_ps()]; Q];
        for (sum, y) in sums.iter_mut().zip(&y) {
            *sum = [load_8(&padded(&y[at..]))];
        }
        add_weighed(shares, |t| [load(&padded(&values.at(t, len)[at..]))], &mut sums);
        for (y, [sum]) in y.iter_mut().zip(sums) {
            let mut last = [0.0; 8];
            store_8(sum, &mut last);
            y[at..].copy_from_slice(&last[..len - at]);
        }
    }
}

/// Adds the columns from `at` on, `V` vectors of them.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn weigh_columns<T: Copy, const V: usize, const Q: usize>(
    shares: [&[f32]; Q],
    values: Strided<'_, T>,
    y: &mut [&mut [f32]; Q],
    at: usize,
    load: &impl Fn(&[T; 8]) -> __m256,
) {
    let mut sums = [[_mm256_setzero_ps(); V]; Q];
    for (sums, y) in sums.iter_mut().zip(&*y) {
        for (sum, y) in sums.iter_mut().zip(y[at..][..8 * V].as_chunks().0) {
            *sum = load_8(y);
        }
    }
    let loaded = |t| {
        let x = values.at(t, at + 8 * V)[at..].as_chunks().0;
        let mut loaded = [_mm256_setzero_ps(); V];
        for (loaded, x) in loaded.iter_mut().zip(x) {
            *loaded = load(x);
        }
        loaded
    };
    add_weighed(shares, loaded, &mut sums);
    for (sums, y) in sums.into_iter().zip(y) {
        for (sum, y) in sums.into_iter().zip(y[at..][..8 * V].as_chunks_mut().0) {
            store_8(sum, y);
        }
    }
}

/// `sums[n] += shares[n][t] * x(t)`, `t` ascending, of the shares that count.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn add_weighed<const V: usize, const Q: usize>(
    shares: [&[f32]; Q],
    x: impl Fn(usize) -> [__m256; V],
    sums: &mut [[__m256; V]; Q],
) {
    let n = shares[0].len();
    let shares = shares.map(|it| &it[..n]);
    for begin in (0..n).step_by(8) {
        let some = begin..n.min(begin + 8);
        // Nearly always all do: it is asked once for eight places.
        let mut all = true;
        for shares in shares {
            all &= all_count(&shares[some.clone()]);
        }
        for t in some {
            let x = x(t);
            for (sums, shares) in sums.iter_mut().zip(shares) {
                if all || counts(shares[t]) {
                    add_products(_mm256_set1_ps(shares[t]), x, sums);
                }
            }
        }
    }
}

/// Whether each of up to eight shares does.
#[inline]
#[target_feature(enable = "avx2")]
fn all_count(shares: &[f32]) -> bool {
    match shares.first_chunk() {
        Some(shares) => {
            let least = _mm256_set1_ps(LEAST_SHARE);
            let do_count = _mm256_cmp_ps::<_CMP_NLT_UQ>(load_8(shares), least);
            _mm256_movemask_ps(do_count) == 0xff
        }
        None => shares.iter().all(|share| counts(*share)),
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn to_f16(x: &[f32], y: &mut [f16]) {
    debug_assert_eq!(x.len(), y.len());
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks(), y.as_chunks_mut());
    for (x, y) in x.iter().zip(y) {
        store_8_f16(load_8(x), y);
    }
    let mut last = [f16::ZERO; 8];
    store_8_f16(load_8(&padded(x_rest)), &mut last);
    y_rest.copy_from_slice(&last[..y_rest.len()]);
}

/// The portable loops, compiled for these instructions.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn decode(format: CacheFormat, x: &[u8], y: &mut [f32]) {
    portable::decode(format, x, y);
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn max(x: &[f32]) -> f32 {
    let (x, rest) = x.as_chunks();
    let mut max = _mm256_set1_ps(f32::NEG_INFINITY);
    for x in x {
        max = _mm256_max_ps(load_8(x), max);
    }
    let mut lanes = [0.0; 8];
    store_8(max, &mut lanes);
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn exp_sum(x: &mut [f32], max: f32) -> f32 {
    let max = _mm256_set1_ps(max);
    let mut sum = _mm256_setzero_ps();
    let (whole, rest) = x.as_chunks_mut();
    for x in whole {
        let e = exp(_mm256_sub_ps(load_8(x), max));
        store_8(e, x);
        sum = _mm256_add_ps(sum, e);
    }
    let mut sum = horizontal_sum(sum);
    change_8s(rest, |x| exp(_mm256_sub_ps(x, max)));
    rest.iter().for_each(|e| sum += e);
    sum
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn silu(x: &mut [f32]) {
    let (one, zero) = (_mm256_set1_ps(1.0), _mm256_setzero_ps());
    change_8s(x, |x| _mm256_div_ps(x, _mm256_add_ps(one, exp(_mm256_sub_ps(zero, x)))));
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn gelu_tanh(x: &mut [f32]) {
    let (one, [a, b]) = (_mm256_set1_ps(1.0), GELU.map(|c| _mm256_set1_ps(c)));
    change_8s(x, |x| {
        let z = _mm256_mul_ps(x, _mm256_fmadd_ps(_mm256_mul_ps(b, x), x, a));
        _mm256_div_ps(x, _mm256_add_ps(one, exp(z)))
    });
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn softcap(x: &mut [f32], cap: f32) {
    let cap = _mm256_set1_ps(cap);
    change_8s(x, |x| _mm256_mul_ps(cap, tanh(_mm256_div_ps(x, cap))));
}

/// Replaces 8 numbers at a time. Past the end `change` is given zeros.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn change_8s(x: &mut [f32], mut change: impl FnMut(__m256) -> __m256) {
    let (whole, rest) = x.as_chunks_mut();
    for x in whole {
        store_8(change(load_8(x)), x);
    }
    if !rest.is_empty() {
        let mut last = padded(rest);
        store_8(change(load_8(&last)), &mut last);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// `exp(x)` within 2 units in the last place, down to the smallest numbers and up to infinity.
///
/// `x = k ln 2 + r` with a whole `k` and `|r| <= ln 2 / 2`, where the Taylor polynomial of degree
/// 7 is within 6e-9; `2^k` is multiplied in two steps because neither end fits one exponent.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn exp(x: __m256) -> __m256 {
    // The variable is the second operand: it is what these return of a NaN.
    let x = _mm256_max_ps(_mm256_set1_ps(-104.0), x);
    let x = _mm256_min_ps(_mm256_set1_ps(89.0), x);
    let nearest = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>;
    let k = nearest(_mm256_mul_ps(x, _mm256_set1_ps(f32::consts::LOG2_E)));
    // The upper part of ln 2 has 9 bits, so that its product with `k` is exact.
    let r = _mm256_fnmadd_ps(k, _mm256_set1_ps(LN_2_UPPER), x);
    let r = _mm256_fnmadd_ps(k, _mm256_set1_ps(LN_2_LOWER), r);
    let mut y = _mm256_set1_ps(INVERSE_FACTORIALS[0]);
    for c in &INVERSE_FACTORIALS[1..] {
        y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(*c));
    }
    let k = _mm256_cvtps_epi32(k);
    let first = _mm256_srai_epi32::<1>(k);
    let y = _mm256_mul_ps(y, power_of_two(first));
    _mm256_mul_ps(y, power_of_two(_mm256_sub_epi32(k, first)))
}

/// `tanh(x)`: near zero the odd polynomial of Cephes' `tanhf`, else `1 - 2 / (exp(2 x) + 1)`, which
/// would lose what is small.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn tanh(x: __m256) -> __m256 {
    let (one, two) = (_mm256_set1_ps(1.0), _mm256_set1_ps(2.0));
    let fraction = _mm256_div_ps(two, _mm256_add_ps(exp(_mm256_mul_ps(two, x)), one));
    let square = _mm256_mul_ps(x, x);
    let mut small = _mm256_set1_ps(TANH[0]);
    for c in &TANH[1..] {
        small = _mm256_fmadd_ps(small, square, _mm256_set1_ps(*c));
    }
    let small = _mm256_fmadd_ps(_mm256_mul_ps(small, square), x, x);
    let magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0), x);
    let is_small = _mm256_cmp_ps::<_CMP_LT_OQ>(magnitude, _mm256_set1_ps(0.625));
    _mm256_blendv_ps(_mm256_sub_ps(one, fraction), small, is_small)
}

const TANH: [f32; 5] = [-5.704_988_7e-3, 2.063_909e-2, -5.373_971_5e-2, 0.133_314_42, -0.333_332_8];

#[inline]
#[target_feature(enable = "avx2")]
fn power_of_two(k: __m256i) -> __m256 {
    let exponent = _mm256_add_epi32(k, _mm256_set1_epi32(127));
    _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
}
