//! `IQ1_M`: 256 weights in 56 bytes, 1.75 bits per weight: 16 runs of 16, each of two groups of 8
//! from the codebook of `IQ1_S`, with a scale of 3 bits; each group with a shift.
//!
//! ```text
//! byte   0..32  qs      byte of a group -> bits 0..8 of its codebook index
//! byte  32..48  qh      nibble of a group (low first): bits 0..3 -> bits 8..11 of its index
//!                                                      bit 3 -> its shift is negative
//! byte  48..56  scales  four u16: bits 3 j.. of number i -> scale of run 4 i + j (j = 0..4)
//!                                 bits 12..16 of number i -> bits 4 i.. of d, f16 scale of scales
//!
//! weight = d * (2 scale[run] + 1) * (number in the codebook ± 1/8)
//! ```

use super::{
    Layout,
    codebook::IQ1,
    f16_at, f16_to_f32,
    iq1_s::{SHIFT, index, scale_and_shift},
    largest, put_f16,
};

pub(super) static LAYOUT: Layout =
    Layout { name: "IQ1_M", block_len: 256, block_bytes: 56, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let fours: [u16; 4] =
        std::array::from_fn(|i| u16::from_le_bytes([src[48 + 2 * i], src[49 + 2 * i]]));
    let d = fours.iter().rev().fold(0, |all, four| all << 4 | four >> 12);
    let d = f16_to_f32(d);
    for (group, dst) in dst.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let run = group / 2;
        let scale = d * f32::from(2 * (fours[run / 4] >> (run % 4 * 3) & 7) + 1);
        let high = src[32 + group / 2] >> (group % 2 * 4);
        let shift = if high & 8 == 8 { -SHIFT } else { SHIFT };
        let index = usize::from(src[group]) | usize::from(high & 7) << 8;
        for (w, &g) in dst.iter_mut().zip(&IQ1[index]) {
            *w = scale * (f32::from(g) + shift);
        }
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    let mut bits = [0; 2];
    put_f16(&mut bits, largest(src).abs() / (15.0 * (1.0 + SHIFT)));
    let d = f16_at(&bits);
    let bits = u16::from_le_bytes(bits);
    let mut fours = [0, 4, 8, 12].map(|shift| (bits >> shift & 0xf) << 12);
    dst[32..48].fill(0);
    for (run, x) in src.as_chunks::<16>().0.iter().enumerate() {
        let (scale, _) = scale_and_shift(x, d);
        let unit = d * f32::from(2 * scale + 1);
        fours[run / 4] |= scale << (run % 4 * 3);
        for (j, x) in x.as_chunks::<8>().0.iter().enumerate() {
            let (_, shift) = scale_and_shift(x, d);
            let index = index(x, unit, shift);
            dst[2 * run + j] = index as u8;
            let high = (index >> 8) as u8 | u8::from(shift < 0.0) << 3;
            dst[32 + run] |= high << (4 * j);
        }
    }
    for (bytes, four) in dst[48..].as_chunks_mut::<2>().0.iter_mut().zip(fours) {
        *bytes = four.to_le_bytes();
    }
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
    const BLOCK: [u8; 56] = [
        0xe3, 0x6c, 0x92, 0x91, 0x06, 0xef, 0x63, 0xb8, 0xf2, 0xa8, 0x33, 0xb0, 0xf8, 0x00, 0xd4,
        0x25, 0x2f, 0x39, 0xc8, 0xa0, 0x93, 0x2e, 0x0d, 0xf8, 0x87, 0xe5, 0x9a, 0xcf, 0x8e, 0x99,
        0x7c, 0xa9, 0xdd, 0x4a, 0x5f, 0xf2, 0xe6, 0x3f, 0x64, 0x29, 0x43, 0xe8, 0x82, 0x05, 0xe0,
        0x2e, 0x0d, 0x16, 0xca, 0xc9, 0xb0, 0x41, 0x97, 0x21, 0x4f, 0x28,
    ];
    const WEIGHTS: [i32; 256] = [
        -2015, 14105, 14105, -2015, -18135, -2015, -18135, 14105, -2015, 14105, 14105, -18135,
        -2015, 14105, 14105, -2015, -1209, -1209, -10881, -1209, -1209, -10881, -10881, -1209,
        10881, 1209, 10881, 1209, 1209, 10881, 1209, 1209, -6045, -6045, -54405, -54405, -54405,
        42315, -6045, 42315, 6045, 6045, -42315, 6045, 6045, 6045, -42315, 54405, -25389, -25389,
        32643, -25389, 32643, 32643, 32643, -25389, -32643, -3627, -32643, -3627, 25389, -3627,
        25389, 25389, 403, 403, -2821, 403, 3627, 403, 403, 3627, -403, -3627, -403, -403, -3627,
        -403, -403, 2821, -47151, -5239, -47151, 36673, -5239, 36673, -5239, 36673, 5239, 47151,
        5239, 5239, 47151, -36673, 5239, 5239, 5239, -36673, 47151, -36673, -36673, 5239, 47151,
        5239, 47151, -36673, 5239, 47151, 5239, 5239, -36673, 47151, -403, 2821, -403, -3627, -403,
        -3627, 2821, -3627, -2821, 403, 3627, 3627, 403, 403, 3627, -2821, -42315, -42315, 6045,
        -42315, 6045, 54405, -42315, 6045, 54405, 6045, -42315, 6045, 54405, 6045, 6045, 6045,
        -18135, -2015, -2015, -18135, -18135, -18135, -2015, -18135, -18135, -2015, -18135, -18135,
        -18135, -2015, -2015, 14105, -36673, 47151, -36673, 5239, 5239, -36673, -36673, 5239,
        36673, -5239, -5239, 36673, -5239, -47151, -47151, -47151, 3627, -2821, 403, 3627, -2821,
        403, 3627, 403, 403, 403, 3627, -2821, 3627, -2821, 403, -2821, 54405, -42315, -42315,
        -42315, -42315, 54405, -42315, -42315, -54405, -54405, 42315, 42315, -6045, -6045, -6045,
        42315, -1209, 8463, 8463, -1209, 8463, -10881, -1209, 8463, 10881, -8463, -8463, -8463,
        1209, 1209, -8463, 1209, -1209, 8463, 8463, -1209, 8463, 8463, 8463, -1209, 10881, -8463,
        10881, 10881, -8463, 10881, -8463, -8463, -25389, -25389, 3627, 3627, 3627, -25389, 3627,
        32643, 32643, 3627, 32643, -25389, 32643, 32643, 3627, -25389,
    ];
}
