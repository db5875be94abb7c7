//! NEON kernels: 4 lanes of `f32`, 16 of bytes; with `sdot` and `smmla` where the CPU has them.
//!
//! Every function here is `#[target_feature(enable = "neon")]`, or `"neon,i8mm"`, so its intrinsics are
//! safe to call and only loads and stores through pointers, and instructions that Rust has no name for,
//! need `unsafe`: those at the end of this file. Callers check the features; see `dispatch`.
//!
//! | module    | what                                                               |
//! |-----------|--------------------------------------------------------------------|
//! | `unpack`  | the integers of a block of weights                                 |
//! | `fields`  | the scales of four blocks                                          |
//! | `formats` | how each format is packed, by those two                            |
//! | `few`     | straight from the file, for one row of rounded activations         |
//! | `panel`   | sixteen rows unpacked once, for many rows of rounded activations   |
//! | `pairs`   | the same by `smmla`: two rows with two                             |
//! | `floats`  | weights that are numbers as they are, with activations as they are |
//! | `vectors` | activations alone, `exp` among them                                |
//!
//! Weights are within -128..=127 and rounded activations within ±127, so that two products fit 16 bits.
//!
//! A sum has one order, whatever computes it, and it is that of AVX2 and AVX-512: integers are summed over
//! a run of weights that share a scale, then run after run, `sum = fma(integer, scale * d, sum)`, and, of
//! formats with minimums, `sum = fma(-min, d * (sum of activations), sum)`. That of `floats` is another
//! one.

mod few;
mod fields;
pub(super) mod floats;
pub(super) mod formats;
mod pairs;
mod panel;
mod unpack;
pub(super) mod vectors;

use core::arch::{aarch64::*, asm};

use half::f16;

use super::{quantise::Q8Block, wide::Line};

/// Weight rows whose sums are side by side, a row a lane.
const FOUR: usize = 4;

/// How a format is packed: in blocks of `BYTES`, which hold `RUNS` runs of `RUN` weights that share a
/// scale. A minimum is subtracted from weights that have one ([`WITH_MINS`]), none from others
/// ([`SIGNED`]).
///
/// The fields are closures, and not methods of a trait, which could not both need these instructions
/// and be safe.
pub(super) struct Packed<
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

/// Weights `32 i..32 i + 32` of a block, a signed byte each.
pub(super) trait Integers<const BYTES: usize>:
    Fn(&[u8; BYTES], usize) -> [int8x16_t; 2]
{
}

impl<const BYTES: usize, F: Fn(&[u8; BYTES], usize) -> [int8x16_t; 2]> Integers<BYTES> for F {}

/// The scales and minimums of a block of each of four rows.
pub(super) trait Scaled<const BYTES: usize, const RUNS: usize>:
    Fn([&[u8; BYTES]; FOUR]) -> Scales<RUNS>
{
}

impl<const BYTES: usize, const RUNS: usize, F> Scaled<BYTES, RUNS> for F where
    F: Fn([&[u8; BYTES]; FOUR]) -> Scales<RUNS>
{
}

/// Of each run, a row a lane.
pub(super) struct Scales<const RUNS: usize> {
    scales: [float32x4_t; RUNS],
    mins: [float32x4_t; RUNS],
}

impl<const BYTES: usize, const RUN: usize, const RUNS: usize, const MINS: bool, I, S>
    Packed<BYTES, RUN, RUNS, MINS, I, S>
{
    /// Runs in 32 weights.
    const RUNS_OF_32: usize = {
        assert!((RUN == 16 || RUN == 32) && (RUNS * RUN).is_multiple_of(32));
        32 / RUN
    };
    /// Times 32 weights in a block.
    const OF_BLOCK: usize = RUNS / Self::RUNS_OF_32;
    /// Times 16 weights in a run.
    const SIXTEENS: usize = RUN / 16;

    /// Weights `32 i..32 i + 32` of a block of four rows: the first 16 of each row, and the last.
    #[inline]
    #[target_feature(enable = "neon")]
    fn sixteens(&self, blocks: [&[u8; BYTES]; FOUR], i: usize) -> [[int8x16_t; FOUR]; 2]
    where
        I: Integers<BYTES>,
    {
        let mut sixteens = [[vdupq_n_s8(0); FOUR]; 2];
        for (r, block) in blocks.into_iter().enumerate() {
            [sixteens[0][r], sixteens[1][r]] = (self.integers)(block, i);
        }
        sixteens
    }

    /// Adds the products of run `j` of 32 weights, which are those of four rows.
    #[inline]
    #[target_feature(enable = "neon")]
    fn plus_run(
        products: int32x4_t,
        [scale, min]: [float32x4_t; 2],
        (x, j): (&Q8Block, usize),
        sums: float32x4_t,
    ) -> float32x4_t {
        let scale = vmulq_n_f32(scale, x.d);
        let sums = vfmaq_f32(sums, vcvtq_f32_s32(products), scale);
        if MINS { vfmsq_n_f32(sums, min, x.sum_of_run::<RUN>(j)) } else { sums }
    }
}

/// The sums of products of four rows of weights, a row a lane, with one of activations.
#[inline]
#[target_feature(enable = "neon")]
fn products<const DOT: bool>(w: &[[int8x16_t; FOUR]], x: &[[i8; 16]]) -> int32x4_t {
    let mut sums = [vdupq_n_s32(0); FOUR];
    for (w, x) in w.iter().zip(x) {
        let x = load_16_i8(x);
        for (sum, w) in sums.iter_mut().zip(w) {
            *sum = dot::<DOT>(*sum, *w, x);
        }
    }
    let [a, b, c, d] = sums;
    vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d))
}

