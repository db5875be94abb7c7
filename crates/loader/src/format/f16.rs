//! `F16`: IEEE half precision, little endian; also the scales of the other formats.
//!
//! ```text
//! byte   0..2   x    f16 -> weight: sign 1 bit, exponent 5, fraction 10
//! ```

use super::Layout;

pub(super) static LAYOUT: Layout =
    Layout { name: "F16", block_len: 1, block_bytes: 2, decode_block, encode_block };

fn decode_block(src: &[u8], dst: &mut [f32]) {
    for (&bytes, w) in src.as_chunks::<2>().0.iter().zip(dst) {
        *w = f16_to_f32(u16::from_le_bytes(bytes));
    }
}

fn encode_block(src: &[f32], dst: &mut [u8]) {
    for (&x, bytes) in src.iter().zip(dst.as_chunks_mut::<2>().0) {
        put_f16(bytes, x);
    }
}

/// Encodes an IEEE half at `dst[0..2]`, rounding to nearest, ties to even.
pub(crate) fn put_f16(dst: &mut [u8], x: f32) {
    dst[..2].copy_from_slice(&half::f16::from_f32_const(x).to_le_bytes());
}

/// Decodes an IEEE half stored little endian at `src[0..2]`.
#[inline]
pub fn f16_at(src: &[u8]) -> f32 {
    f16_to_f32(u16::from_le_bytes([src[0], src[1]]))
}

/// The number whose IEEE half has these bits.
///
/// Without branches, so that loops over it vectorise; `half` asks for F16C at every call.
#[inline]
pub fn f16_to_f32(half: u16) -> f32 {
    /// 2^112: the distance between the exponents' biases, 127 and 15.
    const REBIAS: f32 = f32::from_bits((127 + 112) << 23);
    let bits = u32::from(half);
    let magnitude = f32::from_bits((bits & 0x7fff) << 13) * REBIAS;
    // The exponent of infinities and NaNs has become 2^16, which no finite half reaches.
    let special = if magnitude >= 65536.0 { 0x7f80_0000 } else { 0 };
    f32::from_bits(magnitude.to_bits() | special | bits >> 15 << 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{check_known, check_round_trip};

    #[test]
    fn round_trip() {
        check_round_trip(&LAYOUT, 0.0003); // 2^-12 for numbers in 0.5..1
    }

    #[test]
    fn known_answer() {
        check_known(&LAYOUT, &[0x00, 0xc9], 1.0, &[-10]);
    }

    #[test]
    fn known_halves() {
        let half = |bits: u16| f16_at(&bits.to_le_bytes());
        assert_eq!(half(0x3c00), 1.0);
        assert_eq!(half(0xc000), -2.0);
        assert_eq!(half(0x7bff), 65504.0);
        assert_eq!(half(0x0001), 2.0f32.powi(-24));
        assert_eq!(half(0x8001), -(2.0f32.powi(-24)));
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    }

    #[test]
    fn every_half_decodes_as_the_half_crate_says() {
        for bits in 0..=u16::MAX {
            let (ours, theirs) = (f16_at(&bits.to_le_bytes()), half::f16::from_bits(bits).to_f32());
            let same = ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
            assert!(same, "{bits:#06x}: {ours} is not {theirs}");
        }
    }
}
