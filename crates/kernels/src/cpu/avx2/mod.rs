//! AVX2, FMA and F16C kernels: 8 lanes of `f32`, 32 of bytes; with `vpdpbusd` where the CPU has it.
//!
//! Every function here is `#[target_feature(enable = …)]`, so its intrinsics are safe to call and
//! only loads and stores through pointers need `unsafe`: those at the end of this file, and what is
//! in `dot`. Callers check the features; see `dispatch`.
//!
//! | module    | what                                                               |
//! |-----------|--------------------------------------------------------------------|
//! | `exact`   | how each format is decoded to `f32`                                |
//! | `floats`  | decoded weights with activations as they are                       |
//! | `quantise`| activations to blocks of 8-bit integers                            |
//! | `dot`     | what multiplies bytes                                              |
//! | `unpack`  | the integers of two blocks of weights                              |
//! | `fields`  | the scales of eight blocks                                         |
//! | `formats` | how each format is packed, by those two                            |
//! | `codebooks`| those of them whose weights are in codebooks                      |
//! | `ternary` | the same of `TQ1_0`, `TQ2_0`, `IQ1_S` and `IQ1_M`                  |
//! | `nvfp4`   | the same of `NVFP4`                                                |
//! | `few`     | straight from the file, for one row of rounded activations         |
//! | `panel`   | sixteen rows unpacked once, for many rows of rounded activations   |
//! | `vectors` | activations alone, `exp` among them                                |
//!
//! `vpmaddubsw` multiplies unsigned with signed bytes and adds neighbours to 16 bits, saturating. As
//! many of these sums are added in 16 bits as integers of the format cannot overflow. Weights of 8
//! bits, of which two already would, are two nibbles in a panel. `vpdpbusd` adds to 32 bits, where
//! nothing overflows: signed weights have 128 added to them, and what that makes too much is in what
//! sums begin with. The integers are the same either way.
//!
//! A sum has one order, whatever computes it, and it is that of AVX-512: run after run,
//! `sum = fma(integer, scale * d, sum)`, and, of formats with minimums,
//! `sum = fma(-min, d * (sum of activations), sum)`. That of `floats` is another one.

mod codebooks;
pub(super) mod dot;
pub(super) mod exact;
mod few;
mod fields;
pub(super) mod floats;
pub(super) mod formats;
mod nvfp4;
mod panel;
pub(super) mod quantise;
pub(super) mod ternary;
mod unpack;
pub(super) mod vectors;

use core::arch::x86_64::*;

use half::f16;

use super::{
    quantise::Q8Block,
    wide::{Line, ROWS},
};

/// How a format is packed: in blocks of `BYTES`, which hold `RUNS` runs of `RUN` weights that share a
/// scale; and what multiplies it, see `dot`. Integers are `0..=MAX`. A weight is its integer less
/// `ZERO`, times the scale; where `ZERO` is 0, a minimum is subtracted from that. Those of 8 bits come
/// as signed bytes, 128 less already.
///
/// The fields are closures, and not methods of a trait, which could not both need these instructions
/// and be safe.
pub(super) struct Packed<
    const DOT: u8,
    const BYTES: usize,
    const RUN: usize,
    const RUNS: usize,
    const MAX: i32,
    const ZERO: i32,
    I,
    S,
> {
    integers: I,
    scales: S,
}

/// Weights `32 j..32 j + 32` of two blocks, a byte each: the first 16 of both, and the last.
pub(super) trait Integers<const BYTES: usize>:
    Fn([&[u8; BYTES]; 2], usize) -> [__m256i; 2]
{
}

impl<const BYTES: usize, F: Fn([&[u8; BYTES]; 2], usize) -> [__m256i; 2]> Integers<BYTES> for F {}

/// The scales and minimums of eight blocks.
pub(super) trait Scaled<const BYTES: usize, const RUNS: usize>:
    Fn([&[u8; BYTES]; fields::EIGHT]) -> Scales<RUNS>
{
}

impl<const BYTES: usize, const RUNS: usize, F> Scaled<BYTES, RUNS> for F where
    F: Fn([&[u8; BYTES]; fields::EIGHT]) -> Scales<RUNS>
{
}

