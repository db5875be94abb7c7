//! `Q4_K`: 256 weights in 144 bytes, 4.5 bits per weight: 8 runs of 32, each with a scale and a
//! minimum of 6 bits.
//!
//! ```text
//! byte   0..2     d       f16 scale of the scales
//! byte   2..4     dmin    f16 scale of the minima
//! byte   4..8     s0..s3  bits 0..6: scale of run 0..4     bits 6..8: bits 4..6 of scale of 4..8
//! byte   8..12    m0..m3  bits 0..6: minimum of run 0..4   bits 6..8: bits 4..6 of minimum of 4..8
//! byte  12..16    x0..x3  bits 0..4: bits 0..4 of scale of run 4..8
//!                         bits 4..8: bits 0..4 of minimum of run 4..8
//! byte  16..144   qs      32 bytes for a pair of runs 2 j, 2 j + 1:
//!                         low nibbles -> run 2 j, high nibbles -> run 2 j + 1
//!
//! weight = d * scale[run] * nibble - dmin * min[run]
//! ```

use super::{Layout, f16_at, put_f16, range};

pub(super) static LAYOUT: Layout =
    Layout { name: "Q4_K", block_len: 256, block_bytes: 144, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let (d, dmin) = (f16_at(src), f16_at(&src[2..]));
    let (scales, mins) = q4_k_scales(&src[4..16]);
    for (pair, qs) in src[16..].as_chunks::<32>().0.iter().enumerate() {
        let (low, high) = dst[64 * pair..64 * (pair + 1)].split_at_mut(32);
        let [d0, d1] = [0, 1].map(|i| d * f32::from(scales[2 * pair + i]));
        let [m0, m1] = [0, 1].map(|i| dmin * f32::from(mins[2 * pair + i]));
        for ((&q, l), h) in qs.iter().zip(low).zip(high) {
            *l = d0 * f32::from(q & 0xf) - m0;
            *h = d1 * f32::from(q >> 4) - m1;
        }
    }
}

/// The scale and the minimum, 0 to 63, of each of 8 runs, from bytes 4..16 of a block.
#[inline]
pub fn q4_k_scales(packed: &[u8]) -> ([u8; 8], [u8; 8]) {
    let (mut scales, mut mins) = ([0; 8], [0; 8]);
    for i in 0..4 {
        let (s, m, x) = (packed[i], packed[4 + i], packed[8 + i]);
        (scales[i], mins[i]) = (s & 0x3f, m & 0x3f);
        (scales[4 + i], mins[4 + i]) = (x & 0xf | s >> 6 << 4, x >> 4 | m >> 6 << 4);
    }
    (scales, mins)
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    let runs = src.as_chunks::<32>().0;
    // A run is stored as steps above a minimum that is never above zero.
    let ends = |run: &[f32; 32]| (range(run).0.min(0.0), range(run).1.max(0.0));
    let largest = |of: fn((f32, f32)) -> f32| runs.iter().map(ends).map(of).fold(0.0, f32::max);
    put_f16(dst, largest(|(low, high)| (high - low) / 15.0) / 63.0);
    put_f16(&mut dst[2..], largest(|(low, _)| -low) / 63.0);
    let (d, dmin) = (f16_at(dst), f16_at(&dst[2..]));
    let ratio = |x: f32, unit: f32| if unit == 0.0 { 0.0 } else { (x / unit).round() };
    let (mut scales, mut mins, mut q) = ([0; 8], [0; 8], [0; 256]);
    for (run, x) in runs.iter().enumerate() {
        let (low, high) = ends(x);
        scales[run] = ratio((high - low) / 15.0, d).min(63.0) as u8;
        mins[run] = ratio(-low, dmin).min(63.0) as u8;
        let (step, depth) = (d * f32::from(scales[run]), dmin * f32::from(mins[run]));
        for (q, x) in q[32 * run..].iter_mut().zip(x) {
            *q = ratio(x + depth, step).clamp(0.0, 15.0) as u8;
        }
    }
    put(dst, (&scales, &mins), &q);
}

/// Writes scale and minimum, 0..=63, of each run and the numbers 0..=15 of all weights.
pub(crate) fn put(block: &mut [u8], (scales, mins): (&[u8; 8], &[u8; 8]), q: &[u8; 256]) {
    put_scales_and_mins(&mut block[4..16], scales, mins);
    for (pair, q) in q.as_chunks::<64>().0.iter().enumerate() {
        for i in 0..32 {
            block[16 + 32 * pair + i] = q[i] | q[i + 32] << 4;
        }
    }
}

