//! Rotary positions: the operation `rope`.
//!
//! Sines and cosines are computed once for all heads of a row, some pairs at a time, by loops that a
//! compiler makes vectors of, which it cannot of the library's functions.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

use super::{
    run::{Run, each_row},
    share::Turn,
};
use crate::{Pairs, Rope, Tensor};

/// Pairs at a time.
const SOME: usize = 64;

impl Run<'_> {
    pub(super) fn rope(&self, turn: &Turn<'_>, x: Tensor, r: &Rope) {
        let (x, freqs) = (self.rows(turn, x), &self.weights[r.freqs.id].vector);
        each_row(turn, |i, y| {
            y.copy_from_slice(x.at(i));
            let position = f64::from(self.batch.positions[i]);
            let freqs = r.set(freqs, self.batch.rope_set[i]);
            let (mut sin, mut cos) = ([0.0; SOME], [0.0; SOME]);
            for (c, freqs) in freqs.chunks(SOME).enumerate() {
                let (sin, cos) = (&mut sin[..freqs.len()], &mut cos[..freqs.len()]);
                rotations(position, freqs, r.gain, [&mut *sin, &mut *cos]);
                for head in y.chunks_exact_mut(r.head_dim) {
                    rotate(&mut head[..r.turned], r.pairs, c * SOME, [&*sin, &*cos]);
                }
            }
        });
    }
}

/// Turns the pairs of a head from number `begin` on.
fn rotate(head: &mut [f32], pairs: Pairs, begin: usize, [sin, cos]: [&[f32]; 2]) {
    let rotations = sin.iter().zip(cos);
    match pairs {
        Pairs::Halves => {
            let (first, second) = head.split_at_mut(head.len() / 2);
            let pairs = first[begin..].iter_mut().zip(&mut second[begin..]);
            for ((a, b), (sin, cos)) in pairs.zip(rotations) {
                (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
            }
        }
        Pairs::Interleaved => {
            let pairs = head.as_chunks_mut::<2>().0[begin..].iter_mut();
            for ([a, b], (sin, cos)) in pairs.zip(rotations) {
                (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
            }
        }
    }
}

/// Up to this angle `sin_cos` is exact enough: `k` has 20 bits.
const LARGEST: f64 = 1e6;

/// `gain * sin(position * freqs[j])` and `gain * cos(position * freqs[j])`
fn rotations(position: f64, freqs: &[f32], gain: f32, [sin, cos]: [&mut [f32]; 2]) {
    let all = || freqs.iter().map(move |freq| position * f64::from(*freq));
    // Not so for a NaN, either.
    let are_small = all().all(|angle| angle.abs() <= LARGEST);
    for ((angle, sin), cos) in all().zip(sin).zip(cos) {
        let both = if are_small { sin_cos(angle) } else { angle.sin_cos() };
        (*sin, *cos) = (gain * both.0 as f32, gain * both.1 as f32);
    }
}

/// Added to a number and subtracted again this rounds it; in between, its last bits are the integer's.
const ROUNDER: f64 = 1.5 * (1_u64 << 52) as f64;
/// The first 33 bits of a quarter of a turn, whose product with an integer of 20 bits is exact.
const UPPER: f64 = f64::from_bits(FRAC_PI_2.to_bits() >> 20 << 20);
/// The others, and those that a double has no room for.
const LOWER: f64 = FRAC_PI_2 - UPPER + 6.123_233_995_736_766e-17;

/// Factors of the Taylor series of the sine, in powers of `r^2` from the second term on.
const SIN: [f64; 5] =
    [-1.0 / 6.0, 1.0 / 120.0, -1.0 / 5040.0, 1.0 / 362_880.0, -1.0 / 39_916_800.0];
/// Those of the cosine.
const COS: [f64; 5] = [-1.0 / 2.0, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40_320.0, -1.0 / 3_628_800.0];

/// The sine and the cosine within 2e-10, of angles up to [`LARGEST`].
///
/// `angle = k pi / 2 + r` with a whole `k` and `|r| <= pi / 4`, where the next terms of both series
/// are less than 7e-12 and 1.2e-10.
#[inline]
fn sin_cos(angle: f64) -> (f64, f64) {
    let shifted = angle * FRAC_2_PI + ROUNDER;
    let (k, quarter) = (shifted - ROUNDER, shifted.to_bits());
    let r = angle - k * UPPER - k * LOWER;
    let square = r * r;
    let series = |factors: &[f64; 5]| factors.iter().rev().fold(0.0, |sum, c| (sum + c) * square);
    let (sin, cos) = (r + r * series(&SIN), 1.0 + series(&COS));
    let (sin, cos) = if quarter & 1 == 0 { (sin, cos) } else { (cos, sin) };
    let sin = if quarter & 2 == 0 { sin } else { -sin };
    let cos = if quarter.wrapping_add(1) & 2 == 0 { cos } else { -cos };
    (sin, cos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_are_those_of_the_library() {
        let quarters = (-9..9).map(|k| f64::from(k) * FRAC_PI_2);
        let eighths = (-9..9).map(|k| f64::from(2 * k + 1) * FRAC_PI_2 / 2.0);
        let others = (0..100_000).map(|i| f64::from(i) * 9.9999 - 5e5);
        let small = (0..10_000).map(|i| f64::from(i) * 1e-3 - 5.0);
        let ends = [0.0, -0.0, 1e-9, LARGEST, -LARGEST, LARGEST.next_down()];
        for x in quarters.chain(eighths).chain(others).chain(small).chain(ends) {
            let ((sin, cos), exact) = (sin_cos(x), x.sin_cos());
            let off = (sin - exact.0).abs().max((cos - exact.1).abs());
            assert!(off <= 2e-10, "{x}: ({sin}, {cos}), not {exact:?}");
        }
    }

    /// Angles that are too large, and those that are none, go to the library.
    #[test]
    fn every_position_turns() {
        let freqs: Vec<f32> = (0..100).map(|j| 0.9_f32.powi(j)).chain([1e9, f32::NAN]).collect();
        for position in [0.0, 1.0, 17.0, 131_071.0, 999_999.0, 1_000_001.0, f64::from(u32::MAX)] {
            for freqs in [&freqs[..], &freqs[..100], &freqs[..1]] {
                let (mut sin, mut cos) = (vec![7.0; freqs.len()], vec![7.0; freqs.len()]);
                rotations(position, freqs, 1.5, [&mut sin, &mut cos]);
                for (freq, found) in freqs.iter().zip(sin.into_iter().zip(cos)) {
                    let exact = (position * f64::from(*freq)).sin_cos();
                    let off = |x: f32, exact: f64| (f64::from(x) - 1.5 * exact).abs();
                    let off = off(found.0, exact.0).max(off(found.1, exact.1));
                    let is_nan = found.0.is_nan() && found.1.is_nan();
                    assert_eq!(is_nan, freq.is_nan(), "{position} * {freq}");
                    assert!(is_nan || off <= 2e-7, "{position} * {freq}: {found:?}");
                }
            }
        }
    }
}
