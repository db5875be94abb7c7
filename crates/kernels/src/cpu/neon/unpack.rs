//! The integers of a block of weights, 32 at a time, one a byte, in the order of the weights.
//!
//! The formats are defined in `loader::format`; their diagrams are there.

use core::arch::aarch64::*;

use super::load_16;
use crate::cpu::tables::{DOUBLED, LEVELS};

/// The 32 integers of a `Q4_0` block, -8..=7.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn q4_0(block: &[u8; 18]) -> [int8x16_t; 2] {
    less(nibbles(load_16(block, 2)), 8)
}

/// The 32 integers of a `Q4_1` block, 0..=15.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn q4_1(block: &[u8; 20]) -> [int8x16_t; 2] {
    less(nibbles(load_16(block, 4)), 0)
}

/// The 32 integers of a `Q5_0` block, -16..=15.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn q5_0(block: &[u8; 22]) -> [int8x16_t; 2] {
    let fifth = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
    less(with_bits(nibbles(load_16(block, 6)), fifth), 16)
}

/// The 32 integers of a `Q5_1` block, 0..=31.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn q5_1(block: &[u8; 24]) -> [int8x16_t; 2] {
    let fifth = u32::from_le_bytes([block[4], block[5], block[6], block[7]]);
    less(with_bits(nibbles(load_16(block, 8)), fifth), 0)
}

/// The 32 integers of a `Q8_0` block.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn q8_0(block: &[u8; 34]) -> [int8x16_t; 2] {
    less([load_16(block, 2), load_16(block, 18)], 0)
}

/// The 32 levels of an `IQ4_NL` block.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn iq4_nl(block: &[u8; 18]) -> [int8x16_t; 2] {
    looked_up(&LEVELS, nibbles(load_16(block, 2)))
}

/// Twice the 32 numbers of an `MXFP4` block.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn mxfp4(block: &[u8; 17]) -> [int8x16_t; 2] {
    looked_up(&DOUBLED, nibbles(load_16(block, 1)))
}

/// Levels `32 * i..32 * i + 32` of an `IQ4_XS` block.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn iq4_xs(block: &[u8; 136], i: usize) -> [int8x16_t; 2] {
    looked_up(&LEVELS, nibbles(load_16(block, 8 + 16 * i)))
}

/// Integers `32 * i..32 * i + 32` of a `Q2_K` block, 0..=3.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn q2_k(block: &[u8; 84], i: usize) -> [int8x16_t; 2] {
    less(two_bits(pair(block, 16 + i / 4 * 32), i % 4), 0)
}

/// Integers `32 * i..32 * i + 32` of a `Q3_K` block, -4..=3.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn q3_k(block: &[u8; 110], i: usize) -> [int8x16_t; 2] {
    let low = two_bits(pair(block, 32 + i / 4 * 32), i % 4);
    less(with_bit(low, pair(block, 0), i, 4), 4)
}

/// Integers `32 * i..32 * i + 32` of a `Q4_K` block, 0..=15.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn q4_k(block: &[u8; 144], i: usize) -> [int8x16_t; 2] {
    less(one_nibble(pair(block, 16 + i / 2 * 32), i % 2), 0)
}

/// Integers `32 * i..32 * i + 32` of a `Q5_K` block, 0..=31.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn q5_k(block: &[u8; 176], i: usize) -> [int8x16_t; 2] {
    let low = one_nibble(pair(block, 48 + i / 2 * 32), i % 2);
    less(with_bit(low, pair(block, 16), i, 16), 0)
}

/// Integers `32 * i..32 * i + 32` of a `Q6_K` block, -32..=31.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn q6_k(block: &[u8; 210], i: usize) -> [int8x16_t; 2] {
    let (half, j) = (i / 4, i % 4);
    let low = one_nibble(pair(block, 64 * half + j % 2 * 32), j / 2);
    let high = two_bits(pair(block, 128 + 32 * half), j);
    less([joined(low[0], high[0]), joined(low[1], high[1])], 32)
}

