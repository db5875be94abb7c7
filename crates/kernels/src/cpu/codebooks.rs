//! Weights of the formats that take them from codebooks, 64 at a time: magnitudes, and signs as bits.
//!
//! The formats are defined in `loader::format`; their diagrams are there. What gives the signs to the
//! magnitudes, and the scales, are with each instruction set.

use loader::format::codebook::{IQ2_S, IQ2_XS, IQ2_XXS, IQ3_S, IQ3_XXS};

/// Twice 32 weights.
pub(super) struct Weights {
    /// Of both, eight a word, the first in the lowest byte.
    pub(super) magnitudes: [[u64; 4]; 2],
    /// A bit a weight, set where it is negative: those of the first 32 in the lower half.
    pub(super) signs: u64,
}

/// Which weights: `32 j..32 j + 32` of a block, and of that one or of another.
pub(super) type Places<'a, const BYTES: usize> = [(&'a [u8; BYTES], usize); 2];

/// Half of the weights: their magnitudes, and a word with their signs.
type Half = ([u64; 4], u32);

/// 8, 25 or 43.
#[inline]
pub(super) fn iq2_xxs([first, last]: Places<'_, 66>) -> Weights {
    let of = |(block, j): (&[u8; 66], usize)| -> Half {
        let indices: [u8; 4] = bytes(block, 2 + 8 * j);
        let magnitudes = indices.map(|i| eight(&IQ2_XXS[usize::from(i)]));
        (magnitudes, u32::from_le_bytes(bytes(block, 6 + 8 * j)))
    };
    let Weights { magnitudes, signs } = joined(of(first), of(last));
    Weights { magnitudes, signs: even(spread(signs)) }
}

/// 8, 25 or 43.
#[inline]
pub(super) fn iq2_xs([first, last]: Places<'_, 74>) -> Weights {
    let of = |(block, j): (&[u8; 74], usize)| -> Half {
        let q = u64::from_le_bytes(bytes(block, 2 + 8 * j));
        let index = |g: usize| (q >> (16 * g)) as usize & 0x1ff;
        ([0, 1, 2, 3].map(|g| eight(&IQ2_XS[index(g)])), packed(q >> 9))
    };
    let Weights { magnitudes, signs } = joined(of(first), of(last));
    Weights { magnitudes, signs: even(signs) }
}

/// 8, 25 or 43.
#[inline]
pub(super) fn iq2_s([first, last]: Places<'_, 82>) -> Weights {
    let of = |(block, j): (&[u8; 82], usize)| -> Half {
        let (low, high): ([u8; 4], _) = (bytes(block, 2 + 4 * j), usize::from(block[66 + j]));
        let index = |g: usize| usize::from(low[g]) | high << (8 - 2 * g) & 0x300;
        let magnitudes = [0, 1, 2, 3].map(|g| eight(&IQ2_S[index(g)]));
        (magnitudes, u32::from_le_bytes(bytes(block, 34 + 4 * j)))
    };
    joined(of(first), of(last))
}

/// 4, 12, 20, 28, 36, 44, 52 or 62.
#[inline]
pub(super) fn iq3_xxs([first, last]: Places<'_, 98>) -> Weights {
    let of = |(block, j): (&[u8; 98], usize)| -> Half {
        let indices: [u8; 8] = bytes(block, 2 + 8 * j);
        let four = |g: usize| &IQ3_XXS[usize::from(indices[g])];
        let magnitudes = [0, 2, 4, 6].map(|g| fours(four(g), four(g + 1)));
        (magnitudes, u32::from_le_bytes(bytes(block, 66 + 4 * j)))
    };
    let Weights { magnitudes, signs } = joined(of(first), of(last));
    Weights { magnitudes, signs: even(spread(signs)) }
}

/// 1, 3, 5, 7, 9, 11, 13 or 15.
#[inline]
pub(super) fn iq3_s([first, last]: Places<'_, 110>) -> Weights {
    let of = |(block, j): (&[u8; 110], usize)| -> Half {
        let (low, high): ([u8; 8], _) = (bytes(block, 2 + 8 * j), usize::from(block[66 + j]));
        let four = |g: usize| &IQ3_S[usize::from(low[g]) | high << (8 - g) & 0x100];
        let magnitudes = [0, 2, 4, 6].map(|g| fours(four(g), four(g + 1)));
        (magnitudes, u32::from_le_bytes(bytes(block, 74 + 4 * j)))
    };
    joined(of(first), of(last))
}

