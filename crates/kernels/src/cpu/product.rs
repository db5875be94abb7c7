//! The product of rows of a matrix with rows of activations, by the kernels that its format has.

use std::{array::from_fn, ops::Range};

use super::{
    dispatch::{Dots, Products},
    wide::{Line, Multiply, ROOM, ROWS, Sixteen, Whole},
};

/// Some rows of a matrix, to be multiplied with rows of activations.
pub(super) struct Product<'p, W, A> {
    /// Those of the weight rows that are multiplied.
    pub(super) cols: Range<usize>,
    /// Weights of a row.
    pub(super) len: usize,
    /// A weight row.
    pub(super) weight: W,
    /// A row of activations.
    pub(super) x: A,
    /// As many lines as [`Sixteen::room`] says.
    pub(super) panels: &'p mut [Line],
}

/// Rows of activations from which on weights are unpacked.
const UNPACKED: usize = 4;

impl<'w, W: Fn(usize) -> &'w [u8], A> Product<'_, W, A> {
    /// Calls `see` with each of the rows of activations, some of `cols`, and their products.
    pub(super) fn each<'x, X>(
        self,
        products: &Products<X>,
        rows: impl Iterator<Item = usize>,
        see: impl FnMut(usize, Range<usize>, &[f32]),
    ) where
        A: Fn(usize) -> &'x [X],
    {
        match products {
            Products::ByRow(dots) => self.each_by_row(*dots, rows, see),
            Products::BySixteen(sixteen) => self.each_by_sixteen(sixteen, rows, see),
        }
    }

    /// Weight rows inside, four rows of activations outside: the weights of a tile stay in a cache
    /// while the others go by, and each is decoded once for four.
    fn each_by_row<'x, X>(
        self,
        dots: Dots<X>,
        mut rows: impl Iterator<Item = usize>,
        mut see: impl FnMut(usize, Range<usize>, &[f32]),
    ) where
        A: Fn(usize) -> &'x [X],
    {
        let mut some = [0; 4];
        loop {
            let n = take(&mut rows, &mut some);
            for r in self.cols.clone() {
                if n == 4 {
                    let sums = (dots.four)((self.weight)(r), some.map(&self.x));
                    for (i, sum) in some.into_iter().zip(sums) {
                        see(i, r..r + 1, &[sum]);
                    }
                    continue;
                }
                for &i in &some[..n] {
                    see(i, r..r + 1, &[(dots.one)((self.weight)(r), (self.x)(i))]);
                }
            }
            if n < 4 {
                return;
            }
        }
    }

    /// Sixteen weight rows after the other inside, activations outside: a few rows of these stay
    /// in a cache while the panels, which another cache holds, go by. So few activations that weights
    /// are not unpacked go by each group of these instead.
    fn each_by_sixteen<'x, X>(
        mut self,
        sixteen: &Sixteen<X>,
        mut rows: impl Iterator<Item = usize>,
        mut see: impl FnMut(usize, Range<usize>, &[f32]),
    ) where
        A: Fn(usize) -> &'x [X],
    {
        let groups = self.cols.len().div_ceil(ROWS);
        let mut some = [0; 16];
        let mut n = take(&mut rows, &mut some);
        if n == 0 {
            return;
        }
        if n < UNPACKED {
            let mut here = self.group(0);
            for g in 0..groups {
                let next = if g + 1 < groups { self.group(g + 1) } else { here };
                // All rows before the next group: this one is in a cache.
                for &i in &some[..n] {
                    let room =
                        self.panels.first_chunk_mut::<ROOM>().expect("no less room than that");
                    let sums = (sixteen.once)(&here, &next, (self.x)(i), room);
                    show(&self.cols, g, i, &sums, &mut see);
                }
                here = next;
            }
            return;
        }
        let lines = (sixteen.lines)(self.len);
        for g in 0..groups {
            let rows = self.group(g);
            (sixteen.unpack)(rows, &mut self.panels[g * lines..][..lines]);
        }
        while n > 0 {
            let mut rest = &some[..n];
            while !rest.is_empty() {
                let done = match rest.len() {
                    n if n >= sixteen.by_sixteen.least() => {
                        self.show_sixteen(&sixteen.by_sixteen, lines, rest, &mut see)
                    }
                    // Four rows cost less than two times one.
                    2.. => self.show_some(sixteen.by_four, lines, rest, &mut see),
                    _ => self.show_some(sixteen.by_one, lines, rest, &mut see),
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

    /// Shows the products of the first `N` of `rows`, or of all if they are fewer, with unpacked
    /// weights; gives how many these are.
    fn show_some<'x, X: 'x, const N: usize>(
        &self,
        multiply: Multiply<X, N>,
        lines: usize,
        rows: &[usize],
        see: &mut impl FnMut(usize, Range<usize>, &[f32]),
    ) -> usize
    where
        A: Fn(usize) -> &'x [X],
    {
        let rows = &rows[..N.min(rows.len())];
        let x = from_fn(|n| (self.x)(rows[n.min(rows.len() - 1)]));
        let groups = self.cols.len().div_ceil(ROWS);
        for (g, panel) in self.panels.chunks_exact(lines).take(groups).enumerate() {
            for (sums, &i) in multiply(panel, x).iter().zip(rows) {
                show(&self.cols, g, i, sums, see);
            }
        }
        rows.len()
    }

    /// Shows those of the first sixteen of `rows`, or of all if they are fewer; gives how many these are.
    fn show_sixteen<'x, X: 'x>(
        &mut self,
        whole: &Whole<X>,
        lines: usize,
        rows: &[usize],
        see: &mut impl FnMut(usize, Range<usize>, &[f32]),
    ) -> usize
    where
        A: Fn(usize) -> &'x [X],
    {
        let by = match whole {
            Whole::Scattered(multiply) => return self.show_some(*multiply, lines, rows, see),
            Whole::Gathered(by) => by,
        };
        let groups = self.cols.len().div_ceil(ROWS);
        let (panels, gathered) = self.panels.split_at_mut(groups * lines);
        let gathered = &mut gathered[..(by.lines)(self.len)];
        let rows = &rows[..ROWS.min(rows.len())];
        (by.gather)(from_fn(|n| (self.x)(rows[n.min(rows.len() - 1)])), gathered);
        (by.multiply)(panels, gathered, &mut |g, sums| {
            for (sums, &i) in sums.iter().zip(rows) {
                show(&self.cols, g, i, sums, see);
            }
        });
        rows.len()
    }
}

/// Shows the products of a group of weight rows, of which those of `cols` are there.
fn show(
    cols: &Range<usize>,
    g: usize,
    i: usize,
    sums: &[f32; ROWS],
    see: &mut impl FnMut(usize, Range<usize>, &[f32]),
) {
    let first = cols.start + g * ROWS;
    let some = first..(first + ROWS).min(cols.end);
    see(i, some.clone(), &sums[..some.len()]);
}

/// Fills `some` from its front; gives how many there were.
fn take<const N: usize>(rows: &mut impl Iterator<Item = usize>, some: &mut [usize; N]) -> usize {
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
    use crate::cpu::wide::Gathered;

    // A weight row is one byte, and a product that byte times an activation.

    const BY_ROW: Products<f32> = Products::ByRow(Dots {
        one: |w, x| f32::from(w[0]) * x[0],
        four: |w, x| x.map(|x| f32::from(w[0]) * x[0]),
    });

    const SIXTEEN: Sixteen<f32> = Sixteen {
        once: |rows, _, x, _| rows.map(|w| f32::from(w[0]) * x[0]),
        lines: |cols| cols,
        unpack: |rows, panel| (0..ROWS).for_each(|j| panel[0].0[j] = rows[j][0]),
        by_one: times,
        by_four: times,
        by_sixteen: Whole::Scattered(times),
    };

    const BY_SIXTEEN: Products<f32> = Products::BySixteen(SIXTEEN);

    const BY_GATHERED: Products<f32> = Products::BySixteen(Sixteen {
        by_sixteen: Whole::Gathered(Gathered {
            lines: |cols| cols,
            gather: |x, gathered| (0..ROWS).for_each(|n| gathered[0].0[n] = x[n][0] as u8),
            multiply: |panels, gathered, see| {
                let x = gathered[0].0.map(f32::from);
                for (g, panel) in panels.chunks_exact(LEN).enumerate() {
                    see(g, &from_fn(|n| from_fn(|j| f32::from(panel[0].0[j]) * x[n])));
                }
            },
        }),
        ..SIXTEEN
    });

    fn times<const N: usize>(panel: &[Line], x: [&[f32]; N]) -> [[f32; ROWS]; N] {
        x.map(|x| from_fn(|j| f32::from(panel[0].0[j]) * x[0]))
    }

    /// Weights of a row, so many that four groups need more than the least room.
    const LEN: usize = ROOM / 4 + 1;

    #[track_caller]
    fn check(products: &Products<f32>, n: usize, cols: Range<usize>) {
        let weights: Vec<[u8; 1]> = (0..64).map(|w| [w]).collect();
        let x: Vec<_> = (0..n).map(|i| [i as f32]).collect();
        let (mut seen, mut times) = (vec![[0.0; 64]; n], vec![[0; 64]; n]);
        let room = match products {
            Products::ByRow(_) => 0,
            Products::BySixteen(sixteen) => sixteen.room(64, LEN),
        };
        let product = Product {
            cols: cols.clone(),
            len: LEN,
            weight: |w: usize| &weights[w][..],
            x: |i: usize| &x[i][..],
            panels: &mut vec![Line::ZERO; room],
        };
        product.each(products, 0..n, |i, at, sums| {
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

    /// Weights that are not unpacked come from memory once, however large a tile is.
    #[test]
    fn few_rows_take_sixteen_weight_rows_in_turn() {
        const WEIGHTS: &[u8] = &[1];
        let (x, mut seen) = ([[1.0]; UNPACKED - 1], Vec::new());
        let product = Product {
            cols: 0..40,
            len: 1,
            weight: |_: usize| WEIGHTS,
            x: |i: usize| &x[i][..],
            panels: &mut [Line::ZERO; ROOM],
        };
        product.each(&BY_SIXTEEN, 0..x.len(), |i, at, _| seen.push((at.start, i)));
        let expected = [0, 16, 32].map(|first| [(first, 0), (first, 1), (first, 2)]);
        assert_eq!(seen, expected.as_flattened());
    }

    #[test]
    fn every_product_is_shown_once() {
        for n in 0..40 {
            for cols in [3..4, 0..15, 5..21, 7..24, 0..64] {
                check(&BY_ROW, n, cols.clone());
                check(&BY_SIXTEEN, n, cols.clone());
                check(&BY_GATHERED, n, cols);
            }
        }
    }
}