pub(super) fn put_scales_and_mins(packed: &mut [u8], scales: &[u8; 8], mins: &[u8; 8]) {
    for i in 0..4 {
        packed[i] = scales[i] | scales[4 + i] >> 4 << 6;
        packed[4 + i] = mins[i] | mins[4 + i] >> 4 << 6;
        packed[8 + i] = scales[4 + i] & 0xf | mins[4 + i] << 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        // Half a step of 2/15, and half of 1/63 for the scale at 15 steps and for the minimum.
        check_round_trip(&LAYOUT, 0.10);
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 131072.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 144] = [
        0x4c, 0x22, 0xa9, 0x20, 0x0c, 0xd4, 0x88, 0x0c, 0x2c, 0xac, 0x6a, 0xbf, 0x2c, 0xf8, 0x58,
        0x5e, 0x9e, 0x99, 0x0e, 0x7e, 0xa7, 0x3c, 0x22, 0x9c, 0x3e, 0xa8, 0x5e, 0x2f, 0xd7, 0xdc,
        0x81, 0xf8, 0xac, 0xe5, 0x8a, 0x28, 0xe2, 0xca, 0x0c, 0x59, 0x24, 0xfd, 0x3a, 0x63, 0x8e,
        0x25, 0xa3, 0x87, 0xf4, 0x3e, 0xca, 0x7e, 0xdb, 0x4c, 0x19, 0x6d, 0xc1, 0x35, 0xd8, 0xbe,
        0x74, 0x76, 0x23, 0x68, 0xa3, 0xc8, 0x17, 0x28, 0xeb, 0xe0, 0x99, 0xa9, 0x03, 0xf0, 0x81,
        0xad, 0xca, 0x8a, 0x0b, 0xa6, 0x5a, 0x00, 0xcd, 0x5f, 0x6f, 0x81, 0xa2, 0x98, 0xb2, 0x70,
        0x3c, 0xbb, 0xbf, 0xbf, 0x54, 0x0e, 0xff, 0x4e, 0xb0, 0x02, 0x9e, 0x97, 0x64, 0x8c, 0x43,
        0x28, 0x1a, 0xa0, 0x44, 0xae, 0x39, 0x3c, 0x88, 0x97, 0x36, 0xa5, 0x55, 0x8b, 0x7a, 0xb0,
        0xa4, 0x4e, 0x8e, 0x4e, 0xd6, 0xb3, 0x86, 0xad, 0xd1, 0xc5, 0xdd, 0x9e, 0xe7, 0x53, 0x35,
        0x15, 0x11, 0x69, 0xb4, 0x04, 0x54, 0x80, 0xe9, 0xce,
    ];
    const WEIGHTS: [i32; 256] = [
        218324, 121604, 218324, 218324, 82916, 179636, -13804, 179636, 218324, 102260, 218324,
        237668, 82916, 179636, -33148, 102260, 179636, 44228, 140948, 102260, -13804, 140948,
        179636, 121604, 24884, 198980, 140948, 5540, 218324, 44228, 5540, 82916, 237668, 237668,
        -52492, 173188, 269908, 44228, 11988, 237668, 44228, 269908, 108708, 11988, 366628, 366628,
        205428, 431108, 269908, 398868, 205428, 11988, 398868, 334388, -52492, 108708, 11988,
        431108, 44228, 140948, 205428, 11988, 269908, 205428, 1478, 130438, 78854, 130438, 91750,
        104646, 65958, 117542, -37210, 14374, 53062, 130438, 1478, 27270, -11418, 53062, -11418,
        53062, 40166, 53062, 91750, -50106, 65958, 65958, -11418, -50106, -37210, 117542, 78854,
        78854, 91750, 27270, 215001, -17127, 156969, 60249, 176313, 2217, -55815, 40905, 156969,
        -17127, 176313, 137625, 60249, 60249, -36471, 40905, 118281, 156969, -55815, -36471,
        195657, 195657, 98937, 118281, -75159, 215001, 79593, 118281, 156969, 79593, -75159,
        118281, 191054, -2386, 249086, 287774, 287774, 16958, 36302, 152366, 36302, -2386, 229742,
        210398, 287774, 287774, 74990, 268430, 287774, 268430, -2386, 36302, 268430, 133022, 74990,
        229742, 55646, 152366, 191054, -2386, 74990, 268430, 171710, 229742, 395289, -56071,
        1027193, 395289, 485561, 666105, 846649, 756377, 936921, 575833, 214745, 936921, 936921,
        936921, 395289, -56071, 1298009, 305017, 936921, -56071, 756377, 756377, 485561, 666105,
        305017, 124473, 34201, 846649, 305017, 846649, 214745, 214745, 490787, 426307, 361827,
        297347, 297347, 684227, 619747, -25053, 232867, 877667, 877667, 877667, 361827, 168387,
        361827, 813187, 39427, 297347, 813187, 877667, 426307, 168387, 297347, 297347, 39427,
        555267, 232867, 232867, 232867, -25053, 555267, 877667, 136403, 158971, 23563, 181539,
        68699, 136403, 113835, 204107, 181539, 46131, 136403, 46131, 249243, 204107, 136403,
        181539, 249243, 226675, 249243, 158971, 271811, 68699, 23563, -21573, -21573, 91267,
        204107, -44141, 68699, 136403, 271811, 226675,
    ];
}
