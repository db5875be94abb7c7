//! Scales and minimums of eight blocks, a block a lane: one of each of eight rows, or some of a row.

use core::arch::x86_64::*;

use super::{Scales, load_16, turned};

/// Blocks whose scales are decoded at once.
pub(super) const EIGHT: usize = 8;

/// Scales without minimums.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn signed<const RUNS: usize>(scales: [__m256; RUNS]) -> Scales<RUNS> {
    Scales { scales, mins: [_mm256_setzero_ps(); RUNS] }
}

/// Two f16 at 0: a scale, and what is added to weights.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(super) fn with_offset<const BYTES: usize>(blocks: [&[u8; BYTES]; EIGHT]) -> Scales<1> {
    let min = _mm256_sub_ps(_mm256_setzero_ps(), halves(blocks, 2));
    Scales { scales: [halves(blocks, 0)], mins: [min] }
}

/// Scales and minimums as `Q4_K` and `Q5_K` have them in their first 16 bytes: two f16, then 6 bits of
/// each: four scales and four minimums a byte each, the others in nibbles and in the bits above the
/// former.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(super) fn k_scales<const BYTES: usize>(blocks: [&[u8; BYTES]; EIGHT]) -> Scales<8> {
    let [both, scale_bytes, min_bytes, nibbles] = words(blocks, 0);
    let (d, d_min) = (low_halves(both), low_halves(_mm256_srli_epi32::<16>(both)));
    let (mut scales, mut mins) = ([d; 8], [d_min; 8]);
    for j in 0..4 {
        let above =
            |low, bytes| _mm256_or_si256(low, _mm256_slli_epi32::<4>(bits(bytes, 8 * j + 6, 3)));
        scales[j] = scaled(bits(scale_bytes, 8 * j, 63), d);
        mins[j] = scaled(bits(min_bytes, 8 * j, 63), d_min);
        scales[4 + j] = scaled(above(bits(nibbles, 8 * j, 0xf), scale_bytes), d);
        mins[4 + j] = scaled(above(bits(nibbles, 8 * j + 4, 0xf), min_bytes), d_min);
    }
    Scales { scales, mins }
}

/// The bits from `at` on that `mask` has.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn bits(words: __m256i, at: usize, mask: i32) -> __m256i {
    let down = _mm256_srlv_epi32(words, _mm256_set1_epi32(at as i32));
    _mm256_and_si256(down, _mm256_set1_epi32(mask))
}

/// Four bits, and above them two, less 32.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn less_32(low: __m256i, high: __m256i) -> __m256i {
    let both = _mm256_or_si256(low, _mm256_slli_epi32::<4>(high));
    _mm256_sub_epi32(both, _mm256_set1_epi32(32))
}

/// `2 x + 1`
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn odd(x: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_slli_epi32::<1>(x), _mm256_set1_epi32(1))
}

/// Integers times `d`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn scaled(x: __m256i, d: __m256) -> __m256 {
    _mm256_mul_ps(_mm256_cvtepi32_ps(x), d)
}

/// The four words at `at` of each block: word `w` of all is vector `w`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn words<const BYTES: usize>(blocks: [&[u8; BYTES]; EIGHT], at: usize) -> [__m256i; 4] {
    // Half `h` of vector `k` has the words of block `4 h + k`.
    let mut vectors = [_mm256_setzero_si256(); 4];
    for (k, vector) in vectors.iter_mut().enumerate() {
        *vector = _mm256_set_m128i(load_16(blocks[4 + k], at), load_16(blocks[k], at));
    }
    turned(vectors)
}

/// The f16 at `at` of each block.
///
/// They come together in general registers: inserted into a vector one by one they would take the ports
/// that products need.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(super) fn halves<const BYTES: usize>(blocks: [&[u8; BYTES]; EIGHT], at: usize) -> __m256 {
    let four = |blocks: &[&[u8; BYTES]]| {
        let bits = |block: &[u8; BYTES]| u64::from(u16::from_le_bytes([block[at], block[at + 1]]));
        blocks.iter().rev().fold(0, |all, block| all << 16 | bits(block)).cast_signed()
    };
    let (first, last) = blocks.split_at(4);
    _mm256_cvtph_ps(_mm_set_epi64x(four(last), four(first)))
}

/// The f16 in the low half of each word.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(super) fn low_halves(words: __m256i) -> __m256 {
    let low = _mm256_and_si256(words, _mm256_set1_epi32(0xffff));
    // Packing works in each half on its own; the first quarters of both come together.
    let packed = _mm256_permute4x64_epi64::<0b1000>(_mm256_packus_epi32(low, low));
    _mm256_cvtph_ps(_mm256_castsi256_si128(packed))
}

/// `2^(e - 128)` of the byte at `at` of each block: half the scale of `MXFP4`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn half_powers<const BYTES: usize>(blocks: [&[u8; BYTES]; EIGHT], at: usize) -> __m256 {
    let mut exponents = [0; EIGHT];
    for (e, block) in exponents.iter_mut().zip(blocks) {
        *e = block[at];
    }
    let exponents = _mm_cvtsi64_si128(i64::from_le_bytes(exponents));
    let e = _mm256_cvtepu8_epi32(exponents);
    let normal = _mm256_slli_epi32::<23>(_mm256_sub_epi32(e, _mm256_set1_epi32(1)));
    let is_small = _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e);
    let subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(0x0020_0000), e);
    _mm256_castsi256_ps(_mm256_blendv_epi8(normal, subnormal, is_small))
}