/// 32 bytes.
#[inline]
#[target_feature(enable = "neon")]
fn pair<const N: usize>(block: &[u8; N], at: usize) -> [uint8x16_t; 2] {
    [load_16(block, at), load_16(block, at + 16)]
}

/// The low nibbles, then the high ones.
#[inline]
#[target_feature(enable = "neon")]
fn nibbles(bytes: uint8x16_t) -> [uint8x16_t; 2] {
    [vandq_u8(bytes, vdupq_n_u8(0xf)), vshrq_n_u8::<4>(bytes)]
}

/// The low nibble of each byte, or where `i` is 1 the high one.
#[inline]
#[target_feature(enable = "neon")]
fn one_nibble([a, b]: [uint8x16_t; 2], i: usize) -> [uint8x16_t; 2] {
    let nibble = |bytes| match i {
        0 => vandq_u8(bytes, vdupq_n_u8(0xf)),
        _ => vshrq_n_u8::<4>(bytes),
    };
    [nibble(a), nibble(b)]
}

/// Bits `2 i` and `2 i + 1` of each byte.
#[inline]
#[target_feature(enable = "neon")]
fn two_bits([a, b]: [uint8x16_t; 2], i: usize) -> [uint8x16_t; 2] {
    let down = vdupq_n_s8(-2 * i as i8);
    let bits = |bytes| vandq_u8(vshlq_u8(bytes, down), vdupq_n_u8(3));
    [bits(a), bits(b)]
}

/// `low`, and 16 times `high`.
#[inline]
#[target_feature(enable = "neon")]
fn joined(low: uint8x16_t, high: uint8x16_t) -> uint8x16_t {
    vorrq_u8(low, vshlq_n_u8::<4>(high))
}

/// `low`, and `more` where bit `i` of `high` is set.
#[inline]
#[target_feature(enable = "neon")]
fn with_bit(
    [a, b]: [uint8x16_t; 2],
    [high_a, high_b]: [uint8x16_t; 2],
    i: usize,
    more: u8,
) -> [uint8x16_t; 2] {
    let (bit, more) = (vdupq_n_u8(1 << i), vdupq_n_u8(more));
    let with = |low, high| vorrq_u8(low, vandq_u8(vtstq_u8(high, bit), more));
    [with(a, high_a), with(b, high_b)]
}

/// `low`, and 16 where the bit of the weight's number is set.
#[inline]
#[target_feature(enable = "neon")]
fn with_bits([a, b]: [uint8x16_t; 2], bits: u32) -> [uint8x16_t; 2] {
    // Each byte of `bits` goes to eight, each of which has another bit tested.
    let bytes = vreinterpretq_u8_u32(vdupq_n_u32(bits));
    let one = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
    let with = |low, first: u64| {
        let spread = vcombine_u64(
            vcreate_u64(first * 0x0101_0101_0101_0101),
            vcreate_u64((first + 1) * 0x0101_0101_0101_0101),
        );
        let here = vqtbl1q_u8(bytes, vreinterpretq_u8_u64(spread));
        vorrq_u8(low, vandq_u8(vtstq_u8(here, one), vdupq_n_u8(16)))
    };
    [with(a, 0), with(b, 2)]
}

/// The numbers of a table that nibbles stand for.
#[inline]
#[target_feature(enable = "neon")]
fn looked_up(table: &[i8; 16], [a, b]: [uint8x16_t; 2]) -> [int8x16_t; 2] {
    let table = vreinterpretq_s8_u8(load_16(&table.map(i8::cast_unsigned), 0));
    [vqtbl1q_s8(table, a), vqtbl1q_s8(table, b)]
}

/// The bytes less `zero`, signed.
#[inline]
#[target_feature(enable = "neon")]
fn less([a, b]: [uint8x16_t; 2], zero: i8) -> [int8x16_t; 2] {
    let zero = vdupq_n_s8(zero);
    [vsubq_s8(vreinterpretq_s8_u8(a), zero), vsubq_s8(vreinterpretq_s8_u8(b), zero)]
}
