//! How formats are packed whose weights are in codebooks, magnitudes and signs; for what reads them, these
//! are `formats` like all others.

use core::arch::x86_64::*;

use super::{
    Integers, Packed, ROWS, SIGNED, Scaled, Scales,
    fields::{bits, halves, odd, scaled, signed, words},
};
use crate::cpu::codebooks::{self, Weights};

/// `d` at 0, then eight bytes a run, the last four bits its scale. A weight is
/// `d / 8 * (2 scale + 1)` times a magnitude with its sign.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn iq2_xxs<const TILES: bool>()
-> Packed<TILES, 66, 32, 8, SIGNED, impl Integers<66>, impl Scaled<66, 8>> {
    Packed {
        integers: |block: &[u8; 66], p| {
            integers(&codebooks::iq2_xxs([(block, 2 * p), (block, 2 * p + 1)]))
        },
        scales: |blocks: [&[u8; 66]; ROWS]| {
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

/// `d` at 0, scales in the nibbles of the last 8 bytes. A weight is `d / 8 * (2 scale + 1)` times a
/// magnitude with its sign.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn iq2_xs<const TILES: bool>()
-> Packed<TILES, 74, 16, 16, SIGNED, impl Integers<74>, impl Scaled<74, 16>> {
    Packed {
        integers: |block: &[u8; 74], p| {
            integers(&codebooks::iq2_xs([(block, 2 * p), (block, 2 * p + 1)]))
        },
        scales: |blocks: [&[u8; 74]; ROWS]| by_last_nibbles(blocks, part(0.125, blocks)),
    }
}

/// `d` at 0, scales in the nibbles of the last 8 bytes. A weight is `d / 8 * (2 scale + 1)` times a
/// magnitude with its sign.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn iq2_s<const TILES: bool>()
-> Packed<TILES, 82, 16, 16, SIGNED, impl Integers<82>, impl Scaled<82, 16>> {
    Packed {
        integers: |block: &[u8; 82], p| {
            integers(&codebooks::iq2_s([(block, 2 * p), (block, 2 * p + 1)]))
        },
        scales: |blocks: [&[u8; 82]; ROWS]| by_last_nibbles(blocks, part(0.125, blocks)),
    }
}

/// `d` at 0, four bytes a run at 66, the last four bits its scale. A weight is
/// `d / 4 * (2 scale + 1)` times a magnitude with its sign.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn iq3_xxs<const TILES: bool>()
-> Packed<TILES, 98, 32, 8, SIGNED, impl Integers<98>, impl Scaled<98, 8>> {
    Packed {
        integers: |block: &[u8; 98], p| {
            integers(&codebooks::iq3_xxs([(block, 2 * p), (block, 2 * p + 1)]))
        },
        scales: |blocks: [&[u8; 98]; ROWS]| {
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

/// `d` at 0, scales in the nibbles of the last 4 bytes. A weight is `d * (2 scale + 1)` times a magnitude
/// with its sign.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn iq3_s<const TILES: bool>()
-> Packed<TILES, 110, 32, 8, SIGNED, impl Integers<110>, impl Scaled<110, 8>> {
    Packed {
        integers: |block: &[u8; 110], p| {
            integers(&codebooks::iq3_s([(block, 2 * p), (block, 2 * p + 1)]))
        },
        scales: |blocks: [&[u8; 110]; ROWS]| by_last_nibbles(blocks, halves(blocks, 0)),
    }
}

/// Weights, 128 more.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn integers(weights: &Weights) -> __m512i {
    let word = |i: usize| weights.magnitudes[i / 4][i % 4].cast_signed();
    let [a, b, c, d] = [word(0), word(1), word(2), word(3)];
    let [e, f, g, h] = [word(4), word(5), word(6), word(7)];
    let x = _mm512_xor_si512(_mm512_set_epi64(h, g, f, e, d, c, b, a), _mm512_set1_epi8(-128));
    // The negative of a byte that is 128 more is 128 more than the negative.
    _mm512_mask_sub_epi8(x, weights.signs, _mm512_setzero_si512(), x)
}

/// A part of the f16 at 0 of each block.
#[inline]
#[target_feature(enable = "avx512f")]
fn part<const BYTES: usize>(part: f32, blocks: [&[u8; BYTES]; ROWS]) -> __m512 {
    _mm512_mul_ps(halves(blocks, 0), _mm512_set1_ps(part))
}

/// `2 scale + 1` of each nibble that ends a block, times `d`.
#[inline]
#[target_feature(enable = "avx512f")]
fn by_last_nibbles<const BYTES: usize, const RUNS: usize>(
    blocks: [&[u8; BYTES]; ROWS],
    d: __m512,
) -> Scales<RUNS> {
    let words = words(blocks, BYTES - 16);
    let mut scales = [d; RUNS];
    for (j, scale) in scales.iter_mut().enumerate() {
        let nibble = bits(words[4 - RUNS / 8 + j / 8], 4 * (j % 8), 0xf);
        *scale = scaled(odd(nibble), d);
    }
    signed(scales)
}