#[inline]
fn joined(first: Half, last: Half) -> Weights {
    let signs = u64::from(first.1) | u64::from(last.1) << 32;
    Weights { magnitudes: [first.0, last.0], signs }
}

/// `block[at..at + N]`
#[inline]
fn bytes<const BYTES: usize, const N: usize>(block: &[u8; BYTES], at: usize) -> [u8; N] {
    *block[at..].first_chunk().expect("within the block")
}

/// A group as a word.
#[inline]
fn eight(group: &[i8; 8]) -> u64 {
    u64::from_le_bytes(group.map(i8::cast_unsigned))
}

/// Two groups as a word.
#[inline]
fn fours(first: &[i8; 4], last: &[i8; 4]) -> u64 {
    let four = |group: &[i8; 4]| u64::from(u32::from_le_bytes(group.map(i8::cast_unsigned)));
    four(first) | four(last) << 32
}

/// Four times seven bits of each half, a byte each.
#[inline]
fn spread(words: u64) -> u64 {
    const SEVEN: u64 = 0x0000_007f_0000_007f;
    let field = |i: u32| (words & SEVEN << (7 * i)) << i;
    field(0) | field(1) | field(2) | field(3)
}

/// The lowest seven bits of each word of 16, a byte each.
#[inline]
fn packed(words: u64) -> u32 {
    let sevens = words & 0x007f_007f_007f_007f;
    let pairs = (sevens | sevens >> 8) & 0x0000_ffff_0000_ffff;
    (pairs | pairs >> 16) as u32
}

/// Bytes of seven bits with the eighth that makes their number of ones even.
#[inline]
fn even(sevens: u64) -> u64 {
    let sums = sevens ^ sevens >> 4;
    let sums = sums ^ sums >> 2;
    sevens | ((sums ^ sums >> 1) & 0x0101_0101_0101_0101) << 7
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    /// Blocks of any bytes are decoded to these weights times a scale of each 16.
    #[track_caller]
    fn check<const BYTES: usize>(format: Format, weights: fn(Places<'_, BYTES>) -> Weights) {
        let mut state = 1u64;
        for _ in 0..100 {
            let mut block = [0; BYTES];
            for byte in &mut block {
                state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                *byte = (state >> 56) as u8;
            }
            block[..2].copy_from_slice(&0x3c00u16.to_le_bytes());
            let mut decoded = [0.0; 256];
            (format.layout().decode_block)(&block, &mut decoded);
            for j in 0..8 {
                let both = [j, 7 - j];
                let found = signed(&weights(both.map(|j| (&block, j))));
                for (found, j) in found.chunks_exact(32).zip(both) {
                    let runs = decoded[32 * j..][..32].chunks_exact(16);
                    for (found, decoded) in found.chunks_exact(16).zip(runs) {
                        let scale = decoded[0] / found[0];
                        assert!(scale > 0.0, "{format:?}: {} of {}", found[0], decoded[0]);
                        let found: Vec<_> = found.iter().map(|it| scale * it).collect();
                        assert_eq!(found, decoded, "{format:?}");
                    }
                }
            }
        }
    }

    fn signed(weights: &Weights) -> Vec<f32> {
        let magnitudes = weights.magnitudes.as_flattened().iter().flat_map(|it| it.to_le_bytes());
        let signed = |(i, it): (usize, u8)| match weights.signs >> i & 1 {
            0 => f32::from(it),
            _ => -f32::from(it),
        };
        magnitudes.enumerate().map(signed).collect()
    }

    #[test]
    fn weights_are_those_that_a_block_is_decoded_to() {
        check(Format::IQ2_XXS, iq2_xxs);
        check(Format::IQ2_XS, iq2_xs);
        check(Format::IQ2_S, iq2_s);
        check(Format::IQ3_XXS, iq3_xxs);
        check(Format::IQ3_S, iq3_s);
    }
}
