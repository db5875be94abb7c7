//! AVX2 dot products of weights with activations in `f32`.
//!
//! Every kernel is one loop: decode 32 weights to `f32`, exactly as `loader::format` does, and
//! multiply-add them to two sums for each of `N` rows of activations. Two, so that a multiply-add
//! need not wait for the one before it; not more, so that four rows fit the registers. A format
//! without a kernel of its own is decoded to memory first, by `loader::format` itself.

use core::{arch::x86_64::*, slice};

use loader::format::q4_k_scales;

use super::{half_at, horizontal_sum, load_8, load_8_le, load_16, padded, store_8, unpack};
use crate::Format;

/// `sum(weights[i] * x[i])` over `F32` weights.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_f32<const N: usize>(weights: &[u8], x: [&[f32]; N]) -> [f32; N] {
    dot::<128, N>(weights, x, |w| {
        let w = w.as_chunks::<32>().0;
        [load_8_le(&w[0]), load_8_le(&w[1]), load_8_le(&w[2]), load_8_le(&w[3])]
    })
}

/// `sum(weights[i] * x[i])` over `F16` weights.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_f16<const N: usize>(weights: &[u8], x: [&[f32]; N]) -> [f32; N] {
    dot::<64, N>(weights, x, |w| {
        let [a, b, c, d] = [load_16(w, 0), load_16(w, 16), load_16(w, 32), load_16(w, 48)];
        [_mm256_cvtph_ps(a), _mm256_cvtph_ps(b), _mm256_cvtph_ps(c), _mm256_cvtph_ps(d)]
    })
}

/// `sum(weights[i] * x[i])` over `BF16` weights.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_bf16<const N: usize>(weights: &[u8], x: [&[f32]; N]) -> [f32; N] {
    dot::<64, N>(weights, x, |w| {
        [bf16s(load_16(w, 0)), bf16s(load_16(w, 16)), bf16s(load_16(w, 32)), bf16s(load_16(w, 48))]
    })
}

/// `sum(weights[i] * x[i])` over whole `Q4_0` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q4_0<const N: usize>(weights: &[u8], x: [&[f32]; N]) -> [f32; N] {
    dot::<18, N>(weights, x, |w| scaled(half_at(w, 0), floats(unpack::q4_0(w))))
}

/// `sum(weights[i] * x[i])` over whole `Q5_0` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q5_0<const N: usize>(weights: &[u8], x: [&[f32]; N]) -> [f32; N] {
    dot::<22, N>(weights, x, |w| scaled(half_at(w, 0), floats(unpack::q5_0(w))))
}

/// `sum(weights[i] * x[i])` over whole `Q8_0` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q8_0<const N: usize>(weights: &[u8], x: [&[f32]; N]) -> [f32; N] {
    dot::<34, N>(weights, x, |w| scaled(half_at(w, 0), floats(unpack::q8_0(w))))
}

/// `sum(weights[i] * x[i])` over whole `Q4_K` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q4_k<const N: usize>(weights: &[u8], x: [&[f32]; N]) -> [f32; N] {
    let (x, mut sums) = (thirty_twos(x), [[_mm256_setzero_ps(); 2]; N]);
    for (i, block) in weights.as_chunks::<144>().0.iter().enumerate() {
        let (d, d_min) = (half_at(block, 0), half_at(block, 2));
        let (scales, mins) = q4_k_scales(&block[4..16]);
        let (scales, mins) = (products(d, scales), products(d_min, mins));
        for pair in 0..4 {
            for (j, q) in unpack::q4_k(block, pair).into_iter().enumerate() {
                let j = 2 * pair + j;
                let (scale, min) = (_mm256_set1_ps(scales[j]), _mm256_set1_ps(mins[j]));
                let [a, b, c, d] = floats(q);
                // The product is exact, so that fusing it rounds as decoding does.
                let w = [
                    _mm256_fmsub_ps(a, scale, min),
                    _mm256_fmsub_ps(b, scale, min),
                    _mm256_fmsub_ps(c, scale, min),
                    _mm256_fmsub_ps(d, scale, min),
                ];
                add_32(&mut sums, w, x, 8 * i + j);
            }
        }
    }
    totals(sums)
}

/// `sum(weights[i] * x[i])` over whole `Q6_K` blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_q6_k<const N: usize>(weights: &[u8], x: [&[f32]; N]) -> [f32; N] {
    let (x, mut sums) = (thirty_twos(x), [[_mm256_setzero_ps(); 2]; N]);
    for (i, block) in weights.as_chunks::<210>().0.iter().enumerate() {
        let d = half_at(block, 208);
        for half in 0..2 {
            for (j, q) in unpack::q6_k(block, half).into_iter().enumerate() {
                let j = 4 * half + j;
                let scale = |at: usize| f32::from(block[at].cast_signed());
                let first = _mm256_mul_ps(d, _mm256_set1_ps(scale(192 + 2 * j)));
                let second = _mm256_mul_ps(d, _mm256_set1_ps(scale(193 + 2 * j)));
                let [a, b, c, d] = floats(q);
                let w = [
                    _mm256_mul_ps(a, first),
                    _mm256_mul_ps(b, first),
                    _mm256_mul_ps(c, second),
                    _mm256_mul_ps(d, second),
                ];
                add_32(&mut sums, w, x, 8 * i + j);
            }
        }
    }
    totals(sums)
}

