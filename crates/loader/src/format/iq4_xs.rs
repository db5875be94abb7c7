//! `IQ4_XS`: 256 weights in 136 bytes, 4.25 bits per weight: 8 runs of 32 on the levels of
//! `IQ4_NL`, each with a scale of 6 bits.
//!
//! ```text
//! byte   0..2    d         f16 scale of the scales
//! byte   2..4    scales_h  bits 2 j, 2 j + 1 of the u16: bits 4..6 of scale j
//! byte   4..8    scales_l  nibble j (low first):         bits 0..4 of scale j
//! byte   8..136  qs        16 bytes a run: byte i low nibble  -> level of weight i of the run
//!                                          high nibble        -> of weight i + 16
//!
//! weight = d * (scale[run] - 32) * LEVELS[nibble]
//! ```

use super::{
    Layout, f16_at,
    iq4_nl::{self, LEVELS, nearest},
    largest, put_f16,
};

pub(super) static LAYOUT: Layout =
    Layout { name: "IQ4_XS", block_len: 256, block_bytes: 136, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(src);
    let high = u16::from_le_bytes([src[2], src[3]]);
    for (run, dst) in dst.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let low = src[4 + run / 2] >> (run % 2 * 4) & 0xf;
        let scale = u16::from(low) | (high >> (2 * run) & 3) << 4;
        let scale = d * (f32::from(scale) - 32.0);
        let (first, second) = dst.split_at_mut(16);
        for ((&q, l), h) in src[8 + 16 * run..].iter().zip(first).zip(second) {
            *l = scale * LEVELS[usize::from(q & 0xf)];
            *h = scale * LEVELS[usize::from(q >> 4)];
        }
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    let runs = src.as_chunks::<32>().0;
    let steps: Vec<f32> = runs.iter().map(|run| largest(run) / -127.0).collect();
    put_f16(dst, largest(&steps).abs() / 31.0);
    let d = f16_at(dst);
    let ratio = |x: f32, unit: f32| if unit == 0.0 { 0.0 } else { x / unit };
    let (mut scales, mut q) = ([0; 8], [0; 256]);
    for (run, x) in runs.iter().enumerate() {
        scales[run] = ratio(steps[run], d).round().clamp(-32.0, 31.0) as i8;
        for (q, &x) in q[32 * run..].iter_mut().zip(x) {
            *q = nearest(ratio(x, d * f32::from(scales[run])));
        }
    }
    put(dst, &scales, &q);
}

