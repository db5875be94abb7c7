//! `Q2_K`: 256 weights in 84 bytes, 2.625 bits per weight: 16 runs of 16, each with a scale and a
//! minimum of 4 bits.
//!
//! ```text
//! byte   0..16  scales  low nibble: scale of run 0..16, high nibble: its minimum
//! byte  16..80  qs      32 bytes for a half of 128 weights:
//!                       bits 2 j, 2 j + 1 of byte i (0..32) -> weight i + 32 j
//! byte  80..82  d       f16 scale of the scales
//! byte  82..84  dmin    f16 scale of the minima
//!
//! weight = d * scale[run] * q - dmin * min[run]
//! ```

use super::{Layout, f16_at, put_f16, range};

pub(super) static LAYOUT: Layout =
    Layout { name: "Q2_K", block_len: 256, block_bytes: 84, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let (d, dmin) = (f16_at(&src[80..]), f16_at(&src[82..]));
    for (run, dst) in dst.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (half, shift) = (run / 8, run % 8 / 2 * 2);
        let scale = d * f32::from(src[run] & 0xf);
        let min = dmin * f32::from(src[run] >> 4);
        for (w, q) in dst.iter_mut().zip(&src[16 + 32 * half + run % 2 * 16..]) {
            *w = scale * f32::from(q >> shift & 3) - min;
        }
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    let runs = src.as_chunks::<16>().0;
    // A run is stored as steps above a minimum that is never above zero.
    let ends = |run: &[f32; 16]| (range(run).0.min(0.0), range(run).1.max(0.0));
    let largest = |of: fn((f32, f32)) -> f32| runs.iter().map(ends).map(of).fold(0.0, f32::max);
    put_f16(&mut dst[80..], largest(|(low, high)| (high - low) / 3.0) / 15.0);
    put_f16(&mut dst[82..], largest(|(low, _)| -low) / 15.0);
    let (d, dmin) = (f16_at(&dst[80..]), f16_at(&dst[82..]));
    let ratio = |x: f32, unit: f32| if unit == 0.0 { 0.0 } else { (x / unit).round() };
    let (mut scales, mut q) = ([[0; 2]; 16], [0; 256]);
    for (run, x) in runs.iter().enumerate() {
        let (low, high) = ends(x);
        scales[run] =
            [ratio((high - low) / 3.0, d), ratio(-low, dmin)].map(|it| it.min(15.0) as u8);
        let (step, depth) = (d * f32::from(scales[run][0]), dmin * f32::from(scales[run][1]));
        for (q, x) in q[16 * run..].iter_mut().zip(x) {
            *q = ratio(x + depth, step).clamp(0.0, 3.0) as u8;
        }
    }
    put(dst, &scales, &q);
}

/// Writes scale and minimum, 0..=15, of each run and the numbers 0..=3 of all weights.
pub(crate) fn put(block: &mut [u8], scales: &[[u8; 2]; 16], q: &[u8; 256]) {
    for (byte, [scale, min]) in block.iter_mut().zip(scales) {
        *byte = scale | min << 4;
    }
    for (half, q) in q.as_chunks::<128>().0.iter().enumerate() {
        for i in 0..32 {
            let four = [0, 1, 2, 3].map(|j| q[i + 32 * j] << (2 * j));
            block[16 + 32 * half + i] = four.into_iter().fold(0, |all, it| all | it);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        // Half a step of 2/3, and half of 1/15 for the scale at 3 steps and for the minimum.
        check_round_trip(&LAYOUT, 0.45);
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 131072.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 84] = [
        0x3d, 0xf3, 0x8c, 0xba, 0x64, 0x53, 0x36, 0x5e, 0xf1, 0x48, 0xe7, 0xed, 0xd7, 0x85, 0x0f,
        0xdc, 0x5b, 0x3e, 0x20, 0xd4, 0xfb, 0x24, 0xa5, 0xc3, 0xa8, 0xfa, 0xef, 0x5e, 0xc9, 0x01,
        0x8c, 0x3d, 0xba, 0x95, 0xbf, 0xde, 0x61, 0xe6, 0xfa, 0x76, 0x59, 0xa2, 0x21, 0xb8, 0x88,
        0x67, 0x38, 0x16, 0x80, 0xe9, 0x84, 0xff, 0x95, 0x64, 0x66, 0x8c, 0x09, 0x45, 0x9b, 0xd1,
        0xbe, 0xd4, 0x27, 0xfd, 0x17, 0x5e, 0x0e, 0x1e, 0x4a, 0x34, 0x38, 0xf3, 0x97, 0xcf, 0x6e,
        0x82, 0xc0, 0x47, 0xea, 0x06, 0x4c, 0x22, 0xa9, 0x20,
    ];
    const WEIGHTS: [i32; 256] = [
        59289, 38333, -3579, -3579, 59289, -3579, 17377, 59289, -3579, 38333, 59289, 38333, 17377,
        17377, -3579, 17377, -8223, -13059, -3387, -8223, -13059, -8223, -8223, -8223, -13059,
        -8223, -13059, -17895, -17895, -3387, -17895, -8223, 29144, 48488, -9544, 9800, 29144,
        9800, 9800, -9544, 29144, 29144, 48488, 48488, 29144, -9544, 48488, 48488, 19117, 2997,
        35237, 35237, -13123, 2997, 19117, 2997, 19117, -13123, -13123, 19117, 19117, 2997, 19117,
        2997, -710, 12186, 5738, -710, 12186, 5738, 5738, -7158, 5738, 12186, 5738, -710, -7158,
        -7158, -7158, 12186, 8543, -1129, 8543, -1129, 3707, 3707, 8543, 8543, -1129, 3707, 3707,
        8543, -5965, 3707, 8543, -1129, 6093, -3579, -3579, 25437, 25437, -3579, 15765, 25437,
        15765, 25437, 25437, 6093, 25437, -3579, 15765, -3579, 39171, 39171, 39171, 61739, 16603,
        61739, 61739, 16603, 16603, 39171, -5965, 39171, 39171, 16603, -5965, -5965, -17895,
        -16283, -17895, -13059, -16283, -17895, -14671, -17895, -16283, -16283, -13059, -16283,
        -14671, -17895, -13059, -16283, 33916, 21020, 21020, 21020, 21020, -4772, -4772, 33916,
        33916, 33916, 21020, 21020, -4772, 33916, 21020, 21020, -16702, 5866, -5418, 17150, -5418,
        -5418, -5418, 17150, 5866, -5418, 5866, -16702, 17150, -5418, -5418, 17150, 4254, 46166,
        46166, 46166, 25210, 4254, 25210, -16702, 4254, 46166, 46166, -16702, -16702, 4254, 25210,
        4254, -15509, 7059, -15509, 18343, -4225, 7059, 7059, -15509, -15509, -15509, -4225, -4225,
        18343, -4225, 7059, 18343, -1484, -1484, -9544, -1484, -9544, 14636, 14636, 14636, -1484,
        -9544, 6576, -9544, -9544, -9544, 6576, -9544, 48360, 72540, 48360, 72540, 48360, 24180,
        24180, 48360, 0, 24180, 48360, 72540, 48360, 72540, 0, 72540, -15509, 3835, -15509, -15509,
        3835, -15509, -15509, 42523, 23179, 42523, 3835, 23179, 42523, 3835, 42523, -15509,
    ];
}
