//! How formats are packed whose weights are in codebooks; for what reads them, these are `formats` like
//! all others.
//!
//! A weight is a magnitude with a sign. Its integer is that, and the largest magnitude more, so that none
//! is negative: two products fit 16 bits, `2 * 2 * 62 * 127 = 31496`.

use core::arch::x86_64::*;

use super::{
    Integers, Packed, Scaled, Scales,
    fields::{EIGHT, bits, halves, odd, scaled, signed, words},
};
use crate::cpu::codebooks::{self, Weights};

/// `d` at 0, then eight bytes a run, the last four bits its scale. A weight is
/// `d / 8 * (2 scale + 1) * (q - 43)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn iq2_xxs<const DOT: u8>()
-> Packed<DOT, 66, 32, 8, 86, 43, impl Integers<66>, impl Scaled<66, 8>> {
    Packed {
        integers: |[a, b]: [&[u8; 66]; 2], j| integers(&codebooks::iq2_xxs([(a, j), (b, j)]), 43),
        scales: |blocks: [&[u8; 66]; EIGHT]| {
            let d = part(0.125, blocks);
            let mut scales = [d; 8];
            for (k, scales) in scales.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                let [_, first, _, last] = words(blocks, 2 + 16 * k);
                *scales =
                    [scaled(odd(bits(first, 28, 0xf)), d), scaled(odd(bits(last, 28, 0xf)), d)];
            }
            signed(scales)
        },
    }
}

/// `d` at 0, scales in the nibbles of the last 8 bytes. A weight is `d / 8 * (2 scale + 1) * (q - 43)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn iq2_xs<const DOT: u8>()
-> Packed<DOT, 74, 16, 16, 86, 43, impl Integers<74>, impl Scaled<74, 16>> {
    Packed {
        integers: |[a, b]: [&[u8; 74]; 2], j| integers(&codebooks::iq2_xs([(a, j), (b, j)]), 43),
        scales: |blocks: [&[u8; 74]; EIGHT]| by_last_nibbles(blocks, part(0.125, blocks)),
    }
}

/// `d` at 0, scales in the nibbles of the last 8 bytes. A weight is `d / 8 * (2 scale + 1) * (q - 43)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn iq2_s<const DOT: u8>()
-> Packed<DOT, 82, 16, 16, 86, 43, impl Integers<82>, impl Scaled<82, 16>> {
    Packed {
        integers: |[a, b]: [&[u8; 82]; 2], j| integers(&codebooks::iq2_s([(a, j), (b, j)]), 43),
        scales: |blocks: [&[u8; 82]; EIGHT]| by_last_nibbles(blocks, part(0.125, blocks)),
    }
}

/// `d` at 0, four bytes a run at 66, the last four bits its scale. A weight is
/// `d / 4 * (2 scale + 1) * (q - 62)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn iq3_xxs<const DOT: u8>()
-> Packed<DOT, 98, 32, 8, 124, 62, impl Integers<98>, impl Scaled<98, 8>> {
    Packed {
        integers: |[a, b]: [&[u8; 98]; 2], j| integers(&codebooks::iq3_xxs([(a, j), (b, j)]), 62),
        scales: |blocks: [&[u8; 98]; EIGHT]| {
            let d = part(0.25, blocks);
            let mut scales = [d; 8];
            for (k, scales) in scales.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                for (scale, word) in scales.iter_mut().zip(words(blocks, 66 + 16 * k)) {
                    *scale = scaled(odd(bits(word, 28, 0xf)), d);
                }
            }
            signed(scales)
        },
    }
}

/// `d` at 0, scales in the nibbles of the last 4 bytes. A weight is `d * (2 scale + 1) * (q - 15)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn iq3_s<const DOT: u8>()
-> Packed<DOT, 110, 32, 8, 30, 15, impl Integers<110>, impl Scaled<110, 8>> {
    Packed {
        integers: |[a, b]: [&[u8; 110]; 2], j| integers(&codebooks::iq3_s([(a, j), (b, j)]), 15),
        scales: |blocks: [&[u8; 110]; EIGHT]| by_last_nibbles(blocks, halves(blocks, 0)),
    }
}

/// The weights of two blocks, `zero` more.
#[inline]
#[target_feature(enable = "avx2")]
fn integers(weights: &Weights, zero: i8) -> [__m256i; 2] {
    let [a, b] = &weights.magnitudes;
    let signs = _mm256_set1_epi64x(weights.signs.cast_signed());
    // Byte i gets eight signs, of which only its own, bit i % 8, is left.
    let eight = 0x0101_0101_0101_0101;
    let one = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let with_signs = |[a, b]: [[u64; 2]; 2], first: i64| {
        let [a, b] = [a.map(u64::cast_signed), b.map(u64::cast_signed)];
        let magnitudes = _mm256_set_epi64x(b[1], b[0], a[1], a[0]);
        let [c, d, e, f] = [first, first + 1, first + 4, first + 5].map(|byte| byte * eight);
        let spread = _mm256_shuffle_epi8(signs, _mm256_set_epi64x(f, e, d, c));
        // All ones where a weight is negative: `-x = !x + 1`.
        let negative = _mm256_cmpeq_epi8(_mm256_and_si256(spread, one), one);
        let turned = _mm256_xor_si256(magnitudes, negative);
        _mm256_add_epi8(turned, _mm256_sub_epi8(_mm256_set1_epi8(zero), negative))
    };
    [with_signs([[a[0], a[1]], [b[0], b[1]]], 0), with_signs([[a[2], a[3]], [b[2], b[3]]], 2)]
}

/// A part of the f16 at 0 of each block.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn part<const BYTES: usize>(part: f32, blocks: [&[u8; BYTES]; EIGHT]) -> __m256 {
    _mm256_mul_ps(halves(blocks, 0), _mm256_set1_ps(part))
}

/// `2 scale + 1` of each nibble that ends a block, times `d`.
#[inline]
#[target_feature(enable = "avx2")]
fn by_last_nibbles<const BYTES: usize, const RUNS: usize>(
    blocks: [&[u8; BYTES]; EIGHT],
    d: __m256,
) -> Scales<RUNS> {
    let words = words(blocks, BYTES - 16);
    let mut scales = [d; RUNS];
    for (j, scale) in scales.iter_mut().enumerate() {
        let nibble = bits(words[4 - RUNS / 8 + j / 8], 4 * (j % 8), 0xf);
        *scale = scaled(odd(nibble), d);
    }
    signed(scales)
}
