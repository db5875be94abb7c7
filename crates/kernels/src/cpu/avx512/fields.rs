//! Fields of blocks as vectors: bits and integers of one block, scales of sixteen.

use core::arch::x86_64::*;

use super::{ROWS, Scales};
use crate::cpu::avx2::load_16;

/// The low nibbles, then the high ones.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn nibbles(bytes: __m128i) -> __m256i {
    let both = _mm256_set_m128i(_mm_srli_epi16::<4>(bytes), bytes);
    _mm256_and_si256(both, _mm256_set1_epi8(0xf))
}

/// The 32 bits at either place of a block, one for each weight.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw")]
pub(super) fn fifth_bits<const BYTES: usize>(block: &[u8; BYTES], [a, b]: [usize; 2]) -> u64 {
    let word = |at| _mm256_set1_epi32(word_of(block, at).cast_signed());
    // Each byte goes to eight, each of which has another bit tested.
    let eight = _mm_set_epi64x(0x0101_0101_0101_0101, 0);
    let sixteen = _mm_set_epi64x(0x0303_0303_0303_0303, 0x0202_0202_0202_0202);
    let spread = _mm512_broadcast_i64x4(_mm256_set_m128i(sixteen, eight));
    let one = _mm512_set1_epi64(0x8040_2010_0804_0201_u64.cast_signed());
    _mm512_test_epi8_mask(_mm512_shuffle_epi8(joined(word(a), word(b)), spread), one)
}

/// Of 32 bytes, bit `2 p` of each, then bit `2 p + 1`.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw")]
pub(super) fn next_bits(bytes: __m256i, p: usize) -> u64 {
    let both = joined(bytes, _mm256_srli_epi16::<1>(bytes));
    _mm512_test_epi8_mask(both, _mm512_set1_epi8((1u8 << (2 * p)).cast_signed()))
}

/// Of 32 bytes of four weights each: weights 0 and 1, or 2 and 3 where `p` is odd.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw")]
pub(super) fn two_bits(bytes: __m256i, p: usize) -> __m512i {
    let both = joined(bytes, _mm256_srli_epi16::<2>(bytes));
    let both = if p % 2 == 1 { _mm512_srli_epi16::<4>(both) } else { both };
    _mm512_and_si512(both, _mm512_set1_epi8(3))
}

/// The numbers of a table that 64 nibbles stand for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn looked_up(table: [u8; 16], nibbles: __m512i) -> __m512i {
    _mm512_shuffle_epi8(_mm512_broadcast_i32x4(load_16(&table, 0)), nibbles)
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn joined(a: __m256i, b: __m256i) -> __m512i {
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(a), b)
}

/// Scales without minimums.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn signed<const RUNS: usize>(scales: [__m512; RUNS]) -> Scales<RUNS> {
    Scales { scales, mins: [_mm512_setzero_ps(); RUNS] }
}

/// Of words that hold two f16: a scale, and what is added to weights.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn with_offsets<const RUNS: usize>(words: [__m512i; RUNS]) -> Scales<RUNS> {
    let mut of = signed([_mm512_setzero_ps(); RUNS]);
    for (j, word) in words.into_iter().enumerate() {
        of.scales[j] = low_halves(word);
        of.mins[j] = _mm512_sub_ps(of.mins[j], low_halves(_mm512_srli_epi32::<16>(word)));
    }
    of
}

/// Scales and minimums as `Q4_K` and `Q5_K` have them in their first 16 bytes: two f16, then 6 bits of
/// each: four scales and four minimums a byte each, the others in nibbles and in the bits above the
/// former.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn k_scales<const BYTES: usize>(blocks: [&[u8; BYTES]; ROWS]) -> Scales<8> {
    let [both, scale_bytes, min_bytes, nibbles] = words(blocks, 0);
    let (d, d_min) = (low_halves(both), low_halves(_mm512_srli_epi32::<16>(both)));
    let (mut scales, mut mins) = ([d; 8], [d_min; 8]);
    for j in 0..4 {
        let above =
            |low, bytes| _mm512_or_si512(low, _mm512_slli_epi32::<4>(bits(bytes, 8 * j + 6, 3)));
        scales[j] = scaled(bits(scale_bytes, 8 * j, 63), d);
        mins[j] = scaled(bits(min_bytes, 8 * j, 63), d_min);
        scales[4 + j] = scaled(above(bits(nibbles, 8 * j, 0xf), scale_bytes), d);
        mins[4 + j] = scaled(above(bits(nibbles, 8 * j + 4, 0xf), min_bytes), d_min);
    }
    Scales { scales, mins }
}

