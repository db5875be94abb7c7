//! AVX-512 kernels with VNNI: sixteen weight rows at once, one a lane, and 64 products of bytes in one
//! instruction; and 16 lanes of `f32`.
//!
//! Every kernel here is `#[target_feature(enable = …)]`, so its intrinsics are safe to call and
//! only loads and stores through pointers need `unsafe`: those at the end of this file, and of `tiles`,
//! whose instructions are assembly. Callers check the features; see `dispatch`.
//!
//! | module    | what                                                                      |
//! |-----------|---------------------------------------------------------------------------|
//! | `formats` | how each format is packed                                                 |
//! | `codebooks`| those of them whose weights are in codebooks                             |
//! | `ternary` | the same of `TQ1_0`, `TQ2_0`, `IQ1_S` and `IQ1_M`                         |
//! | `nvfp4`   | the same of `NVFP4`                                                       |
//! | `fields`  | fields of blocks as vectors                                               |
//! | `panel`   | sixteen rows unpacked once, for many rows of activations                  |
//! | `tiles`   | the same, sixteen by sixteen at once, where a processor has AMX           |
//! | `floats`  | weights that are numbers as they are, with activations as they are        |
//! | `vectors` | activations alone, for attention                                          |
//!
//! `vpdpbusd` multiplies unsigned with signed bytes: weights are unsigned, activations signed. Signed
//! weights have 128 added to them, and what that makes too much is subtracted as an integer.
//!
//! One row of activations is multiplied by `avx2::few`, which reads memory as one stream: with sixteen, a row
//! each, a model answered 33 tokens a second instead of 50 on Zen 4.
//!
//! A sum has one order, whatever computes it: run after run, `sum = fma(integer, scale * d, sum)`,
//! and, of formats with minimums, `sum = fma(-min, d * (sum of activations), sum)`. That of `floats` is
//! another one.

mod codebooks;
mod fields;
pub(super) mod floats;
pub(super) mod formats;
mod nvfp4;
mod panel;
mod ternary;
pub(super) mod tiles;
pub(super) mod vectors;

use core::arch::x86_64::*;

use super::wide::{Line, ROWS};

/// Weights of a row at once: rows are whole multiples of them, but those of `floats`.
pub(super) const PAIR: usize = 64;

/// How a format is packed: in blocks of `BYTES`, which hold `RUNS` runs of `RUN` weights that share a
/// scale. Two blocks of 32 weights are taken as one. The integers are the weights where a minimum is
/// subtracted from them ([`WITH_MINS`]), else 128 more ([`SIGNED`]). Where `TILES` multiply panels, these
/// have the weights as they are, which tiles take, and which `vpdpbusd` adds 128 to.
///
/// The fields are closures, and not methods of a trait, which could not both need these instructions
/// and be safe.
pub(super) struct Packed<
    const TILES: bool,
    const BYTES: usize,
    const RUN: usize,
    const RUNS: usize,
    const MINS: bool,
    I,
    S,
> {
    integers: I,
    scales: S,
}

const SIGNED: bool = false;
const WITH_MINS: bool = true;

/// Weights `64 p..64 p + 64` of a block, as unsigned bytes.
pub(super) trait Integers<const BYTES: usize>: Fn(&[u8; BYTES], usize) -> __m512i {}

impl<const BYTES: usize, F: Fn(&[u8; BYTES], usize) -> __m512i> Integers<BYTES> for F {}

/// The scales and minimums of a block of each of sixteen rows.
pub(super) trait Scaled<const BYTES: usize, const RUNS: usize>:
    Fn([&[u8; BYTES]; ROWS]) -> Scales<RUNS>
{
}

impl<const BYTES: usize, const RUNS: usize, F> Scaled<BYTES, RUNS> for F where
    F: Fn([&[u8; BYTES]; ROWS]) -> Scales<RUNS>
{
}

/// Of each run, a row a lane.
#[derive(Clone, Copy)]
pub(super) struct Scales<const RUNS: usize> {
    scales: [__m512; RUNS],
    mins: [__m512; RUNS],
}

impl<
    const TILES: bool,
    const BYTES: usize,
    const RUN: usize,
    const RUNS: usize,
    const MINS: bool,
    I,
    S,
> Packed<TILES, BYTES, RUN, RUNS, MINS, I, S>
{
    /// Runs in a pair.
    const RUNS_OF_PAIR: usize = {
        assert!((RUN == 16 || RUN == 32) && (RUNS * RUN).is_multiple_of(PAIR));
        PAIR / RUN
    };

    /// Of unsigned integers those that panels hold, and the other way round.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn as_in_panels(integers: __m512i) -> __m512i {
        match TILES && !MINS {
            // 128 less, or more, of a byte.
            true => _mm512_xor_si512(integers, _mm512_set1_epi8(-128)),
            false => integers,
        }
    }
}

/// `x`, then zeros.
fn padded<T: Copy + Default, const LEN: usize>(x: &[T]) -> [T; LEN] {
    let mut padded = [T::default(); LEN];
    padded[..x.len()].copy_from_slice(x);
    padded
}

/// Loads `block[at..at + 32]`.
#[inline]
#[target_feature(enable = "avx2")]
fn load_32<const N: usize>(block: &[u8; N], at: usize) -> __m256i {
    let bytes: &[u8] = &block[at..at + 32];
    // SAFETY: `bytes` is valid for reads of 32 bytes and `loadu` has no alignment requirement.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_line(line: &Line) -> __m512i {
    // SAFETY: a line is 64 bytes, aligned as `load` wants it.
    unsafe { _mm512_load_si512(line.0.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store_line(x: __m512i, line: &mut Line) {
    // SAFETY: a line is 64 bytes, aligned as `store` wants it.
    unsafe { _mm512_store_si512(line.0.as_mut_ptr().cast(), x) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_16(x: &[f32; 16]) -> __m512 {
    // SAFETY: `x` is valid for reads of 16 floats and `loadu` has no alignment requirement.
    unsafe { _mm512_loadu_ps(x.as_ptr()) }
}

/// Loads 16 little-endian floats.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_16_le(x: &[u8; 64]) -> __m512 {
    // SAFETY: `x` is valid for reads of 64 bytes and `loadu` has no alignment requirement.
    unsafe { _mm512_loadu_ps(x.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn stored(x: __m512) -> [f32; 16] {
    let mut out = [0.0; 16];
    // SAFETY: `out` is valid for writes of 16 floats and `storeu` has no alignment requirement.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), x) }
    out
}
