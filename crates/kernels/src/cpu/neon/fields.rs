//! Scales and minimums of a block of each of four rows, a row a lane.

use core::arch::aarch64::*;

use super::{FOUR, Scales, halves, load_16};

/// Scales without minimums.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn signed<const RUNS: usize>(scales: [float32x4_t; RUNS]) -> Scales<RUNS> {
    Scales { scales, mins: [vdupq_n_f32(0.0); RUNS] }
}

/// Two f16 at 0: a scale, and what is added to weights.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn with_offset<const BYTES: usize>(blocks: [&[u8; BYTES]; FOUR]) -> Scales<1> {
    let min = vsubq_f32(vdupq_n_f32(0.0), halves_at(blocks, 2));
    Scales { scales: [halves_at(blocks, 0)], mins: [min] }
}

/// Scales and minimums as `Q4_K` and `Q5_K` have them in their first 16 bytes: two f16, then 6 bits of
/// each: four scales and four minimums a byte each, the others in nibbles and in the bits above the
/// former.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn k_scales<const BYTES: usize>(blocks: [&[u8; BYTES]; FOUR]) -> Scales<8> {
    let [both, scale_bytes, min_bytes, nibbles] = words(blocks, 0);
    let (d, d_min) = (low_halves(both), high_halves(both));
    let (mut scales, mut mins) = ([d; 8], [d_min; 8]);
    for j in 0..4 {
        let above = |low, bytes| vorrq_s32(low, vshlq_n_s32::<4>(bits(bytes, 8 * j + 6, 3)));
        scales[j] = scaled(bits(scale_bytes, 8 * j, 63), d);
        mins[j] = scaled(bits(min_bytes, 8 * j, 63), d_min);
        scales[4 + j] = scaled(above(bits(nibbles, 8 * j, 0xf), scale_bytes), d);
        mins[4 + j] = scaled(above(bits(nibbles, 8 * j + 4, 0xf), min_bytes), d_min);
    }
    Scales { scales, mins }
}

/// The bits from `at` on that `mask` has.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn bits(words: int32x4_t, at: usize, mask: i32) -> int32x4_t {
    // The copies of the sign lie above the mask.
    let down = vshlq_s32(words, vdupq_n_s32(-(at as i32)));
    vandq_s32(down, vdupq_n_s32(mask))
}

/// Byte `j` of each word, signed.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn signed_byte(words: int32x4_t, j: usize) -> int32x4_t {
    // The byte comes to the top, and down again with its sign.
    vshrq_n_s32::<24>(vshlq_s32(words, vdupq_n_s32(24 - 8 * j as i32)))
}

/// Four bits, and above them two, less 32.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn less_32(low: int32x4_t, high: int32x4_t) -> int32x4_t {
    vsubq_s32(vorrq_s32(low, vshlq_n_s32::<4>(high)), vdupq_n_s32(32))
}

/// Integers times `d`.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn scaled(x: int32x4_t, d: float32x4_t) -> float32x4_t {
    vmulq_f32(vcvtq_f32_s32(x), d)
}

/// The four words at `at` of each block: word `w` of all is vector `w`.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn words<const BYTES: usize>(
    blocks: [&[u8; BYTES]; FOUR],
    at: usize,
) -> [int32x4_t; FOUR] {
    let mut rows = [vdupq_n_s32(0); FOUR];
    for (row, block) in rows.iter_mut().zip(blocks) {
        *row = vreinterpretq_s32_u8(load_16(block, at));
    }
    let [a, b, c, d] = rows;
    let low = [vzip1q_s32(a, c), vzip1q_s32(b, d)];
    let high = [vzip2q_s32(a, c), vzip2q_s32(b, d)];
    [
        vzip1q_s32(low[0], low[1]),
        vzip2q_s32(low[0], low[1]),
        vzip1q_s32(high[0], high[1]),
        vzip2q_s32(high[0], high[1]),
    ]
}

/// The f16 at `at` of each block.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn halves_at<const BYTES: usize>(
    blocks: [&[u8; BYTES]; FOUR],
    at: usize,
) -> float32x4_t {
    let bits = |block: &[u8; BYTES]| u64::from(u16::from_le_bytes([block[at], block[at + 1]]));
    halves(vcreate_u16(blocks.iter().rev().fold(0, |all, block| all << 16 | bits(block))))
}

/// The f16 in the low half of each word.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn low_halves(words: int32x4_t) -> float32x4_t {
    halves(vreinterpret_u16_s16(vmovn_s32(words)))
}

/// The f16 in the high half of each word.
#[inline]
#[target_feature(enable = "neon")]
fn high_halves(words: int32x4_t) -> float32x4_t {
    halves(vreinterpret_u16_s16(vshrn_n_s32::<16>(words)))
}

/// `2^(e - 128)` of the first byte of each block: half the scale of `MXFP4`.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn half_powers<const BYTES: usize>(blocks: [&[u8; BYTES]; FOUR]) -> float32x4_t {
    let exponents = u32::from_le_bytes(blocks.map(|block| block[0]));
    let e = vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(exponents.into()))));
    let normal = vshlq_n_u32::<23>(vsubq_u32(e, vdupq_n_u32(1)));
    let subnormal = vshlq_u32(vdupq_n_u32(0x0020_0000), vreinterpretq_s32_u32(e));
    vreinterpretq_f32_u32(vbslq_u32(vcltq_u32(e, vdupq_n_u32(2)), subnormal, normal))
}