/// `sum(weights[i] * x[i])` over whole blocks of `LEN`, a multiple of 32, in a format that has no
/// kernel of its own.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn dot_decoded<const LEN: usize, const N: usize>(
    format: Format,
    weights: &[u8],
    x: [&[f32]; N],
) -> [f32; N] {
    let layout = format.layout();
    debug_assert_eq!(layout.block_len, LEN);
    let (x, mut sums) = (thirty_twos(x), [[_mm256_setzero_ps(); 2]; N]);
    let mut decoded = [0.0; LEN];
    for (i, block) in weights.chunks_exact(layout.block_bytes).enumerate() {
        (layout.decode_block)(block, &mut decoded);
        for (j, w) in decoded.as_chunks::<32>().0.iter().enumerate() {
            let w = w.as_chunks::<8>().0;
            let w = [load_8(&w[0]), load_8(&w[1]), load_8(&w[2]), load_8(&w[3])];
            add_32(&mut sums, w, x, LEN / 32 * i + j);
        }
    }
    totals(sums)
}

/// Over chunks of `BYTES` that `decode` makes 32 weights of. The last may be short, in formats
/// where zeros decode to zeros.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn dot<const BYTES: usize, const N: usize>(
    weights: &[u8],
    x: [&[f32]; N],
    decode: impl Fn(&[u8; BYTES]) -> [__m256; 4],
) -> [f32; N] {
    let (chunks, rest) = weights.as_chunks::<BYTES>();
    let (whole, mut sums) = (thirty_twos(x), [[_mm256_setzero_ps(); 2]; N]);
    for (i, chunk) in chunks.iter().enumerate() {
        add_32(&mut sums, decode(chunk), whole, i);
    }
    if !rest.is_empty() {
        let tails = tails(x);
        add_32(&mut sums, decode(&padded(rest)), tails.each_ref().map(slice::from_ref), 0);
    }
    totals(sums)
}

/// Adds the products of 32 weights with those activations of each row that are `x[_][i]`.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_32<const N: usize>(
    sums: &mut [[__m256; 2]; N],
    w: [__m256; 4],
    x: [&[[f32; 32]]; N],
    i: usize,
) {
    for n in 0..N {
        let x = x[n][i].as_chunks::<8>().0;
        let [even, odd] = sums[n];
        let even = _mm256_fmadd_ps(w[0], load_8(&x[0]), even);
        let odd = _mm256_fmadd_ps(w[1], load_8(&x[1]), odd);
        let even = _mm256_fmadd_ps(w[2], load_8(&x[2]), even);
        let odd = _mm256_fmadd_ps(w[3], load_8(&x[3]), odd);
        sums[n] = [even, odd];
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn totals<const N: usize>(sums: [[__m256; 2]; N]) -> [f32; N] {
    let mut totals = [0.0; N];
    for (total, [even, odd]) in totals.iter_mut().zip(sums) {
        *total = horizontal_sum(_mm256_add_ps(even, odd));
    }
    totals
}

/// 32 signed bytes as floats.
#[inline]
#[target_feature(enable = "avx2")]
fn floats(q: __m256i) -> [__m256; 4] {
    let (low, high) = (_mm256_castsi256_si128(q), _mm256_extracti128_si256::<1>(q));
    [
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(low)),
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128::<8>(low))),
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(high)),
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128::<8>(high))),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn scaled(d: __m256, [a, b, c, e]: [__m256; 4]) -> [__m256; 4] {
    [_mm256_mul_ps(a, d), _mm256_mul_ps(b, d), _mm256_mul_ps(c, d), _mm256_mul_ps(e, d)]
}

/// `d` times each.
#[inline]
#[target_feature(enable = "avx2")]
fn products(d: __m256, with: [u8; 8]) -> [f32; 8] {
    let with = _mm_cvtsi64_si128(i64::from_le_bytes(with));
    let mut products = [0.0; 8];
    store_8(_mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(with))), &mut products);
    products
}

/// 8 bf16 numbers: the upper halves of floats.
#[inline]
#[target_feature(enable = "avx2")]
fn bf16s(x: __m128i) -> __m256 {
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(x)))
}

// A closure in a function with target features has them, too, and is then not inlined into `map`.

fn thirty_twos<const N: usize>(x: [&[f32]; N]) -> [&[[f32; 32]]; N] {
    x.map(|x| x.as_chunks().0)
}

/// What is left of whole chunks.
fn tails<const N: usize>(x: [&[f32]; N]) -> [[f32; 32]; N] {
    x.map(|x| padded(x.as_chunks::<32>().1))
}
