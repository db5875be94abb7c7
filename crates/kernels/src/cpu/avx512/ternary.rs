//! Formats whose weights are -1, 0 or 1 times a scale, see `avx2::ternary`.

use core::arch::x86_64::*;

use super::{
    Integers, Packed, ROWS, SIGNED, Scaled,
    fields::{bits, halves, joined, low_halves, odd, scaled, signed, two_bits, words},
    load_32,
};
use crate::cpu::avx2::{
    load_16,
    ternary::{Four, POWERS, four_groups, pair},
};

/// Five digits of base 3 a byte, `d` at 52. A weight is `d * (digit - 1)`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn tq1_0<const TILES: bool>()
-> Packed<TILES, 54, 32, 8, SIGNED, impl Integers<54>, impl Scaled<54, 8>> {
    Packed {
        // Less 1, and 128 more.
        integers: |block: &[u8; 54], p| _mm512_add_epi8(of_bytes(block, p), _mm512_set1_epi8(127)),
        scales: |blocks: [&[u8; 54]; ROWS]| signed([halves(blocks, 52); 8]),
    }
}

/// Two bits a weight, `d` at 64. A weight is `d * (q - 1)`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn tq2_0<const TILES: bool>()
-> Packed<TILES, 66, 32, 8, SIGNED, impl Integers<66>, impl Scaled<66, 8>> {
    Packed {
        integers: |block: &[u8; 66], p| {
            let q = two_bits(load_32(block, p / 2 * 32), p);
            // Less 1, and 128 more.
            _mm512_add_epi8(q, _mm512_set1_epi8(127))
        },
        scales: |blocks: [&[u8; 66]; ROWS]| signed([halves(blocks, 64); 8]),
    }
}

/// `d` at 0, indices at 2, at 34 their upper bits, the shifts and the scales. A weight is
/// `d / 8 * (2 scale + 1) * (8 g ± 1)`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn iq1_s<const TILES: bool>()
-> Packed<TILES, 50, 32, 8, SIGNED, impl Integers<50>, impl Scaled<50, 8>> {
    Packed {
        integers: |block: &[u8; 50], p| {
            let of = |j: usize| four_groups(block, [2 + 4 * j, 34 + 2 * j], 3);
            shifted([of(2 * p), of(2 * p + 1)], [1 << 15; 4])
        },
        scales: |blocks: [&[u8; 50]; ROWS]| {
            let (d, words) = (eighth(halves(blocks, 0)), words(blocks, 34));
            let mut scales = [d; 8];
            for (j, scale) in scales.iter_mut().enumerate() {
                *scale = scaled(odd(bits(words[j / 2], 16 * (j % 2) + 12, 7)), d);
            }
            signed(scales)
        },
    }
}

/// Indices at 0, their upper bits and the shifts at 32, scales and `d` at 48. A weight is
/// `d / 8 * (2 scale + 1) * (8 g ± 1)`.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(in crate::cpu) fn iq1_m<const TILES: bool>()
-> Packed<TILES, 56, 16, 16, SIGNED, impl Integers<56>, impl Scaled<56, 16>> {
    Packed {
        integers: |block: &[u8; 56], p| {
            let of = |j: usize| four_groups(block, [4 * j, 32 + 2 * j], 4);
            shifted([of(2 * p), of(2 * p + 1)], [1 << 3, 1 << 7, 1 << 11, 1 << 15])
        },
        scales: |blocks: [&[u8; 56]; ROWS]| {
            // The scales are the 8 bytes from 48 on.
            let [_, _, first, last] = words(blocks, 40);
            let d = eighth(scattered(first, last));
            let mut scales = [d; 16];
            for (j, scale) in scales.iter_mut().enumerate() {
                let word = if j < 8 { first } else { last };
                *scale = scaled(odd(bits(word, 16 * (j / 4 % 2) + 3 * (j % 4), 7)), d);
            }
            signed(scales)
        },
    }
}

