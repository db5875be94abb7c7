//! How each format is packed: the integers of 32 weights of two blocks, and the scales and minimums of
//! eight blocks at once, a block a lane.
//!
//! The formats are defined in `loader::format`; their diagrams are there.

use core::arch::x86_64::*;

pub(in crate::cpu) use super::codebooks::{iq2_s, iq2_xs, iq2_xxs, iq3_s, iq3_xxs};
use super::{
    Integers, Packed, Scaled, Scales,
    fields::{
        EIGHT, bits, half_powers, halves, k_scales, less_32, low_halves, scaled, signed,
        with_offset, words,
    },
    unpack,
};
pub(in crate::cpu) use super::{
    nvfp4::nvfp4,
    ternary::{iq1_m, iq1_s, tq1_0, tq2_0},
};

/// `d` at 0. A weight is `d * (q - 8)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q4_0<const DOT: u8>()
-> Packed<DOT, 18, 32, 1, 15, 8, impl Integers<18>, impl Scaled<18, 1>> {
    Packed {
        integers: |blocks: [&[u8; 18]; 2], _| unpack::q4_0(blocks),
        scales: |blocks: [&[u8; 18]; EIGHT]| signed([halves(blocks, 0)]),
    }
}

/// `d` and `m` at 0. A weight is `d * q + m`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q4_1<const DOT: u8>()
-> Packed<DOT, 20, 32, 1, 15, 0, impl Integers<20>, impl Scaled<20, 1>> {
    Packed {
        integers: |blocks: [&[u8; 20]; 2], _| unpack::q4_1(blocks),
        scales: |blocks: [&[u8; 20]; EIGHT]| with_offset(blocks),
    }
}

/// `d` at 0. A weight is `d * (q - 16)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q5_0<const DOT: u8>()
-> Packed<DOT, 22, 32, 1, 31, 16, impl Integers<22>, impl Scaled<22, 1>> {
    Packed {
        integers: |blocks: [&[u8; 22]; 2], _| unpack::q5_0(blocks),
        scales: |blocks: [&[u8; 22]; EIGHT]| signed([halves(blocks, 0)]),
    }
}

/// `d` and `m` at 0. A weight is `d * q + m`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q5_1<const DOT: u8>()
-> Packed<DOT, 24, 32, 1, 31, 0, impl Integers<24>, impl Scaled<24, 1>> {
    Packed {
        integers: |blocks: [&[u8; 24]; 2], _| unpack::q5_1(blocks),
        scales: |blocks: [&[u8; 24]; EIGHT]| with_offset(blocks),
    }
}

/// `d` at 0. A weight is `d * q`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q8_0<const DOT: u8>()
-> Packed<DOT, 34, 32, 1, 255, 128, impl Integers<34>, impl Scaled<34, 1>> {
    Packed {
        integers: |blocks: [&[u8; 34]; 2], _| unpack::q8_0(blocks),
        scales: |blocks: [&[u8; 34]; EIGHT]| signed([halves(blocks, 0)]),
    }
}

/// Scales and minimums in the nibbles of bytes 0 to 15, `d` at 80, `dmin` at 82. A weight is
/// `d * scale * q - dmin * min`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q2_k<const DOT: u8>()
-> Packed<DOT, 84, 16, 16, 3, 0, impl Integers<84>, impl Scaled<84, 16>> {
    Packed {
        integers: |blocks: [&[u8; 84]; 2], j| unpack::q2_k(blocks, j),
        scales: |blocks: [&[u8; 84]; EIGHT]| {
            let (d, d_min, words) = (halves(blocks, 80), halves(blocks, 82), words(blocks, 0));
            let (mut scales, mut mins) = ([d; 16], [d_min; 16]);
            for j in 0..16 {
                let at = 8 * (j % 4);
                scales[j] = scaled(bits(words[j / 4], at, 0xf), d);
                mins[j] = scaled(bits(words[j / 4], at + 4, 0xf), d_min);
            }
            Scales { scales, mins }
        },
    }
}

