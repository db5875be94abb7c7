//! `TQ1_0`: 256 weights that are -1, 0 or 1 times a scale, in 54 bytes, 1.6875 bits per weight.
//!
//! ```text
//! byte   0..32   digit j (0..5) of byte i -> weight i + 32 j
//! byte  32..48   digit j (0..5) of byte i -> weight 160 + i + 16 j
//! byte  48..52   digit j (0..4) of byte i -> weight 240 + i + 4 j
//! byte  52..54   d, f16 scale
//!
//! weight = d * (digit - 1)
//! ```
//!
//! A byte is the fraction `0.digits` in base 3, as 256ths rounded up: times three, the next digit
//! comes out above it, with no division.

use super::{Layout, f16_at, largest, put_f16};

pub(super) static LAYOUT: Layout =
    Layout { name: "TQ1_0", block_len: 256, block_bytes: 54, decode_block, encode_block };

/// Where groups of bytes begin, how many bytes and digits a byte they have, and their first weight.
const GROUPS: [(usize, usize, usize, usize); 3] =
    [(0, 32, 5, 0), (32, 16, 5, 160), (48, 4, 4, 240)];

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(&src[52..]);
    for (begin, len, digits, first) in GROUPS {
        let mut bytes = [0; 32];
        bytes[..len].copy_from_slice(&src[begin..begin + len]);
        for dst in dst[first..].chunks_exact_mut(len).take(digits) {
            for (w, byte) in dst.iter_mut().zip(&mut bytes) {
                let tripled = u16::from(*byte) * 3;
                *w = d * (f32::from(tripled >> 8) - 1.0);
                *byte = tripled as u8; // what is left below the digit
            }
        }
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    put_f16(&mut dst[52..], largest(src).abs());
    let d = f16_at(&dst[52..]);
    let digit = |x: f32| if d == 0.0 { 1 } else { ((x / d).round().clamp(-1.0, 1.0) + 1.0) as u16 };
    for (begin, len, digits, first) in GROUPS {
        for i in 0..len {
            let digits =
                (0..5).map(|j| if j < digits { digit(src[first + i + len * j]) } else { 0 });
            let number = digits.fold(0, |all, it| 3 * all + it);
            dst[begin + i] = (number * 256).div_ceil(243) as u8;
        }
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
    const BLOCK: [u8; 54] = [
        0x33, 0xaa, 0x89, 0xe9, 0xa4, 0x88, 0xc8, 0x0d, 0x85, 0xef, 0x8b, 0x9a, 0x5f, 0x45, 0xbb,
        0xc6, 0xf6, 0xef, 0xf9, 0x18, 0xb9, 0x6a, 0xf7, 0xfe, 0x6b, 0xef, 0x10, 0xc0, 0xff, 0x47,
        0xed, 0x86, 0x33, 0x5c, 0x04, 0x3e, 0x22, 0xca, 0x07, 0x8b, 0x3c, 0xf2, 0x75, 0x10, 0xff,
        0x72, 0xe4, 0x54, 0xf4, 0x8b, 0x8a, 0x2f, 0x4c, 0x22,
    ];
    const WEIGHTS: [i32; 256] = [
        -403, 0, 0, 403, 0, 0, 403, -403, 0, 403, 0, 0, 0, -403, 403, 403, 403, 403, 403, -403,
        403, 0, 403, 403, 0, 403, -403, 403, 403, -403, 403, 0, 0, 403, 0, 403, 403, 0, 0, -403, 0,
        403, 0, 403, -403, 403, -403, -403, 403, 403, 403, -403, -403, -403, 403, 403, -403, 403,
        -403, -403, 403, 403, 403, 0, 403, 403, 403, -403, 403, 403, -403, 0, 403, 0, 403, 0, 0, 0,
        0, 403, 0, 0, 403, 403, 0, 403, 403, 403, 403, 0, 0, 403, 403, 0, -403, 403, 0, 403, 0, 0,
        -403, 0, -403, 0, -403, -403, 0, -403, -403, -403, 403, 403, 403, -403, -403, 0, 0, -403,
        -403, 403, -403, -403, 403, -403, 403, 0, 403, -403, -403, 403, 0, 403, 403, -403, -403,
        -403, -403, 0, 403, 403, -403, 403, -403, 0, 403, 0, 403, 0, 0, 0, -403, 0, 403, 0, -403,
        403, 403, 0, 403, 0, -403, 0, -403, -403, -403, 403, -403, 0, -403, 403, 0, -403, 403, 0,
        403, -403, 0, -403, -403, 403, 0, 0, -403, 0, 403, 403, 0, -403, 403, 0, 403, 403, 403,
        -403, -403, -403, -403, -403, -403, 403, -403, 0, -403, 0, 403, -403, -403, 403, 0, 403, 0,
        0, 0, -403, 403, 0, -403, 0, 0, 403, 403, -403, -403, 403, -403, -403, -403, 0, 403, 403,
        -403, 403, 403, 0, -403, -403, 403, -403, -403, 0, 403, 0, 0, -403, 403, 0, 0, 0, 0, 403,
        403, 0, 403, 0, 0, 403,
    ];
}