/// Writes the scale of each run, -32..=31, and the levels of all weights.
pub(crate) fn put(block: &mut [u8], scales: &[i8; 8], q: &[u8; 256]) {
    let mut high = 0u16;
    block[4..8].fill(0);
    for (run, &scale) in scales.iter().enumerate() {
        let scale = (scale + 32).cast_unsigned();
        block[4 + run / 2] |= (scale & 0xf) << (run % 2 * 4);
        high |= u16::from(scale >> 4) << (2 * run);
    }
    block[2..4].copy_from_slice(&high.to_le_bytes());
    for (run, q) in q.as_chunks::<32>().0.iter().enumerate() {
        iq4_nl::put(&mut block[8 + 16 * run..], q);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.14); // as `IQ4_NL`, and half of 1/31 for the scale
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 32768.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 136] = [
        0x4c, 0x22, 0x19, 0xbb, 0x8a, 0xe7, 0x15, 0x10, 0x80, 0x75, 0xda, 0x81, 0xf0, 0x04, 0xe6,
        0x44, 0x77, 0x46, 0x17, 0x44, 0xde, 0xcb, 0x09, 0xda, 0x37, 0x5d, 0x3a, 0xc3, 0xdc, 0xde,
        0x8c, 0x44, 0x2d, 0x91, 0x86, 0x8d, 0x37, 0xa7, 0xfb, 0x6b, 0xd2, 0x02, 0x25, 0x9b, 0xf0,
        0x45, 0x03, 0x39, 0x80, 0x56, 0x17, 0x6b, 0x3b, 0x00, 0xed, 0xeb, 0xdf, 0xba, 0xfe, 0x8c,
        0x15, 0x2d, 0x83, 0xcf, 0x5e, 0xb7, 0xa9, 0xc5, 0xcf, 0x48, 0x1b, 0x47, 0xee, 0xed, 0x88,
        0x2c, 0x55, 0x47, 0x3f, 0x00, 0x02, 0x7c, 0x0e, 0x7b, 0xbe, 0xb3, 0x2e, 0xc6, 0xc9, 0x26,
        0x8b, 0xfa, 0x72, 0x3d, 0x95, 0xd0, 0xc7, 0xdc, 0x9b, 0x69, 0xd8, 0xcc, 0xf2, 0x6d, 0xc8,
        0x16, 0xa0, 0x64, 0xe0, 0xd0, 0xe4, 0x8e, 0x6c, 0xcb, 0x3a, 0x47, 0x53, 0x1d, 0xd4, 0xa8,
        0x17, 0x4a, 0x69, 0xfe, 0x42, 0x0c, 0x48, 0x5b, 0xc3, 0xf6, 0x77, 0x67, 0x07, 0x23, 0xa9,
        0xba,
    ];
    const WEIGHTS: [i32; 256] = [
        307086, 84630, -60450, 251472, 307086, 118482, 53196, 118482, 24180, 53196, 24180, 118482,
        -215202, -91884, -31434, -60450, -2418, 24180, -166842, -2418, -273234, 307086, -215202,
        118482, 24180, 118482, 251472, 118482, -166842, -128154, 307086, -166842, -32240, 222456,
        80600, -209560, 170872, 286936, 170872, -157976, 222456, -335296, -70928, 222456, -32240,
        -32240, 122512, 122512, -209560, -112840, -209560, 170872, 222456, 222456, 3224, -157976,
        -267592, 41912, 3224, 3224, -209560, 80600, 364312, -70928, 301041, 301041, 126945,
        -137826, 460629, 126945, 235755, -47151, 460629, 79794, 36270, -137826, -137826, 460629,
        -250263, -137826, -250263, 460629, 301041, -47151, -409851, 177723, 460629, 235755, -3627,
        126945, 377208, 79794, 235755, 460629, -322803, -322803, -819702, -181350, -645606,
        -384462, 253890, -500526, 471510, -819702, -645606, 72540, -94302, 253890, -819702, -7254,
        -275652, 72540, -500526, -275652, -819702, -7254, 754416, 602082, -7254, -384462, 253890,
        -275652, -181350, -384462, -384462, 355446, 754416, 355446, 753207, 583947, 8463, 448539,
        -296205, -84630, 956319, -1074801, -702429, 448539, 753207, 321594, 753207, -550095,
        753207, -186186, 753207, 753207, 8463, -702429, -296205, -414687, -550095, -1074801,
        -1074801, -84630, -1074801, -84630, 321594, 321594, -702429, 448539, 5239, -8866, 15314,
        10075, -33449, 27807, -14105, -51181, -4030, 21359, 15314, 5239, 403, 21359, -33449, 27807,
        21359, -33449, 403, 45539, -4030, -26195, 5239, 27807, 21359, 27807, 5239, -8866, 27807,
        21359, 45539, -8866, 6448, -141856, -818896, -315952, -818896, -818896, -315952, 573872,
        341744, 245024, 161200, -64480, -419120, 444912, -315952, 6448, 341744, -670592, 161200,
        -141856, 573872, 444912, 573872, 6448, -141856, 341744, -419120, -315952, -225680, -670592,
        444912, 161200, -4030, 10075, 5239, 35867, -33449, 21359, 403, 15314, -26195, -8866, -4030,
        -4030, -4030, -26195, 5239, 10075, -41912, -19747, -8866, 45539, -19747, -51181, -19747,
        -14105, 21359, 45539, -4030, -8866, -51181, -33449, 10075, 15314,
    ];
}