/// `x`, then zeros.
fn padded<T: Copy + Default, const LEN: usize>(x: &[T]) -> [T; LEN] {
    let mut padded = [T::default(); LEN];
    padded[..x.len()].copy_from_slice(x);
    padded
}

/// Adds products of bytes, four to a lane; which four is the instruction's choice, the same for both
/// factors. With `DOT` the CPU must have `sdot`; without it no product of two pairs may leave 16 bits.
#[inline]
#[target_feature(enable = "neon")]
fn dot<const DOT: bool>(sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    if DOT { sdot(sums, a, b) } else { vpadalq_s16(sums, vmlal_high_s8(low(a, b), a, b)) }
}

#[inline]
#[target_feature(enable = "neon")]
fn low(a: int8x16_t, b: int8x16_t) -> int16x8_t {
    vmull_s8(vget_low_s8(a), vget_low_s8(b))
}

#[inline]
#[target_feature(enable = "neon")]
fn sdot(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction works on these registers alone, and whoever asks for it has asked the
    // CPU, see `dispatch`. Rust has no stable name for it.
    unsafe {
        asm!(
            ".arch_extension dotprod",
            "sdot {sums:v}.4s, {a:v}.16b, {b:v}.16b",
            sums = inout(vreg) sums,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// Adds the products of two rows of eight bytes with two: `[w0 x0, w0 x1, w1 x0, w1 x1]`.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn smmla(mut sums: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
    // SAFETY: the instruction works on these registers alone, and the CPU has the features of this
    // function, for which `dispatch` has asked it. Rust has no stable name for the instruction.
    unsafe {
        asm!(
            "smmla {sums:v}.4s, {w:v}.16b, {x:v}.16b",
            sums = inout(vreg) sums,
            w = in(vreg) w,
            x = in(vreg) x,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

#[inline]
#[target_feature(enable = "neon")]
fn load_4(x: &[f32; 4]) -> float32x4_t {
    // SAFETY: `x` is valid for reads of 4 floats.
    unsafe { vld1q_f32(x.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store_4(x: float32x4_t, to: &mut [f32; 4]) {
    // SAFETY: `to` is valid for writes of 4 floats.
    unsafe { vst1q_f32(to.as_mut_ptr(), x) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_4_f16(x: &[f16; 4]) -> float32x4_t {
    // SAFETY: `x` is valid for reads of 4 halves, which are `u16` in memory.
    halves(unsafe { vld1_u16(x.as_ptr().cast()) })
}

/// Four f16 numbers.
#[inline]
#[target_feature(enable = "neon")]
fn halves(x: uint16x4_t) -> float32x4_t {
    let wide: float32x4_t;
    // SAFETY: every CPU with NEON has the instruction, which works on these registers alone. Rust has
    // no stable name for it.
    unsafe {
        asm!(
            "fcvtl {wide:v}.4s, {x:v}.4h",
            x = in(vreg) x,
            wide = out(vreg) wide,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    wide
}

#[inline]
#[target_feature(enable = "neon")]
fn store_4_f16(x: float32x4_t, to: &mut [f16; 4]) {
    let narrow: uint16x4_t;
    // SAFETY: as in `halves`; it rounds to nearest, ties to even. `to` is valid for writes of 4
    // halves, and every `u16` is one.
    unsafe {
        asm!(
            "fcvtn {narrow:v}.4h, {x:v}.4s",
            x = in(vreg) x,
            narrow = out(vreg) narrow,
            options(pure, nomem, nostack, preserves_flags),
        );
        vst1_u16(to.as_mut_ptr().cast(), narrow);
    }
}

/// Loads `block[at..at + 16]`.
#[inline]
#[target_feature(enable = "neon")]
fn load_16<const N: usize>(block: &[u8; N], at: usize) -> uint8x16_t {
    let bytes: &[u8] = &block[at..at + 16];
    // SAFETY: `bytes` is valid for reads of 16 bytes.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_16_i8(x: &[i8; 16]) -> int8x16_t {
    // SAFETY: `x` is valid for reads of 16 bytes.
    unsafe { vld1q_s8(x.as_ptr()) }
}

/// Loads numbers `4 q..4 q + 4` of the sixteen of a line.
#[inline]
#[target_feature(enable = "neon")]
fn load_quarter(line: &Line, q: usize) -> float32x4_t {
    let bytes = &line.0[16 * q..16 * q + 16];
    // SAFETY: `bytes` is valid for reads of 16 bytes, and aligned as floats are, since lines are.
    unsafe { vld1q_f32(bytes.as_ptr().cast()) }
}

/// Stores them.
#[inline]
#[target_feature(enable = "neon")]
fn store_quarter(x: float32x4_t, line: &mut Line, q: usize) {
    let bytes = &mut line.0[16 * q..16 * q + 16];
    // SAFETY: `bytes` is valid for writes of 16 bytes, and aligned as floats are, since lines are.
    unsafe { vst1q_f32(bytes.as_mut_ptr().cast(), x) }
}

/// Loads the integers of a line: 16 of each of four rows.
#[inline]
#[target_feature(enable = "neon")]
fn load_line(line: &Line) -> [int8x16_t; FOUR] {
    let mut integers = [vdupq_n_s8(0); FOUR];
    for (q, x) in integers.iter_mut().enumerate() {
        *x = vreinterpretq_s8_f32(load_quarter(line, q));
    }
    integers
}

/// Stores them.
#[inline]
#[target_feature(enable = "neon")]
fn store_line(integers: [int8x16_t; FOUR], line: &mut Line) {
    for (q, x) in integers.into_iter().enumerate() {
        store_quarter(vreinterpretq_f32_s8(x), line, q);
    }
}
