//! How fast a model will be, from what its steps do and from how fast this machine does such things.
//!
//! `work` counts what a step does, from the plan that the engine records; here its seconds are added
//! up; `kept` remembers what was measured and foretold, so that what comes true can be held beside
//! it.

mod kept;
mod work;

use serde::Serialize;

use crate::speed::{Rates, Speed};
pub(crate) use kept::{Kept, ago, predicted};
pub(crate) use work::Work;

/// Rows that a step computes of a prompt, as engines are made here.
pub(crate) const CHUNK: usize = 512;

/// Seconds of a step, by what they go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Seconds {
    /// Reading weights.
    pub(crate) weights: f64,
    /// Multiplying further rows with them.
    pub(crate) products: f64,
    /// Attention.
    pub(crate) attention: f64,
    /// Numbers one by one, and threads that wait for each other.
    pub(crate) rest: f64,
}

/// What a step computes.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Tokens.
    rows: usize,
    /// Tokens before them.
    past: usize,
    /// Rows that logits are computed of.
    outputs: usize,
}

impl Seconds {
    pub(crate) fn all(self) -> f64 {
        self.weights + self.products + self.attention + self.rest
    }

    fn add(&mut self, more: Self) {
        self.weights += more.weights;
        self.products += more.products;
        self.attention += more.attention;
        self.rest += more.rest;
    }
}

impl Work {
    /// The seconds of a prompt of `n` tokens after `past` others; nothing if a format was not
    /// measured.
    pub(crate) fn prompt(&self, speed: &Speed, n: usize, past: usize) -> Option<Seconds> {
        let mut all = Seconds::default();
        for begin in (0..n).step_by(CHUNK) {
            let rows = CHUNK.min(n - begin);
            let outputs = usize::from(begin + rows == n);
            all.add(self.step(speed, Step { rows, past: past + begin, outputs })?);
        }
        Some(all)
    }

    /// The seconds of a token, the middle one of `n` after `past` others; nothing if a format was not
    /// measured.
    pub(crate) fn token(&self, speed: &Speed, n: usize, past: usize) -> Option<Seconds> {
        self.step(speed, Step { rows: 1, past: past + n / 2, outputs: 1 })
    }

    fn step(&self, speed: &Speed, step: Step) -> Option<Seconds> {
        let mut all = Seconds::default();
        for product in &self.products {
            let rates = speed.formats.get(&product.format)?;
            let rows = if product.of_outputs { step.outputs } else { step.rows };
            let (weights, products) = product.seconds(rates, rows);
            all.weights += weights;
            all.products += products;
        }
        let rest = &speed.rest;
        for attend in &self.attends {
            let places = attend.places(step.rows, step.past);
            let rate = if step.rows == 1 { rest.attend_one } else { rest.attend_many };
            let computed = places * attend.macs as f64 / rate;
            // Each row of a prompt finds the keys that the one before it read in a cache.
            let read = places / step.rows as f64 * attend.bytes as f64 / speed.bandwidth;
            all.attention += computed.max(read);
        }
        let rows = step.rows as f64;
        all.rest += rows * self.numbers as f64 / rest.numbers;
        all.rest += rows * self.acts as f64 / rest.acts;
        all.rest += self.steps as f64 * rest.step;
        Some(all)
    }

    /// Bytes of weights that a token reads.
    pub(crate) fn active_bytes(&self) -> f64 {
        self.products.iter().map(|it| it.bytes as f64 * it.k as f64).sum()
    }

    /// Bytes of keys and values that a token reads after `past` others.
    pub(crate) fn cache_bytes(&self, past: usize) -> f64 {
        self.attends.iter().map(|it| it.places(1, past) * it.bytes as f64).sum()
    }
}

