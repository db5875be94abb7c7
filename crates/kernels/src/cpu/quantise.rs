//! Activations as blocks of 8-bit integers, for the kernels of [`Precision::Fast`].
//!
//! ```text
//! d     largest magnitude / 127
//! qs    x / d, rounded to nearest, ties to even: -127..=127, never -128
//! sum   d * (qs[0] + … + qs[31])
//! excess, excess_of_halves
//!       -128 * (qs[0] + … + qs[31]), and of either half
//! ```
//!
//! `sum` serves formats with a minimum or a zero point: `w = scale * q - min` has the product
//! `scale * d * dot(q, qs) - min * sum`. The excess is what kernels start from that have added 128 to
//! each weight, so that none is negative.
//!
//! [`Precision::Fast`]: super::Precision::Fast

/// Activations a block.
pub(super) const LEN: usize = 32;

/// 32 activations with one scale.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub(super) struct Q8Block {
    /// The scale: activation `i` is about `d * qs[i]`.
    pub(super) d: f32,
    /// `d` times the sum of `qs`.
    pub(super) sum: f32,
    /// -128 times the sum of `qs`.
    pub(super) excess: i32,
    /// The same of the first 16, and of the last.
    pub(super) excess_of_halves: [i32; 2],
    /// Never -128, so that a magnitude fits a byte with its sign.
    pub(super) qs: [i8; LEN],
}

/// Rounds `row`, whole blocks, to `out`.
///
/// A block that holds an infinity or a NaN becomes NaN, so that it is seen in the product. One
/// whose scale has no finite reciprocal (below about 4e-37 throughout) becomes zero.
pub(super) fn quantise(row: &[f32], out: &mut [Q8Block]) {
    debug_assert_eq!(row.len(), out.len() * LEN);
    for (x, out) in row.as_chunks::<LEN>().0.iter().zip(out) {
        let magnitude = x.iter().map(|x| x.to_bits() & MAGNITUDE).max().unwrap_or(0);
        let (d, inverse) = scale(f32::from_bits(magnitude));
        for (q, x) in out.qs.iter_mut().zip(x) {
            // Saturates, and turns NaN to 0.
            *q = (x * inverse).round_ties_even() as i8;
        }
        let sum = |half: &[i8]| half.iter().map(|&q| i32::from(q)).sum();
        out.finish(d, [sum(&out.qs[..LEN / 2]), sum(&out.qs[LEN / 2..])]);
    }
}

impl Q8Block {
    /// Sets all but the integers, of which those are the sums of either half.
    pub(super) fn finish(&mut self, d: f32, halves: [i32; 2]) {
        let sum = halves[0] + halves[1];
        self.d = d;
        self.sum = d * sum as f32;
        self.excess = -128 * sum;
        self.excess_of_halves = halves.map(|it| -128 * it);
    }
}

/// Of run `j` of a block, where a run of weights, 16 or 32, has a scale.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl Q8Block {
    /// -128 times the sum of its integers.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn excess_of_run<const RUN: usize>(&self, j: usize) -> i32 {
        match RUN {
            16 => self.excess_of_halves[j],
            _ => self.excess,
        }
    }

    /// What minimums are multiplied with: `d` times the sum of its integers.
    #[inline]
    pub(super) fn sum_of_run<const RUN: usize>(&self, j: usize) -> f32 {
        match RUN {
            16 => self.d * (self.excess_of_halves[j] as f32 / -128.0),
            _ => self.sum,
        }
    }
}

/// The bits of a float but its sign; as integers they order like magnitudes, NaN last.
pub(super) const MAGNITUDE: u32 = 0x7fff_ffff;

/// The scale of a block with this largest magnitude, and its reciprocal.
pub(super) fn scale(magnitude: f32) -> (f32, f32) {
    if !magnitude.is_finite() {
        return (f32::NAN, 0.0);
    }
    let d = magnitude / 127.0;
    let inverse = d.recip();
    if inverse.is_finite() { (d, inverse) } else { (0.0, 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::{Isa, Precision};

    /// Rounds with every instruction set; all must give the same.
    #[track_caller]
    fn rounded(x: &[f32; LEN]) -> Q8Block {
        let mut block = [Q8Block::default()];
        quantise(x, &mut block);
        for isa in Isa::ALL.iter().filter(|isa| isa.is_available()) {
            let mut other = [Q8Block { d: 7.0, sum: 7.0, qs: [7; LEN], ..Q8Block::default() }];
            (isa.vectors(Precision::Fast).quantise)(x, &mut other);
            assert_eq!(other[0].excess, block[0].excess, "{isa}");
            assert_eq!(other[0].excess_of_halves, block[0].excess_of_halves, "{isa}");
            assert_eq!(other[0].qs, block[0].qs, "{isa}");
            assert_eq!(other[0].d.to_bits(), block[0].d.to_bits(), "{isa}");
            assert_eq!(other[0].sum.to_bits(), block[0].sum.to_bits(), "{isa}");
        }
        block[0]
    }

    #[test]
    fn no_number_moves_by_more_than_half_a_step() {
        for gain in [1e-30, 1e-3, 1.0, 4e4, 1e37] {
            let x = std::array::from_fn(|i| (i as f32 * 1.7 + 0.3).sin() * gain);
            let block = rounded(&x);
            for (x, q) in x.iter().zip(block.qs) {
                let off = (x - block.d * f32::from(q)).abs();
                assert!(off <= 0.5001 * block.d, "{x} became {q} * {}", block.d);
            }
            let whole: i32 = block.qs.iter().map(|&q| i32::from(q)).sum();
            assert_eq!(block.excess, -128 * whole);
            assert_eq!(block.excess_of_halves.iter().sum::<i32>(), -128 * whole);
            assert_eq!(block.sum, block.d * block.qs.iter().map(|&q| f32::from(q)).sum::<f32>());
        }
    }

    #[test]
    fn extremes_are_127_and_ties_are_even() {
        let mut x = [0.0; LEN];
        x[..6].copy_from_slice(&[127.0, -127.0, 0.5, 1.5, -2.5, -0.49]);
        let block = rounded(&x);
        assert_eq!(block.qs[..6], [127, -127, 0, 2, -2, 0]);
        assert_eq!((block.d, block.sum), (1.0, 0.0));
    }

    #[test]
    fn tiny_blocks_become_zero() {
        assert_eq!(rounded(&[0.0; LEN]), Q8Block::default());
        assert_eq!(rounded(&[f32::from_bits(1); LEN]), Q8Block::default());
    }

    #[test]
    fn a_nan_or_an_infinity_is_kept() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 13, 31] {
                let mut x = [1.0; LEN];
                x[at] = bad;
                assert!(rounded(&x).d.is_nan() && rounded(&x).sum.is_nan());
            }
        }
    }
}
