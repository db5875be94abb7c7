//! Rounding activations to blocks of 8-bit integers with AVX2, to the same bits as the portable
//! [`quantise`](crate::cpu::quantise::quantise).

use core::arch::x86_64::*;

use super::{load_8, store_32_i8};
use crate::cpu::quantise::{LEN, MAGNITUDE, Q8Block, scale};

#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn quantise(row: &[f32], out: &mut [Q8Block]) {
    debug_assert_eq!(row.len(), out.len() * LEN);
    for (x, out) in row.as_chunks::<LEN>().0.iter().zip(out) {
        let x = x.as_chunks::<8>().0;
        let x = [load_8(&x[0]), load_8(&x[1]), load_8(&x[2]), load_8(&x[3])];
        let (d, inverse) = scale(f32::from_bits(largest_magnitude(x)));
        let (qs, sums) =
            if d.is_nan() { (_mm256_setzero_si256(), [0; 2]) } else { round(x, inverse) };
        store_32_i8(qs, &mut out.qs);
        out.finish(d, sums);
    }
}

/// The bits of the largest magnitude. Floats are compared as integers, which keeps a NaN.
#[inline]
#[target_feature(enable = "avx2")]
fn largest_magnitude([a, b, c, d]: [__m256; 4]) -> u32 {
    let largest = |a, b| _mm256_max_epi32(a, b);
    let magnitude =
        |x| _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(MAGNITUDE.cast_signed()));
    let x = largest(largest(magnitude(a), magnitude(b)), largest(magnitude(c), magnitude(d)));
    let x = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
    let x = _mm_max_epi32(x, _mm_shuffle_epi32::<0b01_00_11_10>(x));
    let x = _mm_max_epi32(x, _mm_shuffle_epi32::<0b10_11_00_01>(x));
    _mm_cvtsi128_si32(x).cast_unsigned()
}

/// `x * inverse` rounded, and the sums of both halves of that.
#[inline]
#[target_feature(enable = "avx2")]
fn round([a, b, c, d]: [__m256; 4], inverse: f32) -> (__m256i, [i32; 2]) {
    let inverse = _mm256_set1_ps(inverse);
    let rounded = |x| _mm256_cvtps_epi32(_mm256_mul_ps(x, inverse));
    let (a, b, c, d) = (rounded(a), rounded(b), rounded(c), rounded(d));
    let bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    // Packing works in each half on its own; this brings the groups of four back in order.
    let order = _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0);
    // Four sums of the first half, then four of the last.
    let (first, last) = (_mm256_add_epi32(a, b), _mm256_add_epi32(c, d));
    let halves = [first, last].map(|x| {
        let x = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
        let x = _mm_add_epi32(x, _mm_shuffle_epi32::<0b01_00_11_10>(x));
        _mm_cvtsi128_si32(_mm_add_epi32(x, _mm_shuffle_epi32::<0b10_11_00_01>(x)))
    });
    (_mm256_permutevar8x32_epi32(bytes, order), halves)
}
