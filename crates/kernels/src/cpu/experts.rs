//! Mixtures of experts, and what works on heads one by one: the operations of `plan/experts.rs`.
//!
//! A tile of what experts compute is some columns for all rows. Expert after expert, the rows that
//! go to it are gathered: its weights are read once while they are in a cache, and those of an
//! expert that no row goes to are not read.

use std::ops::Range;

use super::{
    dispatch::{Dots, Kernel},
    held::Held,
    room::grow,
    route::{self, OfExperts},
    run::{Rows, Run, each_row, lift},
    share::{Part, Turn},
    wide::Product,
};
use crate::{Act, Error, Linear, Router, Routing, Rows as Height, Tensor, Weigh, Weight};

impl Run<'_> {
    pub(super) fn route(&self, turn: &Turn<'_>, scores: Tensor, r: &Router) {
        let scores = self.rows(turn, scores);
        let vector = |w: Option<Weight>| w.map_or(&[][..], |w| &self.weights[w.id].vector);
        let of_experts = OfExperts { bias: vector(r.bias), scale: vector(r.expert_scale) };
        each_row(turn, |i, y| route::row(scores.at(i), of_experts, r, y));
    }

    pub(super) fn expert_linear(&self, turn: &Turn<'_>, x: Tensor, r: Routing, l: &Linear) {
        while let Some(mut tile) = turn.claim() {
            self.expert_products(turn, (x, r), l, &mut tile.numbers(), |y, sum| *y = sum);
        }
    }

    pub(super) fn expert_gated(
        &self,
        turn: &Turn<'_>,
        (x, r): (Tensor, Routing),
        [gate, up]: [&Linear; 2],
        act: Act,
    ) {
        while let Some(mut tile) = turn.claim() {
            let y = &mut tile.numbers();
            self.expert_products(turn, (x, r), gate, y, |y, sum| *y = sum);
            y.rows.clone().for_each(|i| self.activate(act, y.row(i)));
            self.expert_products(turn, (x, r), up, y, |y, sum| *y *= lift(act, sum));
        }
    }

    pub(super) fn expert_sum(&self, turn: &Turn<'_>, y: Tensor, r: Routing) {
        let (x, table) = (self.rows(turn, y), self.rows(turn, r.table));
        each_row(turn, |i, y| {
            y.fill(0.0);
            for j in 0..r.k {
                let weight = match r.weigh {
                    Weigh::Results => table.at(i)[r.k + j],
                    Weigh::Inputs => 1.0,
                };
                (self.vectors.axpy)(weight, x.at(i * r.k + j), y);
            }
        });
    }

    /// Calls `put` with each product of the part, bias added, and where it goes.
    fn expert_products(
        &self,
        turn: &Turn<'_>,
        (x, r): (Tensor, Routing),
        l: &Linear,
        y: &mut Part<'_, f32>,
        put: impl Fn(&mut f32, f32),
    ) {
        let experts = Experts {
            l,
            w: &self.weights[l.w.id],
            bias: l.bias.map(|bias| &self.weights[bias.id]),
            table: self.rows(turn, r.table),
            r,
            spread: x.rows == Height::Step,
        };
        let (mut room, cols) = (self.room(turn), y.cols.clone());
        let room = &mut *room;
        room.order.sort(y.rows.clone(), r.n, |i| experts.expert(i));
        let kernel = self.isa.kernel(l.w.format, self.precision);
        if let Some(sixteen) = kernel.sixteen(x.cols) {
            let x = self.blocks(turn, x);
            for expert in 0..r.n {
                let product = Product {
                    sixteen,
                    cols: cols.clone(),
                    weight: |c| experts.row(expert, c),
                    x: |i| x.at(experts.source(i)),
                    panels: &mut room.panels,
                };
                product.each(room.order.of(expert), |i, at, sums| {
                    let (factor, y) = (experts.factor(i), &mut y.row(i)[at.start - cols.start..]);
                    for ((y, c), sum) in y.iter_mut().zip(at).zip(sums) {
                        put(y, factor * sum + experts.bias(expert, c));
                    }
                });
            }
            return;
        }
        match kernel {
            Kernel::Floats(dots) => {
                experts.products(dots, &room.order, self.rows(turn, x), y, put);
            }
            Kernel::Blocks(dots, _) => {
                experts.products(dots, &room.order, self.blocks(turn, x), y, put);
            }
        }
    }

    pub(super) fn head_linear(&self, turn: &Turn<'_>, x: Tensor, w: Weight) {
        let kernel = self.isa.kernel(w.format, self.precision);
        while let Some(mut tile) = turn.claim() {
            let (y, held) = (&mut tile.numbers(), &self.weights[w.id]);
            if let Some(sixteen) = kernel.sixteen(w.cols) {
                let (x, all) = (self.blocks(turn, x), y.cols.clone());
                let mut room = self.room(turn);
                for h in all.start / w.rows..all.end.div_ceil(w.rows) {
                    let product = Product {
                        sixteen,
                        cols: all.start.max(h * w.rows)..all.end.min((h + 1) * w.rows),
                        weight: |c| held.row(c),
                        x: |i| x.part(i, h, w.n),
                        panels: &mut room.panels,
                    };
                    product.each(y.rows.clone(), |i, at, sums| {
                        y.row(i)[at.start - all.start..][..sums.len()].copy_from_slice(sums);
                    });
                }
                continue;
            }
            match kernel {
                Kernel::Floats(dots) => head_products(dots, self.rows(turn, x), (w, held), y),
                Kernel::Blocks(dots, _) => head_products(dots, self.blocks(turn, x), (w, held), y),
            }
        }
    }
}

