//! `TQ2_0`: 256 weights that are -1, 0 or 1 times a scale, in 66 bytes, 2.0625 bits per weight.
//!
//! ```text
//! byte   0..64  qs  32 bytes for a half of 128 weights:
//!                   bits 2 j, 2 j + 1 of byte i (0..32) -> weight i + 32 j
//! byte  64..66  d   f16 scale
//!
//! weight = d * (q - 1)
//! ```
//!
//! `q = 3` is not used, and decodes to `2 d`.

use super::{Layout, f16_at, largest, put_f16};

pub(super) static LAYOUT: Layout =
    Layout { name: "TQ2_0", block_len: 256, block_bytes: 66, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(&src[64..]);
    for (i, dst) in dst.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for (w, q) in dst.iter_mut().zip(&src[i / 4 * 32..]) {
            *w = d * (f32::from(q >> (i % 4 * 2) & 3) - 1.0);
        }
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    put_f16(&mut dst[64..], largest(src).abs());
    let d = f16_at(&dst[64..]);
    let q = |x: f32| if d == 0.0 { 1 } else { ((x / d).round().clamp(-1.0, 1.0) + 1.0) as u8 };
    for (i, byte) in dst[..64].iter_mut().enumerate() {
        let four = [0, 1, 2, 3].map(|j| q(src[i / 32 * 128 + i % 32 + 32 * j]) << (2 * j));
        *byte = four.into_iter().fold(0, |all, it| all | it);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.51); // half of the only step
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 32768.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 66] = [
        0x38, 0xda, 0xcd, 0xc7, 0xbe, 0x8a, 0x95, 0x24, 0xf3, 0x87, 0x6e, 0xf3, 0x0a, 0xf8, 0x72,
        0xf4, 0x07, 0x0e, 0xe2, 0x0f, 0x81, 0x0b, 0x19, 0xd0, 0xd0, 0x40, 0x56, 0x22, 0x75, 0x07,
        0xbe, 0x2f, 0xc9, 0x6d, 0x9f, 0x82, 0x74, 0xd6, 0x7a, 0xd6, 0x32, 0x72, 0x50, 0x95, 0xb2,
        0x62, 0x2a, 0x50, 0xb8, 0x7f, 0x82, 0xfa, 0x00, 0x24, 0xc2, 0xce, 0xb3, 0xdf, 0x6f, 0x77,
        0xf3, 0x89, 0xd6, 0xb4, 0x4c, 0x22,
    ];
    const WEIGHTS: [i32; 256] = [
        -403, 403, 0, 806, 403, 403, 0, -403, 806, 806, 403, 806, 403, -403, 403, -403, 806, 403,
        403, 806, 0, 806, 0, -403, -403, -403, 403, 403, 0, 806, 403, 806, 403, 403, 806, 0, 806,
        403, 0, 0, -403, 0, 806, -403, 403, 403, -403, 0, 0, 806, -403, 806, -403, 403, 403, -403,
        -403, -403, 0, -403, 0, 0, 806, 806, 806, 0, -403, -403, 806, -403, 0, 403, 806, -403, 403,
        806, -403, 806, 806, 806, -403, -403, 403, -403, -403, -403, 0, 0, 0, -403, 0, 403, 806,
        -403, 806, 403, -403, 806, 806, 806, 403, 403, 403, -403, 806, 403, 0, 806, -403, 806, 0,
        806, -403, -403, 806, -403, 403, -403, -403, 806, 806, 0, 0, -403, 0, -403, 403, -403, 0,
        0, 806, 403, -403, 403, 403, 403, 403, 403, -403, 0, 403, 403, 403, -403, -403, 806, 403,
        403, -403, -403, 403, 403, 806, 806, 806, 806, 806, 0, 403, -403, 403, 806, 806, -403, 0,
        0, 403, 0, -403, -403, -403, 0, -403, -403, 403, -403, 403, 806, -403, 403, -403, 0, -403,
        806, -403, 806, 806, 0, -403, 403, 0, 0, -403, 403, 0, -403, 806, 0, 806, 0, 806, 806, 0,
        0, 806, 403, 403, 0, 806, 806, -403, 806, -403, 403, -403, -403, 806, 0, 403, 806, 806,
        -403, 0, 806, 806, 0, 403, 403, 0, 806, 0, 806, -403, 0, 0, 403, 403, 0, -403, 0, 403, 0,
        403, 806, -403, -403, 806, 806, 403, 806, 0, 0, 806, 403, 806, 403,
    ];
}
