//! `Q3_K`: 256 weights in 110 bytes, 3.4375 bits per weight: 16 runs of 16, each with a scale of 6
//! bits.
//!
//! ```text
//! byte   0..32   hmask  bit j of byte i (0..32)  -> bit 2 of q[i + 32 j]
//! byte  32..96   qs     32 bytes for a half of 128 weights:
//!                       bits 2 j, 2 j + 1 of byte i (0..32) -> bits 0..2 of q[i + 32 j]
//! byte  96..104         low nibble of byte i:    bits 0..4 of scale i
//!                       high nibble:             bits 0..4 of scale i + 8
//! byte 104..108         bits 2 j, 2 j + 1 of byte i: bits 4..6 of scale i + 4 j
//! byte 108..110  d      f16 scale of the scales
//!
//! weight = d * (scale[run] - 32) * (q - 4)
//! ```

use super::{Layout, f16_at, largest, put_f16};

pub(super) static LAYOUT: Layout =
    Layout { name: "Q3_K", block_len: 256, block_bytes: 110, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(&src[108..]);
    let (high, low) = (&src[..32], &src[32..96]);
    for (run, dst) in dst.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let scale = d * (f32::from(scale(src, run)) - 32.0);
        let (first, eighth) = (run % 2 * 16, run / 2);
        let low = &low[eighth / 4 * 32 + first..][..16];
        for ((w, low), high) in dst.iter_mut().zip(low).zip(&high[first..]) {
            let q = low >> (eighth % 4 * 2) & 3 | (high >> eighth & 1) << 2;
            *w = scale * (f32::from(q) - 4.0);
        }
    }
}

/// The scale of a run, 0..=63.
fn scale(block: &[u8], run: usize) -> u8 {
    let low = block[96 + run % 8] >> (run / 8 * 4) & 0xf;
    low | (block[104 + run % 4] >> (run / 4 * 2) & 3) << 4
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    let runs = src.as_chunks::<16>().0;
    let steps: Vec<f32> = runs.iter().map(|run| largest(run) / -4.0).collect();
    put_f16(&mut dst[108..], largest(&steps).abs() / 31.0);
    let d = f16_at(&dst[108..]);
    let ratio = |x: f32, unit: f32| if unit == 0.0 { 0.0 } else { (x / unit).round() };
    let (mut scales, mut q) = ([0; 16], [0; 256]);
    for (run, x) in runs.iter().enumerate() {
        scales[run] = ratio(steps[run], d).clamp(-32.0, 31.0) as i8;
        for (q, &x) in q[16 * run..].iter_mut().zip(x) {
            *q = ratio(x, d * f32::from(scales[run])).clamp(-4.0, 3.0) as i8;
        }
    }
    put(dst, &scales, &q);
}

