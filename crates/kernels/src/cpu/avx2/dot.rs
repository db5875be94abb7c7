//! What multiplies bytes: a parameter of kernels, `DOT`.
//!
//! ```text
//! MADDUBS   `vpmaddubsw`: adds two products to 16 bits, saturating
//! VEX       `vpdpbusd`: adds four products to 32 bits; as AVX-VNNI encodes it
//! EVEX      the same as AVX-512 does, which needs its VNNI and VL
//! ```
//!
//! All multiply unsigned bytes with signed ones. `vpdpbusd` is written out: the functions that Rust has
//! for it are inlined in those alone that ask for the same features, and what a function asks for cannot
//! depend on a parameter.

use core::arch::{asm, x86_64::__m256i};

pub(in crate::cpu) const MADDUBS: u8 = 0;
pub(in crate::cpu) const VEX: u8 = 1;
pub(in crate::cpu) const EVEX: u8 = 2;

/// Adds products, four to a lane of 32 bits, where one instruction does that. `DOT` is a promise that
/// the CPU has it, which `dispatch` makes: it alone names one.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn add<const DOT: u8>(sums: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i {
    match DOT {
        VEX => add_vex(sums, unsigned, signed),
        EVEX => add_evex(sums, unsigned, signed),
        _ => unreachable!("`vpmaddubsw` does not"),
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn add_vex(mut sums: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i {
    // SAFETY: the instruction works on these registers alone, and whoever asks for it has asked the
    // CPU, see `dispatch`.
    unsafe {
        asm!(
            "{{vex}} vpdpbusd {sums}, {unsigned}, {signed}",
            sums = inout(ymm_reg) sums,
            unsigned = in(ymm_reg) unsigned,
            signed = in(ymm_reg) signed,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

#[inline]
#[target_feature(enable = "avx2")]
fn add_evex(mut sums: __m256i, unsigned: __m256i, signed: __m256i) -> __m256i {
    // SAFETY: as in `add_vex`.
    unsafe {
        asm!(
            "{{evex}} vpdpbusd {sums}, {unsigned}, {signed}",
            sums = inout(ymm_reg) sums,
            unsigned = in(ymm_reg) unsigned,
            signed = in(ymm_reg) signed,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}
