//! The integers of a block of weights, one a byte, in the order of the weights.
//!
//! The formats are defined in `loader::format`; their diagrams are there.

use core::arch::x86_64::*;

use super::{load_16, load_32};
use crate::cpu::tables::{DOUBLED, LEVELS};

/// The 32 integers of a `Q4_0` block, -8..=7.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q4_0(block: &[u8; 18]) -> __m256i {
    _mm256_sub_epi8(nibbles(load_16(block, 2)), _mm256_set1_epi8(8))
}

/// The 32 integers of a `Q4_1` block, 0..=15.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q4_1(block: &[u8; 20]) -> __m256i {
    nibbles(load_16(block, 4))
}

/// The 32 integers of a `Q5_1` block, 0..=31.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q5_1(block: &[u8; 24]) -> __m256i {
    let fifth = bits(u32::from_le_bytes([block[4], block[5], block[6], block[7]]));
    let upper = _mm256_and_si256(fifth, _mm256_set1_epi8(16));
    _mm256_or_si256(nibbles(load_16(block, 8)), upper)
}

/// The 32 levels of an `IQ4_NL` block.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn iq4_nl(block: &[u8; 18]) -> __m256i {
    looked_up(&LEVELS, nibbles(load_16(block, 2)))
}

/// Twice the 32 numbers of an `MXFP4` block.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn mxfp4(block: &[u8; 17]) -> __m256i {
    looked_up(&DOUBLED, nibbles(load_16(block, 1)))
}

/// Levels `128 * i..128 * i + 128` of an `IQ4_XS` block; 32 of them share a scale.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn iq4_xs(block: &[u8; 136], i: usize) -> [__m256i; 4] {
    let at = |j: usize| looked_up(&LEVELS, nibbles(load_16(block, 8 + 64 * i + 16 * j)));
    [at(0), at(1), at(2), at(3)]
}

/// Integers `128 * i..128 * i + 128` of a `Q2_K` block, 0..=3; 16 of them share a scale.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q2_k(block: &[u8; 84], i: usize) -> [__m256i; 4] {
    two_bits(load_32(block, 16 + 32 * i))
}

/// Integers `128 * i..128 * i + 128` of a `Q3_K` block, -4..=3; 16 of them share a scale.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q3_k(block: &[u8; 110], i: usize) -> [__m256i; 4] {
    let (mut q, high) = (two_bits(load_32(block, 32 + 32 * i)), load_32(block, 0));
    for (j, q) in q.iter_mut().enumerate() {
        let less = _mm256_andnot_si256(bit(high, 4 * i + j), _mm256_set1_epi8(4));
        *q = _mm256_sub_epi8(*q, less);
    }
    q
}

/// The 32 integers of a `Q5_0` block, -16..=15.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q5_0(block: &[u8; 22]) -> __m256i {
    let fifth = bits(u32::from_le_bytes([block[2], block[3], block[4], block[5]]));
    // Where the fifth bit is 0, `q - 16` is the nibble with the upper four bits set.
    let upper = _mm256_andnot_si256(fifth, _mm256_set1_epi8(0xf0_u8.cast_signed()));
    _mm256_or_si256(nibbles(load_16(block, 6)), upper)
}

/// The 32 integers of a `Q8_0` block.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q8_0(block: &[u8; 34]) -> __m256i {
    load_32(block, 2)
}

/// Integers `64 * i..64 * i + 64` of a `Q4_K` block, 0..=15; 32 of them share a scale.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q4_k(block: &[u8; 144], i: usize) -> [__m256i; 2] {
    let (bytes, nibble) = (load_32(block, 16 + 32 * i), _mm256_set1_epi8(0xf));
    [bytes, _mm256_srli_epi16::<4>(bytes)].map(|q| _mm256_and_si256(q, nibble))
}