/// Six bits a scale at 96, `d` at 108. A weight is `d * (scale - 32) * (q - 4)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q3_k<const DOT: u8>()
-> Packed<DOT, 110, 16, 16, 7, 4, impl Integers<110>, impl Scaled<110, 16>> {
    Packed {
        integers: |blocks: [&[u8; 110]; 2], j| unpack::q3_k(blocks, j),
        scales: |blocks: [&[u8; 110]; EIGHT]| {
            // The scales are the 12 bytes from 96 on.
            let (d, [_, low @ .., high]) = (halves(blocks, 108), words(blocks, 92));
            let mut scales = [d; 16];
            for (j, scale) in scales.iter_mut().enumerate() {
                let low = bits(low[j % 8 / 4], 8 * (j % 4) + 4 * (j / 8), 0xf);
                let high = bits(high, 8 * (j % 4) + 2 * (j / 4), 3);
                *scale = scaled(less_32(low, high), d);
            }
            signed(scales)
        },
    }
}

/// `d`, `dmin` and the scales in the first 16 bytes. A weight is `d * scale * q - dmin * min`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q4_k<const DOT: u8>()
-> Packed<DOT, 144, 32, 8, 15, 0, impl Integers<144>, impl Scaled<144, 8>> {
    Packed {
        integers: |blocks: [&[u8; 144]; 2], j| unpack::q4_k(blocks, j),
        scales: |blocks: [&[u8; 144]; EIGHT]| k_scales(blocks),
    }
}

/// `d`, `dmin` and the scales in the first 16 bytes. A weight is `d * scale * q - dmin * min`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q5_k<const DOT: u8>()
-> Packed<DOT, 176, 32, 8, 31, 0, impl Integers<176>, impl Scaled<176, 8>> {
    Packed {
        integers: |blocks: [&[u8; 176]; 2], j| unpack::q5_k(blocks, j),
        scales: |blocks: [&[u8; 176]; EIGHT]| k_scales(blocks),
    }
}

/// A scale a byte at 192, `d` at 208. A weight is `d * scale * (q - 32)`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn q6_k<const DOT: u8>()
-> Packed<DOT, 210, 16, 16, 63, 32, impl Integers<210>, impl Scaled<210, 16>> {
    Packed {
        integers: |blocks: [&[u8; 210]; 2], j| unpack::q6_k(blocks, j),
        scales: |blocks: [&[u8; 210]; EIGHT]| {
            let (d, words) = (halves(blocks, 208), words(blocks, 192));
            let mut scales = [d; 16];
            for (j, scale) in scales.iter_mut().enumerate() {
                // The byte comes to the top, and down again with its sign.
                let above = _mm256_set1_epi32(24 - 8 * (j as i32 % 4));
                let top = _mm256_sllv_epi32(words[j / 4], above);
                *scale = scaled(_mm256_srai_epi32::<24>(top), d);
            }
            signed(scales)
        },
    }
}

/// `d` at 0. A weight is `d * LEVELS[q]`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn iq4_nl<const DOT: u8>()
-> Packed<DOT, 18, 32, 1, 255, 128, impl Integers<18>, impl Scaled<18, 1>> {
    Packed {
        integers: |blocks: [&[u8; 18]; 2], _| unpack::iq4_nl(blocks),
        scales: |blocks: [&[u8; 18]; EIGHT]| signed([halves(blocks, 0)]),
    }
}

/// `d` at 0, the high bits of the scales at 2, the low ones at 4. A weight is
/// `d * (scale - 32) * LEVELS[q]`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn iq4_xs<const DOT: u8>()
-> Packed<DOT, 136, 32, 8, 255, 128, impl Integers<136>, impl Scaled<136, 8>> {
    Packed {
        integers: |blocks: [&[u8; 136]; 2], j| unpack::iq4_xs(blocks, j),
        scales: |blocks: [&[u8; 136]; EIGHT]| {
            // A word holds the f16 and the high bits of all scales, the next one the low bits.
            let [first, low, ..] = words(blocks, 0);
            let d = low_halves(first);
            let mut scales = [d; 8];
            for (j, scale) in scales.iter_mut().enumerate() {
                *scale = scaled(less_32(bits(low, 4 * j, 0xf), bits(first, 16 + 2 * j, 3)), d);
            }
            signed(scales)
        },
    }
}

/// The exponent at 0. A weight is `2^(e - 128) * DOUBLED[q]`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::cpu) fn mxfp4<const DOT: u8>()
-> Packed<DOT, 17, 32, 1, 24, 12, impl Integers<17>, impl Scaled<17, 1>> {
    Packed {
        integers: |blocks: [&[u8; 17]; 2], _| unpack::mxfp4(blocks),
        scales: |blocks: [&[u8; 17]; EIGHT]| signed([half_powers(blocks, 0)]),
    }
}
