//! `NVFP4`: 64 weights in 36 bytes, 4.5 bits per weight: floats of 4 bits in 4 runs of 16, each
//! with a scale of 8 bits.
//!
//! ```text
//! byte   0..4   d    scale of run 0..4: exponent of 4 bits (biased by 7), fraction of 3 bits
//! byte   4..36  qs   8 bytes a run: byte i low nibble  -> code of weight i of the run
//!                                   high nibble        -> code of weight i + 8
//!
//! weight = d[run] * E2M1 number of the code: 0, 0.5, 1, 1.5, 2, 3, 4, 6, or minus that
//! ```
//!
//! The upper bit of a scale means nothing; 0x7f, a NaN elsewhere, is 0 here, as in ggml. A scale of
//! the whole tensor, or of each expert, is a tensor of its own (`….scale`) where there is one: whoever
//! multiplies with the weights reads it.

use super::{Layout, e2m1, largest};

pub(super) static LAYOUT: Layout =
    Layout { name: "NVFP4", block_len: 64, block_bytes: 36, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    for (run, dst) in dst.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let d = half_scale(src[run]);
        let (low, high) = dst.split_at_mut(8);
        for ((&q, l), h) in src[4 + 8 * run..].iter().zip(low).zip(high) {
            *l = d * e2m1::DOUBLED[usize::from(q & 0xf)];
            *h = d * e2m1::DOUBLED[usize::from(q >> 4)];
        }
    }
}

/// Half the scale, because codes are decoded to twice their numbers.
#[inline]
fn half_scale(bits: u8) -> f32 {
    /// 2^-10: half the smallest step.
    const STEP: f32 = 1.0 / 1024.0;
    let (exponent, fraction) = (u32::from(bits >> 3 & 0xf), f32::from(bits & 7));
    match (exponent, bits) {
        (_, 0x7f) => 0.0,
        (0, _) => fraction * STEP,
        _ => (8.0 + fraction) * (1 << (exponent - 1)) as f32 * STEP,
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    for (run, x) in src.as_chunks::<16>().0.iter().enumerate() {
        dst[run] = nearest_scale(largest(x).abs() / 6.0);
        let d = half_scale(dst[run]);
        let code = |x: f32| if d == 0.0 { 0 } else { e2m1::nearest(x / d) };
        for i in 0..8 {
            dst[4 + 8 * run + i] = code(x[i]) | code(x[i + 8]) << 4;
        }
    }
}

/// The scale nearest to `x`, which is not negative; the largest is 448.
fn nearest_scale(x: f32) -> u8 {
    let off = |bits: u8| (2.0 * half_scale(bits) - x).abs();
    (0..=0x7e).min_by(|&a, &b| off(a).total_cmp(&off(b))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        // Half the step from 4 to 6; a scale of a small block is off by up to half of 2^-9.
        check_round_trip(&LAYOUT, 0.25);
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &BLOCK, UNIT, &WEIGHTS);
    }

    const UNIT: f32 = 1.0 / 1024.0; // exact
    // Pseudo-random bits under sane scales, decoded by version 0.19 of the `gguf` package.
    const BLOCK: [u8; 36] = [
        0x2b, 0x33, 0x05, 0x3e, 0x9b, 0x30, 0x76, 0x55, 0x3a, 0xdc, 0x9f, 0xe9, 0x6c, 0x2d, 0xda,
        0x26, 0x05, 0xcc, 0xbf, 0x9a, 0x96, 0x39, 0x98, 0x2f, 0x67, 0xed, 0x1c, 0xbe, 0x7b, 0x08,
        0x09, 0x84, 0xcd, 0x6d, 0xef, 0xb2,
    ];
    const WEIGHTS: [i32; 64] = [
        -528, 0, 1408, 1056, -352, -704, -2112, -176, -176, 528, 2112, 1056, 528, -1056, -176,
        -1408, -1408, -2112, -704, 2816, 2112, -1408, -4224, -704, 2816, 704, -2112, 704, 0, -1408,
        -1056, -352, 40, -5, 0, -60, 60, -30, -20, -40, -5, 15, -5, 10, 40, -40, 5, -15, -2688, 0,
        -896, 3584, -5376, -5376, -10752, 1792, 10752, 0, 0, 0, -3584, 7168, -7168, -2688,
    ];
}
