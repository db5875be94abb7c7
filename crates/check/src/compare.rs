//! How far rows of logits are from each other.

use engine::{Engine, Error};

use crate::fixture::Recorded;

/// The logits after each of `ids`.
pub(crate) fn rows(engine: &mut Engine, ids: &[u32]) -> Result<Vec<Vec<f32>>, Error> {
    let mut rows = Vec::with_capacity(ids.len());
    engine.logits(ids, |_, row| rows.push(row.to_vec()))?;
    Ok(rows)
}

/// The largest of differences; infinite once one was no number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Distance(f64);

impl Distance {
    pub(crate) fn get(self) -> f64 {
        self.0
    }

    /// Adds the differences of the recorded logits, and by how much any other is too large to be
    /// missing among them.
    pub(crate) fn add(&mut self, row: &[f32], top: &[Recorded]) {
        for &Recorded(id, want) in top {
            self.take(row.get(id as usize).map_or(f64::NAN, |it| gap(*it, want).abs()));
        }
        let least = top.last().map_or(f32::INFINITY, |it| it.1);
        for (id, &logit) in row.iter().enumerate() {
            if top.iter().all(|it| it.0 as usize != id) {
                self.take(gap(logit, least).clamp(0.0, f64::INFINITY)); // NaN stays
            }
        }
    }

    fn take(&mut self, difference: f64) {
        let worse = if difference.is_nan() { f64::INFINITY } else { difference };
        self.0 = self.0.max(worse);
    }
}

fn gap(a: f32, b: f32) -> f64 {
    f64::from(a) - f64::from(b)
}

/// The error of `found` as a part of the spread of `want`: the root of the mean square of the differences
/// over the standard deviation.
pub(crate) fn relative(found: &[f32], want: &[f32]) -> f64 {
    let n = want.len() as f64;
    let mean = want.iter().copied().map(f64::from).sum::<f64>() / n;
    let spread: f64 = want.iter().map(|it| (f64::from(*it) - mean).powi(2)).sum();
    let error: f64 = found.iter().zip(want).map(|(a, b)| gap(*a, *b).powi(2)).sum();
    if error == 0.0 { 0.0 } else { (error / spread).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(row: &[f32]) -> f64 {
        let mut distance = Distance::default();
        distance.add(row, &[Recorded(1, 4.0), Recorded(2, 3.0)]);
        distance.get()
    }

    #[test]
    fn differences_of_recorded_and_other_logits_count() {
        assert_eq!(distance(&[-9.0, 4.0, 3.0]), 0.0);
        assert_eq!(distance(&[2.0, 4.5, 3.25]), 0.5);
        assert_eq!(distance(&[5.0, 4.0, 3.0]), 2.0, "another token is larger than the recorded");
        assert_eq!(distance(&[0.0, f32::NAN, 3.0]), f64::INFINITY);
        assert_eq!(distance(&[f32::NAN, 4.0, 3.0]), f64::INFINITY);
        assert_eq!(distance(&[0.0, 4.0]), f64::INFINITY, "a recorded token is not there");
    }

    #[test]
    fn an_error_is_a_part_of_the_spread() {
        assert_eq!(relative(&[1.0, 3.0], &[1.0, 3.0]), 0.0);
        assert_eq!(relative(&[0.0, 4.0], &[1.0, 3.0]), 1.0);
        assert!(relative(&[f32::NAN, 4.0], &[1.0, 3.0]).is_nan());
    }
}
