//! Sixteen weight rows at a time, for instruction sets with lanes for them.

use std::{array::from_fn, ops::Range};

use super::quantise::{LEN, Q8Block};

/// Weight rows at once.
pub(super) const ROWS: usize = 16;

/// Weights of a row at once: rows are whole multiples of them.
pub(super) const PAIR: usize = 64;

/// A cache line of a panel, which is sixteen weight rows, unpacked.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

impl Line {
    pub(super) const ZERO: Self = Self([0; 64]);
}

/// Products of unpacked weight rows with so many rows of activations.
pub(super) type Multiply<const N: usize> =
    fn(panel: &[Line], x: [&[Q8Block]; N]) -> [[f32; ROWS]; N];

/// Products of packed weight rows with a row of activations.
pub(super) type Once = fn(rows: [&[u8]; ROWS], next: [&[u8]; ROWS], x: &[Q8Block]) -> [f32; ROWS];

/// The dot products of sixteen weight rows, each bit for bit what `Dots` gives.
#[derive(Clone, Copy)]
pub(super) struct Sixteen {
    /// With one row of activations, straight from the file. `next` are the rows that come after,
    /// to be asked for in time.
    pub(super) once: Once,
    /// Lines that rows of so many weights take.
    pub(super) lines: fn(cols: usize) -> usize,
    /// Unpacks rows into as many lines.
    pub(super) unpack: fn(rows: [&[u8]; ROWS], panel: &mut [Line]),
    /// Of unpacked rows, with one row of activations.
    pub(super) by_one: Multiply<1>,
    /// With four.
    pub(super) by_four: Multiply<4>,
    /// With sixteen.
    pub(super) by_sixteen: Multiply<16>,
}

/// Some rows of a matrix, to be multiplied with rows of activations.
pub(super) struct Product<'p, W, X> {
    pub(super) sixteen: &'p Sixteen,
    /// Those of the weight rows that are multiplied.
    pub(super) cols: Range<usize>,
    /// A weight row.
    pub(super) weight: W,
    /// A row of activations.
    pub(super) x: X,
    /// Room for `cols`, unpacked.
    pub(super) panels: &'p mut [Line],
}

/// Rows of activations from which on weights are unpacked.
const UNPACKED: usize = 4;

impl<'w, 'x, W, X> Product<'_, W, X>
where
    W: Fn(usize) -> &'w [u8],
    X: Fn(usize) -> &'x [Q8Block],
{
    /// Calls `see` with each of the rows of activations, some of `cols`, and their products.
    ///
    /// Sixteen weight rows after the other inside, activations outside: a few rows of these stay
    /// in a cache while the panels, which another cache holds, go by.
    pub(super) fn each(
        self,
        mut rows: impl Iterator<Item = usize>,
        mut see: impl FnMut(usize, Range<usize>, &[f32]),
    ) {
        let groups = self.cols.len().div_ceil(ROWS);
        let mut some = [0; 16];
        let mut n = take(&mut rows, &mut some);
        if n < UNPACKED {
            for &i in &some[..n] {
                for g in 0..groups {
                    let [rows, next] = [g, (g + 1).min(groups - 1)].map(|g| self.group(g));
                    self.show(g, i, &(self.sixteen.once)(rows, next, (self.x)(i)), &mut see);
                }
            }
            return;
        }
        let lines = (self.sixteen.lines)(LEN * (self.x)(some[0]).len());
        for g in 0..groups {
            let rows = self.group(g);
            (self.sixteen.unpack)(rows, &mut self.panels[g * lines..][..lines]);
        }
        while n > 0 {
            let mut rest = &some[..n];
            while !rest.is_empty() {
                let done = match rest.len() {
                    16.. => self.show_some(self.sixteen.by_sixteen, lines, rest, &mut see),
                    4.. => self.show_some(self.sixteen.by_four, lines, rest, &mut see),
                    _ => self.show_some(self.sixteen.by_one, lines, rest, &mut see),
                };
                rest = &rest[done..];
            }
            n = take(&mut rows, &mut some);
        }
    }

    /// The weight rows of a group. Beyond the last there are no more: it stands in for them.
    fn group(&self, g: usize) -> [&'w [u8]; ROWS] {
        let first = self.cols.start + g * ROWS;
        from_fn(|j| (self.weight)((first + j).min(self.cols.end - 1)))
    }

    /// Shows the products of the first `N` of `rows` with unpacked weights; gives `N`.
    fn show_some<const N: usize>(
        &self,
        multiply: Multiply<N>,
        lines: usize,
        rows: &[usize],
        see: &mut impl FnMut(usize, Range<usize>, &[f32]),
    ) -> usize {
        let x = from_fn(|n| (self.x)(rows[n]));
        let groups = self.cols.len().div_ceil(ROWS);
        for (g, panel) in self.panels.chunks_exact(lines).take(groups).enumerate() {
            for (sums, &i) in multiply(panel, x).iter().zip(rows) {
                self.show(g, i, sums, see);
            }
        }
        N
    }

    fn show(
        &self,
        g: usize,
        i: usize,
        sums: &[f32; ROWS],
        see: &mut impl FnMut(usize, Range<usize>, &[f32]),
    ) {
        let first = self.cols.start + g * ROWS;
        let cols = first..(first + ROWS).min(self.cols.end);
        see(i, cols.clone(), &sums[..cols.len()]);
    }
}

/// Fills `some` from its front; gives how many there were.
fn take(rows: &mut impl Iterator<Item = usize>, some: &mut [usize; 16]) -> usize {
    let mut n = 0;
    for (to, i) in some.iter_mut().zip(rows) {
        *to = i;
        n += 1;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A weight row is one byte, and a product that byte times `d`.
    const TIMES: Sixteen = Sixteen {
        once: |rows, _, x| rows.map(|w| f32::from(w[0]) * x[0].d),
        lines: |_| 1,
        unpack: |rows, panel| (0..ROWS).for_each(|j| panel[0].0[j] = rows[j][0]),
        by_one: times,
        by_four: times,
        by_sixteen: times,
    };

    fn times<const N: usize>(panel: &[Line], x: [&[Q8Block]; N]) -> [[f32; ROWS]; N] {
        x.map(|x| from_fn(|j| f32::from(panel[0].0[j]) * x[0].d))
    }

    #[test]
    fn every_product_is_shown_once() {
        let weights: Vec<[u8; 1]> = (0..64).map(|w| [w]).collect();
        let x: Vec<_> = (0..40).map(|i| [Q8Block { d: i as f32, ..Q8Block::default() }]).collect();
        for n in 0..x.len() {
            for cols in [3..4, 0..15, 5..21, 7..24, 0..64] {
                let mut seen = vec![[0.0; 64]; n];
                let mut times = vec![[0; 64]; n];
                let product = Product {
                    sixteen: &TIMES,
                    cols: cols.clone(),
                    weight: |w: usize| &weights[w][..],
                    x: |i: usize| &x[i][..],
                    panels: &mut [Line::ZERO; 4],
                };
                product.each(0..n, |i, at, sums| {
                    assert_eq!(at.len(), sums.len());
                    seen[i][at.clone()].copy_from_slice(sums);
                    times[i][at].iter_mut().for_each(|it| *it += 1);
                });
                for i in 0..n {
                    for w in 0..64 {
                        let within = cols.contains(&w);
                        let expected = if within { (w * i) as f32 } else { 0.0 };
                        let found = (seen[i][w], times[i][w]);
                        assert_eq!(found, (expected, i32::from(within)), "{n} rows, {cols:?}");
                    }
                }
            }
        }
    }
}
