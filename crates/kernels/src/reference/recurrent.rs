//! Recurrent layers: the operations of `plan/recurrent.rs`.

use super::{Run, activate, dot};
use crate::{Act, Conv, NONE, Ssm, State, Tensor};

impl Run<'_> {
    pub(super) fn conv(&mut self, x: Tensor, c: &Conv, s: State) -> Vec<f64> {
        self.recur(s, x.cols, |run, i, state| {
            let (x, w) = (run.row(x, i), run.weights[c.w.id].chunks_exact(c.taps));
            let mut out = Vec::new();
            for (j, (window, w)) in state.chunks_exact_mut(c.taps - 1).zip(w).enumerate() {
                let (now, before) = w.split_last().expect("there are taps");
                let bias = c.bias.map_or(0.0, |bias| run.weights[bias.id][j]);
                out.push(activate(Act::Silu, bias + dot(before, window) + now * x[j]));
                window.rotate_left(1);
                window[c.taps - 2] = x[j];
            }
            out
        })
    }

    pub(super) fn ssm(&mut self, x: Tensor, dt: Tensor, m: &Ssm, s: State) -> Vec<f64> {
        self.recur(s, m.inner(), |run, i, state| {
            let (x, dt) = (run.row(x, i), run.row(dt, i));
            let mut out = Vec::new();
            for (j, state) in state.chunks_exact_mut(m.d_state).enumerate() {
                let h = j / m.head_dim;
                let [a, d, bias] = [m.a, m.d, m.dt_bias].map(|w| run.weights[w.id][h]);
                let [low, high] = m.dt_range.map(f64::from);
                let step = softplus(dt[h] + bias).max(low).min(high);
                let [b, c] = m.b_and_c(h).map(|begin| &x[begin..][..m.d_state]);
                for (state, b) in state.iter_mut().zip(b) {
                    *state = (step * a).exp() * *state + step * x[j] * b;
                }
                out.push(dot(state, c) + d * x[j]);
            }
            out
        })
    }

    /// What `row` makes of each row and of the state before it, which it changes to that after it;
    /// zeros for padding.
    fn recur(
        &mut self,
        s: State,
        cols: usize,
        row: impl Fn(&Self, usize, &mut [f64]) -> Vec<f64>,
    ) -> Vec<f64> {
        let (mut out, mut state) = (Vec::new(), vec![0.0; s.cols]);
        for i in 0..self.batch.tokens.len() {
            let Some(seq) = self.batch.seq(i) else {
                out.extend(vec![0.0; cols]);
                continue;
            };
            if self.batch.first[seq] as usize == i {
                match self.batch.from[seq] {
                    NONE => state.fill(0.0),
                    slot => state
                        .copy_from_slice(&self.states[s.id][slot as usize * s.cols..][..s.cols]),
                }
            }
            out.extend(row(self, i, &mut state));
            let keep = self.batch.keep[i];
            if keep != NONE {
                let slot = &mut self.states[s.id][keep as usize * s.cols..][..s.cols];
                slot.copy_from_slice(&state);
            }
        }
        out
    }
}

fn softplus(x: f64) -> f64 {
    // Above, what is added to `x` is lost.
    if x > 40.0 { x } else { x.exp().ln_1p() }
}
