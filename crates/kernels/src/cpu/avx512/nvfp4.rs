//! `NVFP4`: the numbers of `MXFP4` in runs of 16, with scales of a byte.

use core::arch::x86_64::*;

use super::{
    Integers, Packed, ROWS, SIGNED, Scaled,
    fields::{bits, joined, looked_up, scaled, signed, word},
    formats::DOUBLED,
    load_32,
};

/// Four scales at 0, 8 bytes of nibbles a run at 4. A weight is `scale / 2 * DOUBLED[q]`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn nvfp4<const TILES: bool>()
-> Packed<TILES, 36, 16, 4, SIGNED, impl Integers<36>, impl Scaled<36, 4>> {
    Packed {
        integers: |block: &[u8; 36], _| {
            let bytes = load_32(block, 4);
            let both = joined(bytes, _mm256_srli_epi16::<4>(bytes));
            // The first eight weights of each run are in low nibbles, the last in high ones.
            let order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
            let nibbles = _mm512_and_si512(both, _mm512_set1_epi8(0xf));
            looked_up(DOUBLED, _mm512_permutexvar_epi64(order, nibbles))
        },
        scales: |blocks: [&[u8; 36]; ROWS]| {
            let bytes = word(blocks, 0);
            let mut scales = [_mm512_setzero_ps(); 4];
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
#[target_feature(enable = "avx512f")]
fn half_scales(bytes: __m512i) -> __m512 {
    let exponent = bits(bytes, 3, 0xf);
    let is_normal = _mm512_min_epi32(exponent, _mm512_set1_epi32(1));
    let fraction = _mm512_or_si512(bits(bytes, 0, 7), _mm512_slli_epi32::<3>(is_normal));
    let is_number = _mm512_cmpneq_epi32_mask(bytes, _mm512_set1_epi32(0x7f));
    let by = _mm512_sub_epi32(exponent, is_normal);
    scaled(_mm512_maskz_sllv_epi32(is_number, fraction, by), _mm512_set1_ps(1.0 / 1024.0))
}
