//! `IQ2_XXS`: 256 weights in 66 bytes, 2.0625 bits per weight: 8 runs of 32, each of four groups of
//! 8 from a codebook, with signs and a scale of 4 bits.
//!
//! ```text
//! byte   0..2   d    f16 scale of the scales
//! byte   2..66       8 bytes a run: byte j (0..4)           -> codebook index of group j
//!                                   bits 7 j.. of the u32   -> 7 signs of group j (0..4)
//!                                   in bytes 4..8           the eighth makes them even
//!                                   its upper 4 bits        -> scale of the run
//!
//! weight = d * (scale[run] + 1/2) / 4 * magnitude in the codebook * sign
//! ```

use super::{
    Layout,
    codebook::{IQ2_XXS, even_signs, nearest_magnitudes, signed, with_parity},
    f16_at, largest, put_f16,
};

pub(super) static LAYOUT: Layout =
    Layout { name: "IQ2_XXS", block_len: 256, block_bytes: 66, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(src);
    let runs = src[2..].as_chunks::<8>().0.iter().zip(dst.as_chunks_mut::<32>().0);
    for (&[a, b, c, e, rest @ ..], dst) in runs {
        let rest = u32::from_le_bytes(rest);
        let scale = d * ((rest >> 28) as f32 + 0.5) * 0.25;
        let groups = [a, b, c, e].into_iter().zip(dst.as_chunks_mut::<8>().0);
        for (j, (index, dst)) in groups.enumerate() {
            let signs = with_parity((rest >> (7 * j)) as u8);
            for (i, w) in dst.iter_mut().enumerate() {
                *w = scale * signed(IQ2_XXS[usize::from(index)][i], signs, i);
            }
        }
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    put_f16(dst, largest(src).abs() / (43.0 * 15.5 / 4.0));
    let d = f16_at(dst);
    let runs = src.as_chunks::<32>().0.iter().zip(dst[2..].as_chunks_mut::<8>().0);
    for (x, dst) in runs {
        let steps = if d == 0.0 { 0.0 } else { largest(x).abs() / 43.0 * 4.0 / d };
        let scale = (steps - 0.5).round().clamp(0.0, 15.0) as u32;
        let unit = d * (scale as f32 + 0.5) * 0.25;
        let mut rest = scale << 28;
        for (j, x) in x.as_chunks::<8>().0.iter().enumerate() {
            let signs = even_signs(x);
            dst[j] = nearest_magnitudes(&IQ2_XXS, (x, signs), unit) as u8;
            rest |= u32::from(signs & 0x7f) << (7 * j);
        }
        dst[4..].copy_from_slice(&rest.to_le_bytes());
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
    const BLOCK: [u8; 66] = [
        0x4c, 0x22, 0x15, 0x48, 0x1b, 0x06, 0x66, 0xed, 0x30, 0x9c, 0x2e, 0x32, 0x62, 0x9f, 0xf3,
        0xf1, 0x21, 0xde, 0xab, 0xd5, 0x78, 0xa4, 0x4e, 0xa4, 0x5b, 0x84, 0x46, 0xa8, 0x35, 0x70,
        0x5d, 0x79, 0xa9, 0x99, 0xc3, 0x91, 0x24, 0xdd, 0xf1, 0x13, 0x9e, 0x2b, 0x32, 0xf3, 0xa4,
        0x92, 0xca, 0x71, 0xdd, 0x72, 0x10, 0xad, 0xb4, 0xa4, 0x8f, 0xad, 0xa3, 0x59, 0x42, 0x52,
        0x84, 0x1a, 0x38, 0x13, 0x67, 0x56,
    ];
    const WEIGHTS: [i32; 256] = [
        191425, -61256, -61256, 61256, 191425, -61256, -61256, 61256, 191425, -61256, 61256,
        -61256, -61256, 61256, -191425, 61256, -61256, -329251, 191425, 329251, 191425, 61256,
        -61256, -61256, -61256, 191425, 191425, 61256, 61256, -61256, -61256, -61256, -467883,
        -87048, 87048, 87048, -272025, -272025, -87048, -87048, -272025, -467883, 467883, 272025,
        272025, -272025, -87048, 87048, -467883, -272025, -272025, 87048, 467883, 272025, 272025,
        -87048, -272025, 467883, 272025, 467883, -87048, -272025, -87048, 272025, 294593, -54808,
        -54808, -294593, 171275, 294593, -54808, 171275, 171275, 54808, 54808, -171275, 54808,
        54808, -54808, 294593, 54808, -171275, -54808, -54808, 54808, -171275, -294593, -54808,
        54808, -171275, 54808, 54808, 54808, -294593, 54808, 171275, -329251, 61256, -61256,
        -61256, -329251, 329251, -61256, -61256, 61256, -61256, 61256, 61256, -191425, -329251,
        -61256, 191425, -191425, 329251, -61256, 61256, 329251, -191425, 61256, -61256, -191425,
        61256, -329251, -191425, 61256, 61256, -329251, 61256, -16120, 86645, 16120, 16120, -86645,
        -86645, -50375, 50375, -16120, -16120, -16120, 16120, 50375, -16120, 16120, 50375, 16120,
        50375, 86645, -16120, -16120, -50375, -16120, 16120, 16120, 16120, -50375, -16120, -16120,
        50375, -16120, 86645, 151125, -259935, 259935, -151125, 151125, 151125, -48360, -48360,
        -259935, -48360, 259935, 48360, 48360, -151125, -151125, 259935, -48360, 151125, -48360,
        48360, -48360, -259935, -48360, -151125, 48360, -48360, -259935, 48360, -151125, 48360,
        48360, -151125, -35464, -110825, -190619, -110825, 35464, 35464, 35464, 35464, -35464,
        -35464, 110825, -190619, -190619, 190619, -35464, -110825, 35464, -190619, -35464, -190619,
        35464, 35464, 110825, -110825, -35464, 110825, -35464, -35464, 35464, 190619, -35464,
        110825, 190619, 35464, 110825, -110825, -35464, -190619, 35464, -35464, 35464, -190619,
        -35464, 35464, 110825, -35464, 110825, -35464, 110825, 35464, -35464, -35464, -35464,
        35464, 35464, -110825, -35464, -110825, 35464, 190619, -110825, -35464, 35464, 35464,
    ];
}
