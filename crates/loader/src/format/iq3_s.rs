//! `IQ3_S`: 256 weights in 110 bytes, 3.4375 bits per weight: 8 runs of 32, each of eight groups of 4
//! from a codebook, with signs and a scale of 4 bits.
//!
//! ```text
//! byte   0..2    d       f16 scale of the scales
//! byte   2..66   qs      byte of a group -> bits 0..8 of its codebook index
//! byte  66..74   qh      bit j of byte i -> bit 8 of the index of group 8 i + j
//! byte  74..106  signs   bit j of byte i -> sign of weight 8 i + j
//! byte 106..110  scales  nibble j (low first) -> scale of run j
//!
//! weight = d * (2 scale[run] + 1) * magnitude in the codebook * sign
//! ```

use super::{
    Layout,
    codebook::{IQ3_S, nearest_magnitudes, signed, signs},
    f16_at, largest, put_f16,
};

pub(super) static LAYOUT: Layout =
    Layout { name: "IQ3_S", block_len: 256, block_bytes: 110, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(src);
    for (group, dst) in dst.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let run = group / 8;
        let scale = f32::from(src[106 + run / 2] >> (run % 2 * 4) & 0xf);
        let scale = d * (2.0 * scale + 1.0);
        let high = usize::from(src[66 + run] >> (group % 8) & 1);
        let magnitudes = &IQ3_S[usize::from(src[2 + group]) | high << 8];
        for (i, w) in dst.iter_mut().enumerate() {
            *w = scale * signed(magnitudes[i], src[74 + group / 2], group % 2 * 4 + i);
        }
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    put_f16(dst, largest(src).abs() / (15.0 * 31.0));
    let d = f16_at(dst);
    dst[66..74].fill(0);
    dst[106..].fill(0);
    for (run, x) in src.as_chunks::<32>().0.iter().enumerate() {
        let steps = if d == 0.0 { 0.0 } else { largest(x).abs() / 15.0 / d };
        let scale = ((steps - 1.0) / 2.0).round().clamp(0.0, 15.0);
        dst[106 + run / 2] |= (scale as u8) << (run % 2 * 4);
        let unit = d * (2.0 * scale + 1.0);
        for (j, x) in x.as_chunks::<4>().0.iter().enumerate() {
            let (group, signs) = (8 * run + j, signs(x));
            let index = nearest_magnitudes(&IQ3_S, (x, signs), unit);
            dst[2 + group] = index as u8;
            dst[66 + run] |= ((index >> 8) as u8) << j;
            let byte = &mut dst[74 + group / 2];
            *byte = if j % 2 == 0 { signs } else { *byte | signs << 4 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.40); // few groups have the largest magnitude more than once
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 32768.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 110] = [
        0x4c, 0x22, 0x41, 0xd2, 0x73, 0x5a, 0x7d, 0x1c, 0x6e, 0x98, 0x72, 0xe2, 0x84, 0x61, 0x49,
        0x8e, 0x4f, 0x6f, 0x04, 0x95, 0x9f, 0x26, 0xb5, 0xec, 0x9b, 0x85, 0x6f, 0x31, 0x97, 0x6d,
        0x82, 0x53, 0xc3, 0x14, 0x5c, 0x20, 0x6b, 0x3c, 0x8e, 0x62, 0xe2, 0x48, 0xd5, 0x2a, 0xdf,
        0x33, 0xf3, 0x7a, 0xd6, 0x44, 0x28, 0x90, 0x22, 0x84, 0xc4, 0xee, 0xae, 0xf7, 0x4a, 0xa2,
        0xd9, 0x9e, 0x48, 0x23, 0xef, 0xe5, 0xd0, 0x03, 0x2e, 0x7a, 0x17, 0x4f, 0x59, 0x2b, 0xf3,
        0xb7, 0xb0, 0xf6, 0x50, 0xe0, 0x4c, 0xb5, 0xed, 0x40, 0x19, 0xd7, 0x85, 0x8c, 0xf7, 0xd6,
        0x4c, 0xdf, 0x8a, 0xd5, 0xeb, 0xf0, 0xce, 0xde, 0x90, 0xc6, 0x97, 0xbc, 0x09, 0x6f, 0xcd,
        0x7f, 0xbf, 0x83, 0x70, 0x1f,
    ];
    const WEIGHTS: [i32; 256] = [
        -87451, -87451, 87451, 12493, -37479, -112437, -12493, -62465, -87451, -37479, -12493,
        37479, -137423, -112437, 137423, -12493, 62465, 62465, 87451, 112437, -112437, -12493,
        37479, -12493, 137423, -137423, -37479, 112437, -187395, -112437, -12493, -137423, 101959,
        27807, 46345, 83421, -120497, 64883, -9269, 139035, 83421, 27807, 27807, 27807, 27807,
        -64883, -120497, -9269, 9269, 9269, -83421, -9269, 46345, 27807, -46345, 27807, -9269,
        83421, -83421, 9269, -46345, -9269, 9269, -27807, -42315, 2821, -2821, -2821, 14105,
        -14105, -2821, -31031, 14105, 8463, 8463, 31031, 19747, 36673, -2821, 19747, -8463, 31031,
        31031, -8463, -25389, 2821, 14105, 42315, -42315, -2821, -19747, 8463, -8463, 14105, -8463,
        -8463, -34255, 6851, -6851, 20553, 89063, 102765, 20553, -47957, 6851, 89063, -34255,
        -20553, 20553, 75361, 20553, -61659, -61659, -34255, -61659, 61659, -47957, -102765,
        -75361, -47957, 6851, -89063, -6851, 89063, -6851, 89063, -6851, -6851, 3627, 403, -403,
        -3627, 2821, 2821, -403, 2821, -4433, -2821, -1209, -3627, -1209, 1209, -2821, -403, 4433,
        -1209, 6045, -3627, 2015, 4433, 5239, -403, -1209, 2821, -1209, 2015, -4433, 6045, -2821,
        -403, -6045, -6045, 66495, -78585, 66495, -6045, -18135, -42315, 90675, 6045, 6045, 90675,
        -30225, -18135, -30225, -42315, 30225, -6045, -42315, -30225, 78585, 42315, -6045, -18135,
        42315, -6045, -66495, -78585, -6045, 66495, -42315, -6045, 37479, 12493, 37479, 87451,
        -187395, 37479, 62465, -37479, 187395, -62465, -37479, 12493, 12493, 112437, -112437,
        -112437, -12493, -12493, -37479, 162409, -87451, 137423, 62465, -62465, 37479, 137423,
        -87451, -137423, -112437, -62465, 87451, -62465, -1209, 15717, 10881, -8463, 6045, 18135,
        3627, 13299, -8463, -18135, -1209, -6045, 13299, -1209, -3627, 13299, -13299, 18135, -8463,
        -1209, 10881, 10881, -1209, -8463, -18135, -13299, -6045, -6045, -3627, -13299, -3627,
        6045,
    ];
}
