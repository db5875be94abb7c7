//! `Q6_K`: 256 weights in 210 bytes, 6.5625 bits per weight: 16 runs of 16, each with a signed
//! scale of 8 bits.
//!
//! ```text
//! byte   0..128   ql      low 4 bits of q, 64 bytes for a half of 128 weights:
//!                         byte i (0..64) low nibble -> weight i, high nibble -> weight i + 64
//! byte 128..192   qh      high 2 bits of q, 32 bytes for a half:
//!                         bits 2 j, 2 j + 1 of byte i (0..32) -> weight i + 32 j
//! byte 192..208   scales  signed byte -> scale of run 0..16
//! byte 208..210   d       f16 scale of the scales
//!
//! weight = d * scale[run] * (q - 32)
//! ```

use super::{Layout, f16_at, largest, put_f16};

pub(super) static LAYOUT: Layout =
    Layout { name: "Q6_K", block_len: 256, block_bytes: 210, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    let d = f16_at(&src[208..]);
    for half in 0..2 {
        let (ql, qh) = (&src[64 * half..][..64], &src[128 + 32 * half..][..32]);
        let scales = &src[192 + 8 * half..][..8];
        let dst = &mut dst[128 * half..][..128];
        for quarter in 0..4 {
            let ql = &ql[quarter % 2 * 32..][..32];
            for i in 0..32 {
                let low = ql[i] >> (quarter / 2 * 4) & 0xf;
                let q = low | (qh[i] >> (2 * quarter) & 3) << 4;
                let scale = d * f32::from(scales[2 * quarter + i / 16].cast_signed());
                dst[32 * quarter + i] = scale * (f32::from(q) - 32.0);
            }
        }
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    let runs = src.as_chunks::<16>().0;
    let steps: Vec<f32> = runs.iter().map(|run| largest(run) / -32.0).collect();
    put_f16(&mut dst[208..], largest(&steps).abs() / 127.0);
    let d = f16_at(&dst[208..]);
    let ratio = |x: f32, unit: f32| if unit == 0.0 { 0.0 } else { (x / unit).round() };
    let (mut scales, mut q) = ([0; 16], [0; 256]);
    for (run, x) in runs.iter().enumerate() {
        scales[run] = ratio(steps[run], d).clamp(-127.0, 127.0) as i8;
        for (q, &x) in q[16 * run..].iter_mut().zip(x) {
            *q = ratio(x, d * f32::from(scales[run])).clamp(-32.0, 31.0) as i8;
        }
    }
    put(dst, &scales, &q);
}

/// Writes the scale of each run and the numbers -32..=31 of all weights.
pub(crate) fn put(block: &mut [u8], scales: &[i8; 16], q: &[i8; 256]) {
    block[..192].fill(0);
    for (byte, scale) in block[192..208].iter_mut().zip(scales) {
        *byte = scale.cast_unsigned();
    }
    for (i, &q) in q.iter().enumerate() {
        let (half, quarter, i, q) = (i / 128, i / 32 % 4, i % 32, (q + 32).cast_unsigned());
        block[64 * half + quarter % 2 * 32 + i] |= (q & 0xf) << (quarter / 2 * 4);
        block[128 + 32 * half + i] |= q >> 4 << (2 * quarter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        // A step is 1/32, the positive end is cut one step early; the scale moves it by 1/254.
        check_round_trip(&LAYOUT, 0.04);
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 524288.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 210] = [
        0x3e, 0x2e, 0x32, 0x71, 0x61, 0x52, 0x65, 0xe1, 0x30, 0xc9, 0x53, 0x1e, 0x20, 0xdf, 0xcd,
        0x4d, 0xec, 0xa1, 0xa7, 0x44, 0x09, 0x5c, 0x79, 0xc0, 0x7a, 0x8b, 0x91, 0xb8, 0x75, 0x18,
        0xae, 0x47, 0x99, 0x1c, 0x56, 0x00, 0x98, 0x6f, 0xd8, 0xa4, 0x9b, 0xc4, 0x58, 0x80, 0xc3,
        0x25, 0x6e, 0x03, 0x8c, 0xf4, 0x2d, 0x37, 0xf5, 0xdd, 0xaf, 0x3f, 0xaf, 0x56, 0x74, 0x08,
        0xbf, 0x94, 0x23, 0xb7, 0x49, 0x19, 0x8b, 0x9d, 0x77, 0x38, 0xf3, 0xb1, 0xb7, 0x45, 0x09,
        0xcf, 0xb8, 0x40, 0x0f, 0x4e, 0xe0, 0x28, 0x0e, 0xa1, 0x37, 0x63, 0x27, 0x11, 0xe9, 0xcb,
        0x61, 0xd2, 0xe5, 0x57, 0x70, 0xf3, 0x41, 0x7b, 0x61, 0xf4, 0x5f, 0xa0, 0x37, 0x04, 0xfe,
        0x64, 0xc0, 0x1d, 0xb6, 0x73, 0x4d, 0xa3, 0x87, 0x36, 0x12, 0x20, 0x7b, 0xa3, 0x3d, 0x45,
        0x89, 0xe2, 0x2e, 0x5b, 0x26, 0xa5, 0x4c, 0xc0, 0x4a, 0x5c, 0x5b, 0x14, 0xc7, 0x9e, 0x59,
        0x3c, 0x3d, 0x7a, 0x4d, 0x64, 0x09, 0x86, 0x7b, 0x9c, 0xf1, 0xda, 0xf6, 0xb6, 0x82, 0x56,
        0x7e, 0x8b, 0x47, 0xd8, 0x24, 0xcf, 0x5a, 0x48, 0x25, 0x0b, 0x00, 0x9a, 0xed, 0x70, 0x3a,
        0x2d, 0x42, 0x9d, 0x95, 0x29, 0xf3, 0x80, 0x90, 0xc5, 0x9e, 0xf4, 0x66, 0x94, 0x6a, 0xc7,
        0x21, 0x38, 0xae, 0x39, 0x2e, 0x2f, 0x00, 0x3b, 0xea, 0x8f, 0x19, 0xe1, 0xd2, 0xd8, 0x84,
        0xe0, 0x57, 0x4a, 0x0f, 0x0f, 0x7c, 0x52, 0x69, 0x31, 0xc0, 0xff, 0x71, 0x8d, 0x4c, 0x12,
    ];
    const WEIGHTS: [i32; 256] = [
        -259532, 333684, -333684, 574678, -315146, -37076, 203918, 574678, 296608, -166842, 240994,
        333684, 296608, -278070, -537602, 352222, 64480, -16120, -112840, -64480, -145080, -193440,
        -145080, -257920, -419120, 338520, 499720, -386880, -80600, 386880, 32240, -370760,
        -449748, -1399216, -299832, 799552, 399776, -1549132, -399776, -999440, -1349244, -199888,
        -1199328, 799552, -149916, 549692, -699608, -949468, 257920, -51584, 38688, 116064, 348192,
        38688, -399776, -193440, 12896, -77376, 154752, -309504, -193440, -51584, 167648, -90272,
        -1016769, -490854, -455793, -315549, -911586, -385671, -350610, 1051830, 666159, 981708,
        -946647, 35061, -1051830, -666159, 981708, -420732, 894660, -178932, 775372, 596440,
        -954304, -328042, 685906, -596440, -745550, -238576, 268398, -626262, -268398, -924482,
        298220, -835016, -42315, -90675, -66495, -193440, 151125, 36270, -18135, -132990, -139035,
        -24180, -66495, -48360, -120900, 12090, -60450, 0, 145080, 187395, 108810, 18135, 90675,
        -18135, -36270, 18135, -36270, 126945, -151125, 96720, -30225, -42315, -181350, -126945,
        -1149356, 449748, -249860, -949468, 349804, -399776, 149916, -749580, -449748, -549692,
        1249300, -849524, -1199328, -799552, 749580, -899496, 0, -793104, 462644, 561782, -297414,
        -958334, 231322, -495690, 297414, 892242, -1024426, 594828, 165230, 760058, -528736,
        -429598, -1311765, 465465, 719355, -1184820, 634725, 677040, -1057875, 846300, -84630,
        169260, -1354080, -803985, -1100190, -550095, 1227135, -550095, -177723, -197470, 39494,
        -315952, -414687, 59241, 572663, 98735, 493675, 355446, -355446, 217217, 118482, 414687,
        236964, -631904, 722176, 386880, -206336, -644800, -593216, -77376, 438464, 128960, 128960,
        -103168, -412672, 515840, 128960, 722176, 412672, -515840, -5642, 5642, 0, 8866, -1209,
        -8866, -806, -6851, -5642, -4836, 10478, -11687, -5642, 10881, 3627, -6045, -1275092,
        318773, 1001858, -45539, -1229553, -1001858, -592007, 0, 683085, -1184014, 1275092, 45539,
        500929, 1047397, 182156, 1184014, 370760, -139035, 695175, -834210, 1158625, 1019590,
        -139035, 1297660, 1112280, 834210, 1390350, 1251315, -834210, -463450, 1297660, -1297660,
    ];
}