/// Of each run, a block a lane.
#[derive(Clone, Copy)]
pub(super) struct Scales<const RUNS: usize> {
    scales: [__m256; RUNS],
    mins: [__m256; RUNS],
}

impl<
    const DOT: u8,
    const BYTES: usize,
    const RUN: usize,
    const RUNS: usize,
    const MAX: i32,
    const ZERO: i32,
    I,
    S,
> Packed<DOT, BYTES, RUN, RUNS, MAX, ZERO, I, S>
{
    const MINS: bool = ZERO == 0;
    /// Runs in 32 weights.
    const RUNS_OF_32: usize = {
        assert!((RUN == 16 || RUN == 32) && (RUNS * RUN).is_multiple_of(32));
        32 / RUN
    };
    /// Times 32 weights in a block.
    const OF_BLOCK: usize = RUNS / Self::RUNS_OF_32;
    /// Whether the integers come as signed bytes.
    const ARE_SIGNED: bool = MAX > 127;
    /// Whether products are added in 32 bits, four at once.
    const BY_FOUR: bool = DOT != dot::MADDUBS;
    /// Whether products are added in 16 bits, where not even two fit.
    const IS_WIDE: bool = !Self::BY_FOUR && Self::DEPTH == 0;
    /// How many sums of two products fit 16 bits.
    const DEPTH: usize = match i16::MAX as i32 / (2 * MAX * 127) {
        8.. if RUN == 32 => 8,
        4.. => 4,
        2.. => 2,
        1 => 1,
        _ => 0,
    };

    /// Integers that have no sign: where they came with one, 128 more.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn unsigned(integers: __m256i) -> __m256i {
        if !Self::ARE_SIGNED {
            return integers;
        }
        _mm256_xor_si256(integers, _mm256_set1_epi8(-128))
    }

    /// What the products of run `j` of 32 weights begin with, for the zero point.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn begin(x: &Q8Block, j: usize) -> __m256i {
        // The excess is a multiple of 128, so that this is exact.
        let excess = _mm256_set1_epi32(x.excess_of_run::<RUN>(j));
        _mm256_mullo_epi32(_mm256_srai_epi32::<7>(excess), _mm256_set1_epi32(ZERO))
    }

    /// Adds the products of a run.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn scaled(product: __m256i, scale: __m256, x: &Q8Block, sum: __m256) -> __m256 {
        let scale = _mm256_mul_ps(scale, _mm256_set1_ps(x.d));
        _mm256_fmadd_ps(_mm256_cvtepi32_ps(product), scale, sum)
    }

    /// Subtracts the minimum of run `j` of 32 weights.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn less_min(min: __m256, x: &Q8Block, j: usize, sum: __m256) -> __m256 {
        _mm256_fnmadd_ps(min, _mm256_set1_ps(x.sum_of_run::<RUN>(j)), sum)
    }
}

/// Four words of eight, in each half those of four: word `w` of all becomes vector `w`.
#[inline]
#[target_feature(enable = "avx2")]
fn turned([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    let low = [_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d)];
    let high = [_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d)];
    [
        _mm256_unpacklo_epi64(low[0], low[1]),
        _mm256_unpackhi_epi64(low[0], low[1]),
        _mm256_unpacklo_epi64(high[0], high[1]),
        _mm256_unpackhi_epi64(high[0], high[1]),
    ]
}

/// `x`, then zeros.
fn padded<T: Copy + Default, const LEN: usize>(x: &[T]) -> [T; LEN] {
    let mut padded = [T::default(); LEN];
    padded[..x.len()].copy_from_slice(x);
    padded
}

/// The sum of 8 lanes, in a fixed order.
#[inline]
#[target_feature(enable = "avx2")]
fn horizontal_sum(x: __m256) -> f32 {
    let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
    let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
}

