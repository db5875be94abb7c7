//! Mixtures of experts, and what works on heads one by one: the operations of `plan/experts.rs`.
//!
//! A tile of what experts compute is some columns for all rows. Expert after expert, the rows that
//! go to it are gathered: its weights are read once while they are in a cache, and those of an
//! expert that no row goes to are not read.

use std::ops::Range;

use super::{
    dispatch::{Kernel, Products},
    held::Held,
    product::Product,
    room::{Room, grow},
    route::{self, OfExperts},
    run::{Rows, Run, each_row, lift},
    share::{Part, Turn},
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

    pub(super) fn expert_scale(
        &self,
        turn: &Turn<'_>,
        (y, r): (Tensor, Routing),
        scale: Weight,
        bias: Option<Weight>,
    ) {
        let (x, table) = (self.rows(turn, y), self.rows(turn, r.table));
        let scales = &self.weights[scale.id].vector;
        let biases = bias.map(|bias| &self.weights[bias.id].vector);
        each_row(turn, |i, y| {
            let expert = table.at(i / r.k)[i % r.k] as usize;
            y.iter_mut().zip(x.at(i)).for_each(|(y, x)| *y = scales[expert] * x);
            if let Some(biases) = biases {
                let bias = &biases[expert * y.len()..][..y.len()];
                y.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
            }
        });
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
        let room = &mut *self.room(turn);
        room.order.sort(y.rows.clone(), r.n, |i| experts.expert(i));
        match self.isa.kernel(l.w.format, self.precision, l.w.cols) {
            Kernel::Floats(by) => experts.products(&by, self.rows(turn, x), y, room, put),
            Kernel::Blocks(by) => experts.products(&by, self.blocks(turn, x), y, room, put),
        }
    }

    pub(super) fn head_linear(&self, turn: &Turn<'_>, x: Tensor, w: Weight) {
        let (kernel, heads) = (
            self.isa.kernel(w.format, self.precision, w.cols),
            Heads { w, held: &self.weights[w.id] },
        );
        while let Some(mut tile) = turn.claim() {
            let (y, room) = (&mut tile.numbers(), &mut *self.room(turn));
            match kernel {
                Kernel::Floats(by) => heads.products(&by, self.rows(turn, x), y, room),
                Kernel::Blocks(by) => heads.products(&by, self.blocks(turn, x), y, room),
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
        by: &Products<X>,
        x: Rows<'_, X>,
        y: &mut Part<'_, f32>,
        room: &mut Room,
        put: impl Fn(&mut f32, f32),
    ) {
        let cols = y.cols.clone();
        for expert in 0..self.r.n {
            if room.order.of(expert).next().is_none() {
                continue;
            }
            let first = expert * self.l.w.rows;
            let matrix = self.w.onward(first + cols.start);
            let product = Product {
                cols: cols.clone(),
                len: self.l.w.cols,
                weight: |c| matrix.row(first + c),
                x: |i| x.at(self.source(i)),
                panels: &mut room.panels,
            };
            product.each(by, room.order.of(expert), |i, at, sums| {
                let y = &mut y.row(i)[at.start - cols.start..][..sums.len()];
                let factor = self.factor(i);
                let Some(bias) = self.bias else {
                    return y.iter_mut().zip(sums).for_each(|(y, sum)| put(y, factor * sum));
                };
                for ((y, sum), bias) in y.iter_mut().zip(sums).zip(&bias.vector[first..][at]) {
                    put(y, factor * sum + bias);
                }
            });
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
}

/// The matrices of heads, each for its part of a row.
struct Heads<'a> {
    w: Weight,
    held: &'a Held,
}

impl Heads<'_> {
    fn products<X>(
        &self,
        by: &Products<X>,
        x: Rows<'_, X>,
        y: &mut Part<'_, f32>,
        room: &mut Room,
    ) {
        let (Weight { n, rows, cols: len, .. }, all) = (self.w, y.cols.clone());
        for h in all.start / rows..all.end.div_ceil(rows) {
            let cols = all.start.max(h * rows)..all.end.min((h + 1) * rows);
            let matrix = self.held.onward(cols.start);
            let product = Product {
                cols,
                len,
                weight: |c| matrix.row(c),
                x: |i| x.part(i, h, n),
                panels: &mut room.panels,
            };
            product.each(by, y.rows.clone(), |i, at, sums| {
                y.row(i)[at.start - all.start..][..sums.len()].copy_from_slice(sums);
            });
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
