//! `Q5_0`: 32 weights in 22 bytes, 5.5 bits per weight.
//!
//! ```text
//! byte   0..2   d    f16 scale
//! byte   2..6   qh   bit i of the u32     -> bit 4 of q[i]
//! byte   6..22  qs   qs[i] low nibble     -> bits 0..4 of q[i]
//!                    qs[i] high nibble    -> bits 0..4 of q[i + 16]
//!
//! weight i = d * (q[i] - 16)
//! ```

use super::{Layout, f16_at, largest, put_f16};

pub(super) static LAYOUT: Layout =
    Layout { name: "Q5_0", block_len: 32, block_bytes: 22, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(src);
    let mut bits = u32::from_le_bytes([src[2], src[3], src[4], src[5]]);
    let (low, high) = dst.split_at_mut(16);
    for ((&q, l), h) in src[6..].iter().zip(low).zip(high) {
        // Bit 0 is that of weight i, bit 16 that of weight i + 16.
        *l = d * (((u32::from(q) & 0xf) | (bits & 1) << 4) as f32 - 16.0);
        *h = d * ((u32::from(q) >> 4 | (bits >> 16 & 1) << 4) as f32 - 16.0);
        bits >>= 1;
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    put_f16(dst, largest(src) / -16.0);
    let d = f16_at(dst);
    let q = |x: f32| if d == 0.0 { 16 } else { (x / d + 16.5).clamp(0.0, 31.0) as u8 };
    put(dst, &std::array::from_fn(|i| q(src[i])));
}

/// Writes the numbers 0..=31 of all weights, not the scale.
pub(crate) fn put(block: &mut [u8], q: &[u8; 32]) {
    let mut high = 0u32;
    for i in 0..16 {
        let (a, b) = (q[i], q[i + 16]);
        block[6 + i] = a & 0xf | (b & 0xf) << 4;
        high |= u32::from(a >> 4) << i | u32::from(b >> 4) << (i + 16);
    }
    block[2..6].copy_from_slice(&high.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.07); // a step is 1/16, the positive end is cut one step early
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 32768.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 22] = [
        0x4c, 0x22, 0xb8, 0x26, 0x0c, 0x57, 0xf2, 0x8c, 0x1e, 0x54, 0xb1, 0xa3, 0x50, 0x42, 0xf9,
        0x92, 0xb2, 0x82, 0x43, 0x2c, 0x82, 0xdb,
    ];
    const WEIGHTS: [i32; 32] = [
        -5642, -1612, -806, 1612, 403, 1209, -6448, 806, -2821, 806, 806, -5642, -5239, 4836,
        -5642, -2015, -403, -3224, 403, 2015, -2015, -2418, -4433, -4836, 6045, 3627, 4433, -3224,
        1612, -5642, 3224, -1209,
    ];
}
