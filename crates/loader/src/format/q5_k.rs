//! `Q5_K`: 256 weights in 176 bytes, 5.5 bits per weight: 8 runs of 32, each with a scale and a
//! minimum of 6 bits.
//!
//! ```text
//! byte   0..2     d       f16 scale of the scales
//! byte   2..4     dmin    f16 scale of the minima
//! byte   4..16            scales and minima as in `Q4_K`
//! byte  16..48    qh      bit j of byte i (0..32) -> bit 4 of q[i + 32 j]
//! byte  48..176   qs      32 bytes for a pair of runs 2 j, 2 j + 1:
//!                         low nibbles -> bits 0..4 of q in run 2 j, high nibbles -> in 2 j + 1
//!
//! weight = d * scale[run] * q - dmin * min[run]
//! ```

use super::{
    Layout, f16_at, put_f16,
    q4_k::{put_scales_and_mins, q4_k_scales},
    range,
};

pub(super) static LAYOUT: Layout =
    Layout { name: "Q5_K", block_len: 256, block_bytes: 176, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let (d, dmin) = (f16_at(src), f16_at(&src[2..]));
    let (scales, mins) = q4_k_scales(&src[4..16]);
    let (high, low) = (&src[16..48], &src[48..176]);
    for (run, dst) in dst.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, min) = (d * f32::from(scales[run]), dmin * f32::from(mins[run]));
        let low = &low[run / 2 * 32..][..32];
        for ((w, low), high) in dst.iter_mut().zip(low).zip(high) {
            let q = low >> (run % 2 * 4) & 0xf | (high >> run & 1) << 4;
            *w = scale * f32::from(q) - min;
        }
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    let runs = src.as_chunks::<32>().0;
    // A run is stored as steps above a minimum that is never above zero.
    let ends = |run: &[f32; 32]| (range(run).0.min(0.0), range(run).1.max(0.0));
    let largest = |of: fn((f32, f32)) -> f32| runs.iter().map(ends).map(of).fold(0.0, f32::max);
    put_f16(dst, largest(|(low, high)| (high - low) / 31.0) / 63.0);
    put_f16(&mut dst[2..], largest(|(low, _)| -low) / 63.0);
    let (d, dmin) = (f16_at(dst), f16_at(&dst[2..]));
    let ratio = |x: f32, unit: f32| if unit == 0.0 { 0.0 } else { (x / unit).round() };
    let (mut scales, mut mins, mut q) = ([0; 8], [0; 8], [0; 256]);
    for (run, x) in runs.iter().enumerate() {
        let (low, high) = ends(x);
        scales[run] = ratio((high - low) / 31.0, d).min(63.0) as u8;
        mins[run] = ratio(-low, dmin).min(63.0) as u8;
        let (step, depth) = (d * f32::from(scales[run]), dmin * f32::from(mins[run]));
        for (q, x) in q[32 * run..].iter_mut().zip(x) {
            *q = ratio(x + depth, step).clamp(0.0, 31.0) as u8;
        }
    }
    put(dst, (&scales, &mins), &q);
}

