//! AVX2, FMA and F16C kernels: 8 lanes of `f32`, 32 of bytes.
//!
//! Every function here is `#[target_feature(enable = …)]`, so its intrinsics are safe to call and
//! only loads and stores through pointers need `unsafe`: those at the end of this file. Callers
//! check the features; see `dispatch`.
//!
//! | module    | what                                                     |
//! |-----------|----------------------------------------------------------|
//! | `exact`   | weights with activations in `f32`                        |
//! | `fast`    | weights with activations in blocks of 8-bit integers     |
//! | `quantise`| activations to such blocks                               |
//! | `unpack`  | the integers of a block of weights, for both             |
//! | `vectors` | activations alone, `exp` among them                      |

pub(super) mod exact;
pub(super) mod fast;
pub(super) mod quantise;
pub(super) mod unpack;
pub(super) mod vectors;

use core::arch::x86_64::*;

use half::f16;

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

/// Loads `block[at..at + 32]`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_32<const N: usize>(block: &[u8; N], at: usize) -> __m256i {
    let bytes: &[u8] = &block[at..at + 32];
    // SAFETY: `bytes` is valid for reads of 32 bytes and `loadu` has no alignment requirement.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_32_i8(x: &[i8; 32]) -> __m256i {
    // SAFETY: `x` is valid for reads of 32 bytes and `loadu` has no alignment requirement.
    unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_32_i8(x: __m256i, to: &mut [i8; 32]) {
    // SAFETY: `to` is valid for writes of 32 bytes and `storeu` has no alignment requirement.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), x) }
}
