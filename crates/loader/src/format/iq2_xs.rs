//! `IQ2_XS`: 256 weights in 74 bytes, 2.3125 bits per weight: 16 runs of 16, each of two groups of 8
//! from a codebook, with signs and a scale of 4 bits.
//!
//! ```text
//! byte   0..2   d       f16 scale of the scales
//! byte   2..66  qs      a u16 a group: bits 0..9 -> codebook index
//!                                      bits 9..16 -> 7 signs, the eighth makes them even
//! byte  66..74  scales  nibble j (low first) -> scale of run j
//!
//! weight = d * (scale[run] + 1/2) / 4 * magnitude in the codebook * sign
//! ```

use super::{
    Layout,
    codebook::{IQ2_XS, even_signs, nearest_magnitudes, signed, with_parity},
    f16_at, largest, put_f16,
};

pub(super) static LAYOUT: Layout =
    Layout { name: "IQ2_XS", block_len: 256, block_bytes: 74, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(src);
    let groups = src[2..66].as_chunks::<2>().0.iter().zip(dst.as_chunks_mut::<8>().0);
    for (group, (&q, dst)) in groups.enumerate() {
        let (run, q) = (group / 2, u16::from_le_bytes(q));
        let scale = f32::from(src[66 + run / 2] >> (run % 2 * 4) & 0xf);
        let scale = d * (scale + 0.5) * 0.25;
        let (magnitudes, signs) = (&IQ2_XS[usize::from(q & 0x1ff)], with_parity((q >> 9) as u8));
        for (i, w) in dst.iter_mut().enumerate() {
            *w = scale * signed(magnitudes[i], signs, i);
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
        dst[66 + run / 2] |= (scale as u8) << (run % 2 * 4);
        let unit = d * (scale + 0.5) * 0.25;
        for (j, x) in x.as_chunks::<8>().0.iter().enumerate() {
            let signs = even_signs(x);
            let index = nearest_magnitudes(&IQ2_XS, (x, signs), unit) as u16;
            let q = index | u16::from(signs & 0x7f) << 9;
            dst[2 + 4 * run + 2 * j..][..2].copy_from_slice(&q.to_le_bytes());
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
    const BLOCK: [u8; 74] = [
        0x4c, 0x22, 0x08, 0x29, 0xc8, 0xc6, 0xcc, 0x60, 0x10, 0x2c, 0x18, 0x6f, 0x99, 0x78, 0x79,
        0xca, 0x09, 0xf1, 0xa4, 0xb3, 0xbc, 0x6e, 0x6c, 0x24, 0x9f, 0x1a, 0x43, 0xa8, 0x7a, 0xe2,
        0x18, 0x9c, 0x76, 0xfa, 0x09, 0xb5, 0x78, 0xd1, 0x25, 0x50, 0x19, 0x4b, 0x57, 0xfc, 0x02,
        0x5e, 0x67, 0x0f, 0x9a, 0x2b, 0x0a, 0xc8, 0x6d, 0x79, 0xd7, 0x81, 0xe2, 0x0b, 0x6d, 0x03,
        0x4f, 0x2c, 0xd5, 0x22, 0x21, 0x60, 0xb7, 0x1e, 0xe0, 0x48, 0x4c, 0x6f, 0xc5, 0x7d,
    ];
    const WEIGHTS: [i32; 256] = [
        48360, 48360, -48360, 151125, -48360, 48360, 48360, 151125, -48360, -48360, 48360, 48360,
        151125, -259935, -151125, 48360, 231725, 398567, 398567, 398567, -398567, -398567, 231725,
        74152, 231725, -398567, -74152, 231725, -74152, 74152, 74152, -74152, -292175, -93496,
        -292175, 93496, -292175, -93496, 93496, -292175, 93496, 93496, -292175, -502541, -93496,
        -93496, 292175, 93496, -51987, 51987, -51987, 51987, 9672, -51987, -9672, 9672, 51987,
        9672, 9672, -30225, -9672, -9672, -9672, 30225, -10075, 3224, 10075, -10075, -10075, 3224,
        -3224, 17329, -3224, -3224, -10075, 3224, -10075, -10075, 10075, -3224, 292175, -292175,
        93496, 93496, -93496, 502541, 93496, 93496, -93496, 292175, -292175, -93496, 292175, 93496,
        292175, -93496, 54808, 171275, -54808, 54808, -54808, 171275, -54808, -54808, -171275,
        54808, 54808, 54808, -171275, -294593, -54808, 54808, 155961, -29016, -29016, -155961,
        29016, 29016, -29016, 29016, -29016, 155961, -90675, -90675, -29016, -155961, -29016,
        29016, 433225, -80600, 80600, -251875, -80600, 80600, -80600, 251875, 251875, 80600, 80600,
        -80600, 80600, -80600, -433225, -251875, 90675, 90675, 90675, -29016, 90675, -29016, 29016,
        29016, -29016, 90675, -90675, 29016, 90675, -29016, 29016, -90675, 99944, -99944, -99944,
        -99944, -312325, -312325, -99944, 99944, -312325, -312325, -99944, -99944, 99944, -99944,
        99944, -99944, -130975, -41912, -225277, 225277, 41912, 130975, 130975, -130975, -41912,
        41912, -130975, 130975, -41912, 41912, 41912, -225277, 190619, 35464, -190619, 35464,
        35464, -35464, -35464, -35464, 35464, 190619, -190619, -110825, -190619, -110825, 110825,
        110825, 80600, 80600, 251875, 433225, 251875, 251875, -251875, -433225, -433225, 433225,
        -80600, 80600, 80600, 80600, 433225, 433225, -87048, 467883, 467883, 272025, 467883,
        272025, 272025, -272025, 87048, -467883, -87048, 272025, -87048, 272025, 87048, -87048,
        -151125, 48360, 48360, 151125, -48360, 48360, 259935, 48360, 259935, 151125, 48360, 48360,
        -151125, -48360, 48360, 48360,
    ];
}