/// Writes scale and minimum, 0..=63, of each run and the numbers 0..=31 of all weights.
pub(crate) fn put(block: &mut [u8], (scales, mins): (&[u8; 8], &[u8; 8]), q: &[u8; 256]) {
    put_scales_and_mins(&mut block[4..16], scales, mins);
    block[16..].fill(0);
    for (i, q) in q.iter().enumerate() {
        let run = i / 32;
        block[16 + i % 32] |= q >> 4 << run;
        block[48 + run / 2 * 32 + i % 32] |= (q & 0xf) << (run % 2 * 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        // Half a step of 2/31, and half of 1/63 for the scale at 31 steps and for the minimum.
        check_round_trip(&LAYOUT, 0.06);
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 131072.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 176] = [
        0x4c, 0x22, 0xa9, 0x20, 0x6e, 0x54, 0x53, 0x6a, 0xf3, 0xdc, 0xa6, 0xf0, 0x78, 0xba, 0x05,
        0x33, 0x00, 0x00, 0x28, 0x78, 0x92, 0x81, 0x6d, 0x97, 0x7b, 0x7a, 0x95, 0xbe, 0xba, 0x8b,
        0xbc, 0x01, 0x25, 0xdb, 0x12, 0x3c, 0x1f, 0x8b, 0x54, 0xd2, 0x8f, 0x00, 0x4d, 0xec, 0xda,
        0x37, 0xb7, 0x42, 0x89, 0x5c, 0xe9, 0x11, 0x52, 0xbb, 0xba, 0x38, 0x6a, 0x29, 0xc4, 0x95,
        0x25, 0x10, 0x62, 0x69, 0x22, 0xd6, 0xfa, 0xe7, 0x90, 0xe1, 0xca, 0xe6, 0x4f, 0x8e, 0x4e,
        0xaf, 0xf9, 0x1f, 0x6d, 0x21, 0xee, 0x6c, 0xe1, 0x29, 0xb1, 0x0b, 0xbe, 0x22, 0x10, 0x0c,
        0x15, 0x0c, 0xe6, 0x32, 0xd7, 0x6c, 0x58, 0xd4, 0x3f, 0x96, 0xe9, 0x12, 0x4b, 0x53, 0x5e,
        0x6d, 0xb1, 0xa4, 0x97, 0xb5, 0x93, 0xdd, 0xb3, 0x1a, 0xcf, 0xb1, 0x12, 0x5a, 0x0e, 0x91,
        0xf4, 0x95, 0x84, 0x10, 0xe0, 0x4d, 0xe4, 0x22, 0x84, 0x0e, 0xdd, 0x48, 0x45, 0x85, 0x5d,
        0x2a, 0x72, 0x8d, 0x24, 0x01, 0x4d, 0x84, 0x18, 0x3a, 0x32, 0x95, 0x0c, 0x7b, 0x5b, 0xda,
        0x13, 0x6b, 0x1e, 0x64, 0xc2, 0xd2, 0x28, 0xe3, 0xab, 0x0b, 0x11, 0x20, 0xe7, 0x27, 0x35,
        0x54, 0x06, 0x0c, 0xc6, 0xf2, 0x51, 0xe6, 0x09, 0xf5, 0xb8, 0xb0,
    ];
    const WEIGHTS: [i32; 256] = [
        606525, 828981, 606525, 13309, 87461, 1941261, 1867109, 1718805, 1867109, 606525, 1422197,
        309917, 309917, 1125589, 87461, 1792957, 1273893, 1570501, 680677, 458221, 1125589,
        1199741, 680677, 384069, 2237869, 977285, 2163717, 1051437, 606525, 2237869, 2089565,
        13309, 224516, 127796, 417956, -1164, 643636, 321236, 321236, 579156, 675876, 546916,
        353476, 772596, 546916, 514676, 160036, 160036, 31076, 901556, 966036, 417956, 772596,
        933796, 353476, 933796, 611396, 224516, 95556, 288996, 966036, 514676, 675876, 546916,
        383458, 322202, -14706, 230318, -14706, 291574, 873506, 505970, -45334, 322202, 597854,
        812250, 138434, 15922, 659110, 322202, 689738, 77178, 414086, 628482, 720366, 15922,
        781622, 46550, 873506, 352830, 475342, 567226, 169062, 597854, 536598, 352830, 890592,
        348960, 1973856, 1161408, 687480, -57264, 1770744, 78144, 1093704, 1026000, 10440, 1026000,
        1973856, 1229112, 1906152, 348960, 281256, 1906152, 145848, 1635336, 1973856, 1093704,
        213552, 281256, 1364520, 348960, 1770744, 1703040, 1635336, 687480, 552072, 822888, 50449,
        321265, 514705, 592081, 630769, 321265, 476017, 592081, 708145, 746833, 708145, 553393,
        553393, 437329, 708145, 11761, 89137, 1095025, 1056337, 862897, 746833, 127825, 1056337,
        940273, 11761, 437329, 89137, -26927, 1056337, 708145, 862897, 321265, 390645, -28475,
        1103149, 1061237, -28475, 139173, 600205, 306821, 1228885, 977413, 264909, 642117, 1186973,
        97261, 1186973, 13437, 935501, -70387, 474469, 767853, 97261, 264909, 139173, 13437,
        222997, 264909, 13437, 600205, 97261, 935501, 642117, 55349, 29528, 131084, 368048, 875828,
        334196, 300344, 605012, 334196, 977384, 638864, 29528, 29528, 232640, 63380, 334196,
        334196, -4324, 503456, 198788, 198788, 131084, 97232, 706568, 909680, 164936, 29528,
        537308, 706568, 808124, 131084, 232640, 503456, 31041, 214809, -60843, 153553, 582345,
        827369, -30215, 612973, -30215, 122925, 796741, 827369, 490461, 857997, 735485, -60843,
        -30215, 490461, 367949, 413, 31041, 582345, -60843, 429205, 796741, 398577, 92297, 857997,
        429205, 398577, 766113, 276065,
    ];
}
