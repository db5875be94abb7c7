//! `BF16`: the upper half of an IEEE single, little endian.
//!
//! ```text
//! byte   0..2   x    bf16 -> weight: sign 1 bit, exponent 8, fraction 7
//! ```

use super::Layout;

pub(super) static LAYOUT: Layout =
    Layout { name: "BF16", block_len: 1, block_bytes: 2, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    for (&bytes, w) in src.as_chunks::<2>().0.iter().zip(dst) {
        *w = f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16);
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    for (&x, bytes) in src.iter().zip(dst.as_chunks_mut::<2>().0) {
        *bytes = half::bf16::from_f32(x).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.002); // 2^-9 for numbers in 0.5..1
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &[0x20, 0xc1], 1.0, &[-10]);
    }
}
