//! Recording mixtures of experts, and what works on the heads of a row one by one.

use crate::{
    Act, Basic, Fused, Linear, MAX_EXPERTS, Op, Plan, Router, Routing, Rows, Tensor, Weight,
    routing::Groups,
};

/// Recording. `i` is a row, `j` one of its experts, `h` a head.
impl Plan {
    /// The `r.k` experts of each row, by its scores, and their weights; see [`Router`].
    pub fn route(&mut self, scores: Tensor, r: &Router) -> Routing {
        self.check_step("route", scores);
        let (n, k) = (scores.cols, r.k);
        let fits = (1..=n).contains(&k) && n <= MAX_EXPERTS;
        self.check("route", [scores], fits, || {
            format!("{k} of {n} experts, of at most {MAX_EXPERTS}")
        });
        self.check("route", [], r.groups.is_none_or(|it| it.fit(n, k)), || {
            format!("{k} of {n} experts in {:?}", r.groups)
        });
        self.check_vector("route", "the bias", r.bias, n);
        self.check_vector("route", "the scale of experts", r.expert_scale, n);
        let table = self.basic(Basic::Route(scores, *r), Rows::Step, 2 * k);
        Routing { n, k, weigh: r.weigh, table }
    }

    /// Row `i k + j`: `x w[id_ij]^T + bias[id_ij]`, where `x` is row `i`, times `weight_ij` if `r`
    /// weighs inputs, or, of routed rows, row `i k + j`.
    pub fn expert_linear(&mut self, x: Tensor, r: Routing, l: &Linear) -> Tensor {
        self.check_experts("expert_linear", x, r, l);
        let y = self.expert_product(x, r, l);
        self.adapted(l, y, |p, x, l| p.expert_linear(x, r, l), x)
    }

    /// `act(gate) * up` of the [`expert_linear`](Self::expert_linear) of each.
    pub fn expert_gated(
        &mut self,
        x: Tensor,
        r: Routing,
        [gate, up]: [&Linear; 2],
        act: Act,
    ) -> Tensor {
        self.check_experts("expert_gated", x, r, gate);
        self.check_experts("expert_gated", x, r, up);
        let (g, u) = (gate.w.rows, up.w.rows);
        self.check("expert_gated", [x], g == u, || format!("the gate has {g} rows, the other {u}"));
        if self.is_changed(gate) || self.is_changed(up) {
            let (gate, up) = (self.expert_linear(x, r, gate), self.expert_linear(x, r, up));
            return self.glu(gate, up, act);
        }
        let out = self.fresh(Rows::Routed(r.k), g);
        self.push(Op::Fused(Fused::ExpertGated(x, r, *gate, *up, act)), vec![out]);
        out
    }

    /// Row `i`: `sum_j weight_ij y[i k + j]`, `j` ascending; without the weights if `r` weighs
    /// inputs.
    pub fn expert_sum(&mut self, y: Tensor, r: Routing) -> Tensor {
        self.check_routed("expert_sum", y, r);
        self.basic(Basic::ExpertSum(y, r), Rows::Step, y.cols)
    }

    /// Head `h`: `x_h w[h]^T`
    pub fn head_linear(&mut self, x: Tensor, w: Weight) -> Tensor {
        self.check("head_linear", [x], x.cols == w.n * w.cols, || {
            format!("x has {} columns, {} heads take {} each", x.cols, w.n, w.cols)
        });
        let scaled = self.scaled(x, w);
        let y = self.basic(Basic::HeadLinear(scaled, w), x.rows, w.n * w.rows);
        self.adapted(&Linear { w, bias: None }, y, |p, x, l| p.head_linear(x, l.w), x)
    }

    fn check_experts(&self, op: &str, x: Tensor, r: Routing, l: &Linear) {
        if x.rows != Rows::Step {
            self.check_routed(op, x, r);
        }
        self.check(op, [x, r.table], l.w.n == r.n, || {
            format!("{} experts have a weight, {} are routed to", l.w.n, r.n)
        });
        self.check_product(op, x, l);
    }

    pub(super) fn check_routed(&self, op: &str, y: Tensor, r: Routing) {
        let expected = Rows::Routed(r.k);
        self.check(op, [y, r.table], y.rows == expected, || {
            format!("rows are {:?}, not {expected:?}", y.rows)
        });
    }
}

impl Groups {
    /// Whether `n` experts are so many groups, of which the used ones have `k`.
    fn fit(&self, n: usize, k: usize) -> bool {
        let Self { n: groups, used, score } = *self;
        let size = n.checked_div(groups).unwrap_or(0);
        n == groups * size
            && (1..=groups).contains(&used)
            && k <= used * size
            && size >= score.experts()
    }
}
