//! What products with weights of a format take, by the length of their rows: a row begins and ends,
//! and what a processor's caches hold of a short one they may not hold of a long one. So it is measured
//! of three lengths, from which others follow.

use kernels::Format;
use serde::{Deserialize, Serialize};

use super::middle;

/// How long products with weights of one format take, by the length of their rows, shortest first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Rates(pub(crate) [Length; 3]);

/// Of rows of weights of one length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Length {
    /// Weights of a row.
    pub(crate) cols: usize,
    /// Bytes of a row.
    pub(crate) bytes: usize,
    /// Seconds of a row, for one row of activations.
    pub(crate) one: f64,
    /// Seconds of a row, for each row of activations more.
    pub(crate) more: f64,
}

impl Rates {
    /// Seconds a byte of weights in rows of so many, for one row of activations.
    pub(crate) fn byte(&self, cols: usize) -> f64 {
        let bytes = self.0[2].bytes as f64 / self.0[2].cols as f64;
        self.row(cols, |it| it.one) / (cols as f64 * bytes)
    }

    /// Seconds a weight in rows of so many, for each row of activations more.
    pub(crate) fn weight(&self, cols: usize) -> f64 {
        self.row(cols, |it| it.more) / cols as f64
    }

    /// Bytes a second of weights in long rows, and multiply-adds.
    pub(crate) fn of_long_rows(&self) -> [f64; 2] {
        let cols = self.0[2].cols;
        [1.0 / self.byte(cols), 1.0 / self.weight(cols)]
    }

    /// The middle of each figure of several rounds.
    pub(super) fn middle(rounds: &[Self]) -> Self {
        let mut all = rounds[0];
        for (i, length) in all.0.iter_mut().enumerate() {
            length.one = middle(rounds.iter().map(|it| it.0[i].one));
            length.more = middle(rounds.iter().map(|it| it.0[i].more));
        }
        all
    }

    /// The seconds of a row of so many weights, on a line from one length to the next. Longer rows are
    /// as many long ones; shorter ones are on the first line, too, but take no less than their part of a
    /// short one, and no more than all of it.
    fn row(&self, cols: usize, seconds: impl Fn(&Length) -> f64) -> f64 {
        let [short, medium, long] = &self.0;
        let part = |of: &Length| seconds(of) * cols as f64 / of.cols as f64;
        if cols >= long.cols {
            return part(long);
        }
        let (from, to) = if cols < medium.cols { (short, medium) } else { (medium, long) };
        let slope = (seconds(to) - seconds(from)) / (to.cols as f64 - from.cols as f64);
        let line = seconds(from) + slope * (cols as f64 - from.cols as f64);
        if cols < short.cols { line.max(part(short)).min(seconds(short)) } else { line }
    }
}

impl Length {
    /// What is measured of rows of so many weights of a format.
    ///
    /// # Panics
    ///
    /// If these are no whole blocks.
    pub(super) fn of(format: Format, cols: usize, [one, more]: [f64; 2]) -> Self {
        let bytes = format.row_bytes(cols).expect("a multiple of every block");
        Self { cols, bytes, one, more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of rows of two bytes a weight, which take ten times as long for each row of activations more.
    fn rates(cols: [usize; 3], one: [f64; 3]) -> Rates {
        let length = |i: usize| Length {
            cols: cols[i],
            bytes: 2 * cols[i],
            one: one[i],
            more: 10.0 * one[i],
        };
        Rates([0, 1, 2].map(length))
    }

    #[track_caller]
    fn check(rates: &Rates, cols: usize, expected: f64) {
        let byte = rates.byte(cols) * 2.0 * cols as f64;
        let weight = rates.weight(cols) * cols as f64;
        assert!((byte - expected).abs() < 1e-9, "{byte}, not {expected}");
        assert!((weight - 10.0 * expected).abs() < 1e-9, "{weight}, not ten times {expected}");
    }

    #[test]
    fn lengths_between_are_on_lines() {
        let rates = rates([10, 20, 40], [3.0, 4.0, 10.0]);
        for (cols, expected) in [(10, 3.0), (15, 3.5), (20, 4.0), (30, 7.0), (40, 10.0)] {
            check(&rates, cols, expected);
        }
    }

    #[test]
    fn longer_rows_are_as_many_long_ones_and_shorter_ones_begin_and_end_too() {
        let long = rates([10, 20, 40], [3.0, 4.0, 10.0]);
        check(&long, 80, 20.0);
        check(&long, 5, 2.5);
        // Rows of twenty cost more than twice those of ten: by that line, those of five were for nothing.
        check(&rates([10, 20, 40], [3.0, 9.0, 10.0]), 5, 1.5);
        // As long as those of ten at most, though those of twenty are said to take less.
        check(&rates([10, 20, 40], [3.0, 2.0, 10.0]), 5, 3.0);
    }

    #[test]
    fn rates_are_those_of_long_rows() {
        assert_eq!(rates([10, 20, 40], [1.0, 2.0, 5.0]).of_long_rows(), [16.0, 0.8]);
    }

    #[test]
    fn what_disturbs_one_round_does_not_count() {
        let of = |x: f64| rates([10, 20, 40], [x, 2.0 * x, 3.0 * x]);
        assert_eq!(Rates::middle(&[of(1.0), of(9.0), of(3.0)]), of(3.0));
    }
}