/// The f16 at `block[at..at + 2]`, in all lanes.
///
/// Of a single lane LLVM makes an insertion into some vector register, often that of a sum, for
/// which each block then waits.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn half_at<const N: usize>(block: &[u8; N], at: usize) -> __m256 {
    let bits = u16::from_le_bytes([block[at], block[at + 1]]);
    _mm256_cvtph_ps(_mm_set1_epi16(bits.cast_signed()))
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_8(x: &[f32; 8]) -> __m256 {
    // SAFETY: `x` is valid for reads of 8 floats and `loadu` has no alignment requirement.
    unsafe { _mm256_loadu_ps(x.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_8(x: __m256, to: &mut [f32; 8]) {
    // SAFETY: `to` is valid for writes of 8 floats and `storeu` has no alignment requirement.
    unsafe { _mm256_storeu_ps(to.as_mut_ptr(), x) }
}

/// Loads 8 little-endian floats.
#[inline]
#[target_feature(enable = "avx2")]
fn load_8_le(x: &[u8; 32]) -> __m256 {
    // SAFETY: `x` is valid for reads of 32 bytes and `loadu` has no alignment requirement.
    unsafe { _mm256_loadu_ps(x.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,f16c")]
fn load_8_f16(x: &[f16; 8]) -> __m256 {
    // SAFETY: `x` is valid for reads of 16 bytes, `f16` is a `u16` in memory, and `loadu` has no
    // alignment requirement.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(x.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx2,f16c")]
fn store_8_f16(x: __m256, to: &mut [f16; 8]) {
    let halves = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x);
    // SAFETY: `to` is valid for writes of 16 bytes, every `u16` is an `f16`, and `storeu` has no
    // alignment requirement.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), halves) }
}

/// Loads `block[at..at + 16]`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_16<const N: usize>(block: &[u8; N], at: usize) -> __m128i {
    let bytes: &[u8] = &block[at..at + 16];
    // SAFETY: `bytes` is valid for reads of 16 bytes and `loadu` has no alignment requirement.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Loads 16 signed bytes to each half.
#[inline]
#[target_feature(enable = "avx2")]
fn load_16_pair(low: &[i8; 16], high: &[i8; 16]) -> __m256i {
    // SAFETY: both are valid for reads of 16 bytes and `loadu` has no alignment requirement.
    unsafe { _mm256_loadu2_m128i(high.as_ptr().cast(), low.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_32_i8(x: __m256i, to: &mut [i8; 32]) {
    // SAFETY: `to` is valid for writes of 32 bytes and `storeu` has no alignment requirement.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), x) }
}

/// The first eight rows of a line, and the last.
#[inline]
#[target_feature(enable = "avx2")]
fn load_line(line: &Line) -> [__m256i; 2] {
    let (first, last) = line.0.split_at(32);
    // SAFETY: half a line is 32 bytes, aligned as `load` wants it.
    unsafe { [_mm256_load_si256(first.as_ptr().cast()), _mm256_load_si256(last.as_ptr().cast())] }
}

/// Loads the first half of a line, or the last.
#[inline]
#[target_feature(enable = "avx2")]
fn load_half(line: &Line, half: usize) -> __m256i {
    let bytes = &line.0[32 * half..32 * half + 32];
    // SAFETY: half a line is 32 bytes, aligned as `load` wants it.
    unsafe { _mm256_load_si256(bytes.as_ptr().cast()) }
}

/// Stores the first half of a line, or the last.
#[inline]
#[target_feature(enable = "avx2")]
fn store_half(x: __m256i, line: &mut Line, half: usize) {
    let bytes = &mut line.0[32 * half..32 * half + 32];
    // SAFETY: half a line is 32 bytes, aligned as `store` wants it.
    unsafe { _mm256_store_si256(bytes.as_mut_ptr().cast(), x) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn stored<const N: usize>(sums: [[__m256; 2]; N]) -> [[f32; ROWS]; N] {
    let mut out = [[0.0; ROWS]; N];
    for (out, sums) in out.iter_mut().zip(sums) {
        for (out, sums) in out.as_chunks_mut().0.iter_mut().zip(sums) {
            store_8(sums, out);
        }
    }
    out
}

/// Asks for the cache lines of `row[at..at + len]`, as far as there are: to the second cache, since the
/// first can wait for few lines at a time, and has what is computed with to wait for.
#[inline]
pub(super) fn prefetch(row: &[u8], at: usize, len: usize) {
    for line in (at..at + len).step_by(64) {
        // SAFETY: a prefetch reads nothing that a program could see, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(row.as_ptr().wrapping_add(line).cast()) };
    }
}
