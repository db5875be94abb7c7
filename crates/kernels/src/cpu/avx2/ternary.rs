//! Formats whose weights are -1, 0 or 1 times a scale: `TQ1_0` and `TQ2_0`, and, from a codebook and
//! shifted by an eighth, `IQ1_S` and `IQ1_M`.
//!
//! What is shifted is counted in eighths, `8 g ± 1`, and its scale is an eighth: both are exact, and no
//! minimum is needed.

use core::arch::x86_64::*;

use loader::format::codebook::IQ1;

use super::{
    Integers, Packed, Scaled,
    fields::{EIGHT, bits, halves, low_halves, odd, scaled, signed, words},
    unpack::{both, field},
};

/// Five digits of base 3 a byte, `d` at 52. A weight is `d * (digit - 1)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn tq1_0<const DOT: u8>()
-> Packed<DOT, 54, 32, 8, 2, 1, impl Integers<54>, impl Scaled<54, 8>> {
    Packed {
        integers: |blocks: [&[u8; 54]; 2], j| of_bytes(blocks, j),
        scales: |blocks: [&[u8; 54]; EIGHT]| signed([halves(blocks, 52); 8]),
    }
}

/// `d` at 64. A weight is `d * (q - 1)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn tq2_0<const DOT: u8>()
-> Packed<DOT, 66, 32, 8, 3, 1, impl Integers<66>, impl Scaled<66, 8>> {
    Packed {
        integers: |blocks: [&[u8; 66]; 2], j| {
            let of = |at| field(both(blocks, j / 4 * 32 + at), 2 * (j % 4), 3);
            [of(0), of(16)]
        },
        scales: |blocks: [&[u8; 66]; EIGHT]| signed([halves(blocks, 64); 8]),
    }
}

