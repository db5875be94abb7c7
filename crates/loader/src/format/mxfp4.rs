//! `MXFP4`: 32 weights in 17 bytes, 4.25 bits per weight: floats of 4 bits with a power of two.
//!
//! ```text
//! byte   0      e    exponent of the scale, biased by 127
//! byte   1..17  qs   qs[i] low nibble  -> code of weight i
//!                    qs[i] high nibble -> code of weight i + 16
//!
//! weight = 2^(e - 127) * E2M1 number of the code: 0, 0.5, 1, 1.5, 2, 3, 4, 6, or minus that
//! ```
//!
//! The specification of the Open Compute Project calls a scale of `e = 255` NaN; here it is
//! 2^128, as in ggml.

use super::{Layout, e2m1, largest};

pub(super) static LAYOUT: Layout =
    Layout { name: "MXFP4", block_len: 32, block_bytes: 17, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = half_of_power(src[0]);
    let (low, high) = dst.split_at_mut(16);
    for ((&q, l), h) in src[1..].iter().zip(low).zip(high) {
        *l = d * e2m1::DOUBLED[usize::from(q & 0xf)];
        *h = d * e2m1::DOUBLED[usize::from(q >> 4)];
    }
}

/// `2^(e - 128)`: half the scale, because codes are decoded to twice their numbers.
#[inline]
pub(crate) fn half_of_power(e: u8) -> f32 {
    f32::from_bits(if e < 2 { 0x0020_0000 << e } else { (u32::from(e) - 1) << 23 })
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    put(dst, exponent(largest(src).abs()), src.try_into().expect("a block"));
}

/// Writes the exponent of the scale, and the nearest code of each weight.
pub(crate) fn put(block: &mut [u8], e: u8, x: &[f32; 32]) {
    block[0] = e;
    let d = half_of_power(e);
    for i in 0..16 {
        block[1 + i] = e2m1::nearest(x[i] / d) | e2m1::nearest(x[i + 16] / d) << 4;
    }
}

/// The exponent of the scale that brings `max` to 4..8, of which 6 is the largest number.
pub(crate) fn exponent(max: f32) -> u8 {
    (max.to_bits() >> 23).saturating_sub(2) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.26); // a largest weight just below 8 becomes 6
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    #[test]
    fn the_ends_of_the_scale_are_powers_of_two() {
        let power = |e| 2.0 * f64::from(half_of_power(e));
        assert_eq!(
            [0, 1, 2, 127, 254].map(power),
            [-127, -126, -125, 0, 127].map(|n| 2f64.powi(n))
        );
    }

    const UNIT: f32 = 1.0 / 16.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 17] = [
        0x7c, 0xb0, 0x03, 0x07, 0x98, 0x95, 0x47, 0xe8, 0x62, 0xd9, 0xca, 0xb5, 0xa6, 0x97, 0x0f,
        0xad, 0x79,
    ];
    const WEIGHTS: [i32; 32] = [
        0, 3, 12, 0, 6, 12, 0, 2, -1, -2, 6, 8, 12, -12, -6, -1, -3, 0, 0, -1, -1, 4, -8, 8, -6,
        -4, -3, -2, -1, 0, -2, 12,
    ];
}
