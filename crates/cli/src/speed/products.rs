//! What products with weights of a format take, whatever the length of their rows, by two lengths.

use kernels::Format;
use serde::{Deserialize, Serialize};

use super::{middle, steps::SIZE};

/// How fast products with weights of one format are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rates {
    /// Bytes of weights a second, for one row of activations.
    pub(crate) decode: f64,
    /// Seconds beside that for each row of weights, which begins and ends, however short it is.
    pub(crate) decode_row_seconds: f64,
    /// Multiply-adds a second, for each row of activations more.
    pub(crate) prefill: f64,
    /// Seconds beside that for each number of the result.
    pub(crate) prefill_number_seconds: f64,
}

/// How long they take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Products {
    pub(super) long: Product,
    pub(super) short: Product,
}

/// With rows of weights of one length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Product {
    /// Columns.
    pub(super) cols: usize,
    /// Bytes of a row.
    pub(super) bytes: usize,
    /// Seconds of a row, for one row of activations.
    pub(super) one: f64,
    /// Seconds of a row, for each row of activations more.
    pub(super) more: f64,
}

impl Rates {
    /// Seconds of so many rows of weights, of so many bytes, for one row of activations.
    pub(crate) fn one(&self, bytes: f64, rows: f64) -> f64 {
        bytes / self.decode + rows * self.decode_row_seconds
    }

    /// Seconds of so many rows of so many weights for each row of activations more.
    pub(crate) fn more(&self, weights: f64, rows: f64) -> f64 {
        weights / self.prefill + rows * self.prefill_number_seconds
    }

    /// Bytes a second of weights of a format in long rows, as they were measured, and multiply-adds.
    pub(crate) fn of_long_rows(&self, format: &str) -> [f64; 2] {
        let format = Format::ALL.iter().find(|it| it.layout().name == format);
        let bytes = format.and_then(|it| it.row_bytes(SIZE)).unwrap_or(SIZE) as f64;
        let size = SIZE as f64;
        [bytes / self.one(bytes, 1.0), size / self.more(size, 1.0)]
    }
}

impl Products {
    /// The middle of each figure of several rounds.
    pub(super) fn middle(rounds: &[Self]) -> Self {
        let of = |which: fn(&Self) -> &Product| {
            let figure = |it: fn(&Product) -> f64| middle(rounds.iter().map(|all| it(which(all))));
            Product { one: figure(|it| it.one), more: figure(|it| it.more), ..*which(&rounds[0]) }
        };
        Self { long: of(|it| &it.long), short: of(|it| &it.short) }
    }

    /// What rows of any length take by these two.
    pub(super) fn rates(&self) -> Rates {
        let Self { long, short } = self;
        let (decode, decode_row_seconds) =
            line([short.bytes, long.bytes].map(|it| it as f64), [short.one, long.one]);
        let (prefill, prefill_number_seconds) =
            line([short.cols, long.cols].map(|it| it as f64), [short.more, long.more]);
        Rates { decode, decode_row_seconds, prefill, prefill_number_seconds }
    }
}

/// How much of a thing is done in a second, and the seconds beside that each time, by the seconds of a
/// little and of much of it. Beside are none where a little takes less than its part, and a quarter of
/// what much takes at most, since more than that is a mistake in measuring.
fn line([little, much]: [f64; 2], [short, long]: [f64; 2]) -> (f64, f64) {
    let beside = (much * short - little * long) / (much - little);
    let beside = beside.clamp(0.0, long / 4.0);
    (much / (long - beside), beside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lengths_tell_of_all() {
        // Two seconds each time, and three things a second.
        assert_eq!(line([6.0, 30.0], [4.0, 12.0]), (3.0, 2.0));
        // A little takes less than its part.
        assert_eq!(line([6.0, 30.0], [1.0, 10.0]), (3.0, 0.0));
        // A little takes as long as much.
        assert_eq!(line([6.0, 30.0], [12.0, 12.0]), (30.0 / 9.0, 3.0));
    }

    #[test]
    fn both_kinds_of_products_have_a_line() {
        let long = Product { cols: 4096, bytes: 400, one: 14.0, more: 130.0 };
        let short = Product { cols: 1024, bytes: 100, one: 5.0, more: 34.0 };
        let rates = Products { long, short }.rates();
        let expected = Rates {
            decode: 400.0 / 12.0,
            decode_row_seconds: 2.0,
            prefill: 32.0,
            prefill_number_seconds: 2.0,
        };
        assert_eq!(rates, expected);
        for it in [long, short] {
            assert!((rates.one(it.bytes as f64, 1.0) - it.one).abs() < 1e-9);
            assert!((rates.more(it.cols as f64, 1.0) - it.more).abs() < 1e-9);
        }
    }

    #[test]
    fn long_rows_are_told_as_they_were_measured() {
        let bytes = Format::Q8_0.row_bytes(SIZE).unwrap();
        let long = Product { cols: SIZE, bytes, one: 0.5, more: 0.25 };
        let short = Product { cols: SIZE / 4, bytes: bytes / 4, one: 0.2, more: 0.1 };
        let [decode, prefill] = Products { long, short }.rates().of_long_rows("Q8_0");
        assert!((decode - 2.0 * bytes as f64).abs() < 1e-6, "{decode}");
        assert!((prefill - 4.0 * SIZE as f64).abs() < 1e-6, "{prefill}");
    }

    #[test]
    fn what_disturbs_one_round_does_not_count() {
        let of = |one, more| {
            let long = Product { cols: 4, bytes: 8, one, more };
            Products {
                long,
                short: Product { cols: 2, bytes: 4, one: one / 2.0, more: more / 2.0 },
            }
        };
        let middle = Products::middle(&[of(1.0, 9.0), of(7.0, 2.0), of(3.0, 4.0)]);
        let expected = of(3.0, 4.0);
        assert_eq!((middle.long, middle.short), (expected.long, expected.short));
    }
}
