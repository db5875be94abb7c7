//! Recording recurrent layers.

use crate::{Basic, Conv, Plan, Rows, Ssm, State, Tensor};

/// Recording. `i` is a row; rows before the first of a sequence's are in its state.
impl Plan {
    /// Each column: `silu(bias + sum_k w[k] x_(i - taps + 1 + k))`
    pub fn conv(&mut self, x: Tensor, c: &Conv, s: State) -> Tensor {
        self.check_step("conv", x);
        self.check("conv", [x], c.taps >= 2, || format!("{} taps, fewer than 2", c.taps));
        self.check_vector("conv", "the weight", Some(c.w), x.cols * c.taps);
        self.check_vector("conv", "the bias", c.bias, x.cols);
        self.check_state("conv", s, c.state_cols(x.cols));
        self.basic(Basic::Conv(x, *c, s), Rows::Step, x.cols)
    }

    /// Head `h`, whose columns of `x` are `x_h`, and whose group's are `b` and `c`:
    /// `S = exp(step a_h) S + step x_h b^T; y_h = S c + d_h x_h`,
    /// where `step` is `softplus(dt_h + dt_bias_h)`, held within `dt_range`.
    pub fn ssm(&mut self, x: Tensor, dt: Tensor, m: &Ssm, s: State) -> Tensor {
        self.check_step("ssm", x);
        self.check_step("ssm", dt);
        let grouped = m.n_groups > 0 && m.n_heads.is_multiple_of(m.n_groups);
        self.check("ssm", [], grouped, || format!("{} heads in {} groups", m.n_heads, m.n_groups));
        let (found, expected) = ([x.cols, dt.cols], [m.cols(), m.n_heads]);
        self.check("ssm", [x, dt], found == expected, || {
            format!("x, dt have {found:?} columns, expected {expected:?}")
        });
        for (what, w) in [("a", m.a), ("d", m.d), ("the bias of dt", m.dt_bias)] {
            self.check_vector("ssm", what, Some(w), m.n_heads);
        }
        self.check_state("ssm", s, m.state_cols());
        self.basic(Basic::Ssm(x, dt, *m, s), Rows::Step, m.inner())
    }

    fn check_state(&self, op: &str, s: State, cols: usize) {
        let found = s.cols;
        self.check(op, [], found == cols && cols > 0, || {
            format!("the state has {found} numbers a slot, expected {cols}")
        });
    }
}