/// The routed rows of a tile, expert after expert.
#[derive(Default)]
pub(super) struct Order {
    rows: Vec<u32>,
    /// Where the rows of each expert begin, and where those of the last end.
    first: Vec<u32>,
}

impl Order {
    /// Numbers that so many routed rows and experts take.
    pub(super) const fn len(rows: usize, experts: usize) -> usize {
        rows + experts + 1
    }

    /// Makes room for so many routed rows and experts.
    pub(super) fn fit(&mut self, rows: usize, experts: usize) -> Result<(), Error> {
        grow(&mut self.rows, rows, 0)?;
        grow(&mut self.first, experts + 1, 0)
    }

    /// Sorts `rows` by the experts, of `n`, that they go to.
    fn sort(&mut self, rows: Range<usize>, n: usize, expert: impl Fn(usize) -> usize) {
        let first = &mut self.first[..=n];
        first.fill(0);
        rows.clone().for_each(|i| first[expert(i)] += 1);
        // Now where each expert's rows end; each row that is put there begins one earlier.
        let mut end = 0;
        for it in &mut *first {
            end += *it;
            *it = end;
        }
        for i in rows.rev() {
            let first = &mut first[expert(i)];
            *first -= 1;
            self.rows[*first as usize] = i as u32;
        }
    }

    /// The rows that go to `expert`, ascending.
    fn of(&self, expert: usize) -> impl Iterator<Item = usize> {
        let [begin, end] = [expert, expert + 1].map(|it| self.first[it] as usize);
        self.rows[begin..end].iter().map(|&i| i as usize)
    }
}

/// The matrices of experts, and which rows go to which.
struct Experts<'a> {
    l: &'a Linear,
    w: &'a Held,
    bias: Option<&'a Held>,
    table: Rows<'a, f32>,
    r: Routing,
    /// Whether a row of activations is for all experts that it goes to.
    spread: bool,
}

