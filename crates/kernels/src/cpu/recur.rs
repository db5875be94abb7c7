//! The operations that carry a state from row to row: `conv` and `ssm`.
//!
//! A tile is all rows of some columns, with the same columns of every slot, so that one thread goes
//! through a sequence in order. It works in a room of its own, because the slot that a sequence
//! starts from may be one that its rows keep. A slot holds exactly what is in the room, so that a
//! row's results do not depend on where a chunk ended.

use std::ops::Range;

use super::{run::Run, share::Turn};
use crate::{Conv, NONE, Ssm, Tensor};

/// Columns of a tile of `conv`.
pub(super) const CONV_COLS: usize = 64;

impl Run<'_> {
    pub(super) fn conv(&self, turn: &Turn<'_>, x: Tensor, c: &Conv) {
        let (x, w) = (self.rows(turn, x), &self.weights[c.w.id].vector);
        let bias = c.bias.map(|bias| &self.weights[bias.id].vector);
        self.recur(turn, |i, cols, state, y| {
            let windows = state.chunks_exact_mut(c.taps - 1);
            let w = w[cols.start * c.taps..].chunks_exact(c.taps);
            let columns = cols.clone().zip(&x.at(i)[cols.clone()]);
            for ((y, (j, &x)), (window, w)) in y.iter_mut().zip(columns).zip(windows.zip(w)) {
                let (before, now) = w.split_at(c.taps - 1);
                let sum: f32 = before.iter().zip(&*window).map(|(w, x)| w * x).sum();
                *y = sum + now[0] * x + bias.map_or(0.0, |bias| bias[j]);
                window.copy_within(1.., 0);
                window[c.taps - 2] = x;
            }
            (self.vectors.silu)(y);
        });
    }

    pub(super) fn ssm(&self, turn: &Turn<'_>, [x, dt]: [Tensor; 2], m: &Ssm) {
        let [x, dt] = [x, dt].map(|x| self.rows(turn, x));
        let [a, d, bias] = [m.a, m.d, m.dt_bias].map(|w| &self.weights[w.id].vector);
        self.recur(turn, |i, cols, state, y| {
            let (row, h) = (x.at(i), cols.start / m.head_dim);
            let step = step(dt.at(i)[h], bias[h], m.dt_range);
            let decay = (f64::from(step) * f64::from(a[h])).exp() as f32;
            let [b, c] = m.b_and_c(h).map(|begin| &row[begin..][..m.d_state]);
            let states = state.chunks_exact_mut(m.d_state);
            for ((y, x), state) in y.iter_mut().zip(&row[cols.clone()]).zip(states) {
                let input = step * x;
                state.iter_mut().zip(b).for_each(|(s, b)| *s = *s * decay + input * b);
                *y = (self.vectors.dot)(state, c) + d[h] * x;
            }
        });
    }

    /// Calls `row` with each row of a sequence: its number, the columns of the tile, the state
    /// before it, which becomes that after it, and where the results go.
    fn recur(&self, turn: &Turn<'_>, row: impl Fn(usize, &Range<usize>, &mut [f32], &mut [f32])) {
        let mut room = self.room(turn);
        while let Some(mut tile) = turn.claim() {
            let cols = tile.place.cols.clone();
            let [mut y, mut slots] = tile.numbers_and_slots();
            let state = &mut room.state[..slots.cols.len()];
            for i in y.rows.clone() {
                let Some(seq) = self.batch.seq(i) else {
                    y.row(i).fill(0.0);
                    continue;
                };
                if self.batch.first[seq] as usize == i {
                    match self.batch.from[seq] {
                        NONE => state.fill(0.0),
                        slot => state.copy_from_slice(slots.row(slot as usize)),
                    }
                }
                row(i, &cols, state, y.row(i));
                let keep = self.batch.keep[i];
                if keep != NONE {
                    slots.row(keep as usize).copy_from_slice(state);
                }
            }
        }
    }
}

/// `softplus(dt + bias)` within the range.
fn step(dt: f32, bias: f32, [low, high]: [f32; 2]) -> f32 {
    let x = f64::from(dt) + f64::from(bias);
    let softplus = if x > 40.0 { x } else { x.exp().ln_1p() };
    (softplus as f32).max(low).min(high)
}
