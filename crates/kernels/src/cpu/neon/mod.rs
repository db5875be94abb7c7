//! NEON kernels: 4 lanes of `f32`, 16 of bytes; with `sdot` where the CPU has it.
//!
//! Every function here is `#[target_feature(enable = "neon")]`, so its intrinsics are safe to call
//! and only loads and stores through pointers, and instructions that Rust has no name for, need
//! `unsafe`: those at the end of this file. Callers check the features; see `dispatch`.
//!
//! | module    | what                                                               |
//! |-----------|--------------------------------------------------------------------|
//! | `fast`    | weights with activations in blocks of 8-bit integers               |
//! | `unpack`  | the integers of a block of weights                                 |
//! | `floats`  | weights that are numbers as they are, with activations as they are |
//! | `vectors` | activations alone, `exp` among them                                |

pub(super) mod fast;
pub(super) mod floats;
mod unpack;
pub(super) mod vectors;

use core::arch::{aarch64::*, asm};

use half::f16;

use super::wide::Line;

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

/// Loads both halves.
#[inline]
#[target_feature(enable = "neon")]
fn load_32_i8(x: &[i8; 32]) -> [int8x16_t; 2] {
    let halves = x.as_chunks::<16>().0;
    // SAFETY: a half is valid for reads of 16 bytes.
    unsafe { [vld1q_s8(halves[0].as_ptr()), vld1q_s8(halves[1].as_ptr())] }
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
