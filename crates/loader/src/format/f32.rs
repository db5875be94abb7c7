//! `F32`: IEEE single precision, little endian.
//!
//! ```text
//! byte   0..4   x    f32 -> weight
//! ```

use super::Layout;

pub(super) static LAYOUT: Layout =
    Layout { name: "F32", block_len: 1, block_bytes: 4, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    for (&bytes, w) in src.as_chunks::<4>().0.iter().zip(dst) {
        *w = f32::from_le_bytes(bytes);
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    for (x, bytes) in src.iter().zip(dst.as_chunks_mut::<4>().0) {
        *bytes = x.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.0);
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &[0x00, 0x00, 0x20, 0xc1], 1.0, &[-10]);
    }
}