/// Writes the scale of each run, -32..=31, and the numbers -4..=3 of all weights.
pub(crate) fn put(block: &mut [u8], scales: &[i8; 16], q: &[i8; 256]) {
    block[..108].fill(0);
    for (run, &scale) in scales.iter().enumerate() {
        let scale = (scale + 32).cast_unsigned();
        block[96 + run % 8] |= (scale & 0xf) << (run / 8 * 4);
        block[104 + run % 4] |= scale >> 4 << (run / 4 * 2);
    }
    for (i, &q) in q.iter().enumerate() {
        let (q, eighth) = ((q + 4).cast_unsigned(), i / 32);
        block[i % 32] |= q >> 2 << eighth;
        block[32 + i / 128 * 32 + i % 32] |= (q & 3) << (eighth % 4 * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        // A step is 1/4, the positive end is cut one step early; the scale moves it by 1/62.
        check_round_trip(&LAYOUT, 0.28);
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 32768.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 110] = [
        0x14, 0x7e, 0x74, 0xef, 0x0d, 0x00, 0x26, 0x79, 0xf9, 0x5d, 0x22, 0x6f, 0xf0, 0xd5, 0x9a,
        0xbc, 0xb8, 0xf8, 0xb4, 0xc8, 0x99, 0xf4, 0xab, 0xc6, 0x35, 0xb1, 0x14, 0xf2, 0x8c, 0xa7,
        0x55, 0xf2, 0x07, 0xfd, 0xfc, 0xd0, 0xf8, 0x38, 0x40, 0xc9, 0x06, 0x90, 0x59, 0x0e, 0xfb,
        0x43, 0xf8, 0xfd, 0x8e, 0xe8, 0xf6, 0xcc, 0xf6, 0x84, 0x5d, 0x47, 0x05, 0x23, 0x94, 0x12,
        0xe2, 0xfc, 0xa4, 0x8d, 0x29, 0xa7, 0x37, 0x20, 0xbc, 0xd1, 0xd8, 0x1c, 0x33, 0x2b, 0x10,
        0x02, 0x16, 0x76, 0x6b, 0x0a, 0xbb, 0x08, 0x0b, 0x97, 0x93, 0x92, 0x9f, 0xa6, 0xf6, 0xdb,
        0x1d, 0x08, 0x33, 0xb7, 0xa1, 0x3f, 0xf7, 0xf4, 0xd2, 0xfe, 0xf4, 0xb0, 0x4c, 0x9e, 0x0d,
        0x77, 0x4f, 0x4b, 0x4c, 0x22,
    ];
    const WEIGHTS: [i32; 256] = [
        3627, 10881, 14508, 0, 0, 14508, 14508, -3627, -7254, 0, 10881, -7254, 3627, -10881, 14508,
        10881, -16120, -32240, -16120, -32240, 16120, -32240, 8060, -8060, 8060, 24180, -32240,
        -16120, -16120, 0, 0, -24180, -21762, 21762, -7254, 0, -14508, -14508, 0, -14508, -21762,
        -29016, 14508, 21762, -14508, -29016, 14508, -7254, -12090, -24180, -36270, -12090, -36270,
        -36270, 36270, 12090, -36270, -48360, -36270, 0, -48360, 36270, -36270, 36270, 0, 24180,
        24180, 8060, 24180, -8060, 0, -32240, -32240, 8060, -24180, 0, -8060, 0, -8060, 24180,
        25792, 12896, -19344, 25792, 6448, 0, 19344, 0, 0, 12896, -6448, 19344, -12896, -19344,
        -12896, 25792, -45136, 33852, -11284, 33852, 33852, -45136, -33852, 33852, 0, 22568,
        -33852, 0, -11284, -33852, 33852, 33852, 11284, 16926, -5642, 16926, 16926, -11284, 5642,
        -16926, -22568, -22568, -11284, -22568, 16926, -5642, -11284, -11284, -6851, -20553,
        -20553, 27404, 27404, 20553, 27404, 0, -20553, -20553, 27404, 13702, -13702, -13702,
        -20553, -13702, 37479, 0, 37479, -12493, 37479, 24986, -12493, -24986, 24986, 37479, 12493,
        0, -12493, -12493, 12493, 37479, 15314, -7657, -7657, 0, 7657, 30628, -15314, -22971, 0,
        15314, 0, 0, -7657, 22971, 15314, -15314, -13702, -13702, -13702, 20553, 27404, 0, -20553,
        20553, -6851, -13702, 6851, -13702, 27404, -6851, 27404, -20553, 13702, -13702, -20553,
        -13702, 6851, 20553, 20553, -6851, -20553, -13702, 20553, 0, -6851, -20553, 13702, 27404,
        2015, 0, 8060, -2015, 6045, -2015, 6045, -4030, 2015, 6045, 6045, 0, 2015, 2015, -4030,
        -6045, 19344, 9672, 19344, 0, 9672, 4836, 4836, 19344, 0, 19344, 19344, 19344, 0, -4836,
        -4836, 0, -5642, 0, 0, -5642, -5642, -5642, -5642, -5642, 2821, -8463, 11284, 0, 0, -5642,
        5642, 0,
    ];
}
