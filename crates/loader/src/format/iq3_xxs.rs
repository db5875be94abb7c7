//! `IQ3_XXS`: 256 weights in 98 bytes, 3.0625 bits per weight: 8 runs of 32, each of eight groups of
//! 4 from a codebook, with signs and a scale of 4 bits.
//!
//! ```text
//! byte   0..2   d    f16 scale of the scales
//! byte   2..66  qs   byte of a group -> its codebook index
//! byte  66..98       a u32 a run: bits 7 j..    -> 7 signs of groups 2 j, 2 j + 1 (j = 0..4), the
//!                                                  eighth makes them even
//!                                 upper 4 bits  -> scale of the run
//!
//! weight = d * (scale[run] + 1/2) / 2 * magnitude in the codebook * sign
//! ```

use super::{
    Layout,
    codebook::{IQ3_XXS, even_signs, nearest_magnitudes, signed, with_parity},
    f16_at, largest, put_f16,
};

pub(super) static LAYOUT: Layout =
    Layout { name: "IQ3_XXS", block_len: 256, block_bytes: 98, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(src);
    let runs = src[66..].as_chunks::<4>().0.iter().zip(dst.as_chunks_mut::<32>().0);
    for (run, (&rest, dst)) in runs.enumerate() {
        let rest = u32::from_le_bytes(rest);
        let scale = d * ((rest >> 28) as f32 + 0.5) * 0.5;
        for (group, dst) in dst.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let magnitudes = &IQ3_XXS[usize::from(src[2 + 8 * run + group])];
            let signs = with_parity((rest >> (7 * (group / 2))) as u8);
            for (i, w) in dst.iter_mut().enumerate() {
                *w = scale * signed(magnitudes[i], signs, group % 2 * 4 + i);
            }
        }
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    put_f16(dst, largest(src).abs() / (62.0 * 15.5 / 2.0));
    let d = f16_at(dst);
    for (run, x) in src.as_chunks::<32>().0.iter().enumerate() {
        let steps = if d == 0.0 { 0.0 } else { largest(x).abs() / 62.0 * 2.0 / d };
        let scale = (steps - 0.5).round().clamp(0.0, 15.0) as u32;
        let unit = d * (scale as f32 + 0.5) * 0.5;
        let mut rest = scale << 28;
        for (j, x) in x.as_chunks::<8>().0.iter().enumerate() {
            let signs = even_signs(x);
            for half in 0..2 {
                let x = (&x[4 * half..4 * (half + 1)], signs >> (4 * half));
                dst[2 + 8 * run + 2 * j + half] = nearest_magnitudes(&IQ3_XXS, x, unit) as u8;
            }
            rest |= u32::from(signs & 0x7f) << (7 * j);
        }
        dst[66 + 4 * run..][..4].copy_from_slice(&rest.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.48); // few groups have the largest magnitude more than once
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 65536.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 98] = [
        0x4c, 0x22, 0x8f, 0x2d, 0xd4, 0xb6, 0xd7, 0x2e, 0xf8, 0x00, 0xbc, 0x5f, 0x16, 0x81, 0xee,
        0x3b, 0x27, 0x9f, 0x15, 0x0b, 0x27, 0x86, 0xc7, 0x42, 0x19, 0x45, 0xfc, 0x75, 0x44, 0x10,
        0x88, 0x20, 0xeb, 0xcf, 0x80, 0x34, 0x21, 0x03, 0x76, 0x70, 0x4f, 0x92, 0xa8, 0xa1, 0xfe,
        0x65, 0x42, 0x31, 0x6c, 0x34, 0xb0, 0x08, 0x9d, 0x03, 0x72, 0x3e, 0x39, 0x71, 0x3b, 0x40,
        0x1d, 0x7f, 0x0c, 0xce, 0xb0, 0x5c, 0x4b, 0xef, 0x74, 0x91, 0x64, 0xb8, 0x99, 0x41, 0x40,
        0x8e, 0x07, 0x6a, 0xa9, 0xf0, 0xe7, 0x47, 0x72, 0xe1, 0x6e, 0xcc, 0x1a, 0xfc, 0x0f, 0x6a,
        0x25, 0x24, 0x81, 0xed, 0x5a, 0xdc, 0xb8, 0x03,
    ];
    const WEIGHTS: [i32; 256] = [
        -45942, -76570, 15314, -107198, 107198, 237367, -137826, 15314, 237367, -76570, -137826,
        -168454, -237367, 107198, -76570, -137826, -45942, -107198, 168454, 168454, -168454,
        237367, -137826, 15314, -107198, -107198, 107198, -237367, 15314, 15314, 15314, -15314,
        65286, 7254, -65286, 65286, 36270, -36270, -112437, -21762, 7254, 112437, 21762, 7254,
        -65286, -112437, -50778, -36270, 7254, -21762, -7254, 112437, 50778, -7254, -7254, 21762,
        79794, 36270, -50778, -7254, 36270, 112437, 36270, 50778, 94302, 115258, 31434, 10478,
        115258, 162409, -10478, -10478, 115258, 52390, -73346, -10478, -31434, 94302, 115258,
        -52390, 31434, -94302, -10478, -115258, -94302, 73346, 10478, 31434, 94302, 10478, 52390,
        10478, -10478, 10478, -31434, 31434, -7254, 7254, 79794, -112437, 36270, -7254, 36270,
        -36270, -7254, 79794, 7254, 21762, 21762, -36270, -21762, -7254, -21762, -7254, -112437,
        -36270, -21762, 79794, 36270, -7254, -50778, -7254, -7254, -112437, -36270, -112437, 36270,
        79794, 20150, -312325, 141050, 100750, -181350, -261950, -261950, 20150, 312325, -221650,
        100750, 20150, 60450, 60450, -20150, 20150, -60450, -60450, 100750, -100750, -20150,
        -141050, 60450, -100750, -20150, -141050, 100750, 60450, 221650, -261950, -20150, 141050,
        115258, -115258, 115258, -73346, -73346, 73346, 73346, -73346, 94302, 52390, 115258,
        -162409, -10478, -52390, -10478, 52390, -94302, -73346, -10478, -31434, -52390, -73346,
        115258, 10478, 115258, 10478, 31434, 52390, -94302, 136214, -136214, 10478, -257114,
        163618, -23374, 210366, 70122, -163618, 23374, -23374, 257114, 116870, 116870, -163618,
        70122, 70122, -23374, 23374, 362297, 303862, -70122, 116870, 70122, 116870, 23374, -70122,
        70122, 303862, -362297, -23374, 163618, -303862, -70122, 116870, 5642, -806, 806, -2418,
        -806, 5642, -806, 2418, 2418, 5642, 4030, -806, -7254, -2418, 5642, -4030, -2418, -806,
        2418, 806, 4030, -5642, -4030, 8866, -8866, 5642, -806, -7254, -10478, 7254, 8866, 2418,
    ];
}
