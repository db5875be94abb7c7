//! The integers of 32 weights of two blocks side by side, one a byte: as the file has them, not
//! negative, unless it has signed ones.
//!
//! ```text
//! first vector   weights 0 ‥ 15 of one block     those of the other
//! last vector    weights 16 ‥ 31 of one block    those of the other
//! ```
//!
//! The formats are defined in `loader::format`; their diagrams are there. Of blocks of 256 weights,
//! `j` says which 32.

use core::arch::x86_64::*;

use super::load_16;
use crate::cpu::tables::{self, raised};

/// 0..=15.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q4_0(blocks: [&[u8; 18]; 2]) -> [__m256i; 2] {
    low_and_high(both(blocks, 2))
}

/// 0..=15.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q4_1(blocks: [&[u8; 20]; 2]) -> [__m256i; 2] {
    low_and_high(both(blocks, 4))
}

/// 0..=31.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q5_0(blocks: [&[u8; 22]; 2]) -> [__m256i; 2] {
    five_bits(low_and_high(both(blocks, 6)), blocks, 2)
}

/// 0..=31.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q5_1(blocks: [&[u8; 24]; 2]) -> [__m256i; 2] {
    five_bits(low_and_high(both(blocks, 8)), blocks, 4)
}

/// -128..=127.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q8_0(blocks: [&[u8; 34]; 2]) -> [__m256i; 2] {
    [both(blocks, 2), both(blocks, 18)]
}

/// 0..=3.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q2_k(blocks: [&[u8; 84]; 2], j: usize) -> [__m256i; 2] {
    let of = |at| field(both(blocks, 16 + j / 4 * 32 + at), 2 * (j % 4), 3);
    [of(0), of(16)]
}

/// 0..=7.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q3_k(blocks: [&[u8; 110]; 2], j: usize) -> [__m256i; 2] {
    let of = |at| {
        let low = field(both(blocks, 32 + j / 4 * 32 + at), 2 * (j % 4), 3);
        let third = field(both(blocks, at), j, 1);
        _mm256_or_si256(low, _mm256_slli_epi16::<2>(third))
    };
    [of(0), of(16)]
}

/// 0..=15.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q4_k(blocks: [&[u8; 144]; 2], j: usize) -> [__m256i; 2] {
    let of = |at| field(both(blocks, 16 + j / 2 * 32 + at), j % 2 * 4, 0xf);
    [of(0), of(16)]
}

/// 0..=31.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q5_k(blocks: [&[u8; 176]; 2], j: usize) -> [__m256i; 2] {
    let of = |at| {
        let low = field(both(blocks, 48 + j / 2 * 32 + at), j % 2 * 4, 0xf);
        let bits = both(blocks, 16 + at);
        let fifth = if j < 4 { left(bits, 4 - j) } else { right(bits, j - 4) };
        _mm256_or_si256(low, _mm256_and_si256(fifth, _mm256_set1_epi8(16)))
    };
    [of(0), of(16)]
}

/// 0..=63.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q6_k(blocks: [&[u8; 210]; 2], j: usize) -> [__m256i; 2] {
    // Half a block is 128 weights: its first 64 in the low nibbles, the others in the high.
    let half = j / 4;
    let of = |at| {
        let low = field(both(blocks, 64 * half + j % 2 * 32 + at), j % 4 / 2 * 4, 0xf);
        let high = both(blocks, 128 + 32 * half + at);
        let high = match j % 4 {
            0 => _mm256_slli_epi16::<4>(high),
            1 => _mm256_slli_epi16::<2>(high),
            2 => high,
            _ => _mm256_srli_epi16::<2>(high),
        };
        _mm256_or_si256(low, _mm256_and_si256(high, _mm256_set1_epi8(0x30)))
    };
    [of(0), of(16)]
}

/// The levels.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn iq4_nl(blocks: [&[u8; 18]; 2]) -> [__m256i; 2] {
    looked_up(&LEVELS, low_and_high(both(blocks, 2)))
}

/// The levels.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn iq4_xs(blocks: [&[u8; 136]; 2], j: usize) -> [__m256i; 2] {
    looked_up(&LEVELS, low_and_high(both(blocks, 8 + 16 * j)))
}

/// Twice the numbers, and 12 more: 0..=24.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn mxfp4(blocks: [&[u8; 17]; 2]) -> [__m256i; 2] {
    looked_up(&DOUBLED, low_and_high(both(blocks, 1)))
}

const LEVELS: [u8; 16] = raised(tables::LEVELS, 0);
pub(super) const DOUBLED: [u8; 16] = raised(tables::DOUBLED, 12);

/// Bytes `at..at + 16` of both blocks.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn both<const N: usize>([a, b]: [&[u8; N]; 2], at: usize) -> __m256i {
    _mm256_set_m128i(load_16(b, at), load_16(a, at))
}

/// The low nibbles, and the high ones.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn low_and_high(bytes: __m256i) -> [__m256i; 2] {
    [field(bytes, 0, 0xf), field(bytes, 4, 0xf)]
}

/// Nibbles, and above each one of the 32 bits at `at`.
#[inline]
#[target_feature(enable = "avx2")]
fn five_bits<const N: usize>(
    [first, last]: [__m256i; 2],
    [a, b]: [&[u8; N]; 2],
    at: usize,
) -> [__m256i; 2] {
    let word = |block: &[u8; N]| {
        let bytes = block[at..].first_chunk().expect("within the block");
        _mm256_set1_epi32(i32::from_le_bytes(*bytes))
    };
    let words = _mm256_blend_epi32::<0xf0>(word(a), word(b));
    // Byte i gets byte i / 8 of its word, of which only bit i % 8 is left.
    let eight = 0x0101_0101_0101_0101;
    let of_first = _mm256_set_epi64x(eight, 0, eight, 0);
    let of_last = _mm256_set_epi64x(3 * eight, 2 * eight, 3 * eight, 2 * eight);
    let one = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let with_fifth = |nibbles, spread| {
        let bits = _mm256_and_si256(_mm256_shuffle_epi8(words, spread), one);
        let fifth = _mm256_and_si256(_mm256_cmpeq_epi8(bits, one), _mm256_set1_epi8(16));
        _mm256_or_si256(nibbles, fifth)
    };
    [with_fifth(first, of_first), with_fifth(last, of_last)]
}

/// The bits of each byte from `at` on that `mask` has.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn field(bytes: __m256i, at: usize, mask: i8) -> __m256i {
    _mm256_and_si256(right(bytes, at), _mm256_set1_epi8(mask))
}

#[inline]
#[target_feature(enable = "avx2")]
fn right(bytes: __m256i, by: usize) -> __m256i {
    _mm256_srl_epi16(bytes, _mm_cvtsi32_si128(by as i32))
}

#[inline]
#[target_feature(enable = "avx2")]
fn left(bytes: __m256i, by: usize) -> __m256i {
    _mm256_sll_epi16(bytes, _mm_cvtsi32_si128(by as i32))
}

/// The numbers of a table that nibbles stand for.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn looked_up(table: &[u8; 16], [first, last]: [__m256i; 2]) -> [__m256i; 2] {
    let table = _mm256_broadcastsi128_si256(load_16(table, 0));
    [_mm256_shuffle_epi8(table, first), _mm256_shuffle_epi8(table, last)]
}