/// `d` at 0, indices at 2, at 34 their upper bits, the shifts and the scales. A weight is
/// `d / 8 * (2 scale + 1) * (8 g ± 1)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn iq1_s<const DOT: u8>()
-> Packed<DOT, 50, 32, 8, 18, 9, impl Integers<50>, impl Scaled<50, 8>> {
    Packed {
        integers: |blocks: [&[u8; 50]; 2], j| {
            let of = |block: &[u8; 50]| four_groups(block, [2 + 4 * j, 34 + 2 * j], 3);
            shifted([of(blocks[0]), of(blocks[1])], [1 << 15; 4])
        },
        scales: |blocks: [&[u8; 50]; EIGHT]| {
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
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn iq1_m<const DOT: u8>()
-> Packed<DOT, 56, 16, 16, 18, 9, impl Integers<56>, impl Scaled<56, 16>> {
    Packed {
        integers: |blocks: [&[u8; 56]; 2], j| {
            let of = |block: &[u8; 56]| four_groups(block, [4 * j, 32 + 2 * j], 4);
            shifted([of(blocks[0]), of(blocks[1])], [1 << 3, 1 << 7, 1 << 11, 1 << 15])
        },
        scales: |blocks: [&[u8; 56]; EIGHT]| {
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

/// The first powers of 3.
pub(in crate::cpu) const POWERS: [i16; 5] = [1, 3, 9, 27, 81];

/// Digits of weights `32 j..32 j + 32` of two blocks of `TQ1_0`: 0..=2.
#[inline]
#[target_feature(enable = "avx2")]
fn of_bytes(blocks: [&[u8; 54]; 2], j: usize) -> [__m256i; 2] {
    let nth = |bytes, n: usize| digits(bytes, _mm256_set1_epi16(POWERS[n]));
    match j {
        0..5 => [nth(both(blocks, 0), j), nth(both(blocks, 16), j)],
        5 | 6 => {
            let bytes = both(blocks, 32);
            [nth(bytes, 2 * j - 10), nth(bytes, 2 * j - 9)]
        }
        _ => {
            // Of the last four bytes four digits each.
            let word = |block: &[u8; 54]| {
                let bytes = block[48..].first_chunk().expect("within the block");
                _mm_set1_epi32(i32::from_le_bytes(*bytes))
            };
            let bytes = _mm256_set_m128i(word(blocks[1]), word(blocks[0]));
            let powers = _mm_set_epi16(27, 27, 9, 9, 3, 3, 1, 1);
            let last = digits(bytes, _mm256_broadcastsi128_si256(powers));
            [nth(both(blocks, 32), 4), last]
        }
    }
}

/// The digit of each byte that comes out above it when it is multiplied with a power of 3, that of each
/// two bytes, and then with 3.
#[inline]
#[target_feature(enable = "avx2")]
fn digits(bytes: __m256i, powers: __m256i) -> __m256i {
    // Each byte is the upper one of 16 bits: the digits before are above them, and fall away.
    let digit = |x| _mm256_mulhi_epu16(_mm256_mullo_epi16(x, powers), _mm256_set1_epi16(POWERS[1]));
    let even = digit(_mm256_slli_epi16::<8>(bytes));
    let odd = digit(_mm256_and_si256(bytes, _mm256_set1_epi16(-0x100)));
    _mm256_or_si256(even, _mm256_slli_epi16::<8>(odd))
}

/// Eights from the codebook, and the bits that hold the rest of their indices.
pub(in crate::cpu) type Four = ([&'static [i8; 8]; 4], i64);

/// Those of 32 weights: four bytes of indices and 16 bits begin at these places of the block; each group
/// has `step` of the latter.
#[inline]
pub(in crate::cpu) fn four_groups<const BYTES: usize>(
    block: &[u8; BYTES],
    [indices, rest]: [usize; 2],
    step: usize,
) -> Four {
    let indices: &[u8; 4] = block[indices..].first_chunk().expect("within the block");
    let rest: &[u8; 2] = block[rest..].first_chunk().expect("within the block");
    let rest = u16::from_le_bytes(*rest);
    let mut groups = [&IQ1[0]; 4];
    for (k, (group, &index)) in groups.iter_mut().zip(indices).enumerate() {
        let upper = rest >> (step * k) & 7;
        *group = &IQ1[usize::from(index) | usize::from(upper) << 8];
    }
    (groups, i64::from(rest))
}

/// Eight times the weights of two blocks and their shifts, and 9 more: 0..=18. The shift of a group is
/// negative where the bit that it has is set.
#[inline]
#[target_feature(enable = "avx2")]
fn shifted([(a, rest_of_a), (b, rest_of_b)]: [Four; 2], of: [i64; 4]) -> [__m256i; 2] {
    let rest = _mm256_set_epi64x(rest_of_b, rest_of_b, rest_of_a, rest_of_a);
    let two = |k: usize| {
        let groups = _mm256_set_m128i(pair([b[k], b[k + 1]]), pair([a[k], a[k + 1]]));
        let eights = _mm256_sign_epi8(_mm256_set1_epi8(8), groups);
        let signs = _mm256_and_si256(rest, _mm256_set_epi64x(of[k + 1], of[k], of[k + 1], of[k]));
        let positive = _mm256_cmpeq_epi64(signs, _mm256_setzero_si256());
        // 8, or 10.
        let more = _mm256_and_si256(positive, _mm256_set1_epi8(2));
        _mm256_add_epi8(eights, _mm256_or_si256(more, _mm256_set1_epi8(8)))
    };
    [two(0), two(2)]
}

/// Two groups beside each other.
#[inline]
#[target_feature(enable = "avx2")]
pub(in crate::cpu) fn pair([a, b]: [&[i8; 8]; 2]) -> __m128i {
    // SAFETY: both are valid for reads of 8 bytes and `loadl` has no alignment requirement.
    let [a, b] =
        unsafe { [_mm_loadl_epi64(a.as_ptr().cast()), _mm_loadl_epi64(b.as_ptr().cast())] };
    _mm_unpacklo_epi64(a, b)
}

/// Exact: even of a subnormal f16.
#[inline]
#[target_feature(enable = "avx2")]
fn eighth(d: __m256) -> __m256 {
    _mm256_mul_ps(d, _mm256_set1_ps(0.125))
}

/// The f16 of which each of four halves of words has four bits, the uppermost ones: the first half has
/// those that count least.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn scattered(first: __m256i, last: __m256i) -> __m256 {
    let low = _mm256_or_si256(bits(first, 12, 0xf), bits(first, 24, 0xf0));
    let high = _mm256_or_si256(bits(last, 4, 0xf00), bits(last, 16, 0xf000));
    low_halves(_mm256_or_si256(low, high))
}
