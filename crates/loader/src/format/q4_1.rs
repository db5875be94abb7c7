//! `Q4_1`: 32 weights in 20 bytes, 5 bits per weight.
//!
//! ```text
//! byte   0..2   d    f16 scale
//! byte   2..4   m    f16 minimum
//! byte   4..20  qs   qs[i] low nibble  -> weight i
//!                    qs[i] high nibble -> weight i + 16
//!
//! weight = d * nibble + m
//! ```

use super::{Layout, f16_at, put_f16, range};

pub(super) static LAYOUT: Layout =
    Layout { name: "Q4_1", block_len: 32, block_bytes: 20, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let (d, m) = (f16_at(src), f16_at(&src[2..]));
    let (low, high) = dst.split_at_mut(16);
    for ((&q, l), h) in src[4..].iter().zip(low).zip(high) {
        *l = d * f32::from(q & 0xf) + m;
        *h = d * f32::from(q >> 4) + m;
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    let (min, max) = range(src);
    put_f16(dst, (max - min) / 15.0);
    put_f16(&mut dst[2..], min);
    let (d, m) = (f16_at(dst), f16_at(&dst[2..]));
    let q = |x: f32| if d == 0.0 { 0 } else { ((x - m) / d + 0.5).clamp(0.0, 15.0) as u8 };
    put(dst, &std::array::from_fn(|i| q(src[i])));
}

/// Writes the numbers 0..=15 of all weights, not the scale and the minimum.
pub(crate) fn put(block: &mut [u8], q: &[u8; 32]) {
    for i in 0..16 {
        block[4 + i] = q[i] | q[i + 16] << 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.07); // half a step of 2/15, and the roundings of both halves
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 131072.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 20] = [
        0x4c, 0x22, 0xa9, 0x20, 0x2e, 0xa0, 0xbc, 0xf4, 0xb9, 0x29, 0x71, 0x6a, 0x17, 0xb7, 0xb9,
        0xa4, 0xd2, 0x5c, 0x19, 0x6c,
    ];
    const WEIGHTS: [i32; 32] = [
        23761, 1193, 20537, 7641, 15701, 15701, 2805, 17313, 12477, 12477, 15701, 7641, 4417,
        20537, 15701, 20537, 4417, 17313, 18925, 25373, 18925, 4417, 12477, 10865, 2805, 18925,
        18925, 17313, 22149, 9253, 2805, 10865,
    ];
}