/// Digits of weights `64 p..64 p + 64` of a block of `TQ1_0`: 0..=2.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw")]
fn of_bytes(block: &[u8; 54], p: usize) -> __m512i {
    let nth = |n: usize| _mm_set1_epi16(POWERS[n]);
    let both = |low, high| _mm256_set_m128i(high, low);
    let twice = |x| _mm256_broadcastsi128_si256(x);
    let (bytes, powers) = match p {
        0 | 1 => {
            let bytes = load_32(block, 0);
            ([bytes; 2], [twice(nth(2 * p)), twice(nth(2 * p + 1))])
        }
        2 => {
            let bytes = [load_32(block, 0), twice(load_16(block, 32))];
            (bytes, [twice(nth(4)), both(nth(0), nth(1))])
        }
        _ => {
            // Of the last four bytes four digits each.
            let last = block[48..].first_chunk().expect("within the block");
            let last = _mm_set1_epi32(i32::from_le_bytes(*last));
            let bytes = load_16(block, 32);
            let powers = both(nth(4), _mm_set_epi16(27, 27, 9, 9, 3, 3, 1, 1));
            ([twice(bytes), both(bytes, last)], [both(nth(2), nth(3)), powers])
        }
    };
    digits(joined(bytes[0], bytes[1]), joined(powers[0], powers[1]))
}

/// The digit of each byte that comes out above it when it is multiplied with a power of 3, that of each
/// two bytes, and then with 3.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn digits(bytes: __m512i, powers: __m512i) -> __m512i {
    // Each byte is the upper one of 16 bits: the digits before are above them, and fall away.
    let digit = |x| _mm512_mulhi_epu16(_mm512_mullo_epi16(x, powers), _mm512_set1_epi16(POWERS[1]));
    let even = digit(_mm512_slli_epi16::<8>(bytes));
    let odd = digit(_mm512_and_si512(bytes, _mm512_set1_epi16(-0x100)));
    _mm512_or_si512(even, _mm512_slli_epi16::<8>(odd))
}

/// Eight times 64 weights and their shifts, and 128 more. The shift of a group is negative where the
/// bit that it has is set.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw")]
fn shifted([(a, rest_of_a), (b, rest_of_b)]: [Four; 2], of: [i64; 4]) -> __m512i {
    let four = |[k, l, m, n]: [&[i8; 8]; 4]| _mm256_set_m128i(pair([m, n]), pair([k, l]));
    let groups = joined(four(a), four(b));
    // Within each byte: what comes from below it falls away.
    let eights = _mm512_and_si512(_mm512_slli_epi16::<3>(groups), _mm512_set1_epi8(-8));
    let rest = joined(_mm256_set1_epi64x(rest_of_a), _mm256_set1_epi64x(rest_of_b));
    let of = _mm512_broadcast_i64x4(_mm256_set_epi64x(of[3], of[2], of[1], of[0]));
    let negative = _mm512_test_epi64_mask(rest, of);
    // 128 and one more, or one less.
    let [more, less] = [_mm512_set1_epi8(-127), _mm512_set1_epi8(127)];
    _mm512_add_epi8(eights, _mm512_mask_blend_epi64(negative, more, less))
}

/// Exact: even of a subnormal f16.
#[inline]
#[target_feature(enable = "avx512f")]
fn eighth(d: __m512) -> __m512 {
    _mm512_mul_ps(d, _mm512_set1_ps(0.125))
}

/// The f16 of which each of four halves of words has four bits, the uppermost ones: the first half has
/// those that count least.
#[inline]
#[target_feature(enable = "avx512f")]
fn scattered(first: __m512i, last: __m512i) -> __m512 {
    let low = _mm512_or_si512(bits(first, 12, 0xf), bits(first, 24, 0xf0));
    let high = _mm512_or_si512(bits(last, 4, 0xf00), bits(last, 16, 0xf000));
    low_halves(_mm512_or_si512(low, high))
}
