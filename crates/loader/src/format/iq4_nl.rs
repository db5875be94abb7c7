//! `IQ4_NL`: 32 weights in 18 bytes, 4.5 bits per weight, on levels that lie closer near zero.
//!
//! ```text
//! byte   0..2   d    f16 scale
//! byte   2..18  qs   qs[i] low nibble  -> level of weight i
//!                    qs[i] high nibble -> level of weight i + 16
//!
//! weight = d * LEVELS[nibble]
//! ```

use super::{Layout, f16_at, largest, put_f16};

pub(super) static LAYOUT: Layout =
    Layout { name: "IQ4_NL", block_len: 32, block_bytes: 18, decode_block, encode_block };

/// Sixteen levels for weights that are spread like a bell; ggml's `kvalues_iq4nl`.
pub(crate) const LEVELS: [f32; 16] = [
    -127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0, 1.0, 13.0, 25.0, 38.0, 53.0, 69.0,
    89.0, 113.0,
];

/// The level nearest to `x`.
#[inline]
pub(crate) fn nearest(x: f32) -> u8 {
    /// Half way from each level to the next.
    const BORDERS: [f32; 15] = [
        -115.5, -93.5, -74.0, -57.0, -42.0, -28.5, -16.0, -4.5, 7.0, 19.0, 31.5, 45.5, 61.0, 79.0,
        101.0,
    ];
    BORDERS.iter().filter(|&&border| x > border).count() as u8
}

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(src);
    let (low, high) = dst.split_at_mut(16);
    for ((&q, l), h) in src[2..].iter().zip(low).zip(high) {
        *l = d * LEVELS[usize::from(q & 0xf)];
        *h = d * LEVELS[usize::from(q >> 4)];
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    put_f16(dst, largest(src) / -127.0);
    let d = f16_at(dst);
    let q = |x: f32| if d == 0.0 { 8 } else { nearest(x / d) };
    put(&mut dst[2..], &std::array::from_fn(|i| q(src[i])));
}

/// Writes the levels of 32 weights.
pub(crate) fn put(to: &mut [u8], q: &[u8; 32]) {
    for (i, byte) in to[..16].iter_mut().enumerate() {
        *byte = q[i] | q[i + 16] << 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.12); // the other end is 113/127
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    #[test]
    fn every_level_is_nearest_to_itself() {
        for (i, &level) in LEVELS.iter().enumerate() {
            assert_eq!(usize::from(nearest(level)), i);
        }
    }

    const UNIT: f32 = 1.0 / 32768.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 18] = [
        0x4c, 0x22, 0x9d, 0x73, 0x19, 0x8c, 0x0e, 0xa9, 0xf0, 0x10, 0x2b, 0x50, 0x3f, 0xb9, 0x28,
        0x94, 0x21, 0xee,
    ];
    const WEIGHTS: [i32; 32] = [
        27807, -26195, 5239, 21359, 35867, 5239, -51181, -51181, 15314, -51181, 45539, 5239, 403,
        -19747, -41912, 35867, 5239, -4030, -41912, 403, -51181, 10075, 45539, -41912, -33449,
        -14105, -26195, 15314, -33449, 5239, -33449, 35867,
    ];
}
