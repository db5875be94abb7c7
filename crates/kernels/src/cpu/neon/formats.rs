//! How each format is packed: the integers of 32 weights of a block, and the scales and minimums of a
//! block of four rows at once, a row a lane.
//!
//! The formats are defined in `loader::format`; their diagrams are there.

use super::{
    FOUR, Integers, Packed, SIGNED, Scaled, Scales, WITH_MINS,
    fields::{
        bits, half_powers, halves_at, k_scales, less_32, low_halves, scaled, signed, signed_byte,
        with_offset, words,
    },
    unpack,
};

/// `d` at 0. A weight is `d * (q - 8)`.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn q4_0() -> Packed<18, 32, 1, SIGNED, impl Integers<18>, impl Scaled<18, 1>> {
    Packed {
        integers: |block: &[u8; 18], _| unpack::q4_0(block),
        scales: |blocks: [&[u8; 18]; FOUR]| signed([halves_at(blocks, 0)]),
    }
}

/// `d` and `m` at 0. A weight is `d * q + m`.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn q4_1() -> Packed<20, 32, 1, WITH_MINS, impl Integers<20>, impl Scaled<20, 1>>
{
    Packed {
        integers: |block: &[u8; 20], _| unpack::q4_1(block),
        scales: |blocks: [&[u8; 20]; FOUR]| with_offset(blocks),
    }
}

/// `d` at 0. A weight is `d * (q - 16)`.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn q5_0() -> Packed<22, 32, 1, SIGNED, impl Integers<22>, impl Scaled<22, 1>> {
    Packed {
        integers: |block: &[u8; 22], _| unpack::q5_0(block),
        scales: |blocks: [&[u8; 22]; FOUR]| signed([halves_at(blocks, 0)]),
    }
}

/// `d` and `m` at 0. A weight is `d * q + m`.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn q5_1() -> Packed<24, 32, 1, WITH_MINS, impl Integers<24>, impl Scaled<24, 1>>
{
    Packed {
        integers: |block: &[u8; 24], _| unpack::q5_1(block),
        scales: |blocks: [&[u8; 24]; FOUR]| with_offset(blocks),
    }
}

/// `d` at 0. A weight is `d * q`.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn q8_0() -> Packed<34, 32, 1, SIGNED, impl Integers<34>, impl Scaled<34, 1>> {
    Packed {
        integers: |block: &[u8; 34], _| unpack::q8_0(block),
        scales: |blocks: [&[u8; 34]; FOUR]| signed([halves_at(blocks, 0)]),
    }
}

/// Scales and minimums in the nibbles of bytes 0 to 15, `d` at 80, `dmin` at 82. A weight is
/// `d * scale * q - dmin * min`.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn q2_k() -> Packed<84, 16, 16, WITH_MINS, impl Integers<84>, impl Scaled<84, 16>>
{
    Packed {
        integers: |block: &[u8; 84], i| unpack::q2_k(block, i),
        scales: |blocks: [&[u8; 84]; FOUR]| {
            let (d, d_min) = (halves_at(blocks, 80), halves_at(blocks, 82));
            let words = words(blocks, 0);
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
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn q3_k() -> Packed<110, 16, 16, SIGNED, impl Integers<110>, impl Scaled<110, 16>>
{
    Packed {
        integers: |block: &[u8; 110], i| unpack::q3_k(block, i),
        scales: |blocks: [&[u8; 110]; FOUR]| {
            // The scales are the 12 bytes from 96 on.
            let (d, [_, low @ .., high]) = (halves_at(blocks, 108), words(blocks, 92));
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
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn q4_k()
-> Packed<144, 32, 8, WITH_MINS, impl Integers<144>, impl Scaled<144, 8>> {
    Packed {
        integers: |block: &[u8; 144], i| unpack::q4_k(block, i),
        scales: |blocks: [&[u8; 144]; FOUR]| k_scales(blocks),
    }
}

/// `d`, `dmin` and the scales in the first 16 bytes. A weight is `d * scale * q - dmin * min`.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn q5_k()
-> Packed<176, 32, 8, WITH_MINS, impl Integers<176>, impl Scaled<176, 8>> {
    Packed {
        integers: |block: &[u8; 176], i| unpack::q5_k(block, i),
        scales: |blocks: [&[u8; 176]; FOUR]| k_scales(blocks),
    }
}

/// A scale a byte at 192, `d` at 208. A weight is `d * scale * (q - 32)`.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn q6_k() -> Packed<210, 16, 16, SIGNED, impl Integers<210>, impl Scaled<210, 16>>
{
    Packed {
        integers: |block: &[u8; 210], i| unpack::q6_k(block, i),
        scales: |blocks: [&[u8; 210]; FOUR]| {
            let (d, words) = (halves_at(blocks, 208), words(blocks, 192));
            let mut scales = [d; 16];
            for (j, scale) in scales.iter_mut().enumerate() {
                *scale = scaled(signed_byte(words[j / 4], j % 4), d);
            }
            signed(scales)
        },
    }
}

/// `d` at 0. A weight is `d * LEVELS[q]`.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn iq4_nl() -> Packed<18, 32, 1, SIGNED, impl Integers<18>, impl Scaled<18, 1>> {
    Packed {
        integers: |block: &[u8; 18], _| unpack::iq4_nl(block),
        scales: |blocks: [&[u8; 18]; FOUR]| signed([halves_at(blocks, 0)]),
    }
}

/// `d` at 0, the high bits of the scales at 2, the low ones at 4. A weight is
/// `d * (scale - 32) * LEVELS[q]`.
#[inline]
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn iq4_xs() -> Packed<136, 32, 8, SIGNED, impl Integers<136>, impl Scaled<136, 8>>
{
    Packed {
        integers: |block: &[u8; 136], i| unpack::iq4_xs(block, i),
        scales: |blocks: [&[u8; 136]; FOUR]| {
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
#[target_feature(enable = "neon")]
pub(in crate::cpu) fn mxfp4() -> Packed<17, 32, 1, SIGNED, impl Integers<17>, impl Scaled<17, 1>> {
    Packed {
        integers: |block: &[u8; 17], _| unpack::mxfp4(block),
        scales: |blocks: [&[u8; 17]; FOUR]| signed([half_powers(blocks)]),
    }
}