/// Integers `64 * i..64 * i + 64` of a `Q5_K` block, 0..=31; 32 of them share a scale.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q5_k(block: &[u8; 176], i: usize) -> [__m256i; 2] {
    let (bytes, high) = (load_32(block, 48 + 32 * i), load_32(block, 16));
    let upper = |j| _mm256_and_si256(bit(high, 2 * i + j), _mm256_set1_epi8(16));
    let lower = |bytes| _mm256_and_si256(bytes, _mm256_set1_epi8(0xf));
    [
        _mm256_or_si256(lower(bytes), upper(0)),
        _mm256_or_si256(lower(_mm256_srli_epi16::<4>(bytes)), upper(1)),
    ]
}

/// Integers `128 * i..128 * i + 128` of a `Q6_K` block, -32..=31; 16 of them share a scale.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q6_k(block: &[u8; 210], i: usize) -> [__m256i; 4] {
    let low = [load_32(block, 64 * i), load_32(block, 64 * i + 32)];
    let high = load_32(block, 128 + 32 * i);
    [
        six_bits(low[0], _mm256_slli_epi16::<4>(high)),
        six_bits(low[1], _mm256_slli_epi16::<2>(high)),
        six_bits(_mm256_srli_epi16::<4>(low[0]), high),
        six_bits(_mm256_srli_epi16::<4>(low[1]), _mm256_srli_epi16::<2>(high)),
    ]
}

/// Bits 0..4 of `low` and 4..6 of `high`, less 32.
#[inline]
#[target_feature(enable = "avx2")]
fn six_bits(low: __m256i, high: __m256i) -> __m256i {
    let low = _mm256_and_si256(low, _mm256_set1_epi8(0xf));
    let high = _mm256_and_si256(high, _mm256_set1_epi8(0x30));
    _mm256_sub_epi8(_mm256_or_si256(low, high), _mm256_set1_epi8(32))
}

/// The low nibbles, then the high ones.
#[inline]
#[target_feature(enable = "avx2")]
pub(in crate::cpu) fn nibbles(bytes: __m128i) -> __m256i {
    let both = _mm256_set_m128i(_mm_srli_epi16::<4>(bytes), bytes);
    _mm256_and_si256(both, _mm256_set1_epi8(0xf))
}

/// The four times two bits of each byte.
#[inline]
#[target_feature(enable = "avx2")]
fn two_bits(bytes: __m256i) -> [__m256i; 4] {
    let low = |bytes| _mm256_and_si256(bytes, _mm256_set1_epi8(3));
    [
        low(bytes),
        low(_mm256_srli_epi16::<2>(bytes)),
        low(_mm256_srli_epi16::<4>(bytes)),
        low(_mm256_srli_epi16::<6>(bytes)),
    ]
}

/// All ones in each byte whose bit `j` is set, else 0.
#[inline]
#[target_feature(enable = "avx2")]
fn bit(bytes: __m256i, j: usize) -> __m256i {
    let one = _mm256_set1_epi8((1_u8 << j).cast_signed());
    _mm256_cmpeq_epi8(_mm256_and_si256(bytes, one), one)
}

/// The numbers of a table that nibbles stand for.
#[inline]
#[target_feature(enable = "avx2")]
fn looked_up(table: &[i8; 16], nibbles: __m256i) -> __m256i {
    let table = _mm256_broadcastsi128_si256(load_16(&table.map(i8::cast_unsigned), 0));
    _mm256_shuffle_epi8(table, nibbles)
}

/// Byte `i` is all ones where bit `i` is set, else 0.
#[inline]
#[target_feature(enable = "avx2")]
fn bits(x: u32) -> __m256i {
    // Byte i gets byte i / 8 of `x`, of which only bit i % 8 is left.
    let spread =
        _mm256_set_epi64x(0x0303_0303_0303_0303, 0x0202_0202_0202_0202, 0x0101_0101_0101_0101, 0);
    let one = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(x.cast_signed()), spread);
    _mm256_cmpeq_epi8(_mm256_and_si256(bytes, one), one)
}