/// The bits from `at` on that `mask` has.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn bits(words: __m512i, at: usize, mask: i32) -> __m512i {
    let down = _mm512_srlv_epi32(words, _mm512_set1_epi32(at as i32));
    _mm512_and_si512(down, _mm512_set1_epi32(mask))
}

/// Four bits, and above them two, less 32.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn less_32(low: __m512i, high: __m512i) -> __m512i {
    let both = _mm512_or_si512(low, _mm512_slli_epi32::<4>(high));
    _mm512_sub_epi32(both, _mm512_set1_epi32(32))
}

/// `2 x + 1`
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn odd(x: __m512i) -> __m512i {
    _mm512_or_si512(_mm512_slli_epi32::<1>(x), _mm512_set1_epi32(1))
}

/// Integers times `d`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn scaled(x: __m512i, d: __m512) -> __m512 {
    _mm512_mul_ps(_mm512_cvtepi32_ps(x), d)
}

/// The four words at `at` of each block: word `w` of all is vector `w`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn words<const BYTES: usize>(blocks: [&[u8; BYTES]; ROWS], at: usize) -> [__m512i; 4] {
    // Quarter `q` of vector `k` has the words of row `4 q + k`.
    let mut vectors = [_mm512_setzero_si512(); 4];
    for (k, vector) in vectors.iter_mut().enumerate() {
        let x = _mm512_castsi128_si512(load_16(blocks[k], at));
        let x = _mm512_inserti32x4::<1>(x, load_16(blocks[4 + k], at));
        let x = _mm512_inserti32x4::<2>(x, load_16(blocks[8 + k], at));
        *vector = _mm512_inserti32x4::<3>(x, load_16(blocks[12 + k], at));
    }
    let [a, b, c, d] = vectors;
    let low = [_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d)];
    let high = [_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d)];
    [
        _mm512_unpacklo_epi64(low[0], low[1]),
        _mm512_unpackhi_epi64(low[0], low[1]),
        _mm512_unpacklo_epi64(high[0], high[1]),
        _mm512_unpackhi_epi64(high[0], high[1]),
    ]
}

/// The word at `at` of each block.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn word<const BYTES: usize>(blocks: [&[u8; BYTES]; ROWS], at: usize) -> __m512i {
    let mut words = [0; ROWS];
    for (word, block) in words.iter_mut().zip(blocks) {
        *word = word_of(block, at);
    }
    // SAFETY: `words` is valid for reads of 64 bytes and `loadu` has no alignment requirement.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// The f16 at `at` of each block.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn halves<const BYTES: usize>(blocks: [&[u8; BYTES]; ROWS], at: usize) -> __m512 {
    let mut bits = [0; ROWS];
    for (bits, block) in bits.iter_mut().zip(blocks) {
        *bits = u16::from_le_bytes([block[at], block[at + 1]]);
    }
    // SAFETY: `bits` is valid for reads of 32 bytes and `loadu` has no alignment requirement.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(bits.as_ptr().cast()) })
}

/// The f16 in the low half of each word.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn low_halves(words: __m512i) -> __m512 {
    _mm512_cvtph_ps(_mm512_cvtepi32_epi16(words))
}

/// `2^(e - 128)` of the byte at `at` of each block: half the scale of `MXFP4`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn half_powers<const BYTES: usize>(blocks: [&[u8; BYTES]; ROWS], at: usize) -> __m512 {
    let mut exponents = [0; ROWS];
    for (e, block) in exponents.iter_mut().zip(blocks) {
        *e = block[at];
    }
    let e = _mm512_cvtepu8_epi32(load_16(&exponents, 0));
    let normal = _mm512_slli_epi32::<23>(_mm512_sub_epi32(e, _mm512_set1_epi32(1)));
    let small = _mm512_cmplt_epi32_mask(e, _mm512_set1_epi32(2));
    let subnormal = _mm512_sllv_epi32(_mm512_set1_epi32(0x0020_0000), e);
    _mm512_castsi512_ps(_mm512_mask_mov_epi32(normal, small, subnormal))
}

#[inline]
fn word_of<const BYTES: usize>(block: &[u8; BYTES], at: usize) -> u32 {
    let bytes = block[at..].first_chunk().expect("within the block");
    u32::from_le_bytes(*bytes)
}