impl Experts<'_> {
    fn products<X>(
        &self,
        dots: Dots<X>,
        order: &Order,
        x: Rows<'_, X>,
        y: &mut Part<'_, f32>,
        put: impl Fn(&mut f32, f32),
    ) {
        let cols = y.cols.clone();
        for expert in 0..self.r.n {
            let mut rows = order.of(expert);
            while let Some(first) = rows.next() {
                let next = [(); 3].map(|()| rows.next());
                let Some(four) = four(first, next) else {
                    for i in [Some(first)].into_iter().chain(next).flatten() {
                        let (x, factor) = (x.at(self.source(i)), self.factor(i));
                        for (y, c) in y.row(i).iter_mut().zip(cols.clone()) {
                            let sum = (dots.one)(self.row(expert, c), x);
                            put(y, factor * sum + self.bias(expert, c));
                        }
                    }
                    continue;
                };
                let (x, factors) =
                    (four.map(|i| x.at(self.source(i))), four.map(|i| self.factor(i)));
                for (j, c) in cols.clone().enumerate() {
                    let (sums, bias) = ((dots.four)(self.row(expert, c), x), self.bias(expert, c));
                    for (i, (sum, factor)) in four.into_iter().zip(sums.into_iter().zip(factors)) {
                        put(&mut y.row(i)[j], factor * sum + bias);
                    }
                }
            }
        }
    }

    /// The expert of routed row `i`.
    fn expert(&self, i: usize) -> usize {
        self.table.at(i / self.r.k)[i % self.r.k] as usize
    }

    /// The row of activations for routed row `i`.
    fn source(&self, i: usize) -> usize {
        if self.spread { i / self.r.k } else { i }
    }

    /// What routed row `i` multiplies its activations with.
    fn factor(&self, i: usize) -> f32 {
        match self.r.weigh {
            Weigh::Inputs if self.spread => self.table.at(i / self.r.k)[self.r.k + i % self.r.k],
            Weigh::Inputs | Weigh::Results => 1.0,
        }
    }

    /// Row `c` of the matrix of `expert`.
    fn row(&self, expert: usize, c: usize) -> &[u8] {
        self.w.row(expert * self.l.w.rows + c)
    }

    fn bias(&self, expert: usize, c: usize) -> f32 {
        self.bias.map_or(0.0, |bias| bias.vector[expert * self.l.w.rows + c])
    }
}

fn four(first: usize, next: [Option<usize>; 3]) -> Option<[usize; 4]> {
    let [Some(second), Some(third), Some(fourth)] = next else { return None };
    Some([first, second, third, fourth])
}

/// A column of the part belongs to a head, and takes its part of a row of `x`.
fn head_products<X>(
    dots: Dots<X>,
    x: Rows<'_, X>,
    (w, held): (Weight, &Held),
    y: &mut Part<'_, f32>,
) {
    let (rows, cols) = (y.rows.clone(), y.cols.clone());
    let part = |i, c| x.part(i, c / w.rows, w.n);
    let fours = rows.start + rows.len() / 4 * 4;
    for i in (rows.start..fours).step_by(4) {
        for (j, c) in cols.clone().enumerate() {
            let sums = (dots.four)(held.row(c), [0, 1, 2, 3].map(|n| part(i + n, c)));
            for (n, sum) in sums.into_iter().enumerate() {
                y.row(i + n)[j] = sum;
            }
        }
    }
    for i in fours..rows.end {
        for (y, c) in y.row(i).iter_mut().zip(cols.clone()) {
            *y = (dots.one)(held.row(c), part(i, c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Order;

    #[test]
    fn routed_rows_are_sorted_by_expert() {
        let mut order = Order::default();
        order.fit(9, 5).unwrap();
        for (experts, n) in [(vec![3, 0, 3, 1, 3, 0], 5), (vec![], 2), (vec![1; 9], 2)] {
            // Rows of a tile need not begin with 0.
            let begin = 2;
            order.sort(begin..begin + experts.len(), n, |i| experts[i - begin]);
            for expert in 0..n {
                let rows = (0..experts.len()).filter(|&i| experts[i] == expert);
                let expected: Vec<_> = rows.map(|i| i + begin).collect();
                assert_eq!(order.of(expert).collect::<Vec<_>>(), expected, "{experts:?}");
            }
        }
    }
}
