//! `Q5_1`: 32 weights in 24 bytes, 6 bits per weight.
//!
//! ```text
//! byte   0..2   d    f16 scale
//! byte   2..4   m    f16 minimum
//! byte   4..8   qh   bit i of the u32     -> bit 4 of q[i]
//! byte   8..24  qs   qs[i] low nibble     -> bits 0..4 of q[i]
//!                    qs[i] high nibble    -> bits 0..4 of q[i + 16]
//!
//! weight i = d * q[i] + m
//! ```

use super::{Layout, f16_at, put_f16, range};

pub(super) static LAYOUT: Layout =
    Layout { name: "Q5_1", block_len: 32, block_bytes: 24, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let (d, m) = (f16_at(src), f16_at(&src[2..]));
    let mut bits = u32::from_le_bytes([src[4], src[5], src[6], src[7]]);
    let (low, high) = dst.split_at_mut(16);
    for ((&q, l), h) in src[8..].iter().zip(low).zip(high) {
        // Bit 0 is that of weight i, bit 16 that of weight i + 16.
        *l = d * ((u32::from(q) & 0xf) | (bits & 1) << 4) as f32 + m;
        *h = d * (u32::from(q) >> 4 | (bits >> 16 & 1) << 4) as f32 + m;
        bits >>= 1;
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    let (min, max) = range(src);
    put_f16(dst, (max - min) / 31.0);
    put_f16(&mut dst[2..], min);
    let (d, m) = (f16_at(dst), f16_at(&dst[2..]));
    let q = |x: f32| if d == 0.0 { 0 } else { ((x - m) / d + 0.5).clamp(0.0, 31.0) as u8 };
    put(dst, &std::array::from_fn(|i| q(src[i])));
}

/// Writes the numbers 0..=31 of all weights, not the scale and the minimum.
pub(crate) fn put(block: &mut [u8], q: &[u8; 32]) {
    let mut high = 0u32;
    for i in 0..16 {
        let (a, b) = (q[i], q[i + 16]);
        block[8 + i] = a & 0xf | (b & 0xf) << 4;
        high |= u32::from(a >> 4) << i | u32::from(b >> 4) << (i + 16);
    }
    block[4..8].copy_from_slice(&high.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.035); // half a step of 2/31, and the roundings of both halves
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 131072.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 24] = [
        0x4c, 0x22, 0xa9, 0x20, 0xac, 0x4c, 0x6f, 0xee, 0x74, 0x3a, 0xef, 0x9d, 0xdb, 0xbb, 0x05,
        0x9d, 0xdc, 0xc7, 0xc9, 0x5a, 0x4e, 0x65, 0xad, 0x81,
    ];
    const WEIGHTS: [i32; 32] = [
        7641, 17313, 51165, 47941, 18925, 44717, 9253, 47941, 20537, 12477, 41493, 43105, 23761,
        9253, 47941, 2805, 38269, 31821, 49553, 41493, 22149, 44717, 26985, 15701, 22149, 46329,
        46329, 35045, 7641, 36657, 43105, 39881,
    ];
}
