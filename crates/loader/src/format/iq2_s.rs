//! `IQ2_S`: 256 weights in 82 bytes, 2.5625 bits per weight: 16 runs of 16, each of two groups of 8
//! from a codebook, with signs and a scale of 4 bits.
//!
//! ```text
//! byte   0..2   d       f16 scale of the scales
//! byte   2..34  qs      byte of a group -> bits 0..8 of its codebook index
//! byte  34..66  signs   byte of a group -> its signs
//! byte  66..74  qh      bits 2 j, 2 j + 1 of byte i -> bits 8..10 of the index of group 4 i + j
//! byte  74..82  scales  nibble j (low first) -> scale of run j
//!
//! weight = d * (scale[run] + 1/2) / 4 * magnitude in the codebook * sign
//! ```

use super::{
    Layout,
    codebook::{IQ2_S, nearest_magnitudes, signed, signs},
    f16_at, largest, put_f16,
};

pub(super) static LAYOUT: Layout =
    Layout { name: "IQ2_S", block_len: 256, block_bytes: 82, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(src);
    for (group, dst) in dst.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let run = group / 2;
        let scale = f32::from(src[74 + run / 2] >> (run % 2 * 4) & 0xf);
        let scale = d * (scale + 0.5) * 0.25;
        let high = src[66 + group / 4] >> (group % 4 * 2) & 3;
        let magnitudes = &IQ2_S[usize::from(src[2 + group]) | usize::from(high) << 8];
        for (i, w) in dst.iter_mut().enumerate() {
            *w = scale * signed(magnitudes[i], src[34 + group], i);
        }
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    put_f16(dst, largest(src).abs() / (43.0 * 15.5 / 4.0));
    let d = f16_at(dst);
    dst[66..].fill(0);
    for (run, x) in src.as_chunks::<16>().0.iter().enumerate() {
        let steps = if d == 0.0 { 0.0 } else { largest(x).abs() / 43.0 * 4.0 / d };
        let scale = (steps - 0.5).round().clamp(0.0, 15.0);
        dst[74 + run / 2] |= (scale as u8) << (run % 2 * 4);
        let unit = d * (scale + 0.5) * 0.25;
        for (j, x) in x.as_chunks::<8>().0.iter().enumerate() {
            let (group, signs) = (2 * run + j, signs(x));
            let index = nearest_magnitudes(&IQ2_S, (x, signs), unit);
            (dst[2 + group], dst[34 + group]) = (index as u8, signs);
            dst[66 + group / 4] |= ((index >> 8) as u8) << (group % 4 * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.60); // few groups have the largest magnitude more than once
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 262144.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 82] = [
        0x4c, 0x22, 0x39, 0xb2, 0x90, 0xbb, 0x64, 0x1e, 0x92, 0xdd, 0xaf, 0x24, 0xa4, 0x34, 0xc3,
        0xb5, 0x73, 0x0b, 0x3f, 0x1b, 0x09, 0x43, 0x49, 0x7f, 0xc6, 0x09, 0x4e, 0xb9, 0x59, 0x35,
        0x80, 0x25, 0x36, 0x21, 0x3d, 0x21, 0xfe, 0xf4, 0xa0, 0xca, 0x57, 0xe1, 0xe0, 0xe8, 0xac,
        0xf8, 0x39, 0xd5, 0xd3, 0x84, 0xb8, 0x09, 0xa4, 0x6c, 0x30, 0x61, 0x7e, 0xeb, 0xdf, 0xb8,
        0xe0, 0x03, 0xc2, 0x6f, 0x5a, 0x61, 0x7a, 0x17, 0xb0, 0x0e, 0x39, 0x3a, 0x9c, 0xb4, 0x54,
        0xcd, 0xe1, 0x9f, 0xf3, 0x90, 0x17, 0x6d,
    ];
    const WEIGHTS: [i32; 256] = [
        -155961, 29016, -29016, -155961, -29016, -90675, 29016, 90675, -29016, 29016, 29016, 29016,
        155961, -29016, 90675, 90675, 35464, -35464, -35464, -110825, -110825, -190619, -35464,
        -190619, 110825, 35464, -35464, 110825, -110825, -110825, -190619, -35464, 467883, 272025,
        87048, 87048, 87048, -272025, 87048, -467883, 467883, -272025, 272025, -87048, 87048,
        272025, -272025, -87048, -251875, -80600, -251875, 251875, -251875, 80600, -433225, 80600,
        -251875, 80600, 251875, 251875, 80600, -80600, -251875, -80600, 30225, 30225, 30225, 30225,
        9672, -51987, -9672, -9672, 51987, 30225, 9672, -9672, 30225, -9672, -9672, -9672, 93496,
        292175, -292175, -292175, 93496, -93496, 292175, -502541, 292175, 292175, 292175, -292175,
        -93496, -292175, -93496, -292175, -312325, 312325, 312325, -99944, -99944, -312325, 312325,
        312325, -537199, 312325, -537199, 537199, -537199, 99944, -312325, -537199, -329251,
        -61256, 61256, 61256, -191425, 191425, -61256, -61256, 191425, 191425, -329251, 61256,
        61256, 61256, 61256, -61256, 121303, 22568, 22568, -70525, -70525, -70525, 70525, -22568,
        -22568, 121303, 22568, -70525, 121303, 22568, 22568, 70525, 99944, 537199, -99944, 99944,
        312325, -99944, 537199, -312325, 99944, 312325, -312325, -99944, 537199, -99944, -99944,
        99944, 3224, 3224, 3224, 10075, -10075, -10075, 3224, 10075, -3224, 10075, 3224, 3224,
        17329, -17329, -3224, 10075, 61256, -329251, -191425, -329251, -191425, -191425, -191425,
        329251, -61256, -61256, 329251, -61256, 61256, -61256, -61256, -61256, -259935, -259935,
        -48360, -259935, -259935, 48360, -48360, -48360, 48360, 259935, 48360, -48360, -48360,
        -151125, 151125, -259935, 9672, 51987, 30225, 9672, 9672, -51987, -30225, -9672, -9672,
        -51987, 30225, 30225, 9672, 30225, 9672, 30225, 467883, -272025, 87048, 272025, 272025,
        272025, -87048, -87048, -467883, -272025, -87048, -272025, 87048, -272025, -272025, 87048,
        41912, -225277, 41912, -41912, -41912, 41912, -41912, 225277, -41912, 41912, 41912, 41912,
        41912, -130975, -41912, 130975,
    ];
}
