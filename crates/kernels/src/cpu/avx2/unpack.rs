//! The integers of 32 weights, one a byte, in the order of the weights: as the file has them, not
//! negative, unless it has signed ones.
//!
//! The formats are defined in `loader::format`; their diagrams are there. Of blocks of 256 weights,
//! `j` says which 32.

use core::arch::x86_64::*;

use super::{load_16, load_32};
use crate::cpu::tables::{self, raised};

/// 0..=15.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q4_0(block: &[u8; 18]) -> __m256i {
    nibbles(load_16(block, 2))
}

/// 0..=15.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q4_1(block: &[u8; 20]) -> __m256i {
    nibbles(load_16(block, 4))
}

/// 0..=31.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q5_0(block: &[u8; 22]) -> __m256i {
    five_bits(load_16(block, 6), [block[2], block[3], block[4], block[5]])
}

/// 0..=31.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q5_1(block: &[u8; 24]) -> __m256i {
    five_bits(load_16(block, 8), [block[4], block[5], block[6], block[7]])
}

/// -128..=127.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q8_0(block: &[u8; 34]) -> __m256i {
    load_32(block, 2)
}

/// 0..=3.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q2_k(block: &[u8; 84], j: usize) -> __m256i {
    field(load_32(block, 16 + j / 4 * 32), 2 * (j % 4), 3)
}

/// 0..=7.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q3_k(block: &[u8; 110], j: usize) -> __m256i {
    let low = field(load_32(block, 32 + j / 4 * 32), 2 * (j % 4), 3);
    let third = field(load_32(block, 0), j, 1);
    _mm256_or_si256(low, _mm256_slli_epi16::<2>(third))
}

/// 0..=15.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q4_k(block: &[u8; 144], j: usize) -> __m256i {
    field(load_32(block, 16 + j / 2 * 32), j % 2 * 4, 0xf)
}

/// 0..=31.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q5_k(block: &[u8; 176], j: usize) -> __m256i {
    let low = field(load_32(block, 48 + j / 2 * 32), j % 2 * 4, 0xf);
    let fifth = field(load_32(block, 16), j, 1);
    _mm256_or_si256(low, _mm256_slli_epi16::<4>(fifth))
}

/// 0..=63.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn q6_k(block: &[u8; 210], j: usize) -> __m256i {
    // Half a block is 128 weights: its first 64 in the low nibbles, the others in the high.
    let half = j / 4;
    let (low, high) = (load_32(block, 64 * half + j % 2 * 32), load_32(block, 128 + 32 * half));
    let (low, high) = match j % 4 {
        0 => (low, _mm256_slli_epi16::<4>(high)),
        1 => (low, _mm256_slli_epi16::<2>(high)),
        2 => (_mm256_srli_epi16::<4>(low), high),
        _ => (_mm256_srli_epi16::<4>(low), _mm256_srli_epi16::<2>(high)),
    };
    let low = _mm256_and_si256(low, _mm256_set1_epi8(0xf));
    _mm256_or_si256(low, _mm256_and_si256(high, _mm256_set1_epi8(0x30)))
}

/// The levels.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn iq4_nl(block: &[u8; 18]) -> __m256i {
    looked_up(&LEVELS, nibbles(load_16(block, 2)))
}

/// The levels.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn iq4_xs(block: &[u8; 136], j: usize) -> __m256i {
    looked_up(&LEVELS, nibbles(load_16(block, 8 + 16 * j)))
}

/// Twice the numbers, and 12 more: 0..=24.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn mxfp4(block: &[u8; 17]) -> __m256i {
    looked_up(&DOUBLED, nibbles(load_16(block, 1)))
}

const LEVELS: [u8; 16] = raised(tables::LEVELS, 0);
const DOUBLED: [u8; 16] = raised(tables::DOUBLED, 12);

/// The low nibbles, then the high ones.
#[inline]
#[target_feature(enable = "avx2")]
pub(in crate::cpu) fn nibbles(bytes: __m128i) -> __m256i {
    let both = _mm256_set_m128i(_mm_srli_epi16::<4>(bytes), bytes);
    _mm256_and_si256(both, _mm256_set1_epi8(0xf))
}

/// Nibbles, and above each a bit.
#[inline]
#[target_feature(enable = "avx2")]
fn five_bits(bytes: __m128i, fifth: [u8; 4]) -> __m256i {
    // Byte i gets byte i / 8 of the bits, of which only bit i % 8 is left.
    let spread =
        _mm256_set_epi64x(0x0303_0303_0303_0303, 0x0202_0202_0202_0202, 0x0101_0101_0101_0101, 0);
    let one = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let bytes_of_bits = _mm256_shuffle_epi8(_mm256_set1_epi32(i32::from_le_bytes(fifth)), spread);
    let is_set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes_of_bits, one), one);
    _mm256_or_si256(nibbles(bytes), _mm256_and_si256(is_set, _mm256_set1_epi8(16)))
}

/// The bits of each byte from `at` on that `mask` has.
#[inline]
#[target_feature(enable = "avx2")]
fn field(bytes: __m256i, at: usize, mask: i8) -> __m256i {
    let down = _mm256_srl_epi16(bytes, _mm_cvtsi32_si128(at as i32));
    _mm256_and_si256(down, _mm256_set1_epi8(mask))
}

/// The numbers of a table that nibbles stand for.
#[inline]
#[target_feature(enable = "avx2")]
fn looked_up(table: &[u8; 16], nibbles: __m256i) -> __m256i {
    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load_16(table, 0)), nibbles)
}
