//! How each format is decoded to `f32`, exactly as `loader::format` does. A format without a kernel of
//! its own is decoded to memory first, by `loader::format` itself.

use core::arch::x86_64::*;

use loader::format::q4_k_scales;

use super::{
    floats::{Decode, Decoded},
    half_at, load_8, load_8_le, load_16, store_8, unpack,
};
use crate::Format;

/// 32 weights at a time.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn f32() -> Decoded<128, 1, impl Decode<128, 1>> {
    Decoded {
        decode: |w: &[u8; 128]| {
            let w = w.as_chunks::<32>().0;
            [[load_8_le(&w[0]), load_8_le(&w[1]), load_8_le(&w[2]), load_8_le(&w[3])]]
        },
    }
}

/// 32 weights at a time.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn f16() -> Decoded<64, 1, impl Decode<64, 1>> {
    Decoded {
        decode: |w: &[u8; 64]| {
            let [a, b, c, d] = [load_16(w, 0), load_16(w, 16), load_16(w, 32), load_16(w, 48)];
            [[_mm256_cvtph_ps(a), _mm256_cvtph_ps(b), _mm256_cvtph_ps(c), _mm256_cvtph_ps(d)]]
        },
    }
}

/// 32 weights at a time.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn bf16() -> Decoded<64, 1, impl Decode<64, 1>> {
    Decoded {
        decode: |w: &[u8; 64]| {
            let [a, b, c, d] = [load_16(w, 0), load_16(w, 16), load_16(w, 32), load_16(w, 48)];
            [[bf16s(a), bf16s(b), bf16s(c), bf16s(d)]]
        },
    }
}

/// `d` at 0. A weight is `d * (q - 8)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q4_0() -> Decoded<18, 1, impl Decode<18, 1>> {
    Decoded {
        decode: |w: &[u8; 18]| [scaled(half_at(w, 0), floats(less(8, unpack::q4_0([w, w]))))],
    }
}

/// `d` at 0. A weight is `d * (q - 16)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q5_0() -> Decoded<22, 1, impl Decode<22, 1>> {
    Decoded {
        decode: |w: &[u8; 22]| [scaled(half_at(w, 0), floats(less(16, unpack::q5_0([w, w]))))],
    }
}

/// `d` at 0. A weight is `d * q`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q8_0() -> Decoded<34, 1, impl Decode<34, 1>> {
    Decoded { decode: |w: &[u8; 34]| [scaled(half_at(w, 0), floats(unpack::q8_0([w, w])))] }
}

/// `d`, `dmin` and the scales in the first 16 bytes. A weight is `d * scale * q - dmin * min`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q4_k() -> Decoded<144, 8, impl Decode<144, 8>> {
    Decoded {
        decode: |block: &[u8; 144]| {
            let (d, d_min) = (half_at(block, 0), half_at(block, 2));
            let (scales, mins) = q4_k_scales(&block[4..16]);
            let (scales, mins) = (products(d, scales), products(d_min, mins));
            let mut all = [[d; 4]; 8];
            for (j, w) in all.iter_mut().enumerate() {
                let (scale, min) = (_mm256_set1_ps(scales[j]), _mm256_set1_ps(mins[j]));
                let [a, b, c, d] = floats(unpack::q4_k([block, block], j));
                // The product is exact, so that fusing it rounds as decoding does.
                *w = [
                    _mm256_fmsub_ps(a, scale, min),
                    _mm256_fmsub_ps(b, scale, min),
                    _mm256_fmsub_ps(c, scale, min),
                    _mm256_fmsub_ps(d, scale, min),
                ];
            }
            all
        },
    }
}

/// A scale a byte at 192, `d` at 208. A weight is `d * scale * (q - 32)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q6_k() -> Decoded<210, 8, impl Decode<210, 8>> {
    Decoded {
        decode: |block: &[u8; 210]| {
            let d = half_at(block, 208);
            let mut all = [[d; 4]; 8];
            for (j, w) in all.iter_mut().enumerate() {
                let scale = |at: usize| f32::from(block[at].cast_signed());
                let first = _mm256_mul_ps(d, _mm256_set1_ps(scale(192 + 2 * j)));
                let second = _mm256_mul_ps(d, _mm256_set1_ps(scale(193 + 2 * j)));
                let [a, b, c, d] = floats(less(32, unpack::q6_k([block, block], j)));
                *w = [
                    _mm256_mul_ps(a, first),
                    _mm256_mul_ps(b, first),
                    _mm256_mul_ps(c, second),
                    _mm256_mul_ps(d, second),
                ];
            }
            all
        },
    }
}

/// A format that has no kernel of its own.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn other<const BYTES: usize, const N: usize>(
    format: Format,
) -> Decoded<BYTES, N, impl Decode<BYTES, N>> {
    Decoded {
        decode: move |block: &[u8; BYTES]| {
            let mut numbers = [[0.0; 32]; N];
            (format.layout().decode_block)(block, numbers.as_flattened_mut());
            let mut all = [[_mm256_setzero_ps(); 4]; N];
            for (w, numbers) in all.iter_mut().zip(&numbers) {
                for (w, numbers) in w.iter_mut().zip(numbers.as_chunks().0) {
                    *w = load_8(numbers);
                }
            }
            all
        },
    }
}

/// 32 signed bytes as floats: those of the first of two blocks.
#[inline]
#[target_feature(enable = "avx2")]
fn floats([low, high]: [__m256i; 2]) -> [__m256; 4] {
    let (low, high) = (_mm256_castsi256_si128(low), _mm256_castsi256_si128(high));
    [
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(low)),
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128::<8>(low))),
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(high)),
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128::<8>(high))),
    ]
}

/// Integers less their zero point.
#[inline]
#[target_feature(enable = "avx2")]
fn less(zero: i8, [low, high]: [__m256i; 2]) -> [__m256i; 2] {
    let zero = _mm256_set1_epi8(zero);
    [_mm256_sub_epi8(low, zero), _mm256_sub_epi8(high, zero)]
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
