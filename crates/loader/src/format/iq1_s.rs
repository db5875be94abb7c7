//! `IQ1_S`: 256 weights in 50 bytes, 1.5625 bits per weight: 8 runs of 32, each of four groups of 8
//! from a codebook of -1, 0 and 1, with a scale of 3 bits and a common shift.
//!
//! ```text
//! byte   0..2   d    f16 scale of the scales
//! byte   2..34  qs   byte of a group -> bits 0..8 of its codebook index
//! byte  34..50  qh   a u16 a run: bits 3 j.. -> bits 8..11 of the index of group j (0..4)
//!                                 bits 12..15 -> scale, bit 15 -> the shift is negative
//!
//! weight = d * (2 scale[run] + 1) * (number in the codebook ± 1/8)
//! ```

use super::{
    Layout,
    codebook::{IQ1, nearest},
    f16_at, largest, put_f16,
};

pub(super) static LAYOUT: Layout =
    Layout { name: "IQ1_S", block_len: 256, block_bytes: 50, decode_block, encode_block };

/// What the numbers of a run are all shifted by, one way or the other.
pub(super) const SHIFT: f32 = 0.125;

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(src);
    let runs = src[34..].as_chunks::<2>().0.iter().zip(dst.as_chunks_mut::<32>().0);
    for (run, (&rest, dst)) in runs.enumerate() {
        let rest = u16::from_le_bytes(rest);
        let scale = d * f32::from(2 * (rest >> 12 & 7) + 1);
        let shift = if rest >> 15 == 1 { -SHIFT } else { SHIFT };
        for (j, dst) in dst.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let index = u16::from(src[2 + 4 * run + j]) | (rest >> (3 * j) & 7) << 8;
            for (w, &g) in dst.iter_mut().zip(&IQ1[usize::from(index)]) {
                *w = scale * (f32::from(g) + shift);
            }
        }
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    put_f16(dst, largest(src).abs() / (15.0 * (1.0 + SHIFT)));
    let d = f16_at(dst);
    for (run, x) in src.as_chunks::<32>().0.iter().enumerate() {
        let (scale, shift) = scale_and_shift(x, d);
        let unit = d * f32::from(2 * scale + 1);
        let mut rest = scale << 12 | u16::from(shift < 0.0) << 15;
        for (j, x) in x.as_chunks::<8>().0.iter().enumerate() {
            let index = index(x, unit, shift);
            dst[2 + 4 * run + j] = index as u8;
            rest |= (index >> 8) << (3 * j);
        }
        dst[34 + 2 * run..][..2].copy_from_slice(&rest.to_le_bytes());
    }
}

/// A scale that reaches the largest, and the shift to the side where more of the weights are.
pub(super) fn scale_and_shift(x: &[f32], d: f32) -> (u16, f32) {
    let steps = if d == 0.0 { 1.0 } else { largest(x).abs() / (1.0 + SHIFT) / d };
    let scale = ((steps - 1.0) / 2.0).round().clamp(0.0, 7.0) as u16;
    (scale, SHIFT.copysign(x.iter().sum()))
}

/// The index of the group nearest to `x / unit - shift`.
pub(super) fn index(x: &[f32; 8], unit: f32, shift: f32) -> u16 {
    if unit == 0.0 { 0 } else { nearest(&IQ1, x.map(|x| x / unit - shift)) as u16 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.81); // half of the only step, in a group that there is not
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 262144.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 50] = [
        0x4c, 0x22, 0x64, 0x3e, 0xbb, 0x84, 0x8a, 0x90, 0x7f, 0xf3, 0xd4, 0x0f, 0xb6, 0x81, 0xef,
        0x77, 0x0a, 0x4c, 0xe5, 0x30, 0x00, 0x4b, 0xd2, 0xdd, 0xc2, 0xa6, 0xbb, 0x94, 0x93, 0xc5,
        0x1d, 0x42, 0xa1, 0x1e, 0xd8, 0xa6, 0x79, 0x1e, 0xf0, 0x4e, 0x67, 0x92, 0x40, 0xa9, 0x97,
        0x4f, 0xae, 0xbd, 0xc4, 0xe3,
    ];
    const WEIGHTS: [i32; 256] = [
        -2015, -2015, -2015, -2015, -2015, -2015, -18135, -18135, -2015, 14105, -2015, -2015,
        -2015, 14105, -18135, -2015, -2015, -2015, -18135, -18135, -18135, -2015, -2015, -2015,
        14105, 14105, 14105, -18135, -2015, -18135, -2015, -2015, 1209, 1209, 10881, 10881, -8463,
        10881, 1209, -8463, 1209, 1209, 1209, 1209, -8463, 1209, 10881, 10881, 1209, 1209, 1209,
        1209, -8463, 10881, 1209, -8463, 10881, 10881, 10881, -8463, 10881, 10881, 10881, 10881,
        3627, 32643, 32643, 3627, -25389, -25389, 3627, -25389, 32643, 32643, 3627, 3627, 32643,
        3627, -25389, 32643, 3627, 3627, 3627, 32643, 32643, -25389, 3627, 3627, -25389, -25389,
        -25389, 32643, 32643, -25389, 32643, 32643, 8463, 8463, -10881, -10881, 8463, 8463, 8463,
        8463, 8463, -10881, -10881, -10881, -1209, 8463, -1209, -1209, -10881, -1209, -1209,
        -10881, -10881, -1209, -1209, -10881, -10881, -10881, -1209, 8463, -1209, -1209, -1209,
        -10881, -2015, -2015, -18135, -2015, -2015, -18135, -2015, -18135, -18135, -18135, -18135,
        -18135, 14105, -18135, -18135, -18135, -2015, -18135, -2015, -2015, -18135, -2015, 14105,
        -2015, -2015, -2015, -18135, 14105, 14105, -2015, -2015, -2015, -25389, 3627, 3627, 3627,
        -25389, 32643, 32643, 32643, 32643, 3627, -25389, 3627, 3627, 3627, -25389, 3627, 32643,
        3627, 3627, -25389, 3627, 3627, 3627, 32643, 32643, 3627, 3627, 3627, 3627, 3627, 32643,
        32643, -2821, -2821, -25389, -25389, -2821, -2821, -2821, 19747, -25389, -25389, -25389,
        -25389, -25389, -25389, -25389, 19747, 19747, -2821, -25389, -2821, 19747, -25389, -2821,
        19747, -2821, -2821, 19747, -25389, -2821, -2821, -2821, 19747, -5239, 36673, -5239, 36673,
        -5239, -5239, -5239, -5239, -5239, -47151, -5239, 36673, 36673, -47151, -47151, -47151,
        36673, -47151, -47151, -5239, -5239, -5239, 36673, 36673, -5239, 36673, -47151, 36673,
        -47151, -5239, -5239, -47151,
    ];
}
