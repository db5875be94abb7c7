//! `NVFP4`: the numbers of `MXFP4` in runs of 16, with scales of a byte.

use core::arch::x86_64::*;

use super::{
    Integers, Packed, Scaled,
    fields::{EIGHT, bits, scaled, signed, words},
    unpack::{DOUBLED, both, looked_up, low_and_high},
};

/// Four scales at 0, 8 bytes of nibbles a run at 4. A weight is `scale / 2 * DOUBLED[q]`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn nvfp4<const DOT: u8>()
-> Packed<DOT, 36, 16, 4, 24, 12, impl Integers<36>, impl Scaled<36, 4>> {
    Packed {
        integers: |blocks: [&[u8; 36]; 2], j| {
            // Of two runs the first eight weights each, and the last.
            let [low, high] = looked_up(&DOUBLED, low_and_high(both(blocks, 4 + 16 * j)));
            [_mm256_unpacklo_epi64(low, high), _mm256_unpackhi_epi64(low, high)]
        },
        scales: |blocks: [&[u8; 36]; EIGHT]| {
            let [bytes, ..] = words(blocks, 0);
            let mut scales = [_mm256_setzero_ps(); 4];
            for (j, scale) in scales.iter_mut().enumerate() {
                *scale = half_scales(bits(bytes, 8 * j, 0xff));
            }
            signed(scales)
        },
    }
}

/// Half of what bytes stand for: 3 bits of a fraction and 4 of an exponent, in steps of 2^-10; 0x7f is
/// zero, and the upper bit nothing else.
#[inline]
#[target_feature(enable = "avx2")]
fn half_scales(bytes: __m256i) -> __m256 {
    let exponent = bits(bytes, 3, 0xf);
    let is_normal = _mm256_min_epi32(exponent, _mm256_set1_epi32(1));
    let fraction = _mm256_or_si256(bits(bytes, 0, 7), _mm256_slli_epi32::<3>(is_normal));
    let steps = _mm256_sllv_epi32(fraction, _mm256_sub_epi32(exponent, is_normal));
    let is_zero = _mm256_cmpeq_epi32(bytes, _mm256_set1_epi32(0x7f));
    scaled(_mm256_andnot_si256(is_zero, steps), _mm256_set1_ps(1.0 / 1024.0))
}