impl work::Product {
    /// Seconds to read what so many rows need, and to multiply the rows that come after the first.
    fn seconds(&self, rates: &Rates, rows: usize) -> (f64, f64) {
        if rows == 0 {
            return (0.0, 0.0);
        }
        let (n, k) = (self.n as f64, self.k as f64);
        // How many of the matrices at least one row goes to, if rows choose by chance.
        let used = n * (1.0 - (1.0 - k / n).powi(rows.min(i32::MAX as usize) as i32));
        let more = (rows as f64 * k - used).max(0.0);
        let read = used * self.bytes as f64 * rates.byte(self.cols);
        (read, more * self.weights as f64 * rates.weight(self.cols))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::{work::Attend, work::Product, *};
    use crate::speed::{Length, Rest};

    /// So many bytes and multiply-adds a second, however long rows are.
    pub(crate) fn rates(bytes: f64, weights: f64) -> Rates {
        let length = |cols| Length {
            cols,
            bytes: cols,
            one: cols as f64 / bytes,
            more: cols as f64 / weights,
        };
        Rates([8, 16, 32].map(length))
    }

    /// One that reads a byte and computes ten things in a second.
    pub(crate) fn speed() -> Speed {
        let rates = rates(1.0, 10.0);
        Speed {
            processor: "a processor".to_owned(),
            device: "cpu (scalar, fast, 1 thread)".to_owned(),
            at: "2026-11-30T05:00:00Z".to_owned(),
            oldest: None,
            bandwidth: 2.0,
            formats: BTreeMap::from([("Q8_0".to_owned(), rates)]),
            rest: Rest {
                attend_one: 10.0,
                attend_many: 100.0,
                numbers: 10.0,
                acts: 10.0,
                step: 0.5,
            },
            power: None,
            others_percent: None,
            warnings: Vec::new(),
        }
    }

    fn product(n: usize, k: usize, of_outputs: bool) -> Product {
        Product { format: "Q8_0".to_owned(), of_outputs, n, k, cols: 20, weights: 100, bytes: 106 }
    }

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
    }

    #[test]
    fn a_token_reads_what_it_needs_and_a_prompt_computes() {
        let work =
            Work { products: vec![product(1, 1, false), product(1, 1, true)], ..Work::default() };
        near(work.active_bytes(), 212.0);
        near(work.token(&speed(), 128, 0).unwrap().all(), 212.0);
        let prompt = work.prompt(&speed(), 3, 0).unwrap();
        near(prompt.weights, 212.0);
        near(prompt.products, 2.0 * 100.0 / 10.0);
        // Two chunks, and the head is for the last row alone.
        let long = work.prompt(&speed(), CHUNK + 1, 0).unwrap();
        near(long.weights, 3.0 * 106.0);
    }

    #[test]
    fn experts_are_read_once_for_all_rows_that_go_to_them() {
        let work = Work { products: vec![product(4, 2, false)], ..Work::default() };
        near(work.token(&speed(), 1, 0).unwrap().weights, 2.0 * 106.0);
        let many = work.prompt(&speed(), 400, 0).unwrap();
        near(many.weights, 4.0 * 106.0);
        near(many.products, (800.0 - 4.0) * 100.0 / 10.0);
    }

    #[test]
    fn products_are_as_slow_as_rows_of_their_length() {
        let work = Work { products: vec![product(4, 2, false)], ..Work::default() };
        let mut slow = speed();
        let mut rates = rates(1.0, 10.0);
        for it in &mut rates.0[1..] {
            (it.one, it.more) = (3.0 * it.one, 5.0 * it.more);
        }
        slow.formats.insert("Q8_0".to_owned(), rates);
        near(work.token(&slow, 1, 0).unwrap().weights, 2.0 * 3.0 * 106.0);
        let many = work.prompt(&slow, 400, 0).unwrap();
        near(many.weights, 4.0 * 3.0 * 106.0);
        near(many.products, (800.0 - 4.0) * 5.0 * 10.0);
    }

    #[test]
    fn attention_is_bound_by_what_it_reads_or_by_what_it_computes() {
        let attend = |macs, bytes| Attend { within: None, layers: 1, macs, bytes };
        let one = |it: Attend| {
            let work = Work { attends: vec![it], ..Work::default() };
            work.token(&speed(), 0, 9).unwrap().attention
        };
        near(one(attend(20, 2)), 20.0);
        near(one(attend(20, 40)), 200.0);
        let work = Work { attends: vec![attend(20, 40)], ..Work::default() };
        near(work.cache_bytes(9), 400.0);
        let windowed = Attend { within: Some(4), ..attend(20, 2) };
        near(one(windowed), 8.0);
    }

    #[test]
    fn what_was_not_measured_is_not_foretold() {
        let mut other = product(1, 1, false);
        other.format = "Q2_K".to_owned();
        let work = Work { products: vec![other], ..Work::default() };
        assert_eq!(work.token(&speed(), 1, 0), None);
        assert_eq!(work.prompt(&speed(), 1, 0), None);
    }

    #[test]
    fn what_is_done_one_by_one_counts_too() {
        let work = Work { numbers: 10, acts: 20, steps: 4, ..Work::default() };
        near(work.token(&speed(), 1, 0).unwrap().rest, 1.0 + 2.0 + 2.0);
        near(work.prompt(&speed(), 2, 0).unwrap().rest, 2.0 + 4.0 + 2.0);
    }
}
